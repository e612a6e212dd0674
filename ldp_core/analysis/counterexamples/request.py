"""What a solver is put through, checked before any work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any

from ldp_core.analysis.counterexamples.solvers import SOLVERS
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import choice, integer, real, request_from_json

__all__ = [
    "INSTANCES",
    "MIRROR",
    "CycleParams",
    "QuadraticParams",
    "SpiralParams",
    "StressRequest",
    "from_json",
    "rational",
]

MIRROR = "mirror"
FLOAT_STEPS, RATIONAL_STEPS = 24, 40
"""Most steps of the square's path: float64 holds values up to 1e111, and fractions grow long."""

_ARITHMETICS = ("float64", "rational")
_LONGEST_NUMBER = 40
_LARGEST_DENOMINATOR = 1000


def rational(name: str, value: object) -> Fraction:
    """An exact number from a text as "1/2" or "0.25", or from a number. Raises AnalysisError `not_rational`."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > _LONGEST_NUMBER:
        raise AnalysisError(f'{name} must be a fraction as "1/2", or a number', code="not_rational", field="params")
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError) as error:
        raise AnalysisError(
            f'{name} must be a fraction as "1/2", got {str(value)!r}', code="not_rational", field="params"
        ) from error


def _short_rational(name: str, value: object, high: int | None, *, above: int = 0) -> Fraction:
    number = rational(name, value)
    if number <= above or (high is not None and number >= high):
        wanted = f"above {above}" if high is None else f"strictly between {above} and {high}"
        raise AnalysisError(f"{name} must be {wanted}, got {number}", code="out_of_range", field="params")
    if max(number.denominator, number.numerator) > _LARGEST_DENOMINATOR:
        raise TooLargeError(
            f"{name} must have a numerator and denominator of at most {_LARGEST_DENOMINATOR}: exact numbers would grow too long",
            field="params",
        )
    return number


@dataclass(frozen=True)
class CycleParams:
    """N: steps · p: power of the hinges · o_j = c q^j: how the path closes in."""

    N: int = 24
    p: int = 4
    q: Fraction = Fraction(1, 2)
    c: Fraction = Fraction(1, 4)

    def __post_init__(self) -> None:
        object.__setattr__(self, "N", integer("params.N", self.N, 1, RATIONAL_STEPS))
        object.__setattr__(self, "p", integer("params.p", self.p, 3, 8))
        object.__setattr__(self, "q", _short_rational("params.q", self.q, 1))
        object.__setattr__(self, "c", _short_rational("params.c", self.c, None))


@dataclass(frozen=True)
class SpiralParams:
    """A, w: how far and how fast the iterates swing · r: offset that is kept · steps."""

    A: float = 1.0
    w: float = 4.0
    r: float = 0.0
    steps: int = 20_000

    def __post_init__(self) -> None:
        object.__setattr__(self, "A", real("params.A", self.A, 0, 100, above=True))
        object.__setattr__(self, "w", real("params.w", self.w, 0, 100, above=True))
        object.__setattr__(self, "r", real("params.r", self.r, -100, 100))
        object.__setattr__(self, "steps", integer("params.steps", self.steps, 1, 1_000_000))


@dataclass(frozen=True)
class QuadraticParams:
    """mu, L: least and largest curvature · steps."""

    mu: Fraction = Fraction(1)
    L: Fraction = Fraction(10)
    steps: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "mu", _short_rational("params.mu", self.mu, None))
        object.__setattr__(self, "L", _short_rational("params.L", self.L, None))
        object.__setattr__(self, "steps", integer("params.steps", self.steps, 1, 10_000))
        if not self.mu < self.L:
            raise AnalysisError(
                f"params.mu must be below params.L, got {self.mu} and {self.L}", code="out_of_range", field="params"
            )


INSTANCES: Mapping[str, tuple[type[Any], tuple[str, ...]]] = {
    "els": (CycleParams, tuple(SOLVERS)),
    "bregman": (SpiralParams, (MIRROR,)),
    "quadratic": (QuadraticParams, tuple(SOLVERS)),
}
"""Each instance with its parameters and the solvers that can be run on it, the one it is made for first."""


@dataclass(frozen=True)
class StressRequest:
    """instance: one of INSTANCES · params: of the instance · solvers: to be run; the one that the instance is made for when left out ·
    arithmetic: float64 runs solvers, rational follows the exact path (els only) · perturb: deviation of the start · seed: of the perturbation ·
    max_iterations: of the other solvers.

    Raises AnalysisError, and TooLargeError.
    """

    instance: str = "els"
    params: Mapping[str, Any] | None = None
    solvers: Sequence[str] | None = None
    arithmetic: str = "float64"
    perturb: float = 0.0
    seed: int = 0
    max_iterations: int = 2000
    chosen: Any = field(init=False, repr=False)
    """The parameters of the instance."""

    def __post_init__(self) -> None:
        kind, able = INSTANCES[choice("instance", self.instance, tuple(INSTANCES))]
        choice("arithmetic", self.arithmetic, _ARITHMETICS)
        object.__setattr__(self, "perturb", real("perturb", self.perturb, 0, 1))
        object.__setattr__(self, "seed", integer("seed", self.seed, 0, 2**63 - 1))
        object.__setattr__(self, "max_iterations", integer("max_iterations", self.max_iterations, 1, 10_000))
        object.__setattr__(self, "chosen", _params(kind, {} if self.params is None else self.params))
        object.__setattr__(self, "solvers", self._checked_solvers(able))
        self._check_arithmetic()

    def _checked_solvers(self, able: tuple[str, ...]) -> tuple[str, ...]:
        if self.solvers is None:
            return () if self.arithmetic == "rational" else able[:1]
        if isinstance(self.solvers, str) or not isinstance(self.solvers, Sequence):
            raise AnalysisError("solvers must be a list of names", code="wrong_type", field="solvers")
        for name in self.solvers:
            choice("solvers", name, (*SOLVERS, MIRROR))
            if name not in able:
                raise AnalysisError(
                    f"{name} does not fit {self.instance}, which takes {', '.join(able)}",
                    code="not_for_this_instance",
                    field="solvers",
                )
        return tuple(dict.fromkeys(self.solvers))

    def _check_arithmetic(self) -> None:
        if self.arithmetic == "float64":
            if self.instance == "els" and self.chosen.N > FLOAT_STEPS:
                raise TooLargeError(
                    f"float64 holds at most {FLOAT_STEPS} steps of this path, got {self.chosen.N}; use arithmetic = rational",
                    field="params",
                )
            return
        if self.instance != "els":
            raise AnalysisError(
                f"rational arithmetic is for els; {self.instance} has a closed form",
                code="not_for_this_instance",
                field="arithmetic",
            )
        if self.solvers or self.perturb:
            raise AnalysisError(
                "rational arithmetic follows the exact path: leave out solvers and perturb",
                code="not_for_this_instance",
                field="solvers" if self.solvers else "perturb",
            )

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that was asked, with defaults; exact numbers as texts."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        shown = {k: str(v) if isinstance(v, Fraction) else v for k, v in vars(self.chosen).items()}
        return given | {"params": shown}


def _params(kind: type[Any], given: object) -> Any:
    try:
        return request_from_json(kind, given)
    except AnalysisError as error:
        kept = TooLargeError if isinstance(error, TooLargeError) else AnalysisError
        raise kept(f"params: {error}", code=error.code, field="params") from error


def from_json(body: object) -> StressRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(StressRequest, body)
