"""Problem types: listed once, documented, reachable, and the only shape an error has."""

import re
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import text

from server import refusals
from server.api.problems import PROBLEMS
from server.refusals import Overloaded, Refusal
from tests.server.assertions import assert_problem
from tests.services.collection import QUESTION, create
from tests.services.in_process import ADMIN, InProcess, settings

pytestmark = pytest.mark.thorough

DOCS = Path(__file__).parents[2] / "docs" / "problems.md"


def test_the_documentation_lists_exactly_the_problem_types() -> None:
    content = DOCS.read_text()
    table = re.findall(r"^\| \[([a-z-]+)\]\(#([a-z-]+)\) \| (\d+) \| ([a-z_, ]*)\|$", content, re.MULTILINE)
    documented = {slug: (int(status), tuple(re.findall(r"\w+", extras))) for slug, _, status, extras in table}
    assert documented == {slug: (kind.status, kind.extras) for slug, kind in PROBLEMS.items()}
    assert all(slug == anchor for slug, anchor, _, _ in table)
    assert re.findall(r"^## (.+)$", content, re.MULTILINE) == list(PROBLEMS)


def test_every_refusal_names_a_problem_type() -> None:
    kinds = [getattr(refusals, name) for name in refusals.__all__ if name != "Refusal"]
    assert {kind.slug for kind in kinds} == set(PROBLEMS) - {
        "not-found",
        "method-not-allowed",
        "malformed-request",
        "internal",
    }
    assert len({kind.slug for kind in kinds}) == len(kinds)
    assert all(issubclass(kind, Refusal) for kind in kinds)
    assert {PROBLEMS[kind.slug].status for kind in kinds if kind.retry_after} == {409, 429, 503}


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/v1/collections/", 404, "not-found"),
        ("POST", "/healthz", 405, "method-not-allowed"),
        ("DELETE", "/v1/collections/abc/reports", 405, "method-not-allowed"),
        ("GET", "/c/abc/spec", 404, "unknown-collection"),
        ("GET", "/c/abc/items", 404, "unknown-collection"),
        ("POST", "/v1/collections/abc/reports", 404, "unknown-collection"),
        ("GET", "/v1/collections", 401, "unknown-token"),
        ("POST", "/v1/collections", 401, "unknown-token"),
        ("GET", "/v1/collections/abc", 401, "unknown-token"),
        ("POST", "/v1/collections/abc/open", 401, "unknown-token"),
        ("GET", "/v1/collections/abc/estimates?top=0", 401, "unknown-token"),
    ],
)
def test_errors_without_a_token(sqlite_service: InProcess, method: str, path: str, status: int, slug: str) -> None:
    answer = sqlite_service.request(method, path)
    assert_problem(answer, status, slug)
    assert ("allow" in answer.headers) == (status == 405)
    assert (answer.headers.get("www-authenticate") == 'Bearer realm="fanoplane"') == (status == 401)


def test_a_name_with_a_nul_is_the_name_of_nothing(service: InProcess) -> None:
    """PostgreSQL takes no such text, not even to look for it."""
    asked = 0
    for template, operations in service.get("/openapi.json").json()["paths"].items():
        for method in operations if "_id}" in template else ():
            for name, headers in product(("a%00b", "%00"), (ADMIN, {})):
                body = {} if method in ("get", "delete") else {"json": {}}
                answer = service.request(method, re.sub(r"\{\w+\}", name, template), headers=headers, **body)
                assert answer.status_code in (401, 403, 404, 422), (method, template, answer.text)
                asked += 1
    assert asked > 50
    linked = service.request(
        "PATCH", f"/v1/collections/{create(service.post).id}", json={"successor": "a\0b"}, headers=ADMIN
    )
    assert_problem(linked, 422, "invalid-parameters")
    bound = service.post("/v1/analysis/utilities", json={"collection_id": "a\0b"}, headers=ADMIN)
    assert bound.status_code in (404, 422)


@pytest.mark.parametrize("path", ["", "/open", "/pause", "/close", "/estimates"])
def test_unknown_collections(sqlite_service: InProcess, path: str) -> None:
    method = "GET" if path in ("", "/estimates") else "POST"
    assert_problem(
        sqlite_service.request(method, f"/v1/collections/none{path}", headers=ADMIN), 404, "unknown-collection"
    )


def test_a_write_key_administers_nothing(sqlite_service: InProcess) -> None:
    collection = create(sqlite_service.post)
    for method, path in (
        ("GET", ""),
        ("POST", ""),
        ("GET", f"/{collection.id}"),
        ("POST", f"/{collection.id}/close"),
        ("GET", f"/{collection.id}/estimates"),
    ):
        answer = sqlite_service.request(method, f"/v1/collections{path}", headers=collection.write_headers)
        assert_problem(answer, 403, "insufficient-scope")


