"""The examples on the method's page run."""

import json
import re
from pathlib import Path

from ldp_core.analysis.single_location import dynamics

PAGE = (Path(__file__).parents[4] / "docs" / "analysis" / "single-location.md").read_text(encoding="utf-8")


def test_the_python_block_holds_what_it_asserts() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "single-location.md", "exec"), {})


def test_the_json_block_is_the_example() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert json.loads(block) == dynamics.EXAMPLE


def test_the_page_names_every_verdict_and_question() -> None:
    for word in ("recovers", "start_dependent", "fails", "supported", "linear_enough", "unstable", "not_supported"):
        assert f"`{word}`" in PAGE
    assert dynamics.QUESTION in PAGE
