"""How likely a label changes when the same phones answer once more.

What is asked: X = Q + sd Z are estimates, Q what the phones hold, f the classifier fitted to them. A fresh collection is Q + sd Z' with
new coins, and p_i = P(sign f(q_i + sd_i Z') differs from sign f(x_i)). Noise added to x_i is no fresh collection: x_i carries noise
already, so that flips safe labels too often and unsafe ones too seldom.

Where f changes linearly over the noise, its margin in units of its own noise, m_i = f(x_i) / sd(f), is a true margin d_i plus a
standard normal number. How d is spread over the cohorts is learnt from all m_i (maximum likelihood, Kiefer, Wolfowitz 1956), and p_i
is the posterior mean of Phi(-s_i d), s_i the sign of f(x_i). A classifier that was fitted to x_i knows its noise, so m_i has to come from one that
was fitted to other cohorts; as that one knows less than f, the result leans upwards.

Notation: X: (n, q) points · sd: noise of a coordinate of each point · f: decision function · s: its signs
"""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from ldp_core.estimation.empirical_bayes import mixture_weights
from ldp_core.types import FloatArray

__all__ = ["flip_probabilities", "noise_margins", "noise_to_spread"]

_LARGEST = 8.0
"""Margins beyond this many standard errors flip less than once in 10^15."""
_STEP = 0.1
_BIN = 0.02


def noise_margins(
    X: FloatArray,
    sd: FloatArray,
    decide: Callable[[FloatArray], FloatArray],
    *,
    samples: int,
    rng: np.random.Generator,
    watch: Callable[[int], None],
) -> FloatArray:
    """f(x_i) over the root mean square change of f when noise is added to x_i.  (n, q), (n,) -> (n,)

    samples: draws · each margin has a relative standard error of about 1 / sqrt(2 samples). decide: f, of points that it was not fitted to.
    """
    value, change = decide(X), np.zeros(len(X))
    for done in range(samples):
        if done % 16 == 0:
            watch(done)
        change += (decide(X + sd[:, None] * rng.standard_normal(X.shape)) - value) ** 2
    spread = np.sqrt(change / samples)
    return np.divide(value, spread, out=_LARGEST * np.sign(value), where=spread > 0)


def flip_probabilities(margins: FloatArray, signs: FloatArray) -> FloatArray:
    """p_i, the posterior mean of Phi(-s_i d) when margins are d plus a standard normal number.

    margins: (n,) m_i · signs: (n,) of +-1, those of the labels that may flip. The spread of s d over the cohorts is fitted to the margins.
    """
    kept = np.clip(signs * margins, -_LARGEST, _LARGEST)
    centres, place, counts = np.unique(np.round(kept / _BIN), return_inverse=True, return_counts=True)
    grid = np.arange(-_LARGEST, _LARGEST + _STEP / 2, _STEP)
    density = np.exp(-0.5 * (_BIN * centres[:, None] - grid) ** 2)  # (bins, grid)
    weights, _ = mixture_weights(density, counts.astype(np.float64))
    posterior = density * weights
    flips: FloatArray = (posterior @ ndtr(-grid)) / posterior.sum(axis=1)
    return flips[place]


def noise_to_spread(X: FloatArray, sd: FloatArray) -> float:
    """Share of the points' spread that is noise: q mean(sd^2) / mean |x_i - mean|^2, infinite where all points are the same."""
    spread = float(np.mean(np.sum((X - X.mean(axis=0)) ** 2, axis=1)))
    noise = X.shape[1] * float(np.mean(sd**2))
    return noise / spread if spread > 0 else (np.inf if noise > 0 else 0.0)
