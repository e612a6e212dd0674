"""The pages without a browser: their JSON twins, who may see what, and what forms do."""

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ldp_core.mechanisms import create as mechanism
from server.clock import FakeClock
from server.refusals import DatabaseUnavailable
from tests.server.dashboard.browserless import Browserless
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.tokens import make_token

pytestmark = pytest.mark.thorough


@pytest.fixture
def running(sqlite_url: str, tmp_path: Path) -> Iterator[InProcess]:
    with InProcess(settings(sqlite_url, data_dir=tmp_path)) as service:
        yield service


@pytest.fixture
def admin(running: InProcess) -> Browserless:
    return Browserless.logged_in(running)


def answered(running: InProcess, answers: list[int], seed: int = 1, **changes: Any) -> TestCollection:
    """A collection with the reports of phones that hold these answers."""
    made = create(running.post, **changes)
    design = mechanism(
        made.created["mechanism"],
        epsilon=made.created["epsilon"],
        domain_size=made.created["domain_size"],
        **made.created["parameters"],
    )
    messages = design.randomize_many(np.array(answers), np.random.default_rng(seed)).tolist()
    running.post(made.reports_path, json=made.batch(messages), headers=made.write_headers).raise_for_status()
    return made


def test_the_root_leads_to_the_dashboard(running: InProcess) -> None:
    for path in ("/", "/dashboard", "/dashboard/"):
        assert running.get(path).headers["location"] == "/dashboard/collections"


def test_a_page_and_its_twin_say_what_the_api_says(running: InProcess, admin: Browserless) -> None:
    made = answered(running, [0] * 500 + [1] * 300 + [2] * 200, epsilon="2")
    api = running.get(f"/v1/collections/{made.id}/estimates?post=norm_sub", headers=ADMIN).json()
    twin = admin.get(f"/collections/{made.id}.json").json()
    assert (twin["n"], twin["epsilon"]) == (1_000, "2")
    by_item = {row["item"]: row for row in twin["found"]["rows"]}
    for item in api["items"]:
        row = by_item[item["item"]]
        for name in ("estimate", "standard_error", "low", "high", "low_simultaneous", "high_simultaneous"):
            assert row[name] == item[name], name
        assert row["above_noise_floor"] == item["above_noise_floor"]
        assert row["post"] == item["post"]["norm_sub"]
        assert row["low"] <= row["low_inner"] <= row["estimate"] <= row["high_inner"] <= row["high"]
    assert twin["found"]["noise_floor"] == api["noise_floor"]
    assert twin["found"]["trust"]["rms_z"] == api["canaries"]["rms_z"]
    assert twin["found"]["trust"]["shift_per_percent"] == api["poisoning"]["shift_per_percent"]
    page = admin.get(f"/collections/{made.id}").text
    assert "n = <b>1,000</b>" in page
    assert "apple" in page


def test_pages_of_many_items_send_a_few(running: InProcess, admin: Browserless) -> None:
    items = [f"item {number}" for number in range(5_000)]
    made = answered(running, list(range(200)), items=items, epsilon="4")
    first = admin.get(f"/collections/{made.id}.json?order=index").json()["found"]
    assert [row["index"] for row in first["rows"]] == list(range(25))
    assert (first["matches"], first["pages"]) == (5_000, 200)
    last = admin.get(f"/collections/{made.id}.json?order=index&page=200").json()["found"]
    assert [row["index"] for row in last["rows"]] == list(range(4_975, 5_000))
    found = admin.get(f"/collections/{made.id}.json?q=ITEM%20499").json()["found"]
    assert found["matches"] == 11
    assert all("item 499" in row["item"] for row in found["rows"])
    ranked = [row["estimate"] for row in found["rows"]]
    assert ranked == sorted(ranked, reverse=True)
    nothing = admin.get(f"/collections/{made.id}?q=zzz")
    assert "No answer contains “zzz”." in nothing.text


