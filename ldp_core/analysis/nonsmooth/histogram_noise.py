"""The covariance Sigma of a histogram's estimates as an operator: w' Sigma w and draws, without a k x k matrix where there is a way.

Notation
    n reports, N messages, pi: their shares · S_x: messages that support item x, B[x, y] = 1 iff y in S_x · s - r: gap of the support rates
    Sigma = (B diag(pi) B' - (B pi)(B pi)') / (n (s - r)^2) for estimates that are linear in support counts, so that
    w' Sigma w = (sum_y pi_y (B' w)_y^2 - (pi . B' w)^2) / (n (s - r)^2): one adjoint transform
Points and hyperplanes of a projective geometry are numbered alike and B is symmetric, so B' w is a decode of w.
"""

from functools import cached_property
from typing import Protocol

import numpy as np

from ldp_core.algebra.projective_space import point_count
from ldp_core.analysis.perturbed.estimator_noise import EstimatorNoise
from ldp_core.decoding import decoder_names, support_counts
from ldp_core.estimation.estimate import Estimate
from ldp_core.mechanisms.tally import Tally
from ldp_core.types import FloatArray

__all__ = ["HistogramNoise", "MatrixNoise", "ProjectiveReports", "StructuredNoise", "noise_of"]

_FIXED_POINT = float(1 << 61)
_CHEAP_ENUMERATION = 100_000


class HistogramNoise(Protocol):
    """The noise of k estimates."""

    def variances(self, w: FloatArray) -> FloatArray:
        """w' Sigma w for each row.  (S, k) -> (S,)"""
        ...

    def draws(self, rng: np.random.Generator, rows: int) -> FloatArray:
        """Errors that reports drawn anew would make.  -> (rows, k)"""
        ...


class ProjectiveReports:
    """Projective geometry: exact from the counts of messages, by decodes; draws are new multinomial counts, decoded."""

    def __init__(self, estimate: Estimate, tally: Tally, q: int, t: int) -> None:
        self._estimate, self._tally, self._q, self._t = estimate, tally, q, t
        self._shares = tally.counts / tally.n  # (N,)
        self._gap = float(estimate.rates.gap)

    def adjoint(self, w: FloatArray) -> FloatArray:
        """B' w for one row, by an exact decode of w in fixed point.  (k,) -> (N,)"""
        size = len(self._shares)
        padded = np.zeros(size)
        padded[: len(w)] = w
        low, spread = float(padded.min()), float(np.ptp(padded))
        if spread == 0:
            return np.full(size, low * self._support_size)
        # from here on non-negative integers whose sum stays below 2^62
        scale = _FIXED_POINT / size / spread
        counts = np.rint((padded - low) * scale).astype(np.int64)
        decoded: FloatArray = support_counts(counts, q=self._q, t=self._t, decoder=self._decoder) / scale
        return decoded + low * self._support_size

    @cached_property
    def _support_size(self) -> int:
        """c: points on a hyperplane."""
        return point_count(self._q, self._t - 1)

    @cached_property
    def _decoder(self) -> str:
        """Enumeration where it is cheap, since it compiles nothing; all decoders agree bit for bit."""
        cheap = len(self._shares) * self._support_size <= _CHEAP_ENUMERATION
        return "enumeration" if cheap else decoder_names(self._q, self._t)[0]

    def variances(self, w: FloatArray) -> FloatArray:
        """One adjoint transform for each row."""
        found = np.empty(len(w))
        for i, row in enumerate(w):
            seen = self.adjoint(row)
            centred = seen - float(self._shares @ seen)
            found[i] = float(self._shares @ centred**2)
        result: FloatArray = found / (self._tally.n * self._gap**2)
        return result

    def draws(self, rng: np.random.Generator, rows: int) -> FloatArray:
        """Decode multinomial redraws of the counts."""
        k, n, estimate = self._estimate.domain_size, self._tally.n, self._estimate
        errors = np.empty((rows, k))
        for i in range(rows):
            counts = rng.multinomial(n, self._shares)
            redrawn = support_counts(counts, q=self._q, t=self._t, decoder=self._decoder)
            errors[i] = (redrawn[:k] - estimate.support_counts[:k]) / (n * self._gap)
        return errors


class StructuredNoise:
    """Sigma = diag(d) + U M U' with the columns of U (k, 2) and M (2, 2) symmetric: independent errors, and what all pairs share."""

    def __init__(self, d: FloatArray, u: FloatArray | None = None, m: FloatArray | None = None) -> None:
        self._d = d
        self._u = np.zeros((len(d), 2)) if u is None else u
        self._m = np.zeros((2, 2)) if m is None else m

    @classmethod
    def of_estimate(cls, estimate: Estimate) -> "StructuredNoise":
        """Cov(f_x, f_y) = (c_0 + c_1 (f_x + f_y) - f_x f_y) / n, and the exact variances (see `EstimatorNoise`)."""
        noise = EstimatorNoise(estimate)
        c0, c1 = noise.pair_terms
        f, n = noise.plausible, estimate.n
        # the diagonal of the shared part is c_0 + 2 c_1 f - f^2, which rank_variances leaves out
        return cls(noise.rank_variances(), np.stack([np.ones_like(f), f], axis=1), np.array([[c0, c1], [c1, -1.0]]) / n)

    def variances(self, w: FloatArray) -> FloatArray:
        """O(k) a row."""
        seen = w @ self._u
        found: FloatArray = w**2 @ self._d + np.einsum("si,ij,sj->s", seen, self._m, seen)
        return np.maximum(found, 0)

    def draws(self, rng: np.random.Generator, rows: int) -> FloatArray:
        """Normal. With V = diag(d)^(-1/2) U = Q R:  Sigma = D^(1/2) (I + Q (R M R') Q') D^(1/2), rooted in the span of Q."""
        root = np.sqrt(self._d)
        z = rng.standard_normal((rows, len(root)))
        if self._m.any():
            basis, triangle = np.linalg.qr(self._u / np.where(root > 0, root, np.inf)[:, None])
            values, vectors = np.linalg.eigh(np.eye(2) + triangle @ self._m @ triangle.T)
            bent = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T - np.eye(2)
            z = z + (z @ basis) @ bent @ basis.T
        errors: FloatArray = z * root
        return errors


class MatrixNoise:
    """A covariance (k, k) that was given."""

    def __init__(self, covariance: FloatArray) -> None:
        self._covariance = covariance

    def variances(self, w: FloatArray) -> FloatArray:
        """O(k^2) a row."""
        found: FloatArray = np.maximum(np.einsum("si,si->s", w @ self._covariance, w), 0)
        return found

    def draws(self, rng: np.random.Generator, rows: int) -> FloatArray:
        """Normal."""
        values, vectors = np.linalg.eigh(self._covariance)
        errors: FloatArray = (rng.standard_normal((rows, len(values))) * np.sqrt(np.maximum(values, 0))) @ vectors.T
        return errors


def noise_of(estimate: Estimate, tally: Tally) -> HistogramNoise:
    """Exact for projective geometry, else by the averages over pairs that `EstimatorNoise` knows."""
    parameters = estimate.provenance.parameters
    if estimate.provenance.mechanism == "projective_geometry":
        return ProjectiveReports(estimate, tally, parameters["q"], parameters["t"])
    return StructuredNoise.of_estimate(estimate)
