"""One plan: what a collection of so many items at this privacy costs and gives, as a plain document.

The command line, the REST endpoint and the dashboard all show this document.
"""

from fractions import Fraction
from functools import lru_cache
from typing import Any

from ldp_core.errors import ParameterError
from ldp_core.mechanisms import Mechanism
from ldp_core.planning.advisor import RankedMechanism, rank_mechanisms, recommended
from ldp_core.planning.required_phones import epsilon_for_half_width, half_width, required_phones
from ldp_core.privacy.epsilon import EpsilonLike, format_epsilon, parse_epsilon

__all__ = ["describe", "make_plan"]


def make_plan(
    domain_size: int,
    *,
    epsilon: EpsilonLike | None = None,
    phones: int | None = None,
    target: float = 0.01,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """The recommended mechanism with its reason, the phones for the target, and the ranking of all.

    domain_size: k >= 2 · epsilon: exact; when left out, `phones` must be given and the smallest epsilon (to two decimals)
    that reaches the target with them is found · phones: n, for which the precision is stated · target: half the width of a
    rare item's interval, as a share (0.01 is one point) · confidence: of that interval.
    Raises ParameterError (or its kinds) saying what does not fit.
    """
    if phones is not None and phones < 1:
        raise ParameterError(f"phones must be at least 1, got {phones}")
    if epsilon is None and phones is None:
        raise ParameterError("give epsilon, or give phones and a target so that epsilon can be found")
    exact = (
        parse_epsilon(epsilon)
        if epsilon is not None
        else epsilon_for_half_width(domain_size, phones or 1, target, confidence=confidence)
    )
    ranking = _ranking(exact, domain_size)
    chosen = recommended(ranking, domain_size)
    return {
        **describe(chosen),
        "reason": _reason(chosen, ranking),
        "target": target,
        "confidence": confidence,
        "phones_for_target": required_phones(chosen.mechanism, target, confidence=confidence),
        "phones_for_target_any_item": _for_any_item(chosen.mechanism, target, confidence),
        "phones_for_target_simultaneous": required_phones(
            chosen.mechanism, target, confidence=confidence, simultaneous=True
        ),
        "headline": _headline(chosen.mechanism, target, confidence),
        "precision": _precision(chosen.mechanism, phones, confidence),
        "ranking": [describe(entry) for entry in ranking],
    }


@lru_cache(maxsize=128)
def _ranking(epsilon: Fraction, domain_size: int) -> tuple[RankedMechanism, ...]:
    """Remembered: who moves the number of phones or the target asks for the same ranking each time."""
    return rank_mechanisms(epsilon, domain_size)


def describe(entry: RankedMechanism) -> dict[str, Any]:
    """A mechanism's design, privacy, error and cost."""
    mechanism = entry.mechanism
    ratio = mechanism.likelihood_ratio
    return {
        "mechanism": mechanism.name,
        "parameters": dict(mechanism.parameters),
        "epsilon": format_epsilon(mechanism.epsilon),
        "likelihood_ratio": _fraction_text(ratio),
        "odds": float(ratio),
        "domain_size": mechanism.domain_size,
        "report_space": mechanism.report_space if mechanism.fits_collections else None,
        "report_bits": mechanism.report_bits,
        "over_optimum": entry.over_optimum,
        "decode_cost": mechanism.decode_cost,
        "decoders": list(mechanism.decoders),
        "usable": entry.usable,
    }


def _fraction_text(ratio: Fraction) -> str:
    return f"{ratio.numerator}/{ratio.denominator}"


def _reason(chosen: RankedMechanism, ranking: tuple[RankedMechanism, ...]) -> str:
    least = next(entry for entry in ranking if entry.usable)
    error = f"its error is {100 * (chosen.over_optimum - 1):.2f} % above the least possible"
    if chosen is least:
        return f"{error}, the least of the mechanisms that a collection can take"
    return f"{error}, within 0.2 % of the best, and it decodes faster"


def _headline(mechanism: Mechanism, target: float, confidence: float) -> str:
    phones = required_phones(mechanism, target, confidence=confidence)
    return f"{phones:,} phones for ±{100 * target:g} {'point' if target == 0.01 else 'points'}"


def _for_any_item(mechanism: Mechanism, target: float, confidence: float) -> int:
    return max(required_phones(mechanism, target, frequency=f, confidence=confidence) for f in (0.0, 1.0))


def _precision(mechanism: Mechanism, phones: int | None, confidence: float) -> dict[str, Any] | None:
    """What `phones` reports give: for a rare item, and for one that everybody holds."""
    if phones is None:
        return None
    return {
        "phones": phones,
        "standard_error_rare_item": mechanism.variance(phones, 0.0) ** 0.5,
        "standard_error_common_item": mechanism.variance(phones, 1.0) ** 0.5,
        "half_width_rare_item": half_width(mechanism, phones, confidence=confidence),
        "half_width_simultaneous": half_width(mechanism, phones, confidence=confidence, simultaneous=True),
    }
