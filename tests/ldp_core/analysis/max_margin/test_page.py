"""The example on the method's page gives what the page says."""

import json
import re
from pathlib import Path

import pytest

from ldp_core.analysis.max_margin.classify import QUESTION, from_json, run

PAGE = (Path(__file__).parents[4] / "docs" / "analysis" / "max-margin.md").read_text(encoding="utf-8")


def test_the_example_gives_the_margins_on_the_page() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    result = run(from_json(json.loads(block))).result
    assert result["margin_f1"]["lower"] == pytest.approx(0.3535534, rel=1e-4)
    assert result["margin_f2"] == pytest.approx(0.2478685, rel=1e-6)
    assert result["margin_linear"] is None


def test_the_page_names_every_verdict_and_status() -> None:
    words = ("f1_advantage", "kernel_enough", "linear_enough", "undecided", "not_separable")
    for word in (*words, "certified", "gap_open", "heuristic", "noise_dominated"):
        assert f"`{word}`" in PAGE
    assert QUESTION in PAGE
