"""The share of a group of items, with the error that the correlation between its items gives it.

Notation: w(m): what a report m adds to n times the share, so the share is the mean of w over the reports.
    Its variance is the variance of w over the reports, divided by n: no model of the correlations is needed, only the tally.
    One report that was never sent, spread evenly over all messages, stands in for the degree of freedom that the mean costs.
    Without it few reports that happen to agree would have no error at all, and any other share would be a sure difference.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ldp_core.designs.base import UnitDesign
from ldp_core.errors import ParameterError
from ldp_core.estimation.difference import sampling_errors
from ldp_core.estimation.estimate import Estimate
from ldp_core.mechanisms.base import Mechanism
from ldp_core.mechanisms.blocked_mechanism import BlockedMechanism
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from ldp_core.mechanisms.tally import Tally
from ldp_core.types import FloatArray

__all__ = ["GroupShare", "group_share"]


class GroupShare(NamedTuple):
    """share: sum of the group's frequencies · standard_error: chance of who reported included.

    bound: the tally does not tell the correlations, so the error is the largest that any correlations give.
    """

    share: float
    standard_error: float
    bound: bool


def group_share(mechanism: Mechanism, tally: Tally, estimate: Estimate, items: Sequence[int]) -> GroupShare:
    """The share of all these items together.

    estimate: decoded from `tally` · items: different indices. Raises ParameterError for an item that is not there or twice.
    """
    k = mechanism.domain_size
    if not items or len(set(items)) != len(items) or not 0 <= min(items) <= max(items) < k:
        raise ParameterError(f"a group is one or more different items, each in 0..{k - 1}")
    chosen = list(items)
    share = float(estimate.frequencies[chosen].sum())
    counts_messages = isinstance(mechanism, DesignMechanism) and isinstance(mechanism.design, UnitDesign)
    if not isinstance(mechanism, DesignMechanism) or not counts_messages:
        return GroupShare(share, float(sampling_errors(estimate)[chosen].sum()), bound=True)
    weights = _weights(mechanism, chosen)
    if np.ptp(weights) == 0:  # all points together: their sum is 1, not nearly so
        return GroupShare(share, 0.0, bound=False)
    n = tally.n
    used = np.flatnonzero(tally.counts)
    counts = tally.counts[used].astype(np.float64)
    mean = float(counts @ weights[used]) / n
    off = (weights - mean) ** 2
    variance = (float(counts @ off[used]) + float(off.mean())) / n
    return GroupShare(share, float(np.sqrt(variance / n)), bound=False)


def _weights(mechanism: DesignMechanism, items: Sequence[int]) -> FloatArray:
    """w(m) up to a constant, which no variance sees.  (N,)"""
    supported = np.zeros(mechanism.report_space, dtype=np.int64)
    for item in items:
        supported[mechanism.supports(item)] += 1
    if not isinstance(mechanism, BlockedMechanism):
        return supported / float(mechanism.rates.gap)
    error = mechanism.error
    in_block = np.bincount(np.asarray(items) % error.blocks, minlength=error.blocks)  # item x lives in block x mod h
    beside = np.repeat(in_block, error.block_messages)
    weights: FloatArray = float(error.alpha) * supported + float(error.beta) * beside
    return weights
