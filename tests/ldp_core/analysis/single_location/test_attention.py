"""The fitted objective and its gradient."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from ldp_core.analysis.single_location.attention import (
    ATTENTIONS,
    attention_weights,
    fit_direction,
    predict,
    profile_loss,
)
from ldp_core.analysis.single_location.synthetic import draw_rows


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_the_gradient_is_the_slope_of_the_profiled_loss(attention: str) -> None:
    data = draw_rows(200, 5, 4, gamma=0.7, noise_sd=0.1, rng=np.random.default_rng(0))
    u = np.array([0.5, -0.5, 0.5, 0.1, 0.4])
    of = lambda i: lambda x: profile_loss(data.X, data.y, x, 0.8, attention, 1e-3)[i]  # noqa: E731
    assert check_grad(of(0), of(1), u) < 1e-6 * np.linalg.norm(of(1)(u))


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_the_read_out_is_the_best_for_its_direction(attention: str) -> None:
    data = draw_rows(300, 4, 3, gamma=0.7, noise_sd=0.1, rng=np.random.default_rng(1))
    fit = fit_direction(data.X, data.y, np.ones(4), lam=1.0, attention=attention, ridge=0.01, watch=lambda: None)
    weights = attention_weights(data.X, fit.u, 1.0, attention)
    P = np.einsum("nl,nld->nd", weights, data.X)
    # Ridge with a free intercept as a least squares problem of numpy's.
    centred = P - P.mean(axis=0)
    stacked = np.vstack([centred, np.sqrt(0.01 * 300) * np.eye(4)])
    wanted = np.linalg.lstsq(stacked, np.concatenate([data.y - data.y.mean(), np.zeros(4)]), rcond=None)[0]
    assert np.allclose(fit.w, wanted, atol=1e-9)
    assert np.allclose(predict(fit, data.X), P @ fit.w + fit.intercept)
    assert np.mean((data.y - predict(fit, data.X)) ** 2) + 0.01 * fit.w @ fit.w == pytest.approx(fit.loss)


def test_softmax_weights_survive_large_scores() -> None:
    X = 1e4 * np.random.default_rng(2).standard_normal((10, 5, 3))
    weights = attention_weights(X, np.array([1.0, 0, 0]), 10.0, "softmax")
    assert np.allclose(weights.sum(axis=1), 1)
    assert (weights.argmax(axis=1) == X[:, :, 0].argmax(axis=1)).all()
