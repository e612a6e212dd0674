"""The curves behind a plan: how error falls with epsilon and with phones, and how mechanisms compare along epsilon.

The error of a curve is half of the 95 % interval's width, in root mean square over the items: z sqrt(E / (k n)) where E is n times
the summed variance of all k estimates.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from ldp_core.errors import ParameterError
from ldp_core.estimation import optimal_total_squared_error
from ldp_core.estimation.intervals import critical_value
from ldp_core.mechanisms import Mechanism, create
from ldp_core.planning import rank_mechanisms
from ldp_core.privacy.epsilon import parse_epsilon
from server.refusals import InvalidParameters

__all__ = [
    "COMPARED_EPSILONS",
    "CurvePoint",
    "MeasuredError",
    "MechanismPoint",
    "error_over_epsilon",
    "error_over_phones",
    "measured_errors",
    "mechanism_curves",
    "mechanism_error",
]

COMPARED_EPSILONS = ("0.25", "0.5", "1", "2", "3", "4", "5", "6")
"""Where mechanisms are compared along epsilon: each point ranks all of them exactly."""

_MOST_MEASURED_ITEMS = 4_096
_SEED = 20_261_125
_ROUNDS = 3


@dataclass(frozen=True)
class CurvePoint:
    """x: epsilon or phones · half_width: a share."""

    x: float
    half_width: float


@dataclass(frozen=True)
class MechanismPoint:
    """A mechanism's exact error over the least possible, at one epsilon."""

    mechanism: str
    epsilon: float
    over_optimum: float


@dataclass(frozen=True)
class MeasuredError:
    """The same of simulated phones. rounds: independent fleets that were averaged · phones: in each."""

    mechanism: str
    epsilon: float
    over_optimum: float
    phones: int
    rounds: int


def error_over_epsilon(
    domain_size: int, phones: int, epsilons: tuple[float, ...], confidence: float
) -> tuple[CurvePoint, ...]:
    """The least error that any mechanism of each epsilon can have."""
    z = critical_value(confidence)
    return tuple(
        CurvePoint(epsilon, _half_width(_optimum(epsilon, domain_size), domain_size, phones, z)) for epsilon in epsilons
    )


def error_over_phones(
    mechanism: str, epsilon: str, domain_size: int, phones: tuple[int, ...], confidence: float
) -> tuple[CurvePoint, ...]:
    """The error of one mechanism at each number of phones."""
    total, z = _total_error(mechanism, epsilon, domain_size), critical_value(confidence)
    return tuple(CurvePoint(n, _half_width(total, domain_size, n, z)) for n in phones)


def mechanism_error(mechanism: str, epsilon: str, domain_size: int, phones: int, confidence: float) -> float:
    """The same at one number of phones."""
    return error_over_phones(mechanism, epsilon, domain_size, (phones,), confidence)[0].half_width


@lru_cache(maxsize=64)
def mechanism_curves(domain_size: int) -> tuple[MechanismPoint, ...]:
    """Every mechanism at every epsilon of `COMPARED_EPSILONS`. Raises InvalidParameters."""
    try:
        return tuple(
            MechanismPoint(entry.mechanism.name, float(Fraction(epsilon)), entry.over_optimum)
            for epsilon in COMPARED_EPSILONS
            for entry in rank_mechanisms(epsilon, domain_size)
        )
    except ParameterError as error:
        raise InvalidParameters.of("items", str(error)) from error


@lru_cache(maxsize=64)
def measured_errors(domain_size: int, epsilon: str) -> tuple[MeasuredError, ...]:
    """Fleets of simulated phones for each mechanism, decoded, and their squared error over the least possible.

    All phones draw their answer from the same falling shares; the seed is fixed, so the numbers are too. Only in the background
    thread of `Estimates`. Raises InvalidParameters for more than 4,096 items: they would take too long for a page.
    """
    if domain_size > _MOST_MEASURED_ITEMS:
        raise InvalidParameters.of(
            "items", f"errors are measured up to {_MOST_MEASURED_ITEMS:,} items here, got {domain_size:,}"
        )
    phones = max(2_000, 4 * domain_size)
    optimum = optimal_total_squared_error(parse_epsilon(epsilon), domain_size)
    return tuple(
        MeasuredError(
            entry.mechanism.name,
            float(entry.mechanism.epsilon),
            _measured(entry.mechanism, phones) / optimum,
            phones,
            _ROUNDS,
        )
        for entry in rank_mechanisms(epsilon, domain_size)
        if entry.usable
    )


def _measured(mechanism: Mechanism, phones: int) -> float:
    """n times the summed squared error of all items, the phones' data fixed, averaged over some fleets."""
    rng = np.random.default_rng(_SEED)
    k = mechanism.domain_size
    weights = 1 / np.arange(1, k + 1)
    answers = rng.choice(k, size=phones, p=weights / weights.sum())
    truth = np.bincount(answers, minlength=k) / phones
    squared = [
        float(np.sum((mechanism.decode(mechanism.tally(mechanism.randomize_many(answers, rng))).frequencies - truth) ** 2))
        for _ in range(_ROUNDS)
    ]  # fmt: skip
    return phones * float(np.mean(squared))


@lru_cache(maxsize=8_192)
def _optimum(epsilon: float, domain_size: int) -> float:
    return optimal_total_squared_error(Fraction(str(epsilon)), domain_size)


@lru_cache(maxsize=1_024)
def _total_error(mechanism: str, epsilon: str, domain_size: int) -> float:
    return create(mechanism, epsilon=epsilon, domain_size=domain_size).total_squared_error()


def _half_width(total: float, domain_size: int, phones: int, z: float) -> float:
    return z * math.sqrt(total / (domain_size * phones))
