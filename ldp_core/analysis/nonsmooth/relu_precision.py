"""How often does a network meet the kink of relu exactly? A matter of how few numbers a float type has.

Networks with random weights (uniform, +-1/sqrt(fan in), biases too) read random 8-bit images of which 19 % of the pixels are not black;
hidden pre-activations that are exactly 0 are counted. float16 is computed as hardware does it: products summed in float32, rounded once a
layer. The question is from Bertoin, Bolte, Gerchinovitz, Pauwels, "Numerical influence of ReLU'(0) on backpropagation", NeurIPS 2021.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import choice, integer, request_from_json
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.estimation.proportion import wilson_interval

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "ReluPrecisionRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "relu-precision"
TITLE = "Kinks met by float types"
QUESTION = (
    "How often does a network with random weights hit the kink of relu exactly, in half, single and double precision?"
)
EXAMPLE: Mapping[str, Any] = {"dtypes": ["float16", "float64"], "layers": 2, "width": 64, "nets": 4, "samples": 2000}
VERDICTS: Mapping[str, str] = {
    "no_ties": "No pre-activation was exactly zero: what relu'(0) is taken to be made no difference.",
    "some_ties": "Some networks met a kink exactly, in at least one of the float types.",
    "ties_everywhere": "In at least one of the float types every network met a kink.",
}

DTYPES = ("float16", "float32", "float64")
_PIXELS = 784
_SHARE_LIT = 0.19
_ROWS_AT_ONCE = 4096
_MOST_SECONDS = 7200.0
_OPERATIONS_PER_SECOND = {"float16": 2e10, "float32": 2.5e10, "float64": 1.2e10}
"""Multiply-adds count two; one core (measured)."""
_SECONDS_PER_PREACTIVATION = {"float16": 6e-9, "float32": 1e-9, "float64": 2e-9}

SCHEMA: Mapping[str, Any] = schema.request(
    {
        "dtypes": schema.some_of("Float types", "each is counted by itself, with the same weights", DTYPES, DTYPES),
        "layers": schema.integer("Hidden layers", "those whose pre-activations are counted", 1, 20, 3),
        "width": schema.integer("Width", "neurons in each hidden layer", 1, 2048, 256),
        "nets": schema.integer("Networks", "each with weights of its own", 1, 1000, 10),
        "samples": schema.integer("Images", "the same for all networks", 1, 100_000, 10_000),
        "seed": schema.seed(),
    }
)


@dataclass(frozen=True)
class ReluPrecisionRequest:
    """dtypes: of DTYPES · layers, width: of each network · nets: how many · samples: images each of them reads · seed.

    Raises AnalysisError, or TooLargeError for what would take hours.
    """

    dtypes: Sequence[str] = DTYPES
    layers: int = 3
    width: int = 256
    nets: int = 10
    samples: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("layers", 1, 20),
            ("width", 1, 2048),
            ("nets", 1, 1000),
            ("samples", 1, 100_000),
            ("seed", 0, 2**63 - 1),
        ):
            object.__setattr__(self, name, integer(name, getattr(self, name), low, high))
        if isinstance(self.dtypes, str) or not isinstance(self.dtypes, Sequence) or not self.dtypes:
            raise AnalysisError("dtypes must be a list of float types", code="wrong_type", field="dtypes")
        for dtype in self.dtypes:
            choice("dtypes", dtype, DTYPES)
        if len(set(self.dtypes)) < len(self.dtypes):
            raise AnalysisError("dtypes names a type twice", code="wrong_shape", field="dtypes")
        object.__setattr__(self, "dtypes", tuple(self.dtypes))
        if predicted_seconds(self) > _MOST_SECONDS:
            raise TooLargeError(
                f"this would take about {predicted_seconds(self):.0f} s; take fewer nets or samples, or a smaller width",
                field="nets",
            )


def from_json(body: object) -> ReluPrecisionRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(ReluPrecisionRequest, body)


def predicted_seconds(request: ReluPrecisionRequest) -> float:
    """Multiplications of all layers, and the counting of each pre-activation."""
    preactivations = request.samples * request.width * request.layers
    inner = (_PIXELS + (request.layers - 1) * request.width) * request.width * request.samples
    return 0.1 + request.nets * sum(
        2 * inner / _OPERATIONS_PER_SECOND[dtype] + preactivations * _SECONDS_PER_PREACTIVATION[dtype]
        for dtype in request.dtypes
    )


def run(request: ReluPrecisionRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Count exact zeros. Verdict: `no_ties`, `some_ties` or `ties_everywhere`."""
    images = _images(request)
    zeros = {dtype: np.zeros(request.nets, dtype=np.int64) for dtype in request.dtypes}
    for net in range(request.nets):
        layers = _network(request, net)
        for i, dtype in enumerate(request.dtypes):
            progress(Step(net * len(request.dtypes) + i, request.nets * len(request.dtypes), "networks"))
            for start in range(0, request.samples, _ROWS_AT_ONCE):
                zeros[dtype][net] += _exact_zeros(images[start : start + _ROWS_AT_ONCE], layers, dtype)
    rows = [_row(request, dtype, zeros[dtype]) for dtype in request.dtypes]
    shares = [row["fraction"] for row in rows]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in ("dtype", "fraction", "low", "high")}
    return AnalysisResult(
        method=METHOD,
        params_effective={name: getattr(request, name) for name in ReluPrecisionRequest.__dataclass_fields__},
        seed=request.seed,
        verdict="ties_everywhere" if max(shares) == 1 else "some_ties" if max(shares) > 0 else "no_ties",
        result={"dtypes": rows},
        diagnostics={
            "preactivations_per_net": request.samples * request.width * request.layers,
            "zeros_by_net": {dtype: counts.tolist() for dtype, counts in zeros.items()},
        },
        series={"fractions": Series(columns, "dtype", "float type", "share of networks that meet a kink")},
    )


