"""Windows: estimates of one or several, series, and what too few reports withhold."""

import numpy as np
import pytest

from ldp_core.estimation.intervals import critical_value, score_interval
from ldp_core.mechanisms import create as create_mechanism
from server.api.estimate_schemas import EstimateOut
from server.api.series_schemas import SeriesOut
from server.services.windows import window_start
from tests.server.assertions import assert_problem
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess

pytestmark = pytest.mark.thorough

DAY = 86_400
WINDOWS = {20_000: 300, 20_001: 200, 20_003: 4}
MECHANISM = create_mechanism("projective_geometry", epsilon="1", domain_size=10, q=3, t=3)


@pytest.fixture
def messages() -> dict[int, list[int]]:
    rng = np.random.default_rng(3)
    return {window: MECHANISM.randomize_many(rng.integers(0, 3, n), rng).tolist() for window, n in WINDOWS.items()}


def reported(service: InProcess, messages: dict[int, list[int]], **changes: object) -> TestCollection:
    items = [f"item {i}" for i in range(10)]
    collection = create(service.post, items=items, parameters={"q": 3, "t": 3}, **changes)
    for window, sent in messages.items():
        service.app.state.services.intake._clock = lambda window=window: window * DAY + 5.0
        answer = service.post(collection.reports_path, json=collection.batch(sent), headers=collection.write_headers)
        assert answer.status_code == 200
    return collection


def ask(service: InProcess, collection: TestCollection, what: str, **query: object):  # type: ignore[no-untyped-def]
    return service.get(f"/v1/collections/{collection.id}/{what}", params=query, headers=ADMIN)


@pytest.mark.parametrize("folded", [False, True])
def test_estimates_of_windows(service: InProcess, messages: dict[int, list[int]], folded: bool) -> None:
    collection = reported(service, messages)
    if folded:
        service.app.state.services.folder.fold_all()
    for asked, windows in (
        (None, [20_000, 20_001, 20_003]),
        ("20000", [20_000]),
        ("20000..20001", [20_000, 20_001]),
        ("20001..20010", [20_001, 20_003]),
        ("0..9999999999", [20_000, 20_001, 20_003]),
    ):
        document = ask(service, collection, "estimates", **({"window": asked} if asked else {})).json()
        EstimateOut.model_validate(document)
        expected = MECHANISM.decode(MECHANISM.tally([m for w in windows for m in messages[w]]))
        assert document["n"] == expected.n
        assert document["window"] == asked == document["provenance"]["window"]
        assert [item["estimate"] for item in document["items"]] == expected.frequencies.tolist()


def test_windows_have_etags_of_their_own(sqlite_service: InProcess) -> None:
    collection = reported(sqlite_service, {20_000: [1, 2], 20_001: [1, 2]})
    tags = [ask(sqlite_service, collection, "estimates", window=w).headers["etag"] for w in ("20000", "20001")]
    assert tags[0] != tags[1]  # the same counts, but another document
    assert tags[0] == ask(sqlite_service, collection, "estimates", window="20000").headers["etag"]


@pytest.mark.parametrize(
    "window", ["", "x", "-1", "1..", "..2", "2..1", "1.5", "1...2", "1..2..3", "9" * 11, "٢٠٠٠٠", "２００００"]
)
def test_wrong_windows_are_refused_by_field(sqlite_service: InProcess, window: str) -> None:
    collection = create(sqlite_service.post)
    for what, query in (("estimates", {}), ("series", {"item": "apple"})):
        answer = ask(sqlite_service, collection, what, window=window, **query)
        assert_problem(answer, 422, "invalid-parameters")
        assert [error["field"] for error in answer.json()["errors"]] == ["window"]


def test_min_reports_holds_for_each_published_window(sqlite_service: InProcess, messages: dict[int, list[int]]) -> None:
    collection = reported(sqlite_service, messages, min_reports=100)
    answer = ask(sqlite_service, collection, "estimates", window="20003")
    assert_problem(answer, 422, "not-enough-reports", have=4, need=100)
    answer = ask(sqlite_service, collection, "estimates", window="20002")
    assert_problem(answer, 422, "not-enough-reports", have=0, need=100)
    assert ask(sqlite_service, collection, "estimates", window="20001").json()["n"] == 200
    series = ask(sqlite_service, collection, "series", item="item 1").json()
    assert [(w["window"], w["n"], w["withheld"], len(w["items"])) for w in series["windows"]] == [
        (20_000, 300, False, 1),
        (20_001, 200, False, 1),
        (20_003, 4, True, 0),
    ]


