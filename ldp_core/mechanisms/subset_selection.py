"""Subset selection: the phone names w of the k items, and its own is among them with probability T / 2^64.

Optimal among all epsilon-LDP mechanisms at the right w.
Source: Ye, Barg, "Optimal schemes for discrete distribution estimation under LDP", IEEE Trans. IT 2018; Wang et al. 2016.
"""

import math
from fractions import Fraction

from ldp_core.designs.complete import CompleteDesign
from ldp_core.estimation.error import SupportRates, total_squared_error
from ldp_core.mechanisms.design_mechanism import DesignMechanism, checked_domain_size
from ldp_core.privacy.epsilon import EpsilonLike, parse_epsilon
from ldp_core.types import Counts, SupportCounts

__all__ = ["NAME", "best_subset_size", "subset_selection"]

NAME = "subset_selection"


def _identity(counts: Counts) -> SupportCounts:
    """The tally counts the reports that hold each item: these are the support counts."""
    return counts


def subset_selection(*, epsilon: EpsilonLike, domain_size: int, subset_size: int | None = None) -> DesignMechanism:
    """Subset selection over the w-subsets of k items: N = C(k, w) messages, ranked by `SubsetRanking`.

    epsilon: exact, 0 < epsilon <= 24 · domain_size: k >= 2 · subset_size: w, 1 <= w < k, the better of the two around
    k / (e^epsilon + 1) when left out.
    Raises ParameterError when a report would need more than 62 bits; a collection takes at most 32 (`fits_collections`).
    """
    k, exact = checked_domain_size(domain_size), parse_epsilon(epsilon)
    w = best_subset_size(exact, k) if subset_size is None else subset_size
    return DesignMechanism(
        NAME,
        CompleteDesign(k, w),
        epsilon=exact,
        domain_size=k,
        parameters={"subset_size": w},
        decoders={"counting": _identity},
        decode_cost=k,
        count_cost=w * k.bit_length(),
    )


def best_subset_size(epsilon: Fraction, domain_size: int) -> int:
    """The w of least error: floor or ceiling of k / (e^epsilon + 1), within 1..k-1.

    >>> best_subset_size(Fraction(1), 10), best_subset_size(Fraction(5), 10)
    (3, 1)
    """
    k = domain_size
    ideal = k / (math.exp(epsilon) + 1)
    sizes = sorted({min(max(w, 1), k - 1) for w in (math.floor(ideal), math.ceil(ideal))})
    return min(sizes, key=lambda w: _total_error(epsilon, k, w))


def _total_error(epsilon: Fraction, k: int, w: int) -> float:
    weight = w * math.exp(epsilon)
    own = weight / (weight + k - w)
    # another item is among the w with probability (w - 1)/(k - 1) beside the own one, else w/(k - 1)
    other = own * (w - 1) / (k - 1) + (1 - own) * w / (k - 1)
    return total_squared_error(SupportRates(Fraction(own), Fraction(other)), k)
