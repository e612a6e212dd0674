"""The lifetime budget is the exact sum over every version that was ever asked, for what the visitor may see."""

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from server.dashboard.words import times
from tests.server.dashboard.browserless import Browserless
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.tokens import make_token

pytestmark = pytest.mark.thorough


@pytest.fixture
def running(sqlite_url: str, tmp_path: Path) -> Iterator[InProcess]:
    with InProcess(settings(sqlite_url, data_dir=tmp_path)) as service:
        yield service


def twin(visitor: Browserless, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = visitor.get(f"/budget.json{query}").json()
    return found


def test_nothing_was_asked_yet(running: InProcess) -> None:
    found = twin(Browserless.logged_in(running), "?limit=5")
    assert (found["lines"], found["total"], found["spent"]) == ([], "0", 0)
    assert "Nothing was asked yet" in found["sentence"]
    assert "ε = 5 left" in found["limit_sentence"]


def test_the_sum_is_exact_over_versions_and_without_drafts(running: InProcess) -> None:
    first = create(running.post, epsilon="0.1")
    second = create(running.post, epsilon="1/3", name="second")
    versioned = running.post(
        f"/v1/collections/{first.id}/versions", json={"epsilon": "0.2", "items": ["a", "b", "c"]}, headers=ADMIN
    )
    assert versioned.status_code == 201, versioned.text
    draft = {"name": "draft", "question": "q", "domain_size": 5, "epsilon": "3"}
    running.post("/v1/collections", json=draft, headers=ADMIN).raise_for_status()
    running.post(f"/v1/collections/{second.id}/close", headers=ADMIN).raise_for_status()
    found = twin(Browserless.logged_in(running))
    total = Fraction("0.1") + Fraction("0.2") + Fraction(1, 3)
    assert Fraction(found["total"]) == total
    assert [(line["id"], line["versions"], line["epsilon"], line["state"]) for line in found["lines"]] == [
        (second.id, 1, "1/3", "closed"),
        (first.id, 2, "0.3", "open"),
    ]
    assert sum(line["share"] for line in found["lines"]) == pytest.approx(1)
    assert f"at most {times(math.exp(total))}×" in found["sentence"]


@pytest.mark.parametrize(
    ("limit", "spent", "words"), [("4", 0.75, "ε = 1 left"), ("3", 1, "ε = 0 left"), ("2.5", 1, "at least ε = 0.5")]
)
def test_a_limit_is_compared_with(running: InProcess, limit: str, spent: float, words: str) -> None:
    for epsilon in ("1", "2"):
        create(running.post, epsilon=epsilon, name=epsilon)
    visitor = Browserless.logged_in(running)
    found = twin(visitor, f"?limit={limit}")
    assert (found["limit"], found["spent"]) == (limit, spent)
    assert words in found["limit_sentence"]
    page = visitor.get(f"/budget?limit={limit}").text
    assert found["limit_sentence"] in page
    assert f'value="{100 * spent:.1f}"' in page


def test_large_sums_are_said_in_words(running: InProcess) -> None:
    for number in range(2):
        create(running.post, epsilon="8", name=str(number))
    sentence = twin(Browserless.logged_in(running))["sentence"]
    assert "ε = 16" in sentence
    assert "hide nothing" in sentence


def test_a_limit_that_is_none_is_explained(running: InProcess) -> None:
    visitor = Browserless.logged_in(running)
    for limit in ("much", "-1", "25"):
        assert visitor.get(f"/budget.json?limit={limit}").status_code == 422
    assert re.search("<h1>.*</h1>", visitor.get("/budget?limit=much").text)


def test_an_analyst_of_one_collection_sees_that_one(running: InProcess) -> None:
    seen = create(running.post, epsilon="1")
    create(running.post, epsilon="2", name="other")
    analyst = Browserless.logged_in(running, make_token(running, "Ada", collection=seen.id)["token"])
    found = twin(analyst)
    assert ([line["id"] for line in found["lines"]], found["total"]) == ([seen.id], "1")
    assert Browserless(running).get("/budget").status_code == 303
