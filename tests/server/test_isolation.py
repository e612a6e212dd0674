"""Every token against every route and collection: who gets in, who is told no, and for whom a thing does not exist."""

from itertools import product
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.assertions import assert_problem, told
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, ADMIN_TOKEN, InProcess
from tests.services.tokens import bearer, make_token

pytestmark = pytest.mark.thorough

OPEN_TO_ALL = {"/v1/plan", "/v1/mechanisms"}
ASKING = ("/compare", "/top-k", "/utilities")
"""Ends of addresses whose POST only reads."""
OWN = ("/v1/analysis", "/v1/arrays", "/v1/jobs")
"""What any reader may ask, and of what everybody sees their own."""
NEVER_THERE = ("/v1/operations/{operation_id}", "/v1/jobs/{job_id}", "/v1/arrays/{array_id}")


class World:
    """Two collections that are there, one that was deleted, one that never was; a token of every kind."""

    def __init__(self, service: InProcess) -> None:
        self.service = service
        self.mine, self.other, gone = (create(service.post) for _ in range(3))
        for one in (self.mine, self.other):
            self.upload(one)
        self.tokens = {
            "admin": ADMIN_TOKEN,
            "admin by row": make_token(service, "Ada", "admin")["token"],
            "analyst": make_token(service, "all")["token"],
            "analyst of mine": make_token(service, "mine", collection=self.mine.id)["token"],
            "analyst of gone": make_token(service, "gone", collection=gone.id)["token"],
            "write key of mine": self.mine.created["write_key"],
            "write key of other": self.other.created["write_key"],
            "write key of gone": gone.created["write_key"],
            "revoked analyst": self._revoked_analyst(),
            "revoked write key": self._revoked_key(),
            "made up": "fano_admin_" + "A" * 43,
        }
        service.request("DELETE", f"/v1/collections/{gone.id}", headers=ADMIN)
        self.collections = {"mine": self.mine.id, "other": self.other.id, "gone": gone.id, "never": "AAAAAAAAAAAA"}
        document = service.get("/openapi.json").json()
        self.routes = [
            (method.upper(), path)
            for path, methods in document["paths"].items()
            for method in methods
            if path.startswith("/v1/") and path not in OPEN_TO_ALL
        ]

    def upload(self, collection: TestCollection) -> None:
        body = collection.batch([1])
        answer = self.service.post(collection.reports_path, json=body, headers=collection.write_headers)
        assert answer.status_code == 200

    def _revoked_analyst(self) -> str:
        made = make_token(self.service, "revoked")
        assert self.service.request("DELETE", f"/v1/tokens/{made['id']}", headers=ADMIN).status_code == 204
        return str(made["token"])

    def _revoked_key(self) -> str:
        path = f"/v1/collections/{self.mine.id}/keys"
        made = self.service.post(path, json={"name": "second"}, headers=ADMIN).json()
        assert self.service.request("DELETE", f"{path}/{made['id']}", headers=ADMIN).status_code == 204
        return str(made["write_key"])

    def ask(self, method: str, path: str, collection: str, token: str | None) -> httpx.Response:
        ids = {
            "key_id": "0",
            "token_id": "0",
            "operation_id": "none",
            "job_id": "none",
            "array_id": "none",
            "path": "utilities",
        }
        filled = path.format(collection_id=self.collections[collection], **ids)
        headers = {} if token is None else bearer(token)
        return self.service.request(method, filled, headers=headers)


@pytest.fixture
def world(service: InProcess) -> World:
    return World(service)


def expected(method: str, path: str, collection: str, holder: str | None) -> tuple[int, str] | None:
    """The refusal that the rules give, written down apart from the code; None: the caller is let in."""
    there = collection in ("mine", "other") or "{collection_id}" not in path
    ended = holder in (None, "made up", "revoked analyst", "revoked write key", "write key of gone", "analyst of gone")
    kind = "none" if ended else str(holder).split()[0]
    if path.endswith("/reports"):
        if not there:
            return 404, "unknown-collection"
        if ended:
            return 401, "unknown-token"
        return None if holder == f"write key of {collection}" else (403, "insufficient-scope")
    if ended:
        return 401, "unknown-token"
    reading = method == "GET" and (path == "/v1/collections" or path.startswith("/v1/collections/{collection_id}"))
    reading = (reading and not path.endswith("/keys")) or path.endswith(ASKING) or path.startswith(OWN)
    if kind != "admin" and not (kind == "analyst" and reading):
        return 403, "insufficient-scope"
    hidden = holder == "analyst of mine" and collection != "mine" and "{collection_id}" in path
    return (404, "unknown-collection") if hidden else None


def test_every_token_on_every_route(world: World) -> None:
    holders = [None, *world.tokens]
    assert len(world.routes) >= 18
    let_in = 0
    for (method, path), collection, holder in product(world.routes, world.collections, holders):
        refusal = expected(method, path, collection, holder)
        if refusal is None and holder in ("admin", "admin by row") and method in ("DELETE", "PATCH", "POST"):
            continue  # an admin may; what then happens is tested elsewhere
        answer = world.ask(method, path, collection, None if holder is None else world.tokens[holder])
        if refusal is not None:
            assert_problem(answer, *refusal)
            assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
            continue
        let_in += 1
        if path.endswith(("/series", *ASKING)) or path == "/v1/analysis/{path}":
            assert answer.status_code in (415, 422)  # they read what is asked for first: alike whatever exists
            continue
        missing = collection in ("gone", "never") and "{collection_id}" in path
        assert answer.status_code not in (401, 403), (method, path, collection, holder)
        assert (answer.status_code == 404) == (missing or path.startswith(NEVER_THERE))
    assert let_in > 50


def test_what_is_hidden_looks_like_what_never_was(world: World) -> None:
    for method, path in world.routes:
        if method != "GET" or "{collection_id}" not in path or path.endswith("/keys"):
            continue
        token = world.tokens["analyst of mine"]
        answers = [world.ask(method, path, collection, token) for collection in ("other", "gone", "never")]
        assert len({(a.status_code, *told(a)) for a in answers}) == 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_token_that_is_nearly_right_is_wrong(sqlite_service: InProcess, data: Any) -> None:
    if not hasattr(sqlite_service, "world"):
        sqlite_service.world = World(sqlite_service)  # type: ignore[attr-defined]
    world: World = sqlite_service.world  # type: ignore[attr-defined]
    token = world.tokens[
        data.draw(st.sampled_from(["admin by row", "analyst", "analyst of mine", "write key of mine"]))
    ]
    place = data.draw(st.integers(0, len(token)))
    letters = st.text("abcXYZ019_-", max_size=3)
    changed = token[:place] + data.draw(letters) + token[data.draw(st.integers(place, len(token))) :]
    if changed == token:
        return
    answer = sqlite_service.get("/v1/collections", headers=bearer(changed or "x"))
    assert_problem(answer, 401, "unknown-token")
    path = world.mine.reports_path
    assert_problem(
        sqlite_service.post(path, json=world.mine.batch([1]), headers=bearer(changed or "x")), 401, "unknown-token"
    )
