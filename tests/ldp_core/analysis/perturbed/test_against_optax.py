"""The same means and Jacobians as optax's perturbed functions, which share no code with ours.

Both sides are sampled. The bound is 5 standard errors of the difference, taking optax's error for ours: over the 60 numbers compared a false
alarm has probability 4e-5, and the seeds are fixed.
"""

from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.perturbed import optimizer

THETA = [0.3, 0.1, 0.0, -0.2, 0.4]
SIGMA, SAMPLES = 0.4, 200_000


def argmax(x: Any) -> Any:
    import jax

    return jax.nn.one_hot(x.argmax(), x.shape[0])


def top_2(x: Any) -> Any:
    return (ranks(x) > x.shape[0] - 2).astype(float)


def ranks(x: Any) -> Any:
    return 1.0 + (x[None, :] < x[:, None]).sum(axis=1)  # the smallest has rank 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gumbel", "normal"])
@pytest.mark.parametrize(("solver", "function"), [("argmax", argmax), ("topk", top_2), ("rank", ranks)])
def test_means_and_jacobians_agree(solver: str, function: Any, kind: str) -> None:
    jax = pytest.importorskip("jax", reason="`make test-slow` installs jax and optax for this comparison")
    from optax import perturbations

    k = {"k": 2} if solver == "topk" else {}
    body = {
        "solver": solver,
        "theta": THETA,
        "noise": {"kind": kind, "sigma": SIGMA},
        "num_samples": SAMPLES,
        "seed": 7,
    }
    ours = optimizer.run(optimizer.from_json({**body, **k, "want": ["mean", "jacobian"]})).result
    noise = perturbations.Gumbel() if kind == "gumbel" else perturbations.Normal()
    theirs = perturbations.make_perturbed_fun(function, SAMPLES, SIGMA, noise)
    theta, key = jax.numpy.array(THETA), jax.random.key(3)
    for name, value in (("mean", theirs(key, theta)), ("jacobian", jax.jacrev(theirs, argnums=1)(key, theta))):
        allowed = 5 * np.sqrt(2) * np.asarray(ours[f"{name}_se"]) + 1e-5  # optax computes in single precision
        assert (np.abs(np.asarray(value) - np.asarray(ours[name])) <= allowed).all(), name