def test_text_of_a_collection_cannot_become_markup(running: InProcess, admin: Browserless) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    made = answered(running, [0] * 50, items=[evil, "b"], question=evil, name=evil)
    for path in ("/collections", f"/collections/{made.id}", f"/collections/{made.id}/series", "/fleet"):
        text = admin.get(path).text
        assert "<img src=x" not in text, path
        figures = re.findall(r'<script type="application/json">(.*?)</script>', text, re.S)
        for figure in figures:
            json.loads(figure)


def test_an_analyst_of_one_collection_sees_no_other(running: InProcess) -> None:
    mine, other = answered(running, [0] * 50), answered(running, [1] * 50)
    person = Browserless.logged_in(running, make_token(running, "Ada", collection=mine.id)["token"])
    listed = person.get("/collections.json").json()["collections"]
    assert [line["id"] for line in listed] == [mine.id]
    assert person.get(f"/collections/{mine.id}").status_code == 200
    for path in ("", ".json", "/series", "/series.json", "/estimates.csv", "/estimates.json"):
        assert person.get(f"/collections/{other.id}{path}").status_code == 404, path
    assert other.id not in person.get("/fleet").text


@pytest.mark.parametrize(
    "path", ["/tokens", "/collections/new", "/collections/{id}/keys", "/tokens.json", "/collections/{id}/keys.json"]
)
def test_an_analyst_administers_nothing(running: InProcess, path: str) -> None:
    made = create(running.post)
    person = Browserless.logged_in(running, make_token(running, "Ada")["token"])
    assert person.get(path.format(id=made.id)).status_code == 403
    for address, fields in (
        (f"/collections/{made.id}/move", {"verb": "close"}),
        (f"/collections/{made.id}/keys", {"name": "k"}),
        (f"/collections/{made.id}/keys/revoke", {"number": "1"}),
        ("/tokens", {"name": "Eve", "kind": "admin"}),
        ("/tokens/revoke", {"number": "1"}),
        ("/collections/new", {"name": "n", "question": "q", "items": "a\nb", "epsilon": "1"}),
        ("/fleet/start", {"collection": made.id, "phones": "5", "population": "zipf"}),
    ):
        assert person.post(address, fields).status_code == 403, address
    assert running.get(f"/v1/collections/{made.id}", headers=ADMIN).json()["state"] == "open"