def _images(request: ReluPrecisionRequest) -> Any:
    """Bytes 0..255, of which 19 % are not 0.  (samples, pixels) uint8"""
    rng = np.random.default_rng([request.seed, 0])
    lit = rng.integers(1, 256, size=(request.samples, _PIXELS), dtype=np.uint8)
    return lit * (rng.random((request.samples, _PIXELS), dtype=np.float32) < _SHARE_LIT)


def _network(request: ReluPrecisionRequest, net: int) -> list[tuple[Any, Any]]:
    """Weights (fan in, width) and biases (width,) of the hidden layers."""
    rng = np.random.default_rng([request.seed, 1, net])
    layers, fan_in = [], _PIXELS
    for _ in range(request.layers):
        bound = fan_in**-0.5
        weights = rng.uniform(-bound, bound, (fan_in, request.width))
        layers.append((weights, rng.uniform(-bound, bound, request.width)))
        fan_in = request.width
    return layers


def _exact_zeros(images: Any, layers: Sequence[tuple[Any, Any]], dtype: str) -> int:
    """Hidden pre-activations that are 0, all computed in the float type."""
    sums = np.float32 if dtype == "float16" else np.dtype(dtype)
    hidden = (images.astype(np.float32) / np.float32(255) if dtype != "float64" else images / 255.0).astype(dtype)
    zeros = 0
    for weights, biases in layers:
        products = hidden.astype(sums, copy=False) @ weights.astype(dtype).astype(sums, copy=False)
        values = (products + biases.astype(dtype).astype(sums, copy=False)).astype(dtype, copy=False)
        zeros += int(values.size - np.count_nonzero(values))
        hidden = np.maximum(values, 0)
    return zeros


def _row(request: ReluPrecisionRequest, dtype: str, zeros: Any) -> dict[str, Any]:
    met = int(np.count_nonzero(zeros))
    low, high = wilson_interval(met, request.nets)
    in_all = request.nets * request.samples * request.width * request.layers
    return {
        "dtype": dtype,
        "nets_with_tie": met,
        "fraction": met / request.nets,
        "low": low,
        "high": high,
        "zeros": int(zeros.sum()),
        "zeros_per_1e9": 1e9 * int(zeros.sum()) / in_all,
    }
