"""Table-free fields, against galois."""

import galois
import numpy as np
import pytest

from ldp_core.designs.polynomial_field import PolynomialField, add_digits, first_irreducible

FIELDS = [(2, 1), (2, 3), (2, 8), (3, 1), (3, 4), (5, 3), (7, 2), (13, 2)]


@pytest.mark.parametrize(("p", "degree"), [*FIELDS, (2, 13), (2, 20), (3, 9), (11, 4)])
def test_the_modulus_is_the_first_irreducible_polynomial(p: int, degree: int) -> None:
    expected = galois.irreducible_poly(p, degree, method="min")
    assert first_irreducible(p, degree) == tuple(int(c) for c in expected.coefficients(order="asc"))


@pytest.mark.parametrize(("p", "degree"), FIELDS)
def test_products_and_sums(p: int, degree: int) -> None:
    modulus = galois.Poly(list(reversed(first_irreducible(p, degree))), field=galois.GF(p))
    theirs = galois.GF(p, degree, irreducible_poly=modulus) if degree > 1 else galois.GF(p)
    field = PolynomialField(p, degree)
    rng = np.random.default_rng(60)
    a, b = rng.integers(0, field.order, (2, 400))
    product = (theirs(a) * theirs(b)).view(np.ndarray)
    assert np.array_equal(field.multiply(a, b), product)
    assert [field.multiply(int(x), int(y)) for x, y in zip(a, b, strict=True)] == product.tolist()
    total = (theirs(a) + theirs(b)).view(np.ndarray)
    assert np.array_equal(add_digits(a, b, p, degree), total)
    assert [add_digits(int(x), int(y), p, degree) for x, y in zip(a, b, strict=True)] == total.tolist()
