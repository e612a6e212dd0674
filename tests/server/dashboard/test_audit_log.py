"""The audit log in pages: what the API tells, the newest first, for administrators."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.clock import FakeClock
from server.dashboard import audit_view
from tests.server.dashboard.browserless import Browserless
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.tokens import make_token

pytestmark = pytest.mark.thorough

NOON = 20_000 * 86_400.0 + 12 * 3_600 + 40


@pytest.fixture
def running(database_url: str, tmp_path: Path) -> Iterator[InProcess]:
    with InProcess(settings(database_url, data_dir=tmp_path), FakeClock(NOON)) as service:
        yield service


@pytest.fixture
def admin(running: InProcess) -> Browserless:
    return Browserless.logged_in(running)


def acts(person: Browserless, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = person.get(f"/audit-log.json{query}").json()
    return found


def test_nothing_yet(admin: Browserless) -> None:
    assert acts(admin) == {"acts": [], "older": None, "newest": True}
    assert "Nothing was administered yet." in admin.get("/audit-log").text


def test_it_says_what_the_api_says(running: InProcess, admin: Browserless) -> None:
    made = create(running.post)
    make_token(running, "Ada <script>")
    running.post(f"/v1/collections/{made.id}/pause", headers=ADMIN).raise_for_status()
    entries = running.get("/v1/audit-log", headers=ADMIN).json()["entries"]
    shown = acts(admin)["acts"]
    assert [act["number"] for act in shown] == [entry["number"] for entry in reversed(entries)]
    assert [act["act"] for act in shown] == ["collection paused", "token made", "collection opened", "collection made"]
    assert {act["hour"] for act in shown} == {"4 October 2024, 12:00"}
    assert [act["collection"] for act in shown] == [made.id, None, made.id, made.id]
    page = admin.get("/audit-log").text
    assert f'<a href="/dashboard/collections/{made.id}">{made.id}</a>' in page
    assert "Ada &lt;script&gt;" in page


def test_pages_hold_every_entry_once(running: InProcess, admin: Browserless, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_view, "_PAGE", 2)
    for number in range(5):
        make_token(running, f"person {number}")
    numbers, query = [], ""
    for _ in range(3):
        page = acts(admin, query)
        numbers += [act["number"] for act in page["acts"]]
        query = f"?before={page['older']}"
    assert page["older"] is None
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == 5
    first = admin.get("/audit-log").text
    assert re.search(r'rel="next" href="/dashboard/audit-log\?before=\d+"', first)
    assert "The newest" not in first
    assert "The newest" in admin.get("/audit-log?before=3").text
    assert admin.get("/audit-log.json?before=x").status_code == 422


def test_only_administrators_read_it(running: InProcess) -> None:
    analyst = Browserless.logged_in(running, make_token(running, "Ada")["token"])
    assert analyst.get("/audit-log.json").status_code == 403
    assert Browserless(running).get("/audit-log").status_code == 303


def test_tokens_and_keys_say_when_they_were_used(running: InProcess, admin: Browserless) -> None:
    made = create(running.post)
    ada = make_token(running, "Ada")["token"]
    assert admin.get("/tokens.json").json()["tokens"][0]["last_used"] == "never"
    running.get("/v1/collections", headers={"Authorization": f"Bearer {ada}"}).raise_for_status()
    running.post(made.reports_path, json=made.batch([0]), headers=made.write_headers).raise_for_status()
    assert admin.get("/tokens.json").json()["tokens"][0]["last_used"] == "4 October 2024"
    [key] = admin.get(f"/collections/{made.id}/keys.json").json()["keys"]
    assert (key["last_used"], key["ends"]) == ("4 October 2024", None)
    until = {"until": "2024-10-05T00:00:00Z"}
    path = f"/v1/collections/{made.id}/keys/{key['number']}"
    assert running.request("DELETE", path, params=until, headers=ADMIN).status_code == 204
    assert acts(admin)["acts"][0]["detail"] == f"write key of {made.id} at 2024-10-05T00:00:00Z"
    assert "in use until 5 October 2024, 00:00 UTC" in admin.get(f"/collections/{made.id}/keys").text
