"""The examples on the methods' page run."""

import json
import re
from pathlib import Path

from ldp_core.analysis.lojasiewicz import fit, stream

PAGE = (Path(__file__).parents[4] / "docs" / "analysis" / "lojasiewicz.md").read_text(encoding="utf-8")


def test_the_python_block_holds_what_it_asserts() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "lojasiewicz.md", "exec"), {})


def test_the_json_blocks_are_the_examples() -> None:
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    assert blocks == [fit.EXAMPLE, stream.EXAMPLE]


def test_the_page_tells_every_warning_and_refusal() -> None:
    for word in (
        *("iterates_unsettled", "not_a_power", "curvature_not_settled", "mu_step_above_curvature"),
        *("step_above_limit", "f_star_above_minimum", "not_message_counts", "impossible_message", "negative_counts"),
    ):
        assert f"`{word}`" in PAGE
