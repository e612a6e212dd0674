"""What the perturbed-optimizer method is asked, checked before any work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.perturbed.noise import CovarianceNoise, GumbelNoise, Noise, NormalNoise
from ldp_core.analysis.perturbed.reading import choice, finite_array, integer, known_fields, number
from ldp_core.analysis.perturbed.solvers import Argmax, Assignment, GraphPath, GridPath, Ranks, Solver, TopK
from ldp_core.types import FloatArray

__all__ = ["LARGEST_JACOBIAN", "SCHEMA", "SOLVERS", "WANTED", "PerturbedRequest", "from_json"]

SOLVERS = ("argmax", "topk", "rank", "assignment", "grid_path", "graph_path")
WANTED = ("mean", "value", "jacobian", "vjp", "fy")
LARGEST_JACOBIAN = 256
_VALUES = {"type": "array", "items": {"type": ["number", "array"], "items": {"type": "number"}}, "minItems": 1}
SCHEMA: Mapping[str, Any] = schema.request(
    {
        "solver": schema.one_of("Optimizer", "what is maximised over", SOLVERS),
        "noise": {
            "type": "object",
            "title": "Noise",
            "description": "gumbel or normal with a sigma, or a covariance with its matrix",
            "properties": {
                "kind": {"type": "string", "enum": ["gumbel", "normal", "covariance"]},
                "sigma": {"type": "number", "exclusiveMinimum": 0},
                "matrix": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
            },
            "required": ["kind"],
            "additionalProperties": False,
        },
        "theta": schema.optional({**_VALUES, "title": "Theta", "description": "what is maximised; this or costs"}),
        "costs": schema.optional({**_VALUES, "title": "Costs", "description": "what is minimised; paths take costs"}),
        "k": schema.optional(schema.integer("k", "how many of the largest, for topk", 1, 100_000)),
        "grid": {
            "type": ["object", "null"],
            "title": "Grid",
            "description": "neighbours of a cell, for grid_path",
            "properties": {"neighbours": {"type": "integer", "enum": [4, 8]}},
            "additionalProperties": False,
            "default": None,
        },
        "edges": {
            "type": ["array", "null"],
            "title": "Edges",
            "description": "from node, to node, for graph_path",
            "items": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2},
            "default": None,
        },
        "source": {
            "type": "integer",
            "title": "Source",
            "description": "first node of a path, for graph_path",
            "minimum": 0,
            "default": 0,
        },
        "target": {
            "type": ["integer", "null"],
            "title": "Target",
            "description": "last node of a path, for graph_path",
            "minimum": 0,
            "default": None,
        },
        "num_samples": schema.integer("Samples", "of the noise", 100, 1_000_000, 4000),
        "control_variate": schema.flag("Control variate", "subtract the solution without noise: smaller errors", True),
        "want": schema.some_of("Wanted", "what to answer", WANTED, ("mean", "value")),
        "y_true": schema.optional(
            {**_VALUES, "title": "Target solution", "description": "of the loss, with fy in wanted"}
        ),
        "cotangent": schema.optional({**_VALUES, "title": "Cotangent", "description": "with vjp in wanted"}),
        "target_se": {
            "type": ["number", "null"],
            "title": "Wanted error",
            "description": "stop once every standard error is below this",
            "exclusiveMinimum": 0,
            "default": None,
        },
        "seed": schema.seed(),
    },
    required=("solver", "noise"),
)
_LARGEST_THETA = 100_000
_LARGEST_COVARIANCE = 2_000
_PATHS = ("grid_path", "graph_path")
_ONLY_FOR = {"k": ("topk",), "grid": ("grid_path",), "edges": ("graph_path",), "target": ("graph_path",)}


@dataclass(frozen=True, eq=False)
class PerturbedRequest:
    """An optimizer, its input, the noise, and what is wanted of them.

    solver: one of SOLVERS · theta: what is maximised, or costs: what is minimised (theta = -costs; paths take costs); one row
    of d numbers, or rows for assignment and grid_path · noise: {"kind": "gumbel" | "normal", "sigma": s} or {"kind":
    "covariance", "matrix": (d, d)} · k: for topk · grid: {"neighbours": 4 | 8} · edges, source, target: for graph_path ·
    num_samples: 100..1e6, fewer when target_se is reached · want: some of WANTED · y_true: for fy · cotangent: for vjp.
    Raises AnalysisError, and TooLargeError before memory is taken.
    """

    solver: str
    noise: Mapping[str, Any]
    theta: Sequence[Any] | None = None
    costs: Sequence[Any] | None = None
    k: int | None = None
    grid: Mapping[str, Any] | None = None
    edges: Sequence[Sequence[int]] | None = None
    source: int = 0
    target: int | None = None
    num_samples: int = 4000
    control_variate: bool = True
    want: Sequence[str] = ("mean", "value")
    y_true: Sequence[Any] | None = None
    cotangent: Sequence[Any] | None = None
    target_se: float | None = None
    seed: int = 0
    optimizer: Solver = field(init=False, repr=False)
    point: FloatArray = field(init=False, repr=False)
    """theta, flat.  (d,)"""
    law: Noise = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._check_words()
        values = self._values()
        object.__setattr__(self, "optimizer", self._solver(values))
        object.__setattr__(self, "point", (-values if self.theta is None else values).ravel())
        object.__setattr__(self, "law", self._noise())
        self._check_derivatives()

    def _check_words(self) -> None:
        choice(self.solver, "solver", SOLVERS)
        integer(self.num_samples, "num_samples", 100, 1_000_000)
        integer(self.seed, "seed", 0, 2**63 - 1)
        integer(self.source, "source", 0, _LARGEST_THETA)
        if self.target_se is not None:
            number(self.target_se, "target_se", 0, np.inf)
        if not isinstance(self.control_variate, bool):
            raise AnalysisError("control_variate must be true or false", code="not_boolean", field="control_variate")
        if isinstance(self.want, str) or not isinstance(self.want, Sequence) or not self.want:
            raise AnalysisError(
                f"want must be a list of some of {', '.join(WANTED)}", code="unknown_choice", field="want"
            )
        for word in self.want:
            choice(word, "want", WANTED)
        for name, solvers in _ONLY_FOR.items():
            if getattr(self, name) is not None and self.solver not in solvers:
                raise AnalysisError(f"{name} is only for {', '.join(solvers)}", code="not_for_this_solver", field=name)

    def _values(self) -> FloatArray:
        if (self.theta is None) == (self.costs is None):
            raise AnalysisError(
                "give either theta, which is maximised, or costs, which are minimised",
                code="theta_or_costs",
                field="theta",
            )
        name = "costs" if self.theta is None else "theta"
        values = finite_array(getattr(self, name), name, 2 if self.solver in {"assignment", "grid_path"} else 1)
        if values.size > _LARGEST_THETA:
            raise TooLargeError(
                f"{name} has {values.size:,} numbers; at most {_LARGEST_THETA:,}", code="too_large", field=name
            )
        if self.solver in _PATHS and name == "theta":
            raise AnalysisError("a path minimises: give costs", code="theta_or_costs", field="theta")
        if self.solver in _PATHS and values.min() < 0:
            raise AnalysisError("costs of a path must not be negative", code="negative_costs", field="costs")
        return values

    def _solver(self, values: FloatArray) -> Solver:
        if self.solver == "topk":
            if self.k is None:
                raise AnalysisError("topk needs k", code="missing_field", field="k")
            return TopK(values.size, integer(self.k, "k", 1, _LARGEST_THETA))
        if self.solver == "assignment":
            if values.shape[0] != values.shape[1]:
                raise AnalysisError(
                    f"an assignment needs as many columns as rows, got {values.shape}", code="not_square", field="theta"
                )
            return Assignment(values.shape[0])
        if self.solver == "grid_path":
            grid = {} if self.grid is None else self.grid
            if not isinstance(grid, Mapping) or set(grid) - {"neighbours"}:
                raise AnalysisError("grid has one field, neighbours", code="unknown_field", field="grid")
            return GridPath(values.shape[0], values.shape[1], grid.get("neighbours", 8))
        if self.solver == "graph_path":
            return self._graph(values)
        return Argmax(values.size) if self.solver == "argmax" else Ranks(values.size)

    def _graph(self, values: FloatArray) -> Solver:
        if isinstance(self.edges, str) or not isinstance(self.edges, Sequence) or not self.edges:
            raise AnalysisError("graph_path needs edges", code="missing_field", field="edges")
        if len(self.edges) != values.size:
            raise AnalysisError(
                f"{len(self.edges)} edges need as many costs, got {values.size}", code="wrong_length", field="costs"
            )
        return GraphPath(self.edges, self.source, self.target)

    def _noise(self) -> Noise:
        if not isinstance(self.noise, Mapping):
            raise AnalysisError("noise must be an object with a kind", code="not_an_object", field="noise")
        kind = choice(self.noise.get("kind"), "noise", ("gumbel", "normal", "covariance"))
        parameter = "matrix" if kind == "covariance" else "sigma"
        if set(self.noise) != {"kind", parameter}:
            raise AnalysisError(
                f"{kind} noise has the fields kind and {parameter}", code="unknown_field", field="noise"
            )
        if kind == "covariance":
            return self._covariance()
        sigma = self.noise["sigma"]
        if isinstance(sigma, bool) or not isinstance(sigma, int | float):
            raise AnalysisError("sigma must be a positive number", code="sigma_not_positive", field="noise")
        return GumbelNoise(sigma) if kind == "gumbel" else NormalNoise(sigma)

    def _covariance(self) -> Noise:
        d = self.point.size
        if d > _LARGEST_COVARIANCE:
            raise TooLargeError(
                f"a covariance of {d:,} entries; at most {_LARGEST_COVARIANCE:,}", code="too_large", field="noise"
            )
        noise = CovarianceNoise(finite_array(self.noise["matrix"], "noise", 2))
        if len(noise.matrix) != d:
            raise AnalysisError(
                f"the covariance must be {d} by {d}, got {noise.matrix.shape}", code="wrong_length", field="noise"
            )
        if not noise.has_density and {"jacobian", "vjp"} & set(self.want):
            raise AnalysisError(
                "derivatives need an invertible covariance; this one is singular",
                code="covariance_singular",
                field="noise",
            )
        return noise

    def _check_derivatives(self) -> None:
        if "jacobian" in self.want and self.point.size > LARGEST_JACOBIAN:
            raise TooLargeError(
                f"a Jacobian needs at most {LARGEST_JACOBIAN} entries of theta, got {self.point.size:,}; ask for vjp",
                code="jacobian_too_large",
                field="want",
            )
        for word, name in (("vjp", "cotangent"), ("fy", "y_true")):
            if (word in self.want) != (getattr(self, name) is not None):
                raise AnalysisError(f"{word} in want and {name} go together", code="missing_field", field=name)
        if self.y_true is not None:
            self._check_target(self.shaped("y_true"))

    def _check_target(self, y: FloatArray) -> None:
        low, high = (1.0, float(y.size)) if self.solver == "rank" else (0.0, 1.0)
        inside = y.min() >= low - 1e-9 and y.max() <= high + 1e-9
        if not inside or self.optimizer.residual(y) > 1e-6:
            raise AnalysisError(
                "y_true must be a solution or a mean of solutions: entries in range, and the sums that all solutions have",
                code="y_true_infeasible",
                field="y_true",
            )

    def shaped(self, name: str) -> FloatArray:
        """The field, of the shape of theta, flat.  -> (d,)"""
        array = finite_array(getattr(self, name), name, len(self.optimizer.shape))
        if array.shape != self.optimizer.shape:
            raise AnalysisError(
                f"{name} must have the shape {self.optimizer.shape}, got {array.shape}", code="wrong_length", field=name
            )
        return array.ravel()

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that was asked, with defaults."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init and getattr(self, f.name) is not None}


def from_json(body: Mapping[str, Any]) -> PerturbedRequest:
    """The request that a JSON object asks for. Raises AnalysisError naming a field that is unknown, missing or wrong."""
    derived = frozenset(f.name for f in fields(PerturbedRequest) if not f.init)
    return PerturbedRequest(**known_fields(body, PerturbedRequest, given=derived))
