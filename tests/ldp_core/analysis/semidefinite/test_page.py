"""The page shows bodies that work, and explains every word that the methods can say; the schemas refuse what the requests refuse."""

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from ldp_core.analysis.semidefinite import bad_instance, maxcut, psd_repair

PAGE = (Path(__file__).parents[4] / "docs" / "analysis" / "burer-monteiro.md").read_text(encoding="utf-8")
BODIES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
MODULES = [maxcut, psd_repair, bad_instance]


@pytest.mark.parametrize("module", MODULES)
def test_the_page_shows_path_question_example_and_verdicts(module: ModuleType) -> None:
    assert module.EXAMPLE in BODIES
    assert module.QUESTION in PAGE
    for word in (module.METHOD, *module.VERDICTS):
        assert f"`{word}`" in PAGE


@pytest.mark.parametrize("module", MODULES)
def test_the_page_explains_every_field(module: ModuleType) -> None:
    for name in module.SCHEMA["properties"]:
        assert f"`{name}`" in PAGE


def test_the_pair_body_on_the_page_is_divided_exactly() -> None:
    (body,) = [body for body in BODIES if "pairs" in body.get("matrix", {})]
    jsonschema.validate(body, maxcut.SCHEMA)
    found = maxcut.run(maxcut.from_json(body))
    assert found.verdict == "exact"
    assert found.result["cut"]["signs"].tolist() == [1, 1, -1]


@pytest.mark.parametrize("body", [{"matrix": {"dense": [[1, 0], [0, 1]], "edges": [[0, 1, 1]]}}, {"matrix": {}}])
def test_the_schema_refuses_what_the_request_refuses(body: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, maxcut.SCHEMA)


def test_a_graph_is_no_correlation_matrix() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(maxcut.EXAMPLE["matrix"], psd_repair.SCHEMA["properties"]["matrix"])


@pytest.mark.parametrize("word", ["rank_below_guarantee", "spurious_stops", "pairs_missing"])
def test_the_page_explains_every_warning(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_the_page_explains_every_code() -> None:
    folder = Path(maxcut.__file__).parent
    codes = {code for file in folder.glob("*.py") for code in re.findall(r'code="(\w+)"', file.read_text())}
    assert codes
    for code in codes | {"too_large", "non_finite"}:
        assert f"`{code}`" in PAGE
