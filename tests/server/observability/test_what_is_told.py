"""Logs, metrics and counts tell what happened and never who it was: markers are planted and looked for."""

import io
import json
import logging
import logging.config
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.observability.json_log import FIELDS, log_config
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess, settings

ADDRESS = "192.0.2.219"
MARKERS = {
    "User-Agent": "Marker-Agent/7531",
    "X-Forwarded-For": "203.0.113.77",
    "X-Request-Id": "marker-request-id",
    "X-Device-Id": "device-marker-4242",
    "Cookie": "session=marker-cookie-99",
    "Referer": "https://marker.example/",
}
PLANTED = ["Marker-Agent", "203.0.113.77", "marker-", "device-marker", "marker.example", "QUERYMARKER", ADDRESS]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the service writes at its most talkative, through the configuration that `fano serve` uses."""
    kept = {name: (logger := logging.getLogger(name), logger.level) for name in ("", "server", "fano")}
    handlers = list(logging.getLogger().handlers)
    logging.config.dictConfig(log_config("debug"))
    root = logging.getLogger()
    written = io.StringIO()
    ours = next(h for h in root.handlers if isinstance(h, logging.StreamHandler) and h not in handlers)
    ours.setStream(written)
    yield written
    root.handlers[:] = handlers
    for logger, level in kept.values():
        logger.setLevel(level)


def entries(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def send_marked(service: InProcess) -> list[str]:
    """Requests of many outcomes full of markers. Returns what must be found nowhere."""
    service.client._transport.client = (ADDRESS, 45_678)  # type: ignore[attr-defined]
    collection = create(service.post)
    batch = collection.batch([2])
    headers = {**collection.write_headers, **MARKERS}
    path = f"{collection.reports_path}?device=QUERYMARKER"
    strange = {**batch, "device": "device-marker"}
    for body in (batch, batch, {**batch, "messages": [1]}, collection.batch([77]), strange):
        service.post(path, json=body, headers=headers)
    service.post(path, content=b"marker-body", headers=headers)
    service.post(path, json=batch, headers={**MARKERS, "Authorization": "Bearer marker-token"})
    service.get("/c/QUERYMARKER/spec?x=QUERYMARKER", headers=MARKERS)
    service.request("QUERYMARKER", "/healthz", headers=MARKERS)
    service.get(f"/v1/collections/{collection.id}/estimates?decoder=QUERYMARKER", headers={**ADMIN, **MARKERS})
    return [*PLANTED, str(batch["batch_key"]), str(collection.created["write_key"])]


def test_no_marker_is_told_anywhere(service: InProcess, log: io.StringIO, tmp_path: Path) -> None:
    forbidden = send_marked(service)
    metrics = service.get("/metrics", headers=ADMIN).text
    service.app.state.services.intake_counts.flush()
    files = b"".join(file.read_bytes() for file in tmp_path.glob("*.sqlite3*"))
    assert len(entries(log)) > 8
    assert "batch-key-reused" in metrics
    assert b"batch-key-reused" in files  # the counts are in there
    for place in (log.getvalue().encode(), metrics.encode(), files):
        assert [marker for marker in forbidden if marker.encode() in place] == []


def test_no_marker_is_told_when_something_breaks(
    sqlite_service: InProcess, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("marker-in-the-text")

    collection = create(sqlite_service.post)
    monkeypatch.setattr(sqlite_service.app.state.services.intake, "accept", fail)
    answer = sqlite_service.post(collection.reports_path, json={}, headers={**collection.write_headers, **MARKERS})
    assert answer.status_code == 500
    failed = next(entry for entry in entries(log) if "error" in entry)
    assert failed["error"][0]["type"] == "KeyError"  # type: ignore[index]
    assert "server/api/reports.py" in str(failed["error"])
    assert [marker for marker in PLANTED if marker in log.getvalue()] == []


def test_every_request_is_one_line_of_known_fields(sqlite_service: InProcess, log: io.StringIO) -> None:
    answer = sqlite_service.get(f"/v1/collections/{secrets.token_hex(6)}/estimates?top=1", headers=ADMIN)
    (entry,) = (entry for entry in entries(log) if entry["event"] == "request")
    assert set(entry) == {"time", "level", "logger", "event", *FIELDS}
    assert entry["request_id"] == answer.headers["fano-request-id"]
    assert (entry["route"], entry["method"]) == ("/v1/collections/{collection_id}/estimates", "GET")
    assert (entry["status"], entry["problem"]) == (404, "unknown-collection")
    assert 0 < float(str(entry["milliseconds"])) < 60_000


def test_request_ids_differ_and_are_not_taken_from_the_sender(sqlite_service: InProcess) -> None:
    ids = {
        sqlite_service.get("/healthz", headers={"Fano-Request-Id": "marker"}).headers["fano-request-id"]
        for _ in range(20)
    }
    assert len(ids) == 20
    assert "marker" not in ids


def test_requests_are_not_logged_unless_asked_for(sqlite_service: InProcess, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
    sqlite_service.get("/healthz")
    assert not caplog.records


def test_settings_choose_the_level(sqlite_url: str) -> None:
    assert settings(sqlite_url).log_level == "warning"
    assert log_config("info")["loggers"]["fano"]["level"] == "INFO"
