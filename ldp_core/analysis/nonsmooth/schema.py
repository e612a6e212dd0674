"""The JSON Schema of a nonsmooth derivative request."""

from collections.abc import Mapping
from typing import Any

from ldp_core.analysis import schema
from ldp_core.analysis.histogram import HISTOGRAM_PROPERTIES
from ldp_core.analysis.nonsmooth.functionals import FUNCTIONALS, POSTS
from ldp_core.analysis.nonsmooth.program import LARGEST_PROGRAM

__all__ = ["SCHEMA"]


def _by_name(title: str, description: str) -> dict[str, Any]:
    """Numbers and lists by name."""
    one = {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}, "minItems": 1}]}
    described = {"type": "object", "title": title, "description": description, "minProperties": 1}
    return schema.optional({**described, "additionalProperties": one})


def _part(title: str, description: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """A nested object, each of whose fields has a default."""
    return schema.optional({"title": title, "description": description, **schema.request(properties)})


def _open_interval(title: str, description: str, default: float) -> dict[str, Any]:
    described = {"type": "number", "title": title, "description": description, "default": default}
    return {**described, "exclusiveMinimum": 0, "exclusiveMaximum": 1}


_COLLECTION = {"type": "string", "title": "Collection", "description": "looked up by the service"}

SCHEMA: Mapping[str, Any] = schema.request(
    {
        "inputs": _by_name("Inputs", "where the derivative is wanted: numbers and lists by name, at most 5000 numbers"),
        "bind": schema.optional(
            {
                "type": "object",
                "title": "Histogram",
                "description": "counts and mechanism, or estimates with covariance or standard_errors; and how they are made consistent",
                "properties": {
                    "collection_id": _COLLECTION,
                    "histogram_id": _COLLECTION,
                    **HISTOGRAM_PROPERTIES,
                    "estimates": schema.numbers("Estimates", "unbiased shares of the items"),
                    "standard_errors": schema.numbers("Standard errors", "of independent estimates"),
                    "covariance": schema.rows("Covariance", "of the estimates, at most 2000 items"),
                    "post": schema.one_of(
                        "Post-processing",
                        "how estimates become shares f; base_cut jumps and needs allow_discontinuous",
                        tuple(POSTS),
                        "norm_sub",
                    ),
                },
            }
        ),
        **{name: schema.optional(HISTOGRAM_PROPERTIES[name]) for name in ("mechanism", "counts")},
        "n": HISTOGRAM_PROPERTIES["n"],
        "program": schema.optional(
            {
                "type": "array",
                "title": "Program",
                "description": 'nodes {"out", "op", "args"} with the parameters of the operation beside them',
                "items": {"type": "object"},
                "maxItems": LARGEST_PROGRAM,
            }
        ),
        "functional": schema.optional(
            {
                "type": "object",
                "title": "Functional",
                "description": "a number that describes the histogram, instead of a program",
                "properties": {
                    "name": schema.one_of("Name", "which", tuple(FUNCTIONALS)),
                    "reference": schema.numbers(
                        "Reference", "shares that total_variation and wasserstein compare with"
                    ),
                    "level": _open_interval("Level", "of the quantile", 0.5),
                    "count": schema.integer("Count", "cells of top_k_mass", 1, 50_000),
                    "item": schema.integer("Item", "of cell", 0, 49_999, 0),
                },
                "required": ["name"],
            }
        ),
        "output": {
            "type": "string",
            "title": "Output",
            "description": "the node whose value is wanted",
            "default": "value",
        },
        "standard_errors": _by_name("Standard errors", "of the inputs, in the same form"),
        "tie": _part(
            "Ties",
            "what counts as a kink, and which derivative automatic differentiation is taken to give there",
            {
                "tol": schema.number("Tolerance", "distance from a kink that counts as on it", 0, 1e6, 0.0),
                "policy": schema.number("Convention", "relu'(0)", 0, 1, 0.0),
            },
        ),
        "neighbourhood": _part(
            "Neighbourhood",
            "points nearby whose derivatives are compared",
            {
                "sigmas": schema.number("Distance", "in standard errors of the inputs", 0, 10, 1.0, above=True),
                "samples": schema.integer("Points", "how many", 0, 1000, 100),
                "seed": schema.seed(),
                "radius": schema.number("Radius", "relative, where no errors are known", 0, 1, 1e-6, above=True),
            },
        ),
        "confidence": _open_interval("Confidence", "of the interval", 0.95),
        "allow_discontinuous": schema.flag("Allow jumps", "take operations that jump, without an error bar", False),
        "vertices": schema.flag("List vertices", "list the corners of the hull", False),
    }
)
