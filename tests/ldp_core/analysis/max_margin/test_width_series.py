"""The margin against the width, as a request asks for it."""

import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.max_margin.classify import EXAMPLE, from_json, predicted_seconds, run
from tests.ldp_core.analysis.max_margin.known import known


def test_wide_networks_come_near_the_largest_margin_and_stay_below() -> None:
    X, y, gamma, _ = known("exclusive or")
    body = {"points": X.tolist(), "labels": y.tolist(), "add_bias": False, "scale": "none", "methods": ["f1_lp"]}
    result = run(from_json({**body, "widths": [128, 8, 32], "iterations": 5000}))
    columns = result.series["margin_by_width"].columns
    assert columns["width"] == [8, 32, 128]
    margins = np.array(columns["margin"])
    assert margins[2] >= 0.9 * gamma / 2
    assert (margins <= gamma / 2 * (1 + 1e-6)).all()
    assert columns["half_f1_upper"] == pytest.approx([gamma / 2] * 3, rel=1e-4)


def test_it_changes_nothing_else_and_is_there_when_asked_only() -> None:
    body = {**EXAMPLE, "iterations": 200, "methods": ["gd_both", "linear_svm"]}
    plain, more = (run(from_json({**body, "widths": widths})).to_json() for widths in ([], [8, 16]))
    assert plain["result"] == more["result"]
    assert set(more["series"]) - set(plain["series"]) == {"margin_by_width"}  # type: ignore[arg-type]


def test_widths_cost_time_and_are_limited() -> None:
    body = {**EXAMPLE, "methods": ["linear_svm"]}
    assert predicted_seconds(from_json({**body, "widths": [2048]})) > predicted_seconds(from_json(body)) + 1
    for widths, kind in (([7], AnalysisError), ([8] * 13, AnalysisError), ("8", AnalysisError)):
        with pytest.raises(kind) as refused:
            from_json({**body, "widths": widths})
        assert refused.value.field == "widths"
    many = {"points": [[0.0], [1.0]] * 9_000, "labels": [1, -1] * 9_000, "methods": ["gd_both"], "width": 8}
    with pytest.raises(TooLargeError):
        from_json({**many, "widths": [2048]})
