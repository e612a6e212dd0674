"""What a nonsmooth derivative is asked for, checked before any work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, boolean, choice, integer, real, request_from_json
from ldp_core.analysis.histogram import HISTOGRAM_FIELDS
from ldp_core.analysis.nonsmooth.binding import Histogram, bound_histogram
from ldp_core.analysis.nonsmooth.functionals import POSTS, functional_nodes, post_nodes
from ldp_core.analysis.nonsmooth.histogram_noise import HistogramNoise, StructuredNoise
from ldp_core.analysis.nonsmooth.program import Program, parse_program
from ldp_core.types import FloatArray

__all__ = ["LARGEST_INPUT", "DerivativeRequest", "Nearby", "TieRule", "from_json"]

LARGEST_INPUT = 5_000
_LARGEST_WORK = 20_000_000
_FAR = 1e300


@dataclass(frozen=True)
class TieRule:
    """tol: distance from a kink that counts as on it · policy: relu'(0) of the gradient that is reported as automatic."""

    tol: float = 0.0
    policy: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "tol", real("tie.tol", self.tol, 0, 1e6))
        object.__setattr__(self, "policy", real("tie.policy", self.policy, 0, 1))


@dataclass(frozen=True)
class Nearby:
    """samples points, `sigmas` times the noise away, or about `radius` times max(1, |x|) where no noise is known."""

    sigmas: float = 1.0
    samples: int = 100
    seed: int = 0
    radius: float = 1e-6

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigmas", real("neighbourhood.sigmas", self.sigmas, 0, 10, above=True))
        object.__setattr__(self, "samples", integer("neighbourhood.samples", self.samples, 0, 1000))
        object.__setattr__(self, "seed", integer("neighbourhood.seed", self.seed, 0, 2**63 - 1))
        object.__setattr__(self, "radius", real("neighbourhood.radius", self.radius, 0, 1, above=True))


@dataclass(frozen=True, eq=False)
class DerivativeRequest:
    """A function, the point where its derivative is wanted, and the noise of that point.

    Either inputs: numbers or lists by name, with standard_errors of the same form, and a program over these names;
    or bind: a histogram (see `binding`) with `post`, one of POSTS, and a functional or a program over `f`, the shares after `post`,
    and `estimates`, those before. · output: name of the result · tie, neighbourhood: see there · confidence: of the error bar ·
    allow_discontinuous: take operations that jump, without an error bar · vertices: list the corners of the hull.

    Raises AnalysisError, and TooLargeError before memory is taken.
    """

    inputs: Mapping[str, Any] | None = None
    bind: Mapping[str, Any] | None = None
    program: Sequence[Mapping[str, Any]] | None = None
    functional: Mapping[str, Any] | None = None
    output: str = "value"
    standard_errors: Mapping[str, Any] | None = None
    tie: Mapping[str, Any] | None = None
    neighbourhood: Mapping[str, Any] | None = None
    confidence: float = 0.95
    allow_discontinuous: bool = False
    vertices: bool = False
    ties: TieRule = field(init=False, repr=False)
    nearby: Nearby = field(init=False, repr=False)
    parsed: Program = field(init=False, repr=False)
    raw: Program | None = field(init=False, repr=False, default=None)
    """The same function of the estimates before post-processing."""
    point: Mapping[str, FloatArray] = field(init=False, repr=False)
    noise: HistogramNoise | None = field(init=False, repr=False, default=None)
    histogram: Histogram | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if not isinstance(self.output, str):
            raise AnalysisError("output must be the name of a node", code="wrong_type", field="output")
        confidence = real("confidence", self.confidence, 0, 1, above=True)
        if confidence == 1:
            raise AnalysisError("confidence must be below 1, got 1", code="out_of_range", field="confidence")
        self._set("confidence", confidence)
        self._set("ties", _part(TieRule, "tie", {} if self.tie is None else self.tie))
        self._set("nearby", _part(Nearby, "neighbourhood", {} if self.neighbourhood is None else self.neighbourhood))
        boolean("allow_discontinuous", self.allow_discontinuous)
        boolean("vertices", self.vertices)
        if (self.inputs is None) == (self.bind is None):
            raise AnalysisError(
                "give either inputs, by name, or bind, a histogram", code="inputs_or_bind", field="inputs"
            )
        if self.bind is None:
            self._take_inputs()
        else:
            self._take_histogram()
        self._check_kind_and_size()

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _take_inputs(self) -> None:
        if self.functional is not None:
            raise AnalysisError(
                "functional is for histograms; give a program", code="unknown_field", field="functional"
            )
        self._set("point", _numbers("inputs", self.inputs))
        self._set("parsed", parse_program(self.program, self.output, tuple(self.point)))
        if self.standard_errors is None:
            return
        errors = _numbers("standard_errors", self.standard_errors)
        if {name: len(x) for name, x in errors.items()} != {name: len(x) for name, x in self.point.items()}:
            raise AnalysisError(
                "standard_errors must have the names and sizes of inputs", code="wrong_shape", field="standard_errors"
            )
        flat = np.concatenate([errors[name] for name in self.point])
        if flat.min() < 0:
            raise AnalysisError("standard errors must not be negative", code="out_of_range", field="standard_errors")
        self._set("noise", StructuredNoise(flat**2))

    def _take_histogram(self) -> None:
        if not isinstance(self.bind, Mapping):
            raise AnalysisError("bind must be an object", code="wrong_type", field="bind")
        if self.standard_errors is not None:
            raise AnalysisError(
                "a histogram brings its own errors; standard_errors is for inputs",
                code="unknown_field",
                field="standard_errors",
            )
        if (self.program is None) == (self.functional is None):
            raise AnalysisError(
                "give either a functional, by name, or a program over f", code="program_or_functional", field="program"
            )
        post = choice("post", self.bind.get("post", "norm_sub"), tuple(POSTS))
        histogram = bound_histogram({name: value for name, value in self.bind.items() if name != "post"})
        k = len(histogram.frequencies)
        nodes = self._nodes(k)
        self._set("histogram", histogram)
        self._set("noise", histogram.noise)
        self._set("point", {"estimates": histogram.frequencies})
        first = post_nodes(post, k, histogram.noise_floor)
        self._set("parsed", parse_program([*first, *nodes], self.output, ("estimates",)))
        if post != "none":
            self._set("raw", parse_program([*post_nodes("none", k), *nodes], self.output, ("estimates",)))

    def _nodes(self, k: int) -> Sequence[Any]:
        if self.functional is not None:
            return functional_nodes(self.functional, k)
        if isinstance(self.program, str) or not isinstance(self.program, Sequence):
            raise AnalysisError("program must be a list of nodes", code="wrong_type", field="program")
        return self.program

    def _check_kind_and_size(self) -> None:
        if not self.parsed.continuous and not self.allow_discontinuous:
            raise AnalysisError(
                "the program jumps (step, sign, where, hard_threshold or base_cut), so no derivative describes it; "
                "use a continuous function, or set allow_discontinuous and do without an error bar",
                code="not_path_differentiable",
                field="program",
            )
        widest = max(self.parsed.longest_constant, *(len(numbers) for numbers in self.point.values()))
        if len(self.parsed.nodes) * widest > _LARGEST_WORK:
            raise TooLargeError(
                f"nodes times numbers must be at most {_LARGEST_WORK:,}, got {len(self.parsed.nodes)} times {widest:,}",
                field="program",
            )

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that was asked, with defaults; a histogram by its origin."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        given |= {"tie": dict(vars(self.ties)), "neighbourhood": dict(vars(self.nearby))}
        if self.bind is not None and self.histogram is not None:
            given["bind"] = {"post": self.bind.get("post", "norm_sub"), **self.histogram.origin}
        return given


