"""Forms made from schemas, requests made from forms, and answers as pages."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ldp_core.analysis.registry import ENTRY_POINTS
from server.clock import FakeClock
from server.dashboard.analysis_form import form_fields, request_of
from server.dashboard.analysis_result import facts_of, figures_of
from server.dashboard.guard import Form
from server.refusals import InvalidAnalysis
from server.services.analyses import Analyses
from tests.server.dashboard.browserless import Browserless
from tests.services.collection import create
from tests.services.in_process import InProcess, settings
from tests.services.tokens import make_token

METHODS = {method["path"]: method for method in Analyses.methods()}
LONG = {"steps": "500000", "runs": "60"}


@pytest.fixture
def running(sqlite_url: str, tmp_path: Path) -> Iterator[InProcess]:
    with InProcess(settings(sqlite_url, data_dir=tmp_path, job_workers=1)) as service:
        yield service


@pytest.fixture
def person(running: InProcess) -> Browserless:
    return Browserless.logged_in(running)


def test_every_method_has_a_form() -> None:
    assert set(METHODS) == set(ENTRY_POINTS)


@pytest.mark.parametrize("path", ENTRY_POINTS)
def test_the_form_of_an_example_makes_the_example(path: str) -> None:
    method = METHODS[path]
    fields = form_fields(method, None, {})
    assert {field.name for field in fields} == set(method["schema"]["properties"])
    chosen = [field for field in fields if field.kind != "choice" or field.name in method["example"]]
    assert request_of(method, Form([(field.name, field.value) for field in chosen])) == method["example"]
    everything = Form([(field.name, field.value) for field in fields])
    ENTRY_POINTS[path].method.from_json(request_of(method, everything))  # what a browser sends is accepted too


@pytest.mark.parametrize("path", ENTRY_POINTS)
def test_an_answer_is_told_in_full(path: str) -> None:
    method = ENTRY_POINTS[path].method
    result = method.run(method.from_json(method.EXAMPLE)).to_json()
    for part in ("result", "diagnostics", "params_effective"):
        facts = facts_of(result[part])
        told = {fact.name.partition(":")[0] for fact in facts if fact.name != "columns"}
        told |= {column for fact in facts if fact.name == "columns" and fact.table for column in fact.table.columns}
        assert told == {name.replace("_", " ") for name in result[part]}
    figures = figures_of(result["series"], ())
    assert [figure.name for figure in figures] == list(result["series"])
    assert any(figure.kind != "none" for figure in figures)
    for figure in figures:
        assert figure.caption
        assert figure.table is not None
        assert figure.table.rows
        msgspec.json.encode(figure.data)


def test_axes_are_drawn_by_the_columns_that_they_name() -> None:
    series = {
        "columns": {"run": [0, 0, 1, 1], "t": [0, 1, 0, 1], "kappa": [0.0, 0.5, 0.1, 1.0], "nu": [1.0, 2.0, 3.0, 4.0]},
        "x": "kappa", "x_label": "alignment of k (kappa)", "y_label": "alignment of v with t (nu)", "log_x": False, "log_y": False,
    }  # fmt: skip
    [figure] = figures_of({"trajectories": series}, ())
    assert figure.data["lines"] == [
        {"name": "run 0", "x": [0.0, 0.5], "y": [1.0, 2.0]},
        {"name": "run 1", "x": [0.1, 1.0], "y": [3.0, 4.0]},
    ]


def test_a_matrix_is_drawn_as_one() -> None:
    series = {
        "columns": {"row": [0, 0, 1, 1], "column": [0, 1, 0, 1], "derivative": [1.0, -2.0, 0.0, 0.5]},
        "x": "column", "x_label": "by", "y_label": "of", "log_x": False, "log_y": False,
    }  # fmt: skip
    [figure] = figures_of({"jacobian": series}, ())
    assert figure.kind == "matrix"
    assert [(cell["row"], cell["column"], cell["value"]) for cell in figure.data["cells"]] == [
        (0, 0, 1.0),
        (0, 1, -2.0),
        (1, 0, 0.0),
        (1, 1, 0.5),
    ]


@pytest.mark.parametrize(
    ("path", "name", "text"),
    [
        ("perturbed", "theta", "[1, 2"),
        ("perturbed", "num_samples", "many"),
        ("perturbed", "num_samples", "NaN"),
        ("top-k", "counts", "[Infinity]"),
        ("top-k", "counts", "[" * 100_000),
    ],
)
def test_what_is_no_json_is_refused_by_its_field(path: str, name: str, text: str) -> None:
    with pytest.raises(InvalidAnalysis) as refused:
        request_of(METHODS[path], Form([(name, text)]))
    assert refused.value.extras["field"] == name


def filled(path: str, **changes: str) -> dict[str, str]:
    fields = {field.name: field.value for field in form_fields(METHODS[path], None, {})}
    return {**fields, **changes}


def ended(person: Browserless, address: str) -> dict[str, Any]:
    """The job once it is over."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        model: dict[str, Any] = person.get(f"{address}.json").json()
        if model["ended"]:
            return model
        time.sleep(0.1)
    raise AssertionError(f"the job did not end: {model}")


