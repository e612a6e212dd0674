"""A statistical audit: what randomizer outputs alone prove about epsilon.

The exact law (`exact_law`) is a proof for small instances. This is the test for everything else: a large instance, another
language, a black box. Reports for items x and x' are drawn and the event "supports x but not x'" is counted in both. Its probability
ratio is the largest there is, so with confidence 1 - a

    epsilon >= ln(lower bound of its rate under x / upper bound of its rate under x')

by Clopper & Pearson 1934, each bound at level a/2. A bound above the claimed epsilon refutes the claim; a bound far below it
with many draws means that the code adds more noise than it should. A second test compares how often a report supports its
own item with the published rate s, which notices a leak of 5 % in e^epsilon with far fewer draws.
Source: Jagielski, Ullman, Oprea, NeurIPS 2020 (bounds from events); the event is this project's.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ldp_core.errors import ParameterError
from ldp_core.estimation.error import SupportRates
from ldp_core.types import BoolArray, Reports

__all__ = ["Audit", "Auditable", "audit", "clopper_pearson", "epsilon_lower_bound"]

_DRAWS_AT_ONCE = 1 << 18


class Auditable(Protocol):
    """What an audit needs of a mechanism."""

    @property
    def epsilon(self) -> Fraction: ...
    @property
    def domain_size(self) -> int: ...
    @property
    def rates(self) -> SupportRates: ...
    def randomize_many(self, values: ArrayLike, rng: np.random.Generator) -> Reports: ...
    def supported(self, reports: ArrayLike, item: int) -> BoolArray: ...


@dataclass(frozen=True)
class Audit:
    """What the draws say.

    epsilon: claimed · draws: for each of the two items · hits, other_hits: how many supported x but not x' ·
    lower_bound: of epsilon, with this confidence · own_rate_p: probability of at least as many reports supporting
    x as were seen, if the published rate is true.
    """

    epsilon: Fraction
    draws: int
    confidence: float
    hits: int
    other_hits: int
    lower_bound: float
    own_hits: int
    own_rate: float
    own_rate_p: float

    @property
    def passed(self) -> bool:
        """Is neither the claimed epsilon nor the published rate refuted?"""
        return self.lower_bound <= self.epsilon and self.own_rate_p >= 1 - self.confidence


def audit(
    mechanism: Auditable,
    rng: np.random.Generator,
    *,
    draws: int = 1_000_000,
    items: tuple[int, int] = (0, 1),
    confidence: float = 0.99,
) -> Audit:
    """Draw reports for two items and bound epsilon from below.

    draws: for each item, at least 1 · items: x and x', different, each in 0..k-1 · confidence: of each of the two tests.
    An honest mechanism fails each test with probability at most 1 - confidence. Raises ParameterError for other arguments.
    """
    x, other = items
    if x == other:
        raise ParameterError(f"an audit compares two different items, got {x} twice")
    if draws < 1:
        raise ParameterError(f"an audit needs at least one draw for each item, got {draws}")
    hits, own_hits = _count(mechanism, x, items, draws, rng)
    other_hits, _ = _count(mechanism, other, items, draws, rng)
    own_rate = float(mechanism.rates.own)
    return Audit(
        epsilon=mechanism.epsilon,
        draws=draws,
        confidence=confidence,
        hits=hits,
        other_hits=other_hits,
        lower_bound=epsilon_lower_bound(hits, draws, other_hits, draws, confidence),
        own_hits=own_hits,
        own_rate=own_rate,
        own_rate_p=_upper_tail(own_hits, draws, own_rate),
    )


def _count(
    mechanism: Auditable, held: int, items: tuple[int, int], draws: int, rng: np.random.Generator
) -> tuple[int, int]:
    """Reports of phones holding `held`: how many support x but not x', and how many support x."""
    event = own = 0
    for start in range(0, draws, _DRAWS_AT_ONCE):
        reports = mechanism.randomize_many(np.full(min(_DRAWS_AT_ONCE, draws - start), held), rng)
        supports = mechanism.supported(reports, items[0])
        own += int(np.count_nonzero(supports))
        event += int(np.count_nonzero(supports & ~mechanism.supported(reports, items[1])))
    return event, own


def clopper_pearson(hits: int, trials: int, level: float) -> tuple[float, float]:
    """Exact bounds of a rate: each is wrong with probability at most `level`, whatever the rate is.

    0 <= hits <= trials, trials >= 1, 0 < level < 1. ParameterError otherwise.

    >>> low, high = clopper_pearson(0, 100, 0.025)
    >>> low, round(high, 4)
    (0.0, 0.0362)
    """
    from scipy.special import betaincinv

    if not (trials >= 1 and 0 <= hits <= trials and 0 < level < 1):
        raise ParameterError(
            f"bounds need 0 <= hits <= trials, trials >= 1 and 0 < level < 1, got {hits}, {trials}, {level}"
        )
    low = 0.0 if hits == 0 else float(betaincinv(hits, trials - hits + 1, level))
    high = 1.0 if hits == trials else float(betaincinv(hits + 1, trials - hits, 1 - level))
    return low, high


def epsilon_lower_bound(hits: int, trials: int, other_hits: int, other_trials: int, confidence: float = 0.99) -> float:
    """A lower bound of epsilon from one event seen `hits` times under one item and `other_hits` times under another.

    Wrong with probability at most 1 - confidence. 0 when the event proves nothing.

    >>> round(epsilon_lower_bound(7_000, 10_000, 3_000, 10_000), 3)
    0.791
    """
    if not 0 < confidence < 1:
        raise ParameterError(f"confidence must lie strictly between 0 and 1, got {confidence}; 0.99 is usual")
    level = (1 - confidence) / 2
    low, _ = clopper_pearson(hits, trials, level)
    _, high = clopper_pearson(other_hits, other_trials, level)
    return max(0.0, math.log(low / high)) if low > 0 else 0.0


def _upper_tail(hits: int, trials: int, rate: float) -> float:
    """Pr[Binomial(trials, rate) >= hits]."""
    from scipy.special import betainc

    return 1.0 if hits == 0 else float(betainc(hits, trials - hits + 1, rate))
