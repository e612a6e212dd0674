"""Cohorts: declared in the spec, stated by every report, estimated apart, compared with each other."""

import json
import secrets

import numpy as np
import pytest

from ldp_core.estimation import Difference
from ldp_core.mechanisms import create as create_mechanism
from ldp_core.mechanisms import group_share
from ldp_core.wire import PACKED_MEDIA_TYPE, CollectionSpec, ReportBatch
from server.api.comparison_schemas import CompareOut
from tests.server.assertions import assert_problem
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess
from tests.services.stored import stored_messages

pytestmark = pytest.mark.thorough

COHORTS = ["old app", "neue App ü"]
ITEMS = [f"item {i}" for i in range(10)]
MECHANISM = create_mechanism("projective_geometry", epsilon="2", domain_size=10, q=3, t=3)


def made(service: InProcess, **changes: object) -> TestCollection:
    return create(
        service.post, items=ITEMS, parameters={"q": 3, "t": 3}, epsilon="2", **{"cohorts": COHORTS, **changes}
    )


def send(service: InProcess, collection: TestCollection, messages: list[int], cohort: object) -> None:
    body = {**collection.batch(messages), "cohort": cohort}
    answer = service.post(collection.reports_path, json=body, headers=collection.write_headers)
    assert answer.status_code == 200, answer.text


@pytest.fixture
def messages() -> list[list[int]]:
    rng = np.random.default_rng(4)
    weights = [[10, 1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 10, 1, 1, 1, 1, 1, 1, 1, 1]]
    return [MECHANISM.randomize_many(rng.choice(10, 4_000, p=np.array(w) / sum(w)), rng).tolist() for w in weights]


def reported(service: InProcess, messages: list[list[int]], **changes: object) -> TestCollection:
    collection = made(service, **changes)
    for cohort, sent in enumerate(messages):
        send(service, collection, sent, cohort)
    return collection


def compare(service: InProcess, collection: TestCollection, **body: object):  # type: ignore[no-untyped-def]
    sides = {"first": {"cohort": COHORTS[0]}, "second": {"cohort": COHORTS[1]}}
    return service.post(f"/v1/collections/{collection.id}/compare", json={**sides, **body}, headers=ADMIN)


def test_cohorts_are_declared_in_the_spec(service: InProcess) -> None:
    collection = made(service)
    raw = service.get(f"/c/{collection.id}/spec").content
    assert CollectionSpec.parse(raw).cohorts == tuple(COHORTS)
    assert collection.created["cohorts"] == COHORTS
    assert "cohorts" not in json.loads(service.get(f"/c/{create(service.post).id}/spec").content)


@pytest.mark.parametrize("cohorts", [["one"], ["a", "a"], ["a", ""], ["a", "b" * 65], [str(i) for i in range(257)]])
def test_wrong_declarations_are_refused(sqlite_service: InProcess, cohorts: list[str]) -> None:
    body = {"name": "n", "question": "q", "items": ITEMS, "epsilon": "1", "cohorts": cohorts}
    answer = sqlite_service.post("/v1/collections", json=body, headers=ADMIN)
    assert_problem(answer, 422, "invalid-parameters")
    assert [error["field"] for error in answer.json()["errors"]] == ["cohorts"]


@pytest.mark.parametrize("cohort", [None, 2, 65_535])
def test_a_batch_states_a_declared_cohort_or_is_refused_whole(
    sqlite_service: InProcess, sqlite_url: str, cohort: int | None
) -> None:
    collection = made(sqlite_service)
    body = {**collection.batch([1]), "cohort": cohort}
    answers = [sqlite_service.post(collection.reports_path, json=body, headers=collection.write_headers)]
    sqlite_service.app.state.services.intake._clock = lambda: 20_000 * 86_400.0
    prefix = bytes.fromhex(collection.created["spec_digest"][:16])
    packed = ReportBatch(prefix, 20_000, secrets.token_bytes(16), np.array([1]), cohort).pack()
    headers = {**collection.write_headers, "Content-Type": PACKED_MEDIA_TYPE}
    answers.append(sqlite_service.post(collection.reports_path, content=packed, headers=headers))
    for answer in answers:
        assert_problem(answer, 422, "invalid-parameters")
        assert [error["field"] for error in answer.json()["errors"]] == ["cohort"]
    assert stored_messages(sqlite_url) == {}


