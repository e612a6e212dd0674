"""Numbers that describe a histogram, and ways to make it consistent, as programs.

Each is a list of nodes over the list `f` of k shares, which ends in `value`; a consistency step goes from `estimates` to `f`.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.fields import array, choice, integer, real
from ldp_core.types import FloatArray

__all__ = ["FUNCTIONALS", "POSTS", "functional_nodes", "post_nodes"]

JsonNode: TypeAlias = dict[str, Any]

POSTS: Mapping[str, tuple[JsonNode, ...]] = {
    "none": ({"out": "f", "op": "slice", "args": ["estimates"]},),
    "clip": ({"out": "f", "op": "clip", "args": ["estimates"], "low": 0.0, "high": 1.0},),
    "norm_sub": ({"out": "f", "op": "norm_sub", "args": ["estimates"]},),
    "simplex": ({"out": "f", "op": "simplex", "args": ["estimates"]},),
    "norm_mul": (
        {"out": "post.positive", "op": "relu", "args": ["estimates"]},
        {"out": "post.sum", "op": "sum", "args": ["post.positive"]},
        {"out": "f", "op": "div", "args": ["post.positive", "post.sum"]},
    ),
    "isotonic": ({"out": "f", "op": "isotonic", "args": ["estimates"], "direction": "decreasing"},),
    "base_cut": ({"out": "f", "op": "hard_threshold", "args": ["estimates"], "threshold": 0.0},),
}
"""Consistency steps by name. `base_cut` jumps, so it is refused; isotonic expects items in falling order."""


def post_nodes(name: str, k: int, noise_floor: float | None = None) -> list[JsonNode]:
    """The nodes from `estimates` to `f`. noise_floor: threshold of base_cut."""
    nodes = [dict(node) for node in POSTS[choice("post", name, tuple(POSTS))]]
    if name == "none":
        nodes[0] |= {"start": 0, "stop": k}
    if name == "base_cut" and noise_floor is not None:
        nodes[0]["threshold"] = noise_floor
    return nodes


def _total_variation(k: int, given: Mapping[str, Any]) -> list[JsonNode]:
    return [
        {"out": "reference", "op": "constant", "value": _reference(k, given)},
        {"out": "difference", "op": "sub", "args": ["f", "reference"]},
        {"out": "distance", "op": "abs", "args": ["difference"]},
        {"out": "sum_of_distances", "op": "sum", "args": ["distance"]},
        {"out": "half", "op": "constant", "value": 0.5},
        {"out": "value", "op": "mul", "args": ["half", "sum_of_distances"]},
    ]


def _max_cell(_k: int, _given: Mapping[str, Any]) -> list[JsonNode]:
    return [{"out": "value", "op": "largest", "args": ["f"]}]


def _gini(k: int, _given: Mapping[str, Any]) -> list[JsonNode]:
    # sum over pairs of |f_i - f_j| = sum_i (2 i - k - 1) f_(i) with f_(1) <= f_(2) <= …
    weights = (2 * np.arange(1, k + 1) - k - 1) / k
    return [
        {"out": "sorted", "op": "sort", "args": ["f"]},
        {"out": "weights", "op": "constant", "value": weights},
        {"out": "spread", "op": "dot", "args": ["sorted", "weights"]},
        {"out": "total", "op": "sum", "args": ["f"]},
        {"out": "value", "op": "div", "args": ["spread", "total"]},
    ]


def _quantile(_k: int, given: Mapping[str, Any]) -> list[JsonNode]:
    level = real("functional.level", given.get("level", 0.5), 0, 1)
    return [{"out": "value", "op": "quantile", "args": ["f"], "level": level}]


def _wasserstein(k: int, given: Mapping[str, Any]) -> list[JsonNode]:
    # the last running sums are both the total, so they say nothing
    return [
        {"out": "running", "op": "cumsum", "args": ["f"]},
        {"out": "but_last", "op": "slice", "args": ["running"], "start": 0, "stop": k - 1},
        {"out": "reference", "op": "constant", "value": np.cumsum(_reference(k, given))[:-1]},
        {"out": "difference", "op": "sub", "args": ["but_last", "reference"]},
        {"out": "distance", "op": "abs", "args": ["difference"]},
        {"out": "value", "op": "sum", "args": ["distance"]},
    ]


def _top_k_mass(k: int, given: Mapping[str, Any]) -> list[JsonNode]:
    count = integer("functional.count", given.get("count", min(10, k - 1)), 1, k)
    return [{"out": "value", "op": "top_sum", "args": ["f"], "count": count}]


def _cell(k: int, given: Mapping[str, Any]) -> list[JsonNode]:
    item = integer("functional.item", given.get("item", 0), 0, k - 1)
    return [{"out": "value", "op": "slice", "args": ["f"], "start": item, "stop": item + 1}]


FUNCTIONALS: Mapping[str, tuple[Callable[[int, Mapping[str, Any]], list[JsonNode]], frozenset[str]]] = {
    "total_variation": (_total_variation, frozenset({"reference"})),
    "max_cell": (_max_cell, frozenset()),
    "gini": (_gini, frozenset()),
    "quantile": (_quantile, frozenset({"level"})),
    "wasserstein": (_wasserstein, frozenset({"reference"})),
    "top_k_mass": (_top_k_mass, frozenset({"count"})),
    "cell": (_cell, frozenset({"item"})),
}
"""Functionals by name, each with the parameters it may be given. Distances are to `reference`, uniform when left out."""


def functional_nodes(functional: object, k: int) -> list[JsonNode]:
    """The nodes of {"name": …, …}. Raises AnalysisError with field `functional`."""
    if not isinstance(functional, Mapping) or "name" not in functional:
        raise AnalysisError(
            f"functional must be an object with a name of {', '.join(FUNCTIONALS)}",
            code="wrong_type",
            field="functional",
        )
    name = choice("functional", functional["name"], tuple(FUNCTIONALS))
    build, known = FUNCTIONALS[name]
    for parameter in functional:
        if parameter != "name" and parameter not in known:
            taken = ", ".join(sorted(known)) or "no parameters"
            raise AnalysisError(
                f"{name} takes {taken}, got {str(parameter)[:60]!r}", code="unknown_field", field="functional"
            )
    return build(k, functional)


def _reference(k: int, given: Mapping[str, Any]) -> FloatArray:
    if given.get("reference") is None:
        return np.full(k, 1 / k)
    reference = array("functional.reference", given["reference"], 1)
    if len(reference) != k or reference.min() < 0 or abs(float(reference.sum()) - 1) > 1e-6:
        raise AnalysisError(
            f"reference must be {k} shares that are not negative and sum to 1", code="wrong_shape", field="functional"
        )
    return reference
