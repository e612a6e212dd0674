"""Arrays in the forms of analyses: stored from a file without losing what was typed, chosen, forgotten; and by nobody else."""

import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.registry import ENTRY_POINTS
from server.dashboard.analysis_form import array_members, form_fields, request_of
from server.dashboard.guard import Form
from server.services.analyses import Analyses
from tests.server.dashboard.browserless import ORIGIN, Browserless
from tests.server.dashboard.test_analysis import ended, filled
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.tokens import make_token

METHODS = {method["path"]: method for method in Analyses.methods()}
FIT = "/analysis/single-location/fit"
ARRAYS = f"{FIT}/arrays"
TOKENS = np.arange(60, dtype=np.float32).reshape(5, 4, 3)


@pytest.fixture
def running(sqlite_url: str, tmp_path: Path) -> Iterator[InProcess]:
    chosen = settings(sqlite_url, data_dir=tmp_path, job_workers=1, arrays_per_token=3, array_bytes=100_000)
    with InProcess(chosen) as service:
        yield service


@pytest.fixture
def person(running: InProcess) -> Browserless:
    return Browserless.logged_in(running)


def npy(array: Any, name: str = "tokens.npy") -> tuple[str, bytes]:
    file = io.BytesIO()
    np.save(file, array)
    return name, file.getvalue()


def npz(**arrays: Any) -> tuple[str, bytes]:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return "both.npz", file.getvalue()


