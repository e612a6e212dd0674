"""The best neuron is found, whatever the weights."""

import numpy as np
import pytest

from ldp_core.analysis.max_margin.ridge_functions import ascend, best_neurons, signed_values


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_no_direction_beats_the_exact_maximum(dimension: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 20))
    X = rng.standard_normal((n, dimension))
    c = rng.standard_normal(n)
    c /= np.abs(c).sum()
    found = best_neurons(X, c, known=0.0, most=5, watch=lambda: None)
    assert abs(signed_values(X, c, found.directions[:1])[0]) == pytest.approx(found.best, rel=1e-12)
    tried = rng.standard_normal((200_000, dimension))
    tried /= np.linalg.norm(tried, axis=1, keepdims=True)
    brute = float(np.abs(signed_values(X, c, tried)).max())
    assert brute <= found.best * (1 + 1e-12)
    assert brute >= found.best * 0.99
    climbed = ascend(X, c, tried[:300], above=0.0, most=5, watch=lambda: None)
    assert climbed.best <= found.best * (1 + 1e-12)
    assert climbed.best == pytest.approx(found.best, rel=1e-4)


def test_nothing_is_returned_below_what_is_known() -> None:
    rng = np.random.default_rng(7)
    X, c = rng.standard_normal((10, 3)), rng.standard_normal(10)
    best = best_neurons(X, c, known=0.0, most=5, watch=lambda: None).best
    assert len(best_neurons(X, c, known=best * (1 + 1e-9), most=5, watch=lambda: None).values) == 0
    assert best_neurons(X, c, known=best * (1 - 1e-9), most=5, watch=lambda: None).best == pytest.approx(best)


def test_ascent_never_loses_value_in_high_dimension() -> None:
    rng = np.random.default_rng(8)
    X, c = rng.standard_normal((40, 12)), rng.standard_normal(40)
    starts = rng.standard_normal((50, 12))
    starts /= np.linalg.norm(starts, axis=1, keepdims=True)
    climbed = ascend(X, c, starts, above=0.0, most=50, watch=lambda: None)
    assert climbed.best >= np.abs(signed_values(X, c, starts)).max()
    assert np.allclose(signed_values(X, c, climbed.directions), climbed.values)
