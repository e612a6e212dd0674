"""Reading beside deletion: whoever asks while a collection is removed row by row hears of all of it, or that it is not there."""

from collections.abc import Callable
from typing import Any

import pytest

from server.services.collections import Collections
from server.services.retention import Retention
from tests.server.assertions import assert_problem
from tests.server.dashboard.browserless import Browserless
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess

pytestmark = pytest.mark.thorough


@pytest.fixture
def collection(service: InProcess) -> TestCollection:
    """Of reports in several segments."""
    made = create(service.post, cohorts=["a", "b"])
    for cohort in (0, 1, 0):
        batch = {**made.batch([cohort, 1, 2]), "cohort": cohort}
        assert service.post(made.reports_path, json=batch, headers=made.write_headers).status_code == 200
    return made


def asks(path: str) -> dict[str, Callable[[InProcess], Any]]:
    def get(what: str, **query: str) -> Callable[[InProcess], Any]:
        return lambda service: service.get(f"{path}/{what}", params=query, headers=ADMIN)

    def post(to: str, body: dict[str, Any]) -> Callable[[InProcess], Any]:
        return lambda service: service.post(to, json=body, headers=ADMIN)

    return {
        "estimates": get("estimates"),
        "csv": get("estimates", format="csv"),
        "series": get("series", item="apple"),
        "compare": post(f"{path}/compare", {"first": {"cohort": "a"}, "second": {"cohort": "b"}}),
        "analysis": post("/v1/analysis/top-k", {"k": 1, "collection_id": path.rpartition("/")[2]}),
    }


def test_a_page_of_collections_leaves_out_one_that_is_just_deleted(
    service: InProcess, collection: TestCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, kept = service.app.state.services, create(service.post)
    real, visitor = Collections.list_counted, Browserless(service)
    visitor.log_in()

    def then_delete(self: Collections, *arguments: Any) -> Any:
        found = real(self, *arguments)
        services.changes.delete(collection.id, actor="test")
        return found

    monkeypatch.setattr(Collections, "list_counted", then_delete)
    answer = visitor.get("/collections.json")
    assert [line["id"] for line in answer.json()["collections"]] == [kept.id]


@pytest.mark.parametrize("what", ["estimates", "csv", "series", "compare", "analysis"])
@pytest.mark.parametrize("removed", [0, 1, 100])
def test_a_collection_that_is_deleted_while_somebody_reads_it_is_unknown(
    service: InProcess, collection: TestCollection, monkeypatch: pytest.MonkeyPatch, what: str, removed: int
) -> None:
    """The reader has found it. removed: steps of its removal until the reader counts its reports."""
    services, path = service.app.state.services, f"/v1/collections/{collection.id}"
    services.housekeeping.close()
    real, steps = Collections.get, iter(range(removed))
    remove = Retention(
        services.database, services.clock, retry_horizon=0, rows=1, stopping=lambda: next(steps, None) is None
    )

    def then_delete(self: Collections, *arguments: Any) -> Any:
        row = real(self, *arguments)
        if row.state == "open":
            with monkeypatch.context() as undone:
                undone.setattr(Collections, "get", real)
                services.changes.delete(collection.id, actor="test")
            remove.purge_deleted()
        return row

    ask = asks(path)[what]
    assert ask(service).status_code == 200  # and is remembered
    monkeypatch.setattr(Collections, "get", then_delete)
    assert_problem(ask(service), 404, "unknown-collection")
