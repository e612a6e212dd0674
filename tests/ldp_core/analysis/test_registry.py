"""What every registered analysis keeps to, whatever it computes."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from ldp_core.analysis import Cancelled, Step
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.histogram import HISTOGRAM_FIELDS
from ldp_core.analysis.registry import ENTRY_POINTS, FAMILIES, EntryPoint, entry_point
from ldp_core.analysis.result import json_ready

DOCS = Path(__file__).parents[3] / "docs" / "analysis"
EVERY = pytest.mark.parametrize("entry", ENTRY_POINTS.values(), ids=list(ENTRY_POINTS))

MADE_OF = {"estimate": HISTOGRAM_FIELDS}
"""Fields of a request that a body says in other words."""
ALSO = {"max-margin": {"histograms"}, "nonsmooth-derivative": set(HISTOGRAM_FIELDS)}
"""Fields of a body that are turned into others."""
NOT_ALONE = {"missing_field", "unknown_field", "theta_or_costs", "not_for_this_solver"}
"""Codes of fields that cannot be changed alone, since others go with them or stand against them."""
SAID_OTHERWISE = {("top-k", "covariance"), ("utilities", "covariance")}
"""Fields whose default in a body is a word for what the request holds as numbers."""


def example(entry: EntryPoint, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(json.dumps(entry.method.EXAMPLE))
    return body | changes


def request_of(entry: EntryPoint) -> Any:
    return entry.method.from_json(example(entry))


def answer(entry: EntryPoint, **changes: Any) -> str:
    method = entry.method
    return json.dumps(method.run(method.from_json(example(entry, **changes))).to_json(), allow_nan=False)


@EVERY
def test_it_names_itself(entry: EntryPoint) -> None:
    method = entry.method
    assert entry.path == method.METHOD
    assert method.TITLE == method.TITLE.strip() != ""
    assert method.QUESTION.endswith("?")
    assert method.VERDICTS
    assert all(meaning == meaning.strip() != "" for meaning in method.VERDICTS.values())
    assert (DOCS / f"{entry.family}.md").is_file()
    assert entry.family in FAMILIES


@EVERY
def test_its_page_tells_the_question_and_every_verdict(entry: EntryPoint) -> None:
    page = (DOCS / f"{entry.family}.md").read_text(encoding="utf-8")
    assert [word for word in entry.method.VERDICTS if f"`{word}`" not in page] == []
    assert f"`{entry.path}`" in page


@EVERY
def test_the_schema_is_one_and_the_example_fits_it(entry: EntryPoint) -> None:
    schema = entry.method.SCHEMA
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    Draft202012Validator(schema).validate(example(entry))
    for name, described in schema["properties"].items():
        assert {"type", "title", "description"} <= set(described), name


def described_fields(entry: EntryPoint) -> set[str]:
    own = {f.name for f in fields(request_of(entry)) if f.init}
    spelled = [MADE_OF.get(name, (name,)) for name in own]
    return {name for names in spelled for name in names} | ALSO.get(entry.path, set())


@EVERY
def test_the_schema_has_the_fields_of_the_request(entry: EntryPoint) -> None:
    assert set(entry.method.SCHEMA["properties"]) == described_fields(entry)


@EVERY
def test_defaults_are_those_of_the_request(entry: EntryPoint) -> None:
    properties = entry.method.SCHEMA["properties"]
    for f in fields(request_of(entry)):
        if f.init and f.name in properties and (entry.path, f.name) not in SAID_OTHERWISE:
            default = MISSING if f.default is MISSING else json_ready(f.default, [])
            assert properties[f.name].get("default", MISSING) == default, f.name


@EVERY
def test_what_is_required_is_missed(entry: EntryPoint) -> None:
    for name in entry.method.SCHEMA["required"]:
        body = example(entry)
        del body[name]
        with pytest.raises(AnalysisError) as refused:
            entry.method.from_json(body)
        assert (refused.value.code, refused.value.field) == ("missing_field", name)


@EVERY
def test_what_is_not_in_the_schema_is_refused(entry: EntryPoint) -> None:
    with pytest.raises(AnalysisError) as refused:
        entry.method.from_json(example(entry, surprise=1))
    assert (refused.value.code, refused.value.field) == ("unknown_field", "surprise")
    for body in ([], None, "text", 3):
        with pytest.raises(AnalysisError):
            entry.method.from_json(body)


def just_outside(described: Mapping[str, Any]) -> Iterator[Any]:
    """Values that a field must refuse, one for each limit that its schema states."""
    kinds = described["type"] if isinstance(described["type"], list) else [described["type"]]
    whole = "integer" in kinds
    numeric = whole or "number" in kinds
    for keyword, sign in (("minimum", -1), ("maximum", 1)):
        if numeric and keyword in described:
            limit = described[keyword]
            yield limit + sign if whole else np.nextafter(limit, sign * math.inf) + sign * 1e-9 * abs(limit)
    for keyword in ("exclusiveMinimum", "exclusiveMaximum"):
        if numeric and keyword in described:
            yield described[keyword]
    if "enum" in described:
        yield "no such word"
    if numeric:
        yield from ("text", True, math.nan)
    if kinds == ["boolean"]:
        yield from ("yes", 1)
    if "array" in kinds and not numeric:
        yield from ("text", 7, {"a": 1})
        if described.get("minItems", 0) > 0:
            yield []
        if "maxItems" in described:
            one = 1 if described["items"].get("type") != "object" else {}
            yield [one] * (described["maxItems"] + 1)


@EVERY
def test_limits_are_kept_just_outside(entry: EntryPoint) -> None:
    for name, described in entry.method.SCHEMA["properties"].items():
        for value in just_outside(described):
            with pytest.raises(AnalysisError) as refused:
                entry.method.from_json(example(entry, **{name: value}))
            said = (refused.value.field or "").partition("[")[0].partition(".")[0]
            assert said == name or refused.value.code in NOT_ALONE, (name, value, refused.value.field)
            assert refused.value.code


@EVERY
def test_the_example_answers_soon_and_says_how_soon(entry: EntryPoint) -> None:
    assert 0 < entry.method.predicted_seconds(request_of(entry)) < 2
    body = json.loads(answer(entry))
    assert body["method"] == entry.path
    assert body["verdict"] in entry.method.VERDICTS
    assert "non_finite_values" not in body["warnings"]


@EVERY
def test_equal_requests_have_equal_answers(entry: EntryPoint) -> None:
    assert answer(entry) == answer(entry)


@EVERY
def test_it_can_be_stopped_at_its_first_step(entry: EntryPoint) -> None:
    seen: list[Step] = []

    def stop(step: Step) -> None:
        seen.append(step)
        raise Cancelled

    with pytest.raises(Cancelled):
        entry.method.run(request_of(entry), progress=stop)
    assert len(seen) == 1
    assert 0 <= seen[0].done <= seen[0].total


def test_an_unknown_path_names_the_known_ones() -> None:
    with pytest.raises(AnalysisError, match="max-margin") as refused:
        entry_point("single-location")
    assert refused.value.code == "unknown_method"
    assert issubclass(TooLargeError, AnalysisError)


def test_every_family_has_analyses() -> None:
    assert {entry.family for entry in ENTRY_POINTS.values()} == set(FAMILIES)