def _part(kind: type[Any], name: str, value: object) -> Any:
    """A nested object of a request."""
    try:
        return request_from_json(kind, value)
    except AnalysisError as error:
        raise AnalysisError(f"{name}: {error}", code=error.code, field=name) from error


def _numbers(name: str, given: object) -> dict[str, FloatArray]:
    """Numbers and lists by name, as lists. Raises AnalysisError or TooLargeError."""
    if not isinstance(given, Mapping) or not given:
        raise AnalysisError(f"{name} must be an object of numbers and lists by name", code="wrong_type", field=name)
    sizes = [len(value) if isinstance(value, Sequence | np.ndarray) else 1 for value in given.values()]
    if sum(sizes) > LARGEST_INPUT:
        raise TooLargeError(f"at most {LARGEST_INPUT:,} numbers, got {sum(sizes):,}", field=name)
    numbers = {}
    for key, value in given.items():
        row = array(f"{name}.{str(key)[:60]}", value if isinstance(value, Sequence | np.ndarray) else [value], 1)
        if not len(row):
            raise AnalysisError(f"{name}.{str(key)[:60]} is empty", code="wrong_shape", field=f"{name}.{str(key)[:60]}")
        numbers[str(key)] = row
    return numbers


def from_json(body: object) -> DerivativeRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range.

    mechanism, counts and n may also stand beside the other fields, as in other analyses of a collection; they are part of bind.
    """
    if isinstance(body, Mapping) and any(name in body for name in HISTOGRAM_FIELDS):
        beside = {name: body[name] for name in HISTOGRAM_FIELDS if name in body}
        bind = {} if body.get("bind") is None else body["bind"]
        if not isinstance(bind, Mapping) or any(name in bind for name in HISTOGRAM_FIELDS):
            raise AnalysisError(
                "mechanism and counts stand either in bind or beside it", code="unknown_field", field="bind"
            )
        rest = {name: value for name, value in body.items() if name not in HISTOGRAM_FIELDS}
        body = rest | {"bind": {**bind, **beside}}
    return request_from_json(DerivativeRequest, body)