def test_the_cohort_is_part_of_the_content(service: InProcess) -> None:
    collection = made(service)
    batch = {**collection.batch([1]), "cohort": 0}
    for cohort, replayed in ((0, False), (0, True)):
        answer = service.post(
            collection.reports_path, json={**batch, "cohort": cohort}, headers=collection.write_headers
        )
        assert answer.json()["replayed"] is replayed
    answer = service.post(collection.reports_path, json={**batch, "cohort": 1}, headers=collection.write_headers)
    assert_problem(answer, 422, "batch-key-reused")


@pytest.mark.parametrize("folded", [False, True])
def test_estimates_of_one_cohort_and_of_all(service: InProcess, messages: list[list[int]], folded: bool) -> None:
    collection = reported(service, messages)
    if folded:
        service.app.state.services.folder.fold_all()
    path = f"/v1/collections/{collection.id}/estimates"
    for name, sent in ((COHORTS[0], messages[0]), (COHORTS[1], messages[1]), (None, messages[0] + messages[1])):
        answer = service.get(path, params={"cohort": name} if name else {}, headers=ADMIN)
        document = answer.json()
        assert (document["n"], document["cohort"]) == (len(sent), name)
        expected = MECHANISM.decode(MECHANISM.tally(sent))
        assert [item["estimate"] for item in document["items"]] == expected.frequencies.tolist()
        assert json.loads(answer.headers["fano-provenance"]) == document["provenance"]
    for name in ("none", "0", ""):
        assert_problem(service.get(path, params={"cohort": name}, headers=ADMIN), 422, "invalid-parameters")
    series = service.get(
        f"/v1/collections/{collection.id}/series", params={"item": "item 1", "cohort": COHORTS[1]}, headers=ADMIN
    ).json()
    assert [window["n"] for window in series["windows"]] == [4_000]


def test_min_reports_holds_for_each_published_cohort(sqlite_service: InProcess) -> None:
    collection = made(sqlite_service, min_reports=3)
    send(sqlite_service, collection, [1, 2], 0)
    send(sqlite_service, collection, [1, 2, 3], 1)
    path = f"/v1/collections/{collection.id}/estimates"
    answer = sqlite_service.get(path, params={"cohort": COHORTS[0]}, headers=ADMIN)
    assert_problem(answer, 422, "not-enough-reports", have=2, need=3)
    assert sqlite_service.get(path, params={"cohort": COHORTS[1]}, headers=ADMIN).json()["n"] == 3
    answer = compare(sqlite_service, collection)
    assert_problem(answer, 422, "not-enough-reports", have=2, need=3)
    assert "there are 2 reports in first and" in answer.json()["detail"]


