"""The page shows the example bodies that the methods ship, and every verdict and warning that they can say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ldp_core.analysis.perturbed import optimizer, top_k, utilities

PAGE = (Path(__file__).parents[4] / "docs/analysis/perturbed.md").read_text()
BODIES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("example", [optimizer.EXAMPLE, top_k.EXAMPLE, utilities.EXAMPLE])
def test_the_page_shows_the_examples(example: dict[str, Any]) -> None:
    assert example in BODIES


@pytest.mark.parametrize("question", [optimizer.QUESTION, utilities.QUESTION])
def test_the_page_asks_the_questions(question: str) -> None:
    assert question in PAGE


@pytest.mark.parametrize(
    "word",
    [
        "checked",
        "consistent",
        "imprecise",
        "inconsistent",
        "mc_error_large",
        "sigma_too_small",
        "costs_clipped",
        "ranking_supported",
        "no_signal",
        "flat_prior_optimistic",
        "canary_alarm",
        "identified",
        "partly_identified",
        "dropped_items",
        "weak_items",
        "items_dropped",
    ],
)
def test_the_page_explains_every_word(word: str) -> None:
    assert f"`{word}`" in PAGE
