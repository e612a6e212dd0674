"""Least curvatures against dense eigenvalues."""

import numpy as np
import pytest

from ldp_core.analysis.lojasiewicz import curvature
from ldp_core.analysis.lojasiewicz.curvature import extreme_tangent_curvatures, relative_curvature
from ldp_core.mechanisms.channel import MatrixChannel
from tests.ldp_core.analysis.lojasiewicz.instances import geometry_31, likelihood_31, zipf


def dense(likelihood_channel: MatrixChannel, weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Eigenvalues on an orthonormal basis of the directions that sum to 0."""
    k = likelihood_channel.items
    H = likelihood_channel.matrix.T @ (weights[:, None] * likelihood_channel.matrix)
    S = np.diag(scale)
    basis = np.linalg.svd(scale[None, :])[2][1:].T
    assert basis.shape == (k, k - 1)
    return np.linalg.eigvalsh(basis.T @ S @ H @ S @ basis)


@pytest.mark.parametrize("by_lanczos", [False, True])
def test_they_are_the_dense_eigenvalues(by_lanczos: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curvature, "_DENSE", 0 if by_lanczos else 200)
    monkeypatch.setattr(curvature, "_LANCZOS_VECTORS", 20)
    likelihood = likelihood_31()
    channel = likelihood.channel
    assert isinstance(channel, MatrixChannel)
    p = zipf(31)
    weights = likelihood.curvature_weights(p)
    expected = dense(channel, weights, np.ones(31))
    assert extreme_tangent_curvatures(channel, weights) == pytest.approx((expected[0], expected[-1]), rel=1e-4)
    relative = dense(channel, weights, np.sqrt(p))
    assert relative_curvature(channel, weights, p) == pytest.approx(relative[0], abs=1e-5 * relative[-1])


def test_the_population_curvatures_of_the_geometry_of_31_points() -> None:
    """0.305 along the weakest direction and 0.0027 relative to the entropy: why projected steps beat multiplicative ones."""
    from ldp_core.mechanisms.channel import message_channel

    channel = message_channel(geometry_31())
    truth = zipf(31)
    weights = 1 / channel.forward(truth)
    least, greatest = extreme_tangent_curvatures(channel, weights)
    assert least == pytest.approx(0.3054, abs=1e-4)
    assert greatest == pytest.approx(0.7189, abs=1e-4)
    assert relative_curvature(channel, weights, truth) == pytest.approx(0.0027, abs=2e-4)


def test_a_direction_that_no_message_tells_is_flat() -> None:
    channel = MatrixChannel(np.array([[0.7, 0.7, 0.2], [0.3, 0.3, 0.8]]))
    least, greatest = extreme_tangent_curvatures(channel, np.ones(2))
    assert least == pytest.approx(0, abs=1e-12)
    assert greatest is not None
    assert greatest > 0.1