@pytest.mark.parametrize("folded", [False, True])
def test_a_series_is_the_estimate_of_each_window(
    service: InProcess, messages: dict[int, list[int]], folded: bool
) -> None:
    collection = reported(service, messages)
    if folded:
        service.app.state.services.folder.fold_all()
    series = ask(service, collection, "series", item=["item 2", "item 0"], confidence=0.9).json()
    SeriesOut.model_validate(series)
    assert [w["window"] for w in series["windows"]] == [20_000, 20_001, 20_003]
    assert series["windows"][0]["start"] == "2024-10-04T00:00:00Z"
    for window in series["windows"]:
        estimate = MECHANISM.decode(MECHANISM.tally(messages[window["window"]]))
        one = estimate.interval(0.9)
        all_ = score_interval(
            estimate.frequencies,
            estimate.noise_variance,
            estimate.slope,
            estimate.n,
            critical_value(0.9, 6),
            estimate.asymmetry,
        )
        assert [item["index"] for item in window["items"]] == [2, 0]
        for item in window["items"]:
            i = item["index"]
            assert item["item"] == f"item {i}"
            assert item["estimate"] == estimate.frequencies[i]
            assert item["standard_error"] == estimate.standard_errors[i]
            assert (item["low"], item["high"]) == (one.low[i], one.high[i])
            assert (item["low_simultaneous"], item["high_simultaneous"]) == (all_.low[i], all_.high[i])
    assert [
        w["window"] for w in ask(service, collection, "series", item="item 1", window="20001..20002").json()["windows"]
    ] == [20_001]


def test_windows_that_did_not_change_are_decoded_once(
    sqlite_service: InProcess, messages: dict[int, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = reported(sqlite_service, messages)
    before = ask(sqlite_service, collection, "series", item="item 1").json()
    estimates, decoded = sqlite_service.app.state.services.estimates, []
    real = estimates.decode
    monkeypatch.setattr(estimates, "decode", lambda *a: decoded.append(1) or real(*a))
    assert ask(sqlite_service, collection, "series", item="item 1").json() == before
    assert decoded == []
    sqlite_service.post(collection.reports_path, json=collection.batch([5]), headers=collection.write_headers)
    after = ask(sqlite_service, collection, "series", item="item 1").json()
    assert len(decoded) == 1
    assert [w["n"] for w in after["windows"]] == [300, 200, 5]


def test_a_series_of_an_earlier_version(sqlite_service: InProcess, messages: dict[int, list[int]]) -> None:
    collection = reported(sqlite_service, messages)
    before = ask(sqlite_service, collection, "series", item="item 1").json()
    sqlite_service.post(f"/v1/collections/{collection.id}/versions", json={"question": "And now?"}, headers=ADMIN)
    assert ask(sqlite_service, collection, "series", item="item 1").json()["windows"] == []
    assert ask(sqlite_service, collection, "series", item="item 1", version=1).json() == before
    answer = ask(sqlite_service, collection, "series", item="item 1", version=3)
    assert_problem(answer, 422, "invalid-parameters")


def test_a_series_of_unnamed_items_takes_indices(sqlite_service: InProcess) -> None:
    collection = create(sqlite_service.post, items=None, domain_size=5)
    assert ask(sqlite_service, collection, "series", item="4").json()["windows"] == []
    for item in ("5", "-1", "x", "", "9" * 5_000, "٣"):
        answer = ask(sqlite_service, collection, "series", item=item)
        assert_problem(answer, 422, "invalid-parameters")


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"item": "plum"},
        {"item": ["apple", "apple"]},
        {"item": "apple", "cohort": "x"},
        {"item": "apple", "decoder": "x"},
    ],
)
def test_wrong_series_are_refused(sqlite_service: InProcess, query: dict[str, object]) -> None:
    collection = create(sqlite_service.post)
    assert_problem(ask(sqlite_service, collection, "series", **query), 422, "invalid-parameters")


def test_starts_of_windows_far_away() -> None:
    assert window_start(0, 3_600) == "1970-01-01T00:00:00Z"
    assert window_start((1 << 32) - 1, 7 * 86_400) is None
