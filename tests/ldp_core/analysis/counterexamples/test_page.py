"""The page's example runs, and its request bodies are accepted."""

import json
import re
from pathlib import Path

from ldp_core.analysis.counterexamples.convex_interpolant import from_json, run

PAGE = (Path(__file__).parents[4] / "docs" / "analysis" / "counterexamples.md").read_text(encoding="utf-8")


def test_the_example_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 1
    exec(compile(blocks[0], "docs/analysis/counterexamples.md", "exec"), {})


def test_request_bodies_are_accepted() -> None:
    bodies = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    assert [run(from_json({**body, "chords": 10})).verdict for body in bodies] == ["convex"]
