"""Conway polynomials: the standard modulus of GF(p^m), so that every language multiplies alike.

The Conway polynomial of degree m over GF(p) is the least primitive polynomial, in a fixed order, that is
compatible with those of all degrees dividing m. They are mathematical constants; tests compare each with
the galois package and check that each is primitive. Orders above 65,536 are asked of galois at run time.
"""

from ldp_core.errors import FieldError

__all__ = ["LARGEST_TABULATED_ORDER", "conway_polynomial", "tabulated"]

LARGEST_TABULATED_ORDER = 1 << 16

# (p, m): coefficients, lowest degree first
_TABLE: dict[tuple[int, int], tuple[int, ...]] = {
    (2, 2): (1, 1, 1),
    (2, 3): (1, 1, 0, 1),
    (2, 4): (1, 1, 0, 0, 1),
    (2, 5): (1, 0, 1, 0, 0, 1),
    (2, 6): (1, 1, 0, 1, 1, 0, 1),
    (2, 7): (1, 1, 0, 0, 0, 0, 0, 1),
    (2, 8): (1, 0, 1, 1, 1, 0, 0, 0, 1),
    (2, 9): (1, 0, 0, 0, 1, 0, 0, 0, 0, 1),
    (2, 10): (1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 1),
    (2, 11): (1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    (2, 12): (1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 1),
    (2, 13): (1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    (2, 14): (1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1),
    (2, 15): (1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    (2, 16): (1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    (3, 2): (2, 2, 1),
    (3, 3): (1, 2, 0, 1),
    (3, 4): (2, 0, 0, 2, 1),
    (3, 5): (1, 2, 0, 0, 0, 1),
    (3, 6): (2, 2, 1, 0, 2, 0, 1),
    (3, 7): (1, 0, 2, 0, 0, 0, 0, 1),
    (3, 8): (2, 2, 2, 0, 1, 2, 0, 0, 1),
    (3, 9): (1, 1, 2, 2, 0, 0, 0, 0, 0, 1),
    (3, 10): (2, 1, 0, 0, 2, 2, 2, 0, 0, 0, 1),
    (5, 2): (2, 4, 1),
    (5, 3): (3, 3, 0, 1),
    (5, 4): (2, 4, 4, 0, 1),
    (5, 5): (3, 4, 0, 0, 0, 1),
    (5, 6): (2, 0, 1, 4, 1, 0, 1),
    (7, 2): (3, 6, 1),
    (7, 3): (4, 0, 6, 1),
    (7, 4): (3, 4, 5, 0, 1),
    (7, 5): (4, 1, 0, 0, 0, 1),
    (11, 2): (2, 7, 1),
    (11, 3): (9, 2, 0, 1),
    (11, 4): (2, 10, 8, 0, 1),
    (13, 2): (2, 12, 1),
    (13, 3): (11, 2, 0, 1),
    (13, 4): (2, 12, 3, 0, 1),
    (17, 2): (3, 16, 1),
    (17, 3): (14, 1, 0, 1),
    (19, 2): (2, 18, 1),
    (19, 3): (17, 4, 0, 1),
    (23, 2): (5, 21, 1),
    (23, 3): (18, 2, 0, 1),
    (29, 2): (2, 24, 1),
    (29, 3): (27, 2, 0, 1),
    (31, 2): (3, 29, 1),
    (31, 3): (28, 1, 0, 1),
    (37, 2): (2, 33, 1),
    (37, 3): (35, 6, 0, 1),
    (41, 2): (6, 38, 1),
    (43, 2): (3, 42, 1),
    (47, 2): (5, 45, 1),
    (53, 2): (2, 49, 1),
    (59, 2): (2, 58, 1),
    (61, 2): (2, 60, 1),
    (67, 2): (2, 63, 1),
    (71, 2): (7, 69, 1),
    (73, 2): (5, 70, 1),
    (79, 2): (3, 78, 1),
    (83, 2): (2, 82, 1),
    (89, 2): (3, 82, 1),
    (97, 2): (5, 96, 1),
    (101, 2): (2, 97, 1),
    (103, 2): (5, 102, 1),
    (107, 2): (2, 103, 1),
    (109, 2): (6, 108, 1),
    (113, 2): (3, 101, 1),
    (127, 2): (3, 126, 1),
    (131, 2): (2, 127, 1),
    (137, 2): (3, 131, 1),
    (139, 2): (2, 138, 1),
    (149, 2): (2, 145, 1),
    (151, 2): (6, 149, 1),
    (157, 2): (5, 152, 1),
    (163, 2): (2, 159, 1),
    (167, 2): (5, 166, 1),
    (173, 2): (2, 169, 1),
    (179, 2): (2, 172, 1),
    (181, 2): (2, 177, 1),
    (191, 2): (19, 190, 1),
    (193, 2): (5, 192, 1),
    (197, 2): (2, 192, 1),
    (199, 2): (3, 193, 1),
    (211, 2): (2, 207, 1),
    (223, 2): (3, 221, 1),
    (227, 2): (2, 220, 1),
    (229, 2): (6, 228, 1),
    (233, 2): (3, 232, 1),
    (239, 2): (7, 237, 1),
    (241, 2): (7, 238, 1),
    (251, 2): (6, 242, 1),
}


def tabulated() -> tuple[tuple[int, int], ...]:
    """All (p, m) whose polynomial is written down here: every p^m <= 65,536 with m >= 2."""
    return tuple(_TABLE)


def conway_polynomial(p: int, m: int) -> tuple[int, ...]:
    """The m + 1 coefficients, lowest degree first, of the Conway polynomial of degree m over GF(p).

    >>> conway_polynomial(2, 3)  # x^3 + x + 1
    (1, 1, 0, 1)
    """
    known = _TABLE.get((p, m))
    return known if known is not None else _from_galois(p, m)


def _from_galois(p: int, m: int) -> tuple[int, ...]:
    try:
        import galois

        polynomial = galois.conway_poly(p, m)
    except (ImportError, LookupError) as error:
        raise FieldError(
            f"no Conway polynomial for GF({p}^{m}) is known here; choose a prime q, or a prime power up to "
            f"{LARGEST_TABULATED_ORDER}, or install the `server` extra for larger ones"
        ) from error
    return tuple(int(coefficient) for coefficient in polynomial.coefficients(order="asc"))
