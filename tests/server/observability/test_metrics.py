"""/metrics tells what happened, to those who may know, with labels that stay few."""

import re
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.api.problems import PROBLEMS
from tests.server.assertions import assert_problem
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess, settings

pytestmark = pytest.mark.thorough


def scrape(service: InProcess) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = service.get("/metrics", headers=ADMIN)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(service: InProcess, name: str, **labels: str) -> float:
    return scrape(service).get((name, frozenset(labels.items())), 0.0)


def test_uploads_are_counted_by_outcome(service: InProcess) -> None:
    collection = create(service.post)
    batch = collection.batch([0, 1, 2])
    for body in (batch, batch, {**batch, "messages": [0]}, collection.batch([99])):
        service.post(collection.reports_path, json=body, headers=collection.write_headers)
    assert value(service, "fano_uploads_total", outcome="accepted") == 1
    assert value(service, "fano_uploads_total", outcome="replayed") == 1
    assert value(service, "fano_uploads_total", outcome="rejected") == 2
    assert value(service, "fano_uploads_rejected_total", reason="batch-key-reused") == 1
    assert value(service, "fano_uploads_rejected_total", reason="message-out-of-range") == 1
    assert value(service, "fano_reports_accepted_total") == 3
    assert value(service, "fano_writer_group_uploads_count") == value(service, "fano_writer_commit_seconds_count") == 3
    assert value(service, "fano_writer_group_uploads_sum") == 3
    assert value(service, "fano_writer_waiting_uploads") == 0
    upload = {"route": "/v1/collections/{collection_id}/reports", "method": "POST"}
    assert value(service, "fano_requests_total", **upload, status_class="2xx") == 2
    assert value(service, "fano_requests_total", **upload, status_class="4xx") == 2
    assert value(service, "fano_request_seconds_count", route=upload["route"]) == 4


def test_decoding_is_timed(sqlite_service: InProcess) -> None:
    collection = create(sqlite_service.post)
    sqlite_service.post(collection.reports_path, json=collection.batch([0]), headers=collection.write_headers)
    for _ in range(2):  # the second comes from memory
        assert sqlite_service.get(f"/v1/collections/{collection.id}/estimates", headers=ADMIN).status_code == 200
    assert value(sqlite_service, "fano_decode_seconds_count") == 1


def test_ages_of_what_is_left(service: InProcess) -> None:
    assert value(service, "fano_oldest_segment_age_seconds") == 0
    collection = create(service.post, window="PT1H")
    window = int(time.time()) // 3_600
    batch = {**collection.batch([0]), "window": window}
    assert service.post(collection.reports_path, json=batch, headers=collection.write_headers).status_code == 200
    backlog = service.app.state.services.backlog
    backlog._clock = lambda: (window + 2.5) * 3_600
    assert value(service, "fano_oldest_segment_age_seconds") == 0  # as read a moment ago
    backlog._next = 0.0
    assert value(service, "fano_oldest_segment_age_seconds") == 2.5 * 3_600
    assert value(service, "fano_oldest_batch_key_age_seconds") == 2.5 * 3_600


def test_labels_stay_few_whatever_is_asked(sqlite_service: InProcess) -> None:
    created = create(sqlite_service.post)
    for i in range(40):
        sqlite_service.request(f"VERB{i}", f"/c/{i}/spec")
        sqlite_service.get(f"/nowhere/{i}")
        sqlite_service.get(f"/c/{i}/spec?secret={i}")
        sqlite_service.get(f"/v1/collections/{created.id}/estimates?top={i}", headers=ADMIN)
        sqlite_service.post(f"/v1/collections/{i}/reports")
    documented = set(sqlite_service.app.openapi()["paths"]) | {"none"}
    samples = scrape(sqlite_service)
    labels = {(name, text) for _, pairs in samples for name, text in pairs if name != "le"}
    assert {text for name, text in labels if name == "route"} <= documented
    assert {text for name, text in labels if name == "method"} <= {"GET", "POST", "other"}
    assert {text for name, text in labels if name == "status_class"} <= {"2xx", "4xx"}
    assert {text for name, text in labels if name in ("problem", "reason")} <= set(PROBLEMS)
    assert not re.search(r"collection=|secret", str(labels))
    assert len(samples) < 1_000


def test_a_database_that_does_not_answer_leaves_the_metrics(
    sqlite_service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.refusals import DatabaseUnavailable

    def gone() -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(sqlite_service.app.state.services.backlog, "ages", gone)
    age = value(sqlite_service, "fano_oldest_segment_age_seconds")
    assert age != age  # not a number: it is not known


def test_who_may_scrape(sqlite_url: str) -> None:
    with InProcess(settings(sqlite_url, metrics_token="only for scraping")) as service:
        collection = create(service.post)
        scraper = {"Authorization": "Bearer only for scraping"}
        assert service.get("/metrics", headers=scraper).status_code == 200
        assert service.get("/metrics", headers=ADMIN).status_code == 200
        assert_problem(service.get("/metrics"), 401, "unknown-token")
        assert_problem(service.get("/metrics", headers=collection.write_headers), 403, "insufficient-scope")
        assert_problem(service.get("/v1/collections", headers=scraper), 401, "unknown-token")