@pytest.mark.thorough
def test_a_form_becomes_a_job_whose_page_keeps_the_answer(running: InProcess, person: Browserless) -> None:
    sent = person.post("/analysis/perturbed", filled("perturbed"))
    assert sent.status_code == 303, sent.text
    address = sent.headers["location"].removeprefix("/dashboard")
    model = ended(person, address)
    assert model["job"]["status"] == "done"
    assert model["result"]["verdict"] == "checked"
    page = person.get(address).text
    assert "<b>Checked:</b>" in page
    assert 'hx-trigger="every' not in page
    request = person.get(f"{address}/request.json")
    assert request.json() == {**METHODS["perturbed"]["example"], **json.loads(request.text)}
    assert model["job"]["id"][:6] in person.get("/analysis").text
    other = Browserless.logged_in(running, make_token(running, "Ada")["token"])
    for path in (address, f"{address}.json", f"{address}/request.json"):
        assert other.get(path).status_code == 404
    assert other.post(f"{address}/cancel", {}).status_code == 404


@pytest.mark.thorough
def test_a_collection_is_asked_and_its_items_are_named(running: InProcess, person: Browserless) -> None:
    made = create(running.post, items=["ant", "bee", "cat", "dog"], epsilon="3")
    space = made.created["report_space"]
    running.post(made.reports_path, json=made.batch([0] * 900 + list(range(space)) * 50), headers=made.write_headers)
    form = person.get(f"/analysis/top-k?collection={made.id}").text
    assert f'<option value="{made.id}" selected>' in form
    sent = person.post("/analysis/top-k", filled("top-k", collection_id=made.id, k="1"))
    model = ended(person, sent.headers["location"].removeprefix("/dashboard"))
    assert model["result"]["items"] == ["ant", "bee", "cat", "dog"]
    found = next(fact for fact in model["shown"]["facts"] if fact["name"] == "top k")
    assert found["text"] in {"ant", "bee", "cat", "dog"}
    ranks = next(figure for figure in model["shown"]["figures"] if figure["kind"] == "ranks")
    assert {row["item"] for row in ranks["data"]["rows"]} == {"ant", "bee", "cat", "dog"}


@pytest.mark.thorough
def test_labels_of_a_collection_stand_for_outcomes(running: InProcess, person: Browserless) -> None:
    example = METHODS["single-location/fit"]["example"]
    rows = len(example["X"])
    made = create(running.post, items=None, labels={"rows": rows, "bound": "2"}, epsilon="8")
    bits = [int(value > 0) for value in example["y"]]
    messages = [2 * row + bit for row, bit in enumerate(bits)]
    running.post(made.reports_path, json=made.batch(messages), headers=made.write_headers).raise_for_status()
    form = filled("single-location/fit", label_collection_id=made.id, y="[1, 2, 3]")
    sent = person.post("/analysis/single-location/fit", form)
    model = ended(person, sent.headers["location"].removeprefix("/dashboard"))
    assert model["result"]["params_effective"]["label_epsilon"] == "8"
    assert model["result"]["inputs"][0]["n"] == rows


@pytest.mark.thorough
def test_a_long_job_is_watched_less_and_less_and_cancelled(
    running: InProcess, person: Browserless, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = person.post("/analysis/single-location/dynamics", filled("single-location/dynamics", **LONG))
    address = sent.headers["location"].removeprefix("/dashboard")
    page = person.get(address).text
    assert 'hx-trigger="every 500ms"' in page
    services = running.app.state.services
    later = FakeClock(services.clock.now())
    monkeypatch.setattr(services, "clock", later)
    monkeypatch.setattr(services.jobs, "request", None)  # it may be long, and is not read while the job goes on
    for seconds, milliseconds in ((60, 6_000), (3_600, 10_000)):
        later.turn(seconds)
        found = re.search(r'hx-trigger="every (\d+)ms"', person.get(address).text)
        assert found
        assert int(found[1]) == pytest.approx(milliseconds, abs=500)
    monkeypatch.undo()
    assert person.post(f"{address}/cancel", {}).status_code == 303
    assert ended(person, address)["job"]["status"] == "cancelled"
    assert "Cancelled. Nothing was found." in person.get(address).text


@pytest.mark.thorough
def test_a_wrong_request_comes_back_with_what_was_typed(person: Browserless) -> None:
    answer = person.post("/analysis/perturbed", filled("perturbed", num_samples="7", theta="[1, 2, 3, 4, 5]"))
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert "[1, 2, 3, 4, 5]" in answer.text
    assert 'role="alert"' in answer.text


def test_there_is_no_form_for_nothing(person: Browserless) -> None:
    assert person.get("/analysis/nothing").status_code == 404
    assert person.get("/analysis/jobs/nothing").status_code == 404


def test_a_truth_beside_an_interval_is_a_diamond() -> None:
    series = {
        "columns": {"item": [0, 1], "estimate": [0.2, 0.5], "truth": [0.25, 0.45], "low": [0.1, 0.4], "high": [0.3, 0.6]},
        "x": "item", "x_label": "item", "y_label": "share", "log_x": False, "log_y": False,
    }  # fmt: skip
    [figure] = figures_of({"items": series}, ("tea", "coffee"))
    assert figure.kind == "intervals"
    assert [(row["item"], row["estimate"], row["post"]) for row in figure.data["rows"]] == [
        ("coffee", 0.5, 0.45),
        ("tea", 0.2, 0.25),
    ]
    assert "The diamond is the truth." in figure.caption