@pytest.mark.parametrize(
    ("content", "media_type", "status", "slug"),
    [
        (b"{", "application/json", 400, "malformed-body"),
        (b'{"name": "\\ud800"}', "application/json", 400, "malformed-body"),
        (b"[]", "application/json", 422, "invalid-parameters"),
        (b"{}", "text/plain", 415, "unsupported-media-type"),
        (b"{}", None, 415, "unsupported-media-type"),
        (b"x" * 3_000, "application/json", 413, "too-large"),
    ],
)
def test_unreadable_collections(
    sqlite_url: str, content: bytes, media_type: str | None, status: int, slug: str
) -> None:
    headers = {**ADMIN, **({} if media_type is None else {"Content-Type": media_type})}
    with InProcess(settings(sqlite_url, admin_body_bytes=2_000)) as service:
        assert_problem(service.post("/v1/collections", content=content, headers=headers), status, slug)


def test_an_unexpected_error_is_a_problem_too(
    sqlite_service: InProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise KeyError("a private detail")

    monkeypatch.setattr(sqlite_service.app.state.services.collections, "list_counted", fail)
    answer = sqlite_service.get("/v1/collections", headers=ADMIN)
    assert_problem(answer, 500, "internal")
    assert "private" not in answer.text
    assert "unexpected error" in caplog.text


def test_an_unexpected_error_in_an_upload_is_a_problem_too(
    sqlite_service: InProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    collection = create(sqlite_service.post)

    def fail(_: object) -> None:
        raise KeyError("a private detail")

    monkeypatch.setattr(sqlite_service.app.state.services.writer, "submit", fail)
    answer = sqlite_service.post(collection.reports_path, json=collection.batch([1]), headers=collection.write_headers)
    assert_problem(answer, 500, "internal")
    assert answer.headers["fano-request-id"]
    assert "private" not in answer.text
    assert "unexpected error" in caplog.text
    rejected = 'fano_uploads_rejected_total{reason="internal"} 1.0'
    assert rejected in sqlite_service.get("/metrics", headers=ADMIN).text


def test_overload_is_told_with_a_time_to_wait(sqlite_service: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = create(sqlite_service.post)

    def full(_: object) -> None:
        raise Overloaded("full")

    monkeypatch.setattr(sqlite_service.app.state.services.writer, "submit", full)
    answer = sqlite_service.post(collection.reports_path, json=collection.batch([1]), headers=collection.write_headers)
    assert_problem(answer, 503, "overloaded")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_database_that_went_away_is_told(service: InProcess) -> None:
    collection = create(service.post)
    batch = collection.batch([1])
    service.post(collection.reports_path, json=batch, headers=collection.write_headers)
    database = service.app.state.services.database
    if database.is_sqlite:  # somebody else holds the write lock for longer than the service waits
        database.dispose()
        database.engine.dialect.connect = lambda *a, **k: _locked()
    else:
        with database.write() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            )
        database.dispose()
        database.engine.dialect.connect = lambda *a, **k: _refused()
    for answer in (
        service.post(collection.reports_path, json=collection.batch([1]), headers=collection.write_headers),
        service.get("/v1/collections", headers=ADMIN),
        service.get(f"/c/{collection.id}/spec"),
    ):
        assert_problem(answer, 503, "database-unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    ready = service.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"]["database"] != "ok"
    del database.engine.dialect.connect
    assert (
        service.post(collection.reports_path, json=batch, headers=collection.write_headers).json()["replayed"] is True
    )
    assert service.get("/readyz").status_code == 200


def _locked() -> None:
    import sqlite3

    raise sqlite3.OperationalError("database is locked")


def _refused() -> None:
    import psycopg

    raise psycopg.OperationalError("connection refused")


def test_browsers_may_ask_first(sqlite_service: InProcess) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    answer = sqlite_service.request("OPTIONS", "/v1/collections/abc/reports", headers=asked)
    assert answer.status_code == 204
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-allow-origin"] == "*"


def test_good_answers_are_readable_from_every_origin_too(sqlite_service: InProcess) -> None:
    created = sqlite_service.post("/v1/collections", json=QUESTION, headers=ADMIN)
    for answer in (created, sqlite_service.get("/healthz"), sqlite_service.get("/openapi.json")):
        assert answer.headers["access-control-allow-origin"] == "*"
    assert "Location" in created.headers["access-control-expose-headers"]


def test_a_misspelt_query_parameter_is_refused_and_named(sqlite_service: InProcess) -> None:
    answer = sqlite_service.get("/v1/mechanisms", params={"epsilonn": "1"})
    assert_problem(answer, 422, "invalid-parameters")
    assert answer.json()["errors"][0]["field"] == "epsilonn"
    assert "domain_size, epsilon" in answer.json()["detail"]
    assert_problem(sqlite_service.get("/healthz", params={"x": "1"}), 422, "invalid-parameters")


def test_a_parameter_given_twice_is_refused_and_named(sqlite_service: InProcess) -> None:
    """Else one of the two would be passed over: whoever asks for two windows would get one of them."""
    path = f"/v1/collections/{create(sqlite_service.post).id}"
    for query, field in (("window=1&window=2", "window"), ("version=1&version=1", "version"), ("top=1&top=2", "top")):
        answer = sqlite_service.get(f"{path}/estimates?{query}", headers=ADMIN)
        assert_problem(answer, 422, "invalid-parameters")
        assert answer.json()["errors"][0]["field"] == field
    for query in ("series?item=apple&item=banana", "estimates?post=norm_sub&post=simplex"):
        assert "given more than once" not in sqlite_service.get(f"{path}/{query}", headers=ADMIN).text