def test_a_comparison_is_the_difference_test_of_the_two_estimates(
    service: InProcess, messages: list[list[int]]
) -> None:
    collection = reported(service, messages)
    groups = [{"name": "both", "items": ["item 0", "item 1"]}, {"name": "rest", "items": ITEMS[2:]}]
    answer = compare(service, collection, groups=groups, confidence=0.99)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    CompareOut.model_validate(document)
    tallies = [MECHANISM.tally(sent) for sent in messages]
    estimates = [MECHANISM.decode(tally) for tally in tallies]
    test = Difference.between(*estimates)
    all_ = test.interval(0.99, simultaneous=True)
    for i, item in enumerate(document["items"]):
        assert (item["item"], item["index"]) == (ITEMS[i], i)
        assert (item["difference"], item["z"], item["p_holm"]) == (test.difference[i], test.z[i], test.p_holm[i])
        assert (item["low_simultaneous"], item["high_simultaneous"]) == (all_.low[i], all_.high[i])
        assert item["significant"] == (i < 2)  # where the weights differ by 9/19; 8 others at level 0.01
    assert document["significant"] == 2
    assert document["comparisons"] == 10
    assert [document[side]["n"] for side in ("first", "second")] == [4_000, 4_000]
    for entry, indices in zip(document["groups"], ([0, 1], range(2, 10)), strict=True):
        shares = [group_share(MECHANISM, t, e, list(indices)) for t, e in zip(tallies, estimates, strict=True)]
        assert entry["difference"] == shares[1].share - shares[0].share
        assert entry["standard_error"] == pytest.approx(np.hypot(*(share.standard_error for share in shares)), rel=1e-2)
        assert not entry["significant"]
        assert not entry["standard_error_is_bound"]
    top = compare(service, collection, top=2).json()["items"]
    assert sorted(item["index"] for item in top) == [0, 1]
    assert abs(top[0]["z"]) >= abs(top[1]["z"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"second": {"cohort": COHORTS[0]}}, "second"),
        ({"second": {}}, "second"),
        ({"first": {"window": "1..5"}, "second": {"window": "5..9"}}, "second"),
        ({"first": {"window": "1..5", "cohort": COHORTS[0]}, "second": {"window": "5"}}, "second"),
        ({"second": {"cohort": "x"}}, "second.cohort"),
        ({"first": {"window": "x"}}, "first.window"),
        ({"groups": [{"name": "g", "items": ["item 1", "plum"]}]}, "groups.0.items"),
        ({"groups": [{"name": "g", "items": []}]}, "groups.0.items"),
        ({"decoder": "x"}, "decoder"),
        ({"confidence": 1}, "confidence"),
        ({"third": {}}, "third"),
    ],
)
def test_wrong_comparisons_are_refused_by_field(sqlite_service: InProcess, body: dict[str, object], field: str) -> None:
    collection = made(sqlite_service)
    answer = compare(sqlite_service, collection, **body)
    assert_problem(answer, 422, "invalid-parameters")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_all_items_together_never_differ(sqlite_service: InProcess) -> None:
    """Their shares sum to 1 on either side, and what rounding leaves of the difference has no error to be compared with."""
    items = [f"item {i}" for i in range(13)]
    collection = create(sqlite_service.post, items=items, parameters={"q": 3, "t": 3}, cohorts=COHORTS)
    for cohort, sent in enumerate(([0, 5, 5], [1, 2, 3, 4, 11, 12, 12])):
        send(sqlite_service, collection, sent, cohort)
    (whole,) = compare(sqlite_service, collection, groups=[{"name": "all", "items": items}]).json()["groups"]
    assert (whole["first"], whole["second"]) == (pytest.approx(1), pytest.approx(1))
    assert (whole["z"], whole["p"], whole["significant"]) == (0, 1, False)


def test_two_windows_are_compared(sqlite_service: InProcess, messages: list[list[int]]) -> None:
    collection = create(sqlite_service.post, items=ITEMS, parameters={"q": 3, "t": 3}, epsilon="2")
    for window, sent in enumerate(messages, 20_000):
        sqlite_service.app.state.services.intake._clock = lambda window=window: window * 86_400.0
        answer = sqlite_service.post(
            collection.reports_path, json=collection.batch(sent), headers=collection.write_headers
        )
        assert answer.status_code == 200
    document = compare(sqlite_service, collection, first={"window": "20000"}, second={"window": "20001..20009"}).json()
    assert document["significant"] == 2
    assert document["items"][1]["difference"] > 0 > document["items"][0]["difference"]


def test_a_new_version_keeps_the_cohorts(service: InProcess) -> None:
    collection = made(service)
    path = f"/v1/collections/{collection.id}"
    second = service.post(f"{path}/versions", json={"items": ["yes", "no"]}, headers=ADMIN).json()
    assert second["cohorts"] == COHORTS
    assert CollectionSpec.parse(service.get(f"/c/{collection.id}/spec").content).cohorts == tuple(COHORTS)
    batch = {**collection.batch([1]), "spec_digest": second["spec_digest"]}
    without = service.post(collection.reports_path, json=batch, headers=collection.write_headers)
    assert_problem(without, 422, "invalid-parameters")
    stated = service.post(collection.reports_path, json={**batch, "cohort": 1}, headers=collection.write_headers)
    assert stated.status_code == 200


def test_an_earlier_version_is_compared_by_itself(sqlite_service: InProcess, messages: list[list[int]]) -> None:
    collection = reported(sqlite_service, messages)
    before = compare(sqlite_service, collection).json()
    sqlite_service.post(f"/v1/collections/{collection.id}/versions", json={"question": "And now?"}, headers=ADMIN)
    assert_problem(compare(sqlite_service, collection), 422, "not-enough-reports", have=0, need=1)
    assert compare(sqlite_service, collection, version=1).json() == before
    assert_problem(compare(sqlite_service, collection, version=3), 422, "invalid-parameters")
