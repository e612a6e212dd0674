"""The JSON Schema of a nonsmooth derivative request."""

from collections.abc import Mapping
from typing import Any

from ldp_core.analysis.nonsmooth.functionals import FUNCTIONALS, POSTS

__all__ = ["SCHEMA"]

_NUMBERS: Mapping[str, Any] = {"type": "array", "items": {"type": "number"}}
_BY_NAME: Mapping[str, Any] = {
    "type": ["object", "null"],
    "default": None,
    "additionalProperties": {"anyOf": [{"type": "number"}, {**_NUMBERS, "minItems": 1}]},
    "minProperties": 1,
}

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "Derivatives at kinks",
    "description": "A function as a program, and the point: inputs by name, or a histogram.",
    "additionalProperties": False,
    "required": [],
    "properties": {
        "inputs": {**_BY_NAME, "title": "Inputs", "description": "Numbers and lists by name, at most 5000 numbers."},
        "bind": {
            "type": ["object", "null"],
            "default": None,
            "title": "Histogram",
            "description": "counts and mechanism, or estimates with covariance or standard_errors, or collection_id on a service; and post.",
            "properties": {
                "collection_id": {"type": "string", "title": "Collection", "description": "Looked up by the service."},
                "histogram_id": {"type": "string", "title": "Collection", "description": "The same as collection_id."},
                "counts": {**_NUMBERS, "title": "Counts", "description": "The tally of messages."},
                "n": {
                    "type": ["integer", "null"],
                    "title": "Reports",
                    "description": "Where a report may add several counts.",
                },
                "mechanism": {
                    "type": "object",
                    "title": "Mechanism",
                    "description": "name, epsilon, domain_size and parameters.",
                },
                "estimates": {**_NUMBERS, "title": "Estimates", "description": "Unbiased shares of the items."},
                "standard_errors": {**_NUMBERS, "title": "Standard errors", "description": "Of independent estimates."},
                "covariance": {
                    "type": "array",
                    "items": _NUMBERS,
                    "title": "Covariance",
                    "description": "Of the estimates, at most 2000 items.",
                },
                "post": {
                    "enum": list(POSTS),
                    "default": "norm_sub",
                    "title": "Post-processing",
                    "description": "How the estimates become shares f. base_cut jumps and needs allow_discontinuous.",
                },
            },
        },
        "program": {
            "type": ["array", "null"],
            "default": None,
            "maxItems": 2000,
            "items": {"type": "object"},
            "title": "Program",
            "description": 'Nodes {"out", "op", "args"} with the parameters of the operation beside them.',
        },
        "functional": {
            "type": ["object", "null"],
            "default": None,
            "title": "Functional",
            "description": "A number that describes the histogram, instead of a program.",
            "properties": {"name": {"enum": list(FUNCTIONALS)}},
        },
        "output": {
            "type": "string",
            "default": "value",
            "title": "Output",
            "description": "The node whose value is wanted.",
        },
        "standard_errors": {**_BY_NAME, "title": "Standard errors", "description": "Of the inputs, in the same form."},
        "tie": {
            "type": "object",
            "default": {},
            "additionalProperties": False,
            "title": "Ties",
            "description": "What counts as a kink, and which derivative automatic differentiation is taken to give there.",
            "properties": {
                "tol": {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 1e6,
                    "default": 0,
                    "title": "Tolerance",
                    "description": "Distance from a kink that counts as on it.",
                },
                "policy": {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 1,
                    "default": 0,
                    "title": "Convention",
                    "description": "relu'(0).",
                },
            },
        },
        "neighbourhood": {
            "type": "object",
            "default": {},
            "additionalProperties": False,
            "title": "Neighbourhood",
            "description": "Points nearby whose derivatives are compared.",
            "properties": {
                "sigmas": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "maximum": 10,
                    "default": 1,
                    "title": "Distance",
                    "description": "In standard errors of the inputs.",
                },
                "samples": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": 1000,
                    "default": 100,
                    "title": "Points",
                    "description": "How many.",
                },
                "seed": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": 2**63 - 1,
                    "default": 0,
                    "title": "Seed",
                    "description": "Of the points.",
                },
                "radius": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "maximum": 1,
                    "default": 1e-6,
                    "title": "Radius",
                    "description": "Relative distance where no errors are known.",
                },
            },
        },
        "confidence": {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "default": 0.95,
            "title": "Confidence",
            "description": "Of the interval.",
        },
        "allow_discontinuous": {
            "type": "boolean",
            "default": False,
            "title": "Allow jumps",
            "description": "Take operations that jump, without an error bar.",
        },
        "vertices": {
            "type": "boolean",
            "default": False,
            "title": "List vertices",
            "description": "List the corners of the hull.",
        },
    },
}
