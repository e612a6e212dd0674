"""Every analysis by its path: one line each. A method's module, and what it needs, is imported when it is first asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Protocol, cast

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.progress import Progress
from ldp_core.analysis.result import AnalysisResult

__all__ = ["ENTRY_POINTS", "FAMILIES", "EntryPoint", "Method", "entry_point"]


class Method(Protocol):
    """What a module of an analysis offers.

    METHOD: its path · TITLE, QUESTION: for people · SCHEMA: JSON Schema of a request · EXAMPLE: a request that answers in under two
    seconds · VERDICTS: what each word of a verdict means.
    """

    METHOD: str
    TITLE: str
    QUESTION: str
    SCHEMA: Mapping[str, Any]
    EXAMPLE: Mapping[str, Any]
    VERDICTS: Mapping[str, str]

    def from_json(self, body: Any) -> Any:
        """The request of a JSON object. Raises AnalysisError."""
        ...

    def predicted_seconds(self, request: Any) -> float:
        """Expected duration on one core."""
        ...

    def run(self, request: Any, *, progress: Progress = ...) -> AnalysisResult:
        """The answer: equal requests have equal answers."""
        ...


@dataclass(frozen=True)
class EntryPoint:
    """One analysis. path: in addresses and commands · family: the page docs/analysis/<family>.md · module: where it is."""

    path: str
    family: str
    module: str

    @cached_property
    def method(self) -> Method:
        """The module, imported now if it was not yet."""
        return cast("Method", import_module(f"ldp_core.analysis.{self.module}"))

    @property
    def takes_collection(self) -> bool:
        """Can the counts of a collection be put into its request?"""
        return "mechanism" in self.method.SCHEMA["properties"]

    @property
    def takes_labels(self) -> bool:
        """Can a collection of labels stand for its outcomes?"""
        return "label_epsilon" in self.method.SCHEMA["properties"]

    @property
    def takes_counts(self) -> bool:
        """Or is the mechanism alone wanted, without what was counted?"""
        return not self.takes_collection or "counts" in self.method.SCHEMA["properties"]

    def describe(self) -> dict[str, Any]:
        """All that a form or a program needs to ask it."""
        method = self.method
        return {
            "path": self.path,
            "family": self.family,
            "title": method.TITLE,
            "question": method.QUESTION,
            "schema": method.SCHEMA,
            "example": method.EXAMPLE,
            "verdicts": method.VERDICTS,
            "collection": self.takes_collection,
            "labels": self.takes_labels,
        }


FAMILIES: Mapping[str, str] = {
    "perturbed": "Perturbed optimizers",
    "lojasiewicz": "Łojasiewicz descent",
    "nonsmooth": "Conservative gradients",
    "burer-monteiro": "Burer–Monteiro",
    "max-margin": "Wide-network max-margin",
    "single-location": "Single-location regression",
    "counterexamples": "Convex counterexamples",
    "simulation": "Simulated fleets",
}
"""The methods that the analyses belong to, by page, those that read a collection first; simulated fleets last, which try out the service itself."""

_ALL = (
    EntryPoint("single-location/dynamics", "single-location", "single_location.dynamics"),
    EntryPoint("single-location/fit", "single-location", "single_location.fit"),
    EntryPoint("single-location/position-scan", "single-location", "single_location.position_scan"),
    EntryPoint("max-margin", "max-margin", "max_margin.classify"),
    EntryPoint("lojasiewicz/fit", "lojasiewicz", "lojasiewicz.fit"),
    EntryPoint("lojasiewicz/stream", "lojasiewicz", "lojasiewicz.stream"),
    EntryPoint("lojasiewicz/diagnose", "lojasiewicz", "lojasiewicz.diagnose"),
    EntryPoint("perturbed", "perturbed", "perturbed.optimizer"),
    EntryPoint("top-k", "perturbed", "perturbed.top_k"),
    EntryPoint("utilities", "perturbed", "perturbed.utilities"),
    EntryPoint("sdp/maxcut", "burer-monteiro", "semidefinite.maxcut"),
    EntryPoint("sdp/psd-repair", "burer-monteiro", "semidefinite.psd_repair"),
    EntryPoint("sdp/bad-instance", "burer-monteiro", "semidefinite.bad_instance"),
    EntryPoint("nonsmooth-derivative", "nonsmooth", "nonsmooth.derivative"),
    EntryPoint("relu-precision", "nonsmooth", "nonsmooth.relu_precision"),
    EntryPoint("solver-stress", "counterexamples", "counterexamples.solver_stress"),
    EntryPoint("convex-interpolant", "counterexamples", "counterexamples.convex_interpolant"),
    EntryPoint("fleet-simulation", "simulation", "simulation.fleet"),
)

ENTRY_POINTS: Mapping[str, EntryPoint] = {entry.path: entry for entry in _ALL}
"""All analyses by path."""


def entry_point(path: str) -> EntryPoint:
    """The analysis with this path. Raises AnalysisError `unknown_method`."""
    if path not in ENTRY_POINTS:
        raise AnalysisError(
            f"no analysis is called {path[:60]!r}; there are {', '.join(ENTRY_POINTS)}", code="unknown_method"
        )
    return ENTRY_POINTS[path]
