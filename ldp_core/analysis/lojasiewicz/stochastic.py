"""Stochastic projected gradient descent on the likelihood, one batch of reports a step, with memory for one histogram and one row of counts.

Notation: b reports in batch t · g_t = -(1/b) sum over the batch of Q_y / (Q p)_y · mu, offset: of the schedule
    p_{t+1} = projection onto the simplex of p_t - g_t / (mu t + offset),   average: sum of (t + 1) p_t over sum of (t + 1).
The average holds a little of the uniform start, so no message that may come is impossible under it.
With fresh reports g_t is unbiased for the population's likelihood, so this descends the test error itself. Where mu is at most the
tangent curvature the average has an expected excess of (k - 1)/(2n) to first order, that of the maximum likelihood estimate.
mu is by default half the least tangent curvature at the uniform histogram, and offset the largest curvature of a batch there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ldp_core.analysis.lojasiewicz.curvature import extreme_tangent_curvatures
from ldp_core.analysis.lojasiewicz.likelihood import Likelihood
from ldp_core.analysis.lojasiewicz.path import Point, due_steps
from ldp_core.estimation.simplex import project_to_simplex
from ldp_core.mechanisms.channel import Channel
from ldp_core.types import Counts, FloatArray, Frequencies

__all__ = ["Schedule", "StochasticDescent", "StreamState", "default_schedule", "first_state", "sampled_descent"]

_LEAST_LIKELY = 1e-6
_LEAST_MU, _LEAST_OFFSET = 1e-9, 1e-6  # where messages tell nothing


@dataclass(frozen=True)
class Schedule:
    """Steps 1 / (mu t + offset)."""

    mu: float
    offset: float

    def step(self, t: int) -> float:
        """The step at time t = 0, 1, …"""
        return 1 / (self.mu * t + self.offset)


def default_schedule(channel: Channel, batch: int, mu: float | None = None) -> Schedule:
    """The schedule for batches of this size, mu as given. Where some direction is flat, mu is a hundredth of the mean curvature."""
    k = channel.items
    law = channel.forward(np.full(k, 1 / k))  # (N,)
    weights = np.divide(1.0, law, out=np.zeros_like(law), where=law > 0)
    # trace of the mean tangent curvature (1'H1/k = k is not tangent): a single report's curvature has rank one and this mean size
    single = float(channel.adjoint_squared(weights).sum()) - k
    least, greatest = extreme_tangent_curvatures(channel, weights)
    if mu is None:
        curved = least is not None and greatest is not None and least > 1e-9 * greatest
        mu = least / 2 if least is not None and curved else single / (100 * k)
    offset = (single if greatest is None else greatest) + single / batch
    return Schedule(max(mu, _LEAST_MU), max(offset, _LEAST_OFFSET))


@dataclass(frozen=True, eq=False)
class StreamState:
    """All that is kept between batches.

    t: batches so far · p: (k,) · average: (k,) · counts: (N,) of the reports so far · step_length, path_length: of p.
    """

    t: int
    p: Frequencies
    average: Frequencies
    counts: Counts
    step_length: float = 0.0
    path_length: float = 0.0


def first_state(channel: Channel) -> StreamState:
    """No report yet: the uniform histogram."""
    uniform = np.full(channel.items, 1 / channel.items)
    return StreamState(0, uniform, uniform, np.zeros(channel.messages, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class StochasticDescent:
    """The steps of one channel and schedule."""

    channel: Channel
    schedule: Schedule

    @cached_property
    def floor(self) -> FloatArray:
        """Frequencies of messages below this count as this: a millionth of those of the uniform histogram.  (N,)

        For a mechanism with e^epsilon up to a million nothing is below. It bounds the steps where some message is nearly impossible under some item.
        """
        k = self.channel.items
        return _LEAST_LIKELY * self.channel.forward(np.full(k, 1 / k))

    def take(self, state: StreamState, batch: Counts) -> StreamState:
        """One step.  batch: (N,) counts of the reports that came"""
        law = np.maximum(self.channel.forward(state.p), self.floor)
        weights: FloatArray = np.divide(batch / batch.sum(), law, out=np.zeros_like(law), where=batch > 0)
        p = project_to_simplex(state.p + self.schedule.step(state.t) * self.channel.adjoint(weights))
        t = state.t + 1
        moved = float(np.linalg.norm(p - state.p))
        return StreamState(
            t=t,
            p=p,
            average=state.average + (p - state.average) * (2 / (t + 2)),  # t + 1 over 1 + … + (t + 1)
            counts=state.counts + batch,
            step_length=moved,
            path_length=state.path_length + moved,
        )


def sampled_descent(likelihood: Likelihood, batch: int, steps: int, rng: np.random.Generator) -> Iterator[Point]:
    """Averages at up to 500 steps, batches drawn from the counts with replacement."""
    channel = likelihood.channel
    descent = StochasticDescent(channel, default_schedule(channel, batch))
    state, due, travelled = first_state(channel), due_steps(steps), 0.0
    edges = np.cumsum(likelihood.shares)
    while True:
        if state.t in due:
            value, gradient = likelihood.value_and_gradient(state.average)
            yield Point(state.t, state.average, value, gradient, state.step_length, state.path_length - travelled)
            travelled = state.path_length
        drawn = np.searchsorted(edges, rng.random(batch) * edges[-1], side="right")
        state = descent.take(state, np.bincount(drawn, minlength=channel.messages))
