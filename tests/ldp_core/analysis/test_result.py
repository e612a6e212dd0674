"""Results become plain JSON with nothing lost in silence."""

import json

import numpy as np
import pytest

from ldp_core.analysis import AnalysisResult, Series
from ldp_core.analysis.result import NON_FINITE


def result_with(value: object) -> AnalysisResult:
    return AnalysisResult("m", {"a": np.int64(1)}, "ok", {"value": value}, {})


def test_arrays_and_numpy_numbers_become_plain_json() -> None:
    body = result_with({"f": np.array([0.5, 1.0]), "flag": np.bool_(True), "n": np.float32(2.0)}).to_json()
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    assert body["result"] == {"value": {"f": [0.5, 1.0], "flag": True, "n": 2.0}}
    assert body["warnings"] == []


@pytest.mark.parametrize("bad", [float("nan"), np.array([np.inf]), [1.0, -np.inf]])
def test_a_number_that_is_not_finite_becomes_null_and_is_said(bad: object) -> None:
    body = result_with(bad).to_json()
    assert body["warnings"] == [NON_FINITE]
    json.dumps(body, allow_nan=False)


def test_series_keep_their_columns_and_axes() -> None:
    series = Series({"t": [1, 2], "gap": np.array([0.1, 0.01])}, "t", "step", "gap", log_y=True)
    body = AnalysisResult("m", {}, "ok", {}, {}, series={"gap": series}).to_json()
    assert body["series"] == {
        "gap": {
            "columns": {"t": [1, 2], "gap": [0.1, 0.01]},
            "x": "t",
            "x_label": "step",
            "y_label": "gap",
            "log_x": False,
            "log_y": True,
        }
    }


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="not object"):
        result_with(object()).to_json()