def test_phones_are_simulated_in_a_demonstration_only(running: InProcess, admin: Browserless) -> None:
    made = create(running.post)
    answer = admin.post("/fleet/start", {"collection": made.id, "phones": "5", "population": "zipf"})
    assert answer.status_code == 403
    assert "fano demo" in answer.text
    keys = running.get(f"/v1/collections/{made.id}/keys", headers=ADMIN).json()["keys"]
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=x", "page"),
        ("size=1000", "size"),
        ("confidence=1", "confidence"),
        ("confidence=nan", "confidence"),
        ("order=best", "order"),
        ("post=magic", "post"),
        ("window=x", "window"),
        ("cohort=x", "cohort"),
        ("q=" + "x" * 201, "q"),
    ],
)
def test_a_wrong_query_is_refused_by_name(running: InProcess, admin: Browserless, query: str, field: str) -> None:
    made = answered(running, [0] * 20)
    answer = admin.get(f"/collections/{made.id}.json?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert admin.get(f"/collections/{made.id}?{query}").status_code == 422


@pytest.mark.parametrize(
    "query", ["epsilon=0", "epsilon=x", "items=1", "phones=0", "target=0", "target=x", "epsilon=1e9"]
)
def test_an_impossible_plan_is_refused(admin: Browserless, query: str) -> None:
    assert admin.get(f"/plan.json?{query}").status_code == 422


def test_a_plan_is_that_of_the_api(running: InProcess) -> None:
    nobody = Browserless(running)
    twin = nobody.get("/plan.json?epsilon=2&items=500&phones=10000&target=1").json()
    wanted = {"domain_size": 500, "epsilon": "2", "phones": 10_000, "target": 0.01}
    assert twin["plan"] == running.post("/v1/plan", json=wanted).json()
    halves = twin["over_phones"]["data"]["points"]
    assert halves[0]["y"] / halves[6]["y"] == pytest.approx(10)  # a hundred times the phones


def test_no_mechanism_is_below_the_optimum_and_measurements_agree(running: InProcess, admin: Browserless) -> None:
    assert Browserless(running).get("/compare/curves.json").status_code == 401
    twin = admin.get("/compare/curves.json?epsilon=2&items=64").json()
    assert all(point["y"] >= 1 - 1e-9 for point in twin["curves"]["data"]["lines"])
    exact = {point["mechanism"]: point["y"] for point in twin["curves"]["data"]["lines"] if point["x"] == 2.0}
    assert len(twin["measured"]) >= 5
    for dot in twin["measured"]:
        # 3 fleets of 64 items: a standard deviation of about sqrt(2 / 192) = 10 %; 6 of them, and the seed is fixed
        assert dot["over_optimum"] == pytest.approx(exact[dot["mechanism"].replace("_", " ")], rel=0.6)


def test_the_files_are_those_of_the_api(running: InProcess, admin: Browserless) -> None:
    made = answered(running, [0] * 20)
    api = running.get(f"/v1/collections/{made.id}/estimates?format=csv&post=simplex", headers=ADMIN)
    file = admin.get(f"/collections/{made.id}/estimates.csv?post=simplex")
    assert file.content == api.content
    assert file.headers["content-disposition"] == f'attachment; filename="estimates-{made.id}.csv"'
    assert admin.get(f"/collections/{made.id}/estimates.xls").status_code == 422


def test_a_page_is_about_the_window_cohort_and_version_that_are_chosen(sqlite_url: str, tmp_path: Path) -> None:
    clock = FakeClock(1_800_000_000.0)
    with InProcess(settings(sqlite_url, data_dir=tmp_path), clock) as running:
        made = create(running.post, epsilon="2", cohorts=["old", "new"])
        space = made.created["report_space"]

        def report(messages: list[int], cohort: int, digest: str | None = None) -> None:
            body = {**made.batch(messages), "cohort": cohort}
            if digest is not None:
                body["spec_digest"] = digest
            running.post(made.reports_path, json=body, headers=made.write_headers).raise_for_status()

        report([0] * 30, 0)
        clock.turn(86_400)
        report([0] * 20 + [space - 1] * 20, 1)
        person = Browserless.logged_in(running)
        first, second = 1_800_000_000 // 86_400, 1_800_000_000 // 86_400 + 1
        whole = person.get(f"/collections/{made.id}.json").json()
        assert whole["n"] == 70
        assert [one["value"] for one in whole["chosen"]["windows"]] == [str(second), str(first)]
        assert whole["chosen"]["windows"][1]["text"] == "15 January 2027 (30)"
        assert person.get(f"/collections/{made.id}.json?window={first}").json()["n"] == 30
        assert person.get(f"/collections/{made.id}.json?cohort=new").json()["n"] == 40
        page = person.get(f"/collections/{made.id}?window={first}&cohort=old").text
        assert f'<option value="{first}" selected>' in page
        assert '<option value="old" selected>' in page
        assert f"estimates.csv?post=norm_sub&amp;window={first}&amp;cohort=old" in page.replace("&amp;amp;", "&amp;")
        changed = running.post(f"/v1/collections/{made.id}/versions", json={"epsilon": "1"}, headers=ADMIN).json()
        report([0] * 5, 0, changed["spec_digest"])
        now, before = (person.get(f"/collections/{made.id}.json{query}").json() for query in ("", "?version=1"))
        assert (now["n"], now["epsilon"], now["chosen"]["version"]) == (5, "1", "")
        assert (before["n"], before["epsilon"], before["chosen"]["version"]) == (70, "2", "1")
        assert [one["value"] for one in before["chosen"]["versions"]] == ["", "1"]
        assert "version=1" in before["snippets"][0]["code"]
        old = running.get(f"/v1/collections/{made.id}/estimates?version=1&format=csv&post=norm_sub", headers=ADMIN)
        assert person.get(f"/collections/{made.id}/estimates.csv?version=1&post=norm_sub").content == old.content
        assert person.get(f"/collections/{made.id}?version=9").status_code == 422
        assert person.get(f"/collections/{made.id}/series?version=1").status_code == 200


def test_a_collection_of_labels_tells_their_mean(running: InProcess, admin: Browserless) -> None:
    form = {"name": "clicks", "question": "Did it help?", "epsilon": "1", "window": "P1D", "min_reports": "0"}
    made = admin.post("/collections/new", {**form, "label_rows": "40", "label_bound": "2", "mechanism": "spread"})
    assert made.status_code == 201, made.text
    (row,) = running.get("/v1/collections", headers=ADMIN).json()["collections"]
    assert (row["labels"], row["mechanism"]) == ({"rows": 40, "bound": "2"}, "randomized_response")
    assert "takes no reports until" in admin.get("/collections").text
    labels = create(running.post, items=None, labels={"rows": 40, "bound": "2"}, question="And this?")
    empty = admin.get(f"/collections/{labels.id}.json").json()
    assert (empty["labels"], empty["found"]) == (None, None)
    assert empty["missing"] == "No reports yet. The mean label appears with the first one; each row alone says little."
    messages = [2 * row + (row < 25) for row in range(30)] + [0]
    running.post(labels.reports_path, json=labels.batch(messages), headers=labels.write_headers).raise_for_status()
    api = running.get(f"/v1/collections/{labels.id}/labels", headers=ADMIN).json()
    page = admin.get(f"/collections/{labels.id}").text
    assert f"The mean label is {api['mean']:.2f} (" in page
    assert "29 of 40 rows were reported once, and 1 more than once" in page
    assert "31 reports about 40 rows" in page
    assert "only the label is protected" in page
    file = admin.get(f"/collections/{labels.id}/labels.csv")
    assert file.text == running.get(f"/v1/collections/{labels.id}/labels?format=csv", headers=ADMIN).text
    fit = admin.get(f"/analysis/single-location/fit?collection={labels.id}").text
    assert f'<option value="{labels.id}" selected>' in fit
    assert row["id"] not in fit  # nobody has reported there


def test_the_two_ends_of_labels_are_no_answers(running: InProcess, admin: Browserless) -> None:
    labels = create(running.post, items=None, labels={"rows": 400, "bound": "2"}, epsilon="8")
    messages = [2 * row + (row < 100) for row in range(400)]
    running.post(labels.reports_path, json=labels.batch(messages), headers=labels.write_headers).raise_for_status()
    twin = admin.get(f"/collections/{labels.id}.json").json()
    headline, summary = twin["found"]["headline"], twin["found"]["summary"]
    upper = next(row for row in twin["found"]["rows"] if row["item"] == "2")
    found = re.fullmatch(
        r"([\d.]+) % of the labels \(([\d.]+) % to ([\d.]+) %\) were rounded to −2, the others to 2\.", headline
    )
    assert found is not None, headline
    share, low, high = map(float, found.groups())
    assert low < share < high
    assert share == pytest.approx(100 * (1 - upper["estimate"]), abs=0.06)
    assert summary == "The mean of these labels is 2 times the difference of the two shares."
    api = running.get(f"/v1/collections/{labels.id}/labels", headers=ADMIN).json()
    assert api["mean"] == pytest.approx(2 * (2 * upper["estimate"] - 1))
    assert twin["found"]["figure"]["caption"].startswith(f"{headline} {summary} Shown: 2 of 2 ends, ")
    assert twin["post"] == "none"
    assert all(row["post"] is None for row in twin["found"]["rows"])
    page = admin.get(f"/collections/{labels.id}").text
    assert "ε = 8 a report usually reveals the label" in page
    assert "the same randomised bit of each row" in page
    for word in ("most common", "Find an answer", "largest answers", "one answer", "hold an answer", "true answer"):
        assert word not in page, word


def test_what_labels_cannot_have_is_said_in_the_form(admin: Browserless) -> None:
    form = {"name": "n", "question": "?", "epsilon": "1", "window": "P1D", "label_rows": "4", "label_bound": "2"}
    for changes, text in (
        ({"items": "a\nb"}, "a collection of labels has none"),
        ({"label_bound": ""}, "the bound of an outcome"),
        ({"label_rows": "many"}, "give a whole number"),
    ):
        answer = admin.post("/collections/new", {**form, **changes})
        assert answer.status_code == 422
        assert text in answer.text


def test_an_unknown_page_is_a_page(admin: Browserless) -> None:
    for path in ("/nothing", "/collections/none", "/static/0/app.css"):
        assert admin.get(path).status_code == 404, path
    assert "No such page" in admin.get("/nothing").text
    assert admin.get("/collections/none.json").json()["type"] == "urn:fanoplane:problem:unknown-collection"


def test_canaries_that_cry_are_told(running: InProcess, admin: Browserless) -> None:
    made = create(running.post, items=[f"i{n}" for n in range(100)], epsilon="1")
    design = mechanism("projective_geometry", epsilon="1", domain_size=100, **made.created["parameters"])
    for_no_item = design.supports(100).tolist()  # reports that speak for a point that no item uses
    messages = (for_no_item * (5_000 // len(for_no_item)))[:5_000]
    running.post(made.reports_path, json=made.batch(messages), headers=made.write_headers).raise_for_status()
    text = admin.get(f"/collections/{made.id}").text
    assert "Nothing stands out yet" in text
    assert "norm-sub needs at least one positive estimate" in text
    assert "Canaries: alarm" in text
    assert "beyond the alarm at" in text


def test_forms_that_are_no_forms_are_refused(admin: Browserless, running: InProcess) -> None:
    headers = {"Origin": "http://fano.test", "Cookie": f"fano_session={admin.cookie}"}
    assert running.post("/dashboard/tokens", json={"a": 1}, headers=headers).status_code == 400
    urlencoded = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"\xff\xfe", b"a", b"&".join(b"a=1" for _ in range(200)), struct.pack("<Q", 1 << 63)):
        assert running.post("/dashboard/tokens", content=body, headers=urlencoded).status_code == 400


def test_requests_are_counted_by_page_and_not_by_address(running: InProcess, admin: Browserless) -> None:
    made = answered(running, [0] * 20)
    admin.get(f"/collections/{made.id}")
    metrics = running.get("/metrics", headers=ADMIN).text
    assert 'route="/dashboard/collections/{id}"' in metrics
    assert made.id not in metrics


def test_what_fails_is_said_in_a_page_of_its_own(
    running: InProcess, admin: Browserless, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when that is what sessions are read from."""

    for what in (DatabaseUnavailable("the database does not answer"), OSError("the disk is gone")):
        monkeypatch.setattr(running.app.state.services.tokens, "principal_of", lambda *_, what=what: _raise(what))
        page, twin = admin.get("/collections"), admin.get("/collections.json")
        status = 503 if isinstance(what, DatabaseUnavailable) else 500
        assert (page.status_code, twin.status_code) == (status, status)
        assert page.headers["content-type"].startswith("text/html")
        assert "<h1>" in page.text
        assert "the disk is gone" not in page.text + twin.text
        assert twin.json()["status"] == status


def _raise(error: Exception) -> None:
    raise error
