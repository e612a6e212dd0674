"""Sums of real values over hyperplanes, against adding up every support set."""

import numpy as np
import pytest

from ldp_core.algebra.projective_space import point_count
from ldp_core.decoding import incident_sums, support_counts


@pytest.mark.parametrize(("q", "t"), [(2, 3), (2, 5), (3, 4), (4, 3), (5, 3), (8, 3), (2, 8), (9, 4)])
def test_they_are_the_sums_over_support_sets(q: int, t: int) -> None:
    rng = np.random.default_rng(point_count(q, t))
    values = rng.integers(0, 1000, point_count(q, t))
    exact = support_counts(values, q=q, t=t, decoder="enumeration")
    assert incident_sums(values / 1024, q=q, t=t) * 1024 == pytest.approx(exact, rel=1e-12)


def test_they_are_linear_and_their_own_transpose() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, point_count(4, 4)))
    image = incident_sums(x, q=4, t=4)
    assert image @ y == pytest.approx(x @ incident_sums(y, q=4, t=4))
    assert incident_sums(2 * x - y, q=4, t=4) == pytest.approx(2 * image - incident_sums(y, q=4, t=4), abs=1e-11)
