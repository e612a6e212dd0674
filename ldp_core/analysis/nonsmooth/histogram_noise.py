"""The covariance Sigma of a histogram's estimates as an operator: w' Sigma w and draws, without a k x k matrix where there is a way.

Notation
    n reports, N messages, pi: their shares · Q, m_y, u1, u0: channel of the mechanism (see `ldp_core.mechanisms.channel`) ·
    B[y, x] = 1 where message y supports item x · s - r: gap of the support rates
    Estimates are affine in the shares of messages, so w . f = sum_y pi_y a_y + constant with a_y the score of message y, and
        w' Sigma w = (sum_y pi_y a_y^2 - (pi . a)^2) / n
    a_y = (B w)_y / (s - r), and Q w = m_y (u0 sum w + (u1 - u0) B w): one transform. In blocks an item also loses beta for every report of its block.
"""

from functools import cached_property
from typing import Protocol

import numpy as np

from ldp_core.analysis.perturbed.estimator_noise import EstimatorNoise
from ldp_core.estimation.blocked import BlockedEstimate
from ldp_core.estimation.estimate import Estimate
from ldp_core.mechanisms.base import Mechanism
from ldp_core.mechanisms.channel import Channel, counts_messages, message_channel
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from ldp_core.mechanisms.incidence import message_weights
from ldp_core.mechanisms.tally import Tally
from ldp_core.types import FloatArray

__all__ = ["HistogramNoise", "MatrixNoise", "MessageReports", "StructuredNoise", "noise_of"]

_CHEAP_ENUMERATION = 100_000


class HistogramNoise(Protocol):
    """The noise of k estimates."""

    def variances(self, w: FloatArray) -> FloatArray:
        """w' Sigma w for each row.  (S, k) -> (S,)"""
        ...

    def draws(self, rng: np.random.Generator, rows: int) -> FloatArray:
        """Errors that reports drawn anew would make.  -> (rows, k)"""
        ...


class MessageReports:
    """A mechanism whose tally counts messages: exact from these counts; draws are new multinomial counts, decoded."""

    def __init__(self, mechanism: DesignMechanism, estimate: Estimate, tally: Tally) -> None:
        self._mechanism, self._estimate, self._tally = mechanism, estimate, tally
        self._shares = tally.counts / tally.n  # (N,)

    @cached_property
    def _channel(self) -> Channel:
        return message_channel(self._mechanism)

    @cached_property
    def _scale(self) -> FloatArray:
        """m_y (u1 - u0) (s - r).  (N,)"""
        design, rates = self._mechanism.design, self._mechanism.rates
        own, other = float(rates.own) / design.block_size, float(1 - rates.own) / (design.choices - design.block_size)
        scale: FloatArray = message_weights(design) * ((own - other) * float(self._estimate.rates.gap))
        return scale

    def scores(self, w: FloatArray) -> FloatArray:
        """What each message adds to n times w . f, up to a constant that is the same for all.  (k,) -> (N,)"""
        scores: FloatArray = self._channel.forward(w) / self._scale
        if isinstance(self._estimate, BlockedEstimate):
            error = self._estimate.error
            blocks = np.arange(len(w)) % error.blocks  # item x lives in block x mod h
            in_block = np.bincount(blocks, weights=w, minlength=error.blocks)
            scores = scores + float(error.beta) * np.repeat(in_block, error.block_messages)
        return scores

    def variances(self, w: FloatArray) -> FloatArray:
        """One transform for each row."""
        found = np.empty(len(w))
        for i, row in enumerate(w):
            scores = self.scores(row)
            found[i] = float(self._shares @ (scores - float(self._shares @ scores)) ** 2)
        return found / self._tally.n

    def draws(self, rng: np.random.Generator, rows: int) -> FloatArray:
        """Decode multinomial redraws of the counts."""
        errors = np.empty((rows, self._estimate.domain_size))
        for i in range(rows):
            redrawn = Tally(rng.multinomial(self._tally.n, self._shares))
            errors[i] = self._mechanism.decode(redrawn, self._decoder).frequencies - self._estimate.frequencies
        return errors

    @property
    def _decoder(self) -> str | None:
        """Enumeration where it is cheap, since it compiles nothing; all decoders agree bit for bit."""
        cheap = len(self._shares) * self._mechanism.domain_size <= _CHEAP_ENUMERATION
        return "enumeration" if cheap and "enumeration" in self._mechanism.decoders else None


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


def noise_of(mechanism: Mechanism, estimate: Estimate, tally: Tally) -> HistogramNoise:
    """Exact where messages are counted, else by the averages over pairs that `EstimatorNoise` knows."""
    if isinstance(mechanism, DesignMechanism) and counts_messages(mechanism):
        return MessageReports(mechanism, estimate, tally)
    return StructuredNoise.of_estimate(estimate)
