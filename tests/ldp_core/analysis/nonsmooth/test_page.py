"""The page's example runs, its request bodies are accepted, and it lists every operation, functional and step."""

import json
import re
from pathlib import Path

from ldp_core.analysis.nonsmooth import derivative, relu_precision
from ldp_core.analysis.nonsmooth.functionals import FUNCTIONALS, POSTS
from ldp_core.analysis.nonsmooth.operations import OPERATIONS

PAGE = (Path(__file__).parents[4] / "docs" / "analysis" / "nonsmooth.md").read_text(encoding="utf-8")


def test_the_example_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 1
    exec(compile(blocks[0], "docs/analysis/nonsmooth.md", "exec"), {})


def test_request_bodies_are_accepted() -> None:
    of_collection, of_types = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    del of_collection["bind"]["collection_id"]
    counted = {"counts": derivative.EXAMPLE["bind"]["counts"], "mechanism": derivative.EXAMPLE["bind"]["mechanism"]}
    of_collection["bind"] |= counted  # what a service puts in
    assert derivative.run(derivative.from_json(of_collection)).result["error_bar"]["se_sup"] > 0
    assert relu_precision.from_json(of_types).nets == 60


def test_every_name_is_on_the_page() -> None:
    assert [name for name in (*OPERATIONS, *FUNCTIONALS, *POSTS) if f"`{name}`" not in PAGE] == []
