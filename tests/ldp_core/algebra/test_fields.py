"""GF(q) against galois, the authority, and against the field axioms."""

import galois
import numpy as np
import pytest

from ldp_core.algebra import ExtensionField, factor_prime_power, galois_field, is_prime, prime_powers
from ldp_core.algebra.conway import conway_polynomial, tabulated
from ldp_core.errors import FieldError

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize(
    "q",
    [
        *[2, 3, 4, 5, 8, 9, 25],
        *[pytest.param(q, marks=pytest.mark.thorough) for q in (7, 16, 27, 32, 49, 64, 81, 121, 128, 149, 243)],
    ],
)
def test_every_table_equals_galois(q: int) -> None:
    field, authority = galois_field(q), galois.GF(q)
    elements = np.arange(q)
    a, b = (grid.ravel() for grid in np.meshgrid(elements, elements))
    x, y = authority(a), authority(b)
    assert np.array_equal(field.add(a, b), np.asarray(x + y))
    assert np.array_equal(field.multiply(a, b), np.asarray(x * y))
    assert np.array_equal(field.negative(elements), np.asarray(-authority(elements)))
    assert np.array_equal(field.inverse(elements[1:]), np.asarray(authority(elements[1:]) ** -1))


@pytest.mark.thorough
@pytest.mark.parametrize("q", [1024, 625, 1009])
def test_large_fields_equal_galois_on_random_elements(q: int) -> None:
    rng = np.random.default_rng(q)
    field, authority = galois_field(q), galois.GF(q)
    a, b = rng.integers(0, q, 5_000), rng.integers(1, q, 5_000)
    assert np.array_equal(field.add(a, b), np.asarray(authority(a) + authority(b)))
    assert np.array_equal(field.multiply(a, b), np.asarray(authority(a) * authority(b)))
    assert np.array_equal(field.inverse(b), np.asarray(authority(b) ** -1))


@pytest.mark.parametrize("q", [2, 3, 4, 8, 9, 25, 27, 149, 1024])
def test_scalars_and_arrays_agree(q: int) -> None:
    rng = np.random.default_rng(q)
    field = galois_field(q)
    a, b = rng.integers(0, q, 400), rng.integers(0, q, 400)
    pairs = list(zip(a.tolist(), b.tolist(), strict=True))
    assert field.add(a, b).tolist() == [field.add(x, y) for x, y in pairs]
    assert field.multiply(a, b).tolist() == [field.multiply(x, y) for x, y in pairs]
    assert field.negative(a).tolist() == [field.negative(x) for x in a.tolist()]
    assert field.inverse(a).tolist() == [field.inverse(x) if x else 0 for x in a.tolist()]


@pytest.mark.parametrize("q", [5, 9])
def test_zero_has_no_inverse(q: int) -> None:
    with pytest.raises(ZeroDivisionError):
        galois_field(q).inverse(0)


@pytest.mark.thorough
def test_small_conway_polynomials_equal_galois() -> None:
    for p, m in tabulated():
        if p**m <= 300:
            expected = galois.conway_poly(p, m).coefficients(order="asc")
            assert conway_polynomial(p, m) == tuple(int(c) for c in expected)


@pytest.mark.slow
def test_all_conway_polynomials_equal_galois() -> None:
    for p, m in tabulated():
        expected = galois.conway_poly(p, m).coefficients(order="asc")
        assert conway_polynomial(p, m) == tuple(int(c) for c in expected)


def test_every_prime_power_up_to_65536_has_a_polynomial_and_each_is_primitive() -> None:
    composite = [q for q in prime_powers(1 << 16) if factor_prime_power(q)[1] > 1]
    assert sorted(p**m for p, m in tabulated()) == composite
    for q in composite[::6]:
        field = galois_field(q)
        assert isinstance(field, ExtensionField)
        # x runs through all nonzero elements before it returns to 1
        assert len(set(field.exp_array[: q - 1].tolist())) == q - 1


def test_orders_above_the_table_come_from_galois() -> None:
    assert conway_polynomial(2, 17) == (1, 0, 0, 1) + (0,) * 13 + (1,)


@pytest.mark.parametrize("q", [0, 1, 6, 10, 12, 100, -3])
def test_other_orders_are_refused_with_the_reason(q: int) -> None:
    with pytest.raises(FieldError, match=f"prime power .* got {q}"):
        galois_field(q)


def test_prime_powers_are_those_with_one_prime_factor() -> None:
    listed = set(prime_powers(3_000))
    for q in range(3_001):
        divisors = [d for d in range(2, q + 1) if q % d == 0 and is_prime(d)]
        assert (q in listed) == (len(divisors) == 1)
