"""Table-free fields, against a sieve of all products and against galois."""

import itertools

import galois
import numpy as np
import pytest

from ldp_core.designs.polynomial_field import PolynomialField, add_digits, first_irreducible

SMALL = [(2, 1), (2, 3), (2, 8), (2, 11), (3, 1), (3, 4), (5, 3), (7, 2), (13, 2)]


def monic(p: int, degree: int) -> list[np.ndarray]:
    """All monic polynomials, coefficients lowest degree first."""
    return [np.array([*rest, 1]) for rest in itertools.product(range(p), repeat=degree)]


@pytest.mark.parametrize(("p", "degree"), SMALL)
def test_the_modulus_is_the_first_that_is_no_product(p: int, degree: int) -> None:
    products = {
        tuple(np.convolve(a, b) % p)
        for low in range(1, degree // 2 + 1)
        for a in monic(p, low)
        for b in monic(p, degree - low)
    }
    numbers = (tuple(number // p**i % p for i in range(degree)) for number in range(p**degree))
    assert first_irreducible(p, degree) == next((*digits, 1) for digits in numbers if (*digits, 1) not in products)


@pytest.mark.slow
@pytest.mark.parametrize(("p", "degree"), [(2, 13), (2, 21), (3, 9), (3, 13), (11, 4)])
def test_the_modulus_is_the_one_that_galois_finds(p: int, degree: int) -> None:
    expected = galois.irreducible_poly(p, degree, method="min")
    assert first_irreducible(p, degree) == tuple(int(c) for c in expected.coefficients(order="asc"))


@pytest.mark.parametrize(("p", "degree"), [(2, 3), (2, 8), (3, 1), (3, 4), (5, 3), (13, 2)])
def test_products_and_sums_are_those_of_polynomials(p: int, degree: int) -> None:
    field = PolynomialField(p, degree)
    rng = np.random.default_rng(60)
    a, b = rng.integers(0, field.order, (2, 200))
    product = [reduced(x, y, field) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    assert field.multiply(a, b).tolist() == product
    assert [field.multiply(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)] == product
    digits = [sum((x // p**i + y // p**i) % p * p**i for i in range(degree)) for x, y in zip(a, b, strict=True)]
    assert add_digits(a, b, p, degree).tolist() == digits
    assert [add_digits(x, y, p, degree) for x, y in zip(a.tolist(), b.tolist(), strict=True)] == digits


def reduced(x: int, y: int, field: PolynomialField) -> int:
    """x y modulo the modulus by numpy's long division, whose remainder is exact for a monic divisor."""
    p, degree = field.p, field.degree
    left, right = ([n // p**i % p for i in reversed(range(degree))] for n in (x, y))
    _, rest = np.polydiv(np.convolve(left, right) % p, field.modulus[::-1])
    coefficients = np.round(rest).astype(int)[::-1] % p
    return int(sum(int(c) * p**i for i, c in enumerate(coefficients)))


@pytest.mark.slow
@pytest.mark.parametrize(("p", "degree"), [(2, 8), (2, 13), (3, 7), (7, 3)])
def test_products_are_those_of_galois(p: int, degree: int) -> None:
    modulus = galois.Poly(list(reversed(first_irreducible(p, degree))), field=galois.GF(p))
    theirs = galois.GF(p, degree, irreducible_poly=modulus)
    field = PolynomialField(p, degree)
    a, b = np.random.default_rng(61).integers(0, field.order, (2, 5_000))
    assert np.array_equal(field.multiply(a, b), (theirs(a) * theirs(b)).view(np.ndarray))
