"""The one shape of every analysis result."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

__all__ = ["AnalysisResult", "Json", "Series", "json_ready"]

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

NON_FINITE = "non_finite_values"
"""Warning code: some number came out infinite or undefined and is null."""


@dataclass(frozen=True)
class Series:
    """Columns of equal length for one plot, with what the axes mean."""

    columns: Mapping[str, Sequence[Any]]
    x: str
    x_label: str
    y_label: str
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class AnalysisResult:
    """What a method found.

    method: registry name · params_effective: the parameters with every default filled in · seed: of the method's own generator,
    None where nothing is random · verdict: one of the words that the method's page lists · result: the answer ·
    diagnostics: what makes the verdict believable · warnings: machine codes · series: for plots, by name.
    Equal parameters and seed give an equal result.
    """

    method: str
    params_effective: Mapping[str, Any]
    verdict: str
    result: Mapping[str, Any]
    diagnostics: Mapping[str, Any]
    seed: int | None = None
    warnings: tuple[str, ...] = ()
    series: Mapping[str, Series] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Plain JSON: arrays become lists, and a number that is not finite becomes null with a warning."""
        lost: list[bool] = []
        body: dict[str, Json] = {
            "method": self.method,
            "params_effective": json_ready(self.params_effective, lost),
            "seed": self.seed,
            "verdict": self.verdict,
            "result": json_ready(self.result, lost),
            "diagnostics": json_ready(self.diagnostics, lost),
            "series": {name: _series_json(series, lost) for name, series in self.series.items()},
        }
        body["warnings"] = [*self.warnings, *([NON_FINITE] if lost and NON_FINITE not in self.warnings else [])]
        return body


def _series_json(series: Series, lost: list[bool]) -> Json:
    return {
        "columns": json_ready(series.columns, lost),
        "x": series.x,
        "x_label": series.x_label,
        "y_label": series.y_label,
        "log_x": series.log_x,
        "log_y": series.log_y,
    }


def json_ready(value: Any, lost: list[bool]) -> Json:
    """The value as JSON. Appends to `lost` for each number that is not finite, which becomes null."""
    if isinstance(value, Mapping):
        return {str(key): json_ready(inner, lost) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return json_ready(value.tolist(), lost)
    if isinstance(value, list | tuple):
        return [json_ready(inner, lost) for inner in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            lost.append(True)
            return None
        return float(value)
    if value is None or isinstance(value, str):
        return value
    raise TypeError(f"an analysis result holds numbers, texts and containers, not {type(value).__name__}")
