"""How many phones a target needs, what a number of phones gives, and which epsilon makes both meet.

Half of a confidence interval's width at frequency f from n reports is z sqrt(Var(f_hat)), Var = (v0 + (v1 - v0) f) / n.
"""

import math
from fractions import Fraction

from ldp_core.errors import ParameterError
from ldp_core.estimation.intervals import critical_value
from ldp_core.mechanisms import Mechanism, create
from ldp_core.mechanisms.design_mechanism import checked_domain_size
from ldp_core.privacy.epsilon import MAX_EPSILON

__all__ = ["SMALLEST_TARGET", "epsilon_for_half_width", "half_width", "required_phones"]

SMALLEST_TARGET = 1e-9
"""Half widths below this ask for more phones than a double can count."""

_SMALLEST_EPSILON = Fraction(1, 100)
_STEPS_PER_UNIT = 100
"""Epsilon is found to two decimals, rounded up: the smallest that reaches the target."""


def half_width(
    mechanism: Mechanism, phones: int, *, frequency: float = 0.0, confidence: float = 0.95, simultaneous: bool = False
) -> float:
    """Half the width of the confidence interval of an item of that frequency, as a share (0.01 is one point).

    simultaneous: for all k items together. Raises ParameterError for phones < 1 or a frequency outside 0..1.
    """
    _check_frequency(frequency)
    z = critical_value(confidence, mechanism.domain_size if simultaneous else 1)
    return z * math.sqrt(mechanism.variance(phones, frequency))


def required_phones(
    mechanism: Mechanism, target: float, *, frequency: float = 0.0, confidence: float = 0.95, simultaneous: bool = False
) -> int:
    """The fewest reports with which the interval is at most `target` to either side.

    target: a share of at least SMALLEST_TARGET (0.01 is one point) · frequency: of the item, 0 for a rare one.

    >>> from ldp_core.mechanisms import create
    >>> required_phones(create("projective_geometry", epsilon=1, domain_size=100_000), 0.01)
    141813
    """
    _check_target(target)
    wide = half_width(mechanism, 1, frequency=frequency, confidence=confidence, simultaneous=simultaneous)
    return max(1, math.ceil((wide / target) ** 2 * (1 - 1e-12)))


def epsilon_for_half_width(
    domain_size: int,
    phones: int,
    target: float,
    *,
    name: str = "projective_geometry",
    confidence: float = 0.95,
    simultaneous: bool = False,
) -> Fraction:
    """The smallest epsilon, to two decimals, at which so many phones reach the target for a rare item.

    domain_size: k >= 2 · phones: n >= 1 · target: half width as a share.
    Raises ParameterError when even the largest epsilon does not reach it.
    """
    k = checked_domain_size(domain_size)
    _check_target(target)

    def reaches(steps: int) -> bool:
        mechanism = create(name, epsilon=Fraction(steps, _STEPS_PER_UNIT), domain_size=k)
        return half_width(mechanism, phones, confidence=confidence, simultaneous=simultaneous) <= target

    low, high = int(_SMALLEST_EPSILON * _STEPS_PER_UNIT), int(MAX_EPSILON * _STEPS_PER_UNIT)
    if not reaches(high):
        raise ParameterError(
            f"{phones:,} phones do not reach a half width of {target} at any epsilon; ask more phones or accept a wider interval"
        )
    while low < high:
        middle = (low + high) // 2
        if reaches(middle):
            high = middle
        else:
            low = middle + 1
    return Fraction(low, _STEPS_PER_UNIT)


def _check_target(target: float) -> None:
    if not SMALLEST_TARGET <= target < 1:
        raise ParameterError(
            f"the target is a share from {SMALLEST_TARGET:g} to below 1, such as 0.01 for one point; got {target}"
        )


def _check_frequency(frequency: float) -> None:
    if not 0 <= frequency <= 1:
        raise ParameterError(f"a frequency lies in 0..1, got {frequency}")