def stored(running: InProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.get("/v1/arrays", headers=ADMIN).json()["arrays"]
    return found


def chosen_in(page: str) -> dict[str, str]:
    """For each member the array whose option is selected."""
    selects = re.findall(r'<select name="array-of-(\w+)".*?</select>', page, re.S)
    found = re.findall(r'<select name="array-of-(\w+)"(?:(?!</select>).)*?<option value="(\w+)" selected', page, re.S)
    assert len(selects) == len(set(selects))
    return dict(found)


@pytest.mark.parametrize("path", ENTRY_POINTS)
def test_an_array_is_offered_where_the_analysis_takes_one(path: str) -> None:
    """Members of an example, as the analysis itself judges an array of floats in their place."""
    method = ENTRY_POINTS[path].method
    offered = dict(array_members(METHODS[path]))
    for name, value in method.EXAMPLE.items():
        if not isinstance(value, list):
            assert name not in offered or "number" in method.SCHEMA["properties"][name]["type"]
            continue
        try:
            method.from_json({**method.EXAMPLE, name: np.asarray(value, dtype=np.float64)})
        except (AnalysisError, ValueError, TypeError):
            assert name not in offered
        else:
            assert name in offered


def test_a_chosen_array_stands_for_what_is_typed() -> None:
    method = METHODS["single-location/fit"]
    typed = {field.name: field.value for field in form_fields(method, None, {})}
    form = {**typed, "array-of-X": "abc", "array-of-y": "", "array-of-seed": "def"}
    assert request_of(method, Form([*form.items()])) == {
        **request_of(method, Form([*typed.items()])),
        "X": {"array": "abc"},
    }
    labelled = {**form, "label_collection_id": "C1", "array-of-y": "def"}
    assert "y" not in request_of(method, Form([*labelled.items()]))
    shown = {field.name: field.array for field in form_fields(method, form, {}) if field.takes_array}
    assert shown["X"] == "abc"
    assert not any(array for name, array in shown.items() if name != "X")


def test_a_file_is_stored_described_and_chosen_and_nothing_typed_is_lost(
    running: InProcess, person: Browserless
) -> None:
    typed = filled("single-location/fit", seed="77", y="[1, 2, ")
    answer = person.post(ARRAYS, {**typed, "place": "X"}, file=npy(TOKENS))
    assert answer.status_code == 201, answer.text
    (one,) = stored(running)
    assert (one["shape"], one["dtype"], one["bytes"]) == ([5, 4, 3], "<f4", 240)
    np.testing.assert_array_equal(running.app.state.services.arrays.load(one["id"], None), TOKENS)
    told = re.search(r'role="status">([^<]+)<', answer.text)
    assert told is not None
    assert told[1].startswith(f"Stored as {one['id']}: 5 × 4 × 3 numbers, float32, 240 bytes, until ")
    assert told[1].endswith("UTC. It now stands for Tokens.")
    assert chosen_in(answer.text) == {"X": one["id"]}
    assert 'name="seed" value="77"' in answer.text
    assert "[1, 2, </textarea>" in answer.text
    twin = person.get(f"{FIT}.json").json()["arrays"]["stored"]
    assert [(line["id"], line["shape"], line["dtype"], line["bytes"]) for line in twin] == [
        (one["id"], "5 × 4 × 3", "float32", 240)
    ]
    for address in (FIT, ARRAYS):  # a reader may load the address anew
        assert one["id"] in person.get(address).text


def test_arrays_of_a_zip_go_to_the_members_that_they_are_named_after(running: InProcess, person: Browserless) -> None:
    answer = person.post(ARRAYS, {"place": "X"}, file=npz(y=np.ones(5), X=TOKENS))
    ids = {one["name"]: one["id"] for one in stored(running)}
    assert chosen_in(answer.text) == {"X": ids["X"], "y": ids["y"]}
    other = person.post(ARRAYS, {"place": "X"}, file=npz(tokens=TOKENS))
    [alone] = [one["id"] for one in stored(running) if one["name"] == "tokens"]
    assert chosen_in(other.text) == {"X": alone}


def test_an_array_that_fits_nowhere_is_left_to_choose(running: InProcess, person: Browserless) -> None:
    answer = person.post(ARRAYS, {"place": "X"}, file=npz(a=TOKENS, b=np.ones(5)))
    assert chosen_in(answer.text) == {}
    assert answer.text.count("Choose it above where it is to stand for numbers.") == 2
    assert len(stored(running)) == 2


@pytest.mark.parametrize(
    ("file", "status", "text"),
    [
        (("", b""), 422, "Choose a .npy or .npz file first."),
        (("tokens.csv", b"1,2,3"), 422, "is no .npy or .npz file of numbers; write it with numpy.save."),
        (npy(np.array(["text"])), 422, "real numbers on at most 4 axes"),
        (npz(a=np.zeros(6_000, np.uint8), b=np.zeros(7_000, np.uint8)), 413, "may have 100000 bytes together"),
    ],
)
def test_what_cannot_be_stored_is_told_beside_what_was_typed(
    running: InProcess, person: Browserless, file: tuple[str, bytes], status: int, text: str
) -> None:
    answer = person.post(ARRAYS, filled("single-location/fit", seed="77"), file=file)
    assert answer.status_code == status
    assert stored(running) == []
    assert text in answer.text
    assert 'role="alert"' in answer.text
    assert 'name="seed" value="77"' in answer.text


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_that_is_not_even_read_is_refused_in_a_page(
    running: InProcess, person: Browserless, *, announced: bool
) -> None:
    if announced:
        answer = person.post(ARRAYS, {"place": "X"}, file=npy(np.zeros(13_000)))
    else:
        headers = {
            **ORIGIN,
            "Cookie": f"fano_session={person.cookie}",
            "Content-Type": "multipart/form-data; boundary=x",
        }
        answer = running.post(f"/dashboard{ARRAYS}", content=endless(), headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith("text/html")
    assert "longer than the 100,000 bytes" in answer.text
    assert "Go back" in answer.text
    assert stored(running) == []


async def endless() -> AsyncIterator[bytes]:
    """A form whose file goes on and on."""
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.npy"\r\n\r\n'
    while True:
        yield bytes(10_000)


def test_a_full_store_says_so_and_one_is_forgotten(running: InProcess, person: Browserless) -> None:
    for _ in range(3):
        assert person.post(ARRAYS, {"place": "X"}, file=npy(TOKENS)).status_code == 201
    full = person.post(ARRAYS, {"place": "X"}, file=npy(TOKENS))
    assert full.status_code == 429
    assert "This token has 3 arrays stored, the most that it may; delete one first." in full.text
    gone, kept = stored(running)[0]["id"], stored(running)[1]["id"]
    typed = {**filled("single-location/fit", seed="77"), "array-of-X": kept}
    answer = person.post(ARRAYS, {**typed, "forget": gone})
    assert answer.status_code == 200
    assert "The array is forgotten." in answer.text
    assert gone not in answer.text
    assert chosen_in(answer.text) == {"X": kept}
    assert 'name="seed" value="77"' in answer.text
    again = person.post(ARRAYS, {"forget": gone})
    assert again.status_code == 404
    assert "No array of this id is yours" in again.text


def test_only_a_form_of_the_session_stores_and_forgets(running: InProcess, person: Browserless) -> None:
    person.post(ARRAYS, {"place": "X"}, file=npy(TOKENS))
    kept = stored(running)
    for more in (
        {"form_value": None},
        {"form_value": "0" * 64},
        {"headers": {"Origin": "https://elsewhere.example"}},
        {"headers": {"Sec-Fetch-Site": "cross-site", **ORIGIN}},
        {"headers": {}},
    ):
        for fields, file in (({"place": "X"}, npy(TOKENS)), ({"forget": kept[0]["id"]}, None)):
            assert person.post(ARRAYS, fields, file=file, **more).status_code == 403, more
    stranger = Browserless(running).post(ARRAYS, {"place": "X"}, file=npy(TOKENS), form_value=None)
    assert stranger.headers["location"].startswith("/dashboard/login")
    assert stored(running) == kept


def test_an_array_is_seen_and_forgotten_by_who_sent_it_alone(running: InProcess, person: Browserless) -> None:
    person.post(ARRAYS, {"place": "X"}, file=npy(TOKENS))
    [mine] = stored(running)
    other = Browserless.logged_in(running, make_token(running, "Ada")["token"])
    assert mine["id"] not in other.get(FIT).text
    assert other.post(ARRAYS, {"forget": mine["id"]}).status_code == 404
    assert stored(running) == [mine]
    asked = other.post(FIT, {**filled("single-location/fit"), "array-of-X": mine["id"]})
    assert asked.status_code == 422
    assert "no array of this id is yours" in asked.text


def test_a_form_that_is_cut_off_is_refused(running: InProcess, person: Browserless) -> None:
    headers = {**ORIGIN, "Cookie": f"fano_session={person.cookie}"}
    for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "application/json"):
        sent = running.post(f"/dashboard{ARRAYS}", content=b"no form", headers={**headers, "Content-Type": kind})
        assert sent.status_code == 400
    two = running.post(f"/dashboard{ARRAYS}", files=[("file", npy(TOKENS)), ("file", npy(TOKENS))], headers=headers)
    assert two.status_code == 400
    assert stored(running) == []


@pytest.mark.thorough
def test_an_analysis_of_chosen_arrays_answers_as_one_of_typed_numbers(running: InProcess, person: Browserless) -> None:
    example = METHODS["single-location/fit"]["example"]
    page = person.post(ARRAYS, {}, file=npz(X=np.array(example["X"]), y=np.array(example["y"]))).text
    arrays = {f"array-of-{name}": array for name, array in chosen_in(page).items()}
    results = []
    for form in ({**filled("single-location/fit", X="", y=""), **arrays}, filled("single-location/fit")):
        sent = person.post(FIT, form)
        assert sent.status_code == 303, sent.text
        results.append(ended(person, sent.headers["location"].removeprefix("/dashboard"))["result"]["result"])
    assert json.dumps(results[0]) == json.dumps(results[1])
