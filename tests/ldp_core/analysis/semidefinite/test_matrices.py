"""What a matrix may look like, and what is said where it may not."""

import math
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.semidefinite.matrices import matrix_from_json
from ldp_core.analysis.semidefinite.pair_reports import pair_estimates
from ldp_core.analysis.semidefinite.scaling import power_of_two
from tests.ldp_core.analysis.semidefinite.known import cycle, pair_rows


def test_edges_and_rows_are_the_same_matrix() -> None:
    edges = [[0, 1, 1.0], [2, 1, 1], [2, 3, 1], [4, 3, 1], [4, 0, 1]]
    np.testing.assert_array_equal(matrix_from_json({"edges": edges}).values, cycle(5))
    np.testing.assert_array_equal(matrix_from_json({"dense": cycle(5).tolist()}).values, cycle(5))
    padded = matrix_from_json({"edges": edges, "vertices": 7}).values
    assert padded.shape == (7, 7)
    assert not padded[5:].any()


def test_rounding_asymmetry_is_forgiven_and_evened_out() -> None:
    values = matrix_from_json({"dense": [[0, 1 + 1e-13], [1, 0]]}).values
    assert values[0, 1] == values[1, 0]


PAIRS = {"attributes": 3, "epsilon": 1, "reports": [[0, 1, 10, 7]]}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([[0, 1], [1, 0]], "wrong_type"),
        ({}, "missing_field"),
        ({"dense": [[0, 1], [1, 0]], "edges": [[0, 1, 1]]}, "missing_field"),
        ({"sparse": []}, "unknown_field"),
        ({"dense": [[0, 1], [1, 0]], "vertices": 3}, "unknown_field"),
        ({"dense": [[0, 1, 2], [1, 0, 2]]}, "not_square"),
        ({"dense": [[0, 1], [1]]}, "wrong_shape"),
        ({"dense": [1, 2]}, "wrong_shape"),
        ({"dense": [[1]]}, "wrong_shape"),
        ({"dense": "abc"}, "wrong_shape"),
        ({"dense": [[0, "x"], ["x", 0]]}, "wrong_shape"),
        ({"dense": [[0, 1], [1 + 1e-9, 0]]}, "asymmetric"),
        ({"dense": [[0, math.nan], [math.nan, 0]]}, "non_finite"),
        ({"dense": [[0, math.inf], [math.inf, 0]]}, "non_finite"),
        ({"dense": [[0, 1e200], [1e200, 0]]}, "out_of_range"),
        ({"edges": [[0, 1]]}, "wrong_shape"),
        ({"edges": []}, "wrong_shape"),
        ({"edges": [[0, 0, 1]]}, "out_of_range"),
        ({"edges": [[0, -1, 1]]}, "out_of_range"),
        ({"edges": [[0, 1.5, 1]]}, "out_of_range"),
        ({"edges": [[0, 1, 1], [1, 0, 2]]}, "duplicate_edge"),
        ({"edges": [[0, 1, 1]], "vertices": 1}, "out_of_range"),
        ({"pairs": {"attributes": 3}}, "wrong_type"),
        ({"pairs": PAIRS | {"epsilon": 0}}, "out_of_range"),
        ({"pairs": PAIRS | {"attributes": 1}}, "out_of_range"),
        ({"pairs": PAIRS | {"reports": []}}, "wrong_shape"),
        ({"pairs": PAIRS | {"reports": [[0, 3, 10, 7]]}}, "out_of_range"),
        ({"pairs": PAIRS | {"reports": [[1, 1, 10, 7]]}}, "out_of_range"),
        ({"pairs": PAIRS | {"reports": [[0, 1, 10, 11]]}}, "out_of_range"),
        ({"pairs": PAIRS | {"reports": [[0, 1, 0, 0]]}}, "out_of_range"),
        ({"pairs": PAIRS | {"reports": [[0, 1, 10, 7], [1, 0, 10, 7]]}}, "duplicate_pair"),
    ],
)
def test_bad_matrices_are_refused_with_a_code(given: Any, code: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        matrix_from_json(given)
    assert refused.value.code == code
    assert refused.value.field is not None
    assert refused.value.field.startswith("matrix")


class _Enormous(list[Any]):
    """A list that says it is long, and fails the test if anybody reads it."""

    def __len__(self) -> int:
        return 10**9

    def __iter__(self) -> Any:
        raise AssertionError("read before its size was checked")


@pytest.mark.parametrize(
    "given",
    [
        {"dense": _Enormous()},
        {"edges": _Enormous()},
        {"edges": [[0, 10**6, 1]]},
        {"pairs": PAIRS | {"reports": _Enormous()}},
    ],
)
def test_size_is_refused_before_memory_is_taken(given: Any) -> None:
    with pytest.raises(TooLargeError):
        matrix_from_json(given)


def test_pair_estimates_are_unbiased_with_the_stated_variance() -> None:
    """Mean of z = error/bound over 190 pairs and 40 draws, and mean of z^2. 5 sigma: false alarm below 1e-6 each."""
    rng = np.random.default_rng(0)
    signs = np.where(rng.random(20) < 0.5, -1.0, 1.0)
    truth = 0.1 * np.outer(signs, signs)
    z = []
    for _ in range(40):
        found = pair_estimates(20, 1.0, np.array(pair_rows(signs, 0.1, 1.0, 200_000, rng), dtype=np.float64))
        upper = np.triu_indices(20, 1)
        z.append((found.correlations - truth)[upper] / np.sqrt(found.variances[upper]))
    scores = np.concatenate(z)
    assert abs(scores.mean()) < 5 / math.sqrt(scores.size)
    # the variance is 1 - (mean report)^2 of its bound, here within 0.3 % of it; z^2 has standard deviation sqrt 2
    assert abs(np.mean(scores**2) - 1) < 0.003 + 5 * math.sqrt(2 / scores.size)


def test_pairs_without_reports_have_no_weight() -> None:
    found = pair_estimates(3, 1.0, np.array([[0, 1, 100.0, 70], [1, 2, 50, 10]]))
    assert found.missing == 1
    np.testing.assert_allclose(found.weights, [[1, 1, 0], [1, 1, 0.5], [0, 0.5, 1]])
    assert found.threshold_ratio(0.5) == pytest.approx(3 * 0.25 * 50 / (2 * math.log(3) / np.tanh(0.5) ** 2))


def test_scales_are_powers_of_two_and_change_no_digit() -> None:
    A = cycle(5) * 0.3
    scale = power_of_two(A)
    assert 0.6 < scale <= 1.2
    assert math.frexp(scale)[0] == 0.5
    np.testing.assert_array_equal(A / scale * scale, A)
    assert power_of_two(np.zeros((2, 2))) == 1
