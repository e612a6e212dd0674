"""Logging in, staying in, being thrown out; and that no other site can act for who is logged in."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.clock import FakeClock
from server.dashboard.sessions import SESSION_SECONDS, session_key
from tests.server.dashboard.browserless import Browserless
from tests.services.collection import create
from tests.services.in_process import ADMIN, ADMIN_TOKEN, InProcess, settings
from tests.services.tokens import make_token

pytestmark = pytest.mark.thorough

START = 1_800_000_000.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def running(sqlite_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[InProcess]:
    chosen = settings(sqlite_url, data_dir=tmp_path, demo=True, demo_code="a code that nobody guesses")
    with InProcess(chosen, clock) as service:
        yield service


@pytest.fixture
def person(running: InProcess) -> Browserless:
    return Browserless(running)


def test_the_cookie_holds_no_token_and_no_script_reads_it(person: Browserless) -> None:
    answer = person.log_in()
    assert answer.status_code == 303
    set_cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=lax", "Path=/dashboard", f"Max-Age={SESSION_SECONDS}"):
        assert part.lower() in set_cookie.lower()
    assert "secure" not in set_cookie.lower()
    assert ADMIN_TOKEN not in set_cookie
    assert ADMIN_TOKEN.encode() not in base64.urlsafe_b64decode(person.cookie)


def test_over_tls_the_cookie_stays_there(running: InProcess) -> None:
    headers = {"Origin": "https://fano.test"}
    answer = Browserless(running).post("/login", {"token": ADMIN_TOKEN}, form_value=None, headers=headers)
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_stranger_is_led_to_the_login_and_back(person: Browserless) -> None:
    asked = person.get("/tokens?x=1")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/dashboard/login?onward=/dashboard/tokens%3Fx%3D1"
    assert person.get("/collections.json").status_code == 401
    assert person.log_in(onward="/dashboard/tokens?x=1").headers["location"] == "/dashboard/tokens?x=1"


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example/",
        "//evil.example",
        "/dashboard//evil.example",
        "/dashboard/\\evil",
        "/v1/x",
        "javascript:1",
    ],
)
def test_the_login_leads_nowhere_else(person: Browserless, onward: str) -> None:
    assert person.log_in(onward=onward).headers["location"] == "/dashboard/collections"


@pytest.mark.parametrize("token", ["", "wrong", "fano_admin_" + "x" * 43])
def test_a_wrong_token_is_refused_with_a_sentence(person: Browserless, token: str) -> None:
    answer = person.log_in(token)
    assert answer.status_code == 401
    assert "this token is not known here" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_write_key_is_no_key_to_the_dashboard(running: InProcess, person: Browserless) -> None:
    key = create(running.post).created["write_key"]
    answer = person.log_in(key)
    assert answer.status_code == 401
    assert "this is a write key" in answer.text


def test_a_session_ends_with_time(person: Browserless, clock: FakeClock) -> None:
    person.log_in()
    clock.turn(SESSION_SECONDS - 1)
    assert person.get("/collections").status_code == 200
    clock.turn(1)
    assert person.get("/collections").status_code == 303


def test_a_session_ends_with_its_token(running: InProcess, person: Browserless) -> None:
    made = make_token(running, "Ada")
    person.log_in(made["token"])
    assert person.get("/collections").status_code == 200
    running.request("DELETE", f"/v1/tokens/{made['id']}", headers=ADMIN)
    assert person.get("/collections").status_code == 303


@pytest.mark.parametrize("place", [0, 31, 35, 39, 40, 71])
def test_a_cookie_that_was_touched_is_worthless(person: Browserless, place: int) -> None:
    person.log_in()
    raw = bytearray(base64.urlsafe_b64decode(person.cookie))
    assert len(raw) == 72
    raw[place] ^= 1
    person.cookie = base64.urlsafe_b64encode(bytes(raw)).decode()
    assert person.get("/collections").status_code == 303


@pytest.mark.parametrize("cookie", ["x", "====", "é", "A" * 96, "A" * 10_000])
def test_rubbish_is_no_session(person: Browserless, cookie: str) -> None:
    person.cookie = cookie
    headers = {"Cookie": f"fano_session={cookie}".encode("latin-1").decode("latin-1")}
    assert (
        person._service.get(
            "/dashboard/collections", headers={k: v.encode("latin-1") for k, v in headers.items()}
        ).status_code
        == 303
    )


def test_the_hash_of_a_token_makes_no_session_without_the_key(person: Browserless) -> None:
    body = hashlib.sha256(ADMIN_TOKEN.encode()).digest() + int(START).to_bytes(8, "big")
    person.cookie = base64.urlsafe_b64encode(body + hashlib.sha256(body).digest()).decode()
    assert person.get("/collections").status_code == 303


def test_the_key_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    keys = {session_key(tmp_path / "data") for _ in range(3)}
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    [file] = (tmp_path / "data").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_logging_out_takes_the_cookie_back(person: Browserless) -> None:
    person.log_in()
    answer = person.post("/logout", {})
    assert answer.status_code == 303
    assert 'fano_session=""' in answer.headers["set-cookie"]


FORGED = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://fano.test"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://fano.test"},
    {},
]


@pytest.mark.parametrize("headers", FORGED)
def test_a_form_from_elsewhere_changes_nothing(person: Browserless, headers: dict[str, str]) -> None:
    person.log_in()
    answer = person.post("/tokens", {"name": "Eve", "kind": "admin"}, headers=headers)
    assert answer.status_code == 403
    assert "Eve" not in person.get("/tokens").text
    assert person.post("/login", {"token": ADMIN_TOKEN}, form_value=None, headers=headers).status_code == 403


def test_a_form_needs_the_value_of_its_own_session(running: InProcess, person: Browserless) -> None:
    person.log_in()
    other = Browserless(running)
    other.log_in(make_token(running, "Ada", kind="admin")["token"])
    for value in ("00" * 64, "x", "abc", other.form_value(), person.form_value()[:-2]):
        assert person.post("/tokens", {"name": "Eve", "kind": "admin"}, form_value=value).status_code == 403
    assert person.post("/tokens", {"name": "Eve", "kind": "admin"}, form_value=None).status_code == 403
    assert "Eve" not in person.get("/tokens").text
    assert person.form_value() != person.form_value(), "a fresh mask each time"
    assert person.post("/tokens", {"name": "Eve", "kind": "analyst"}).status_code == 201


def test_other_origins_cannot_read_the_dashboard_but_the_api(running: InProcess, person: Browserless) -> None:
    person.log_in()
    for path in (
        "/dashboard",
        "/dashboard/",
        "/dashboard/collections",
        "/dashboard/collections.json",
        "/dashboard/nothing",
    ):
        answer = running.get(
            path, headers={"Origin": "https://evil.example", "Cookie": f"fano_session={person.cookie}"}
        )
        assert "access-control-allow-origin" not in answer.headers, path
    assert running.get("/healthz").headers["access-control-allow-origin"] == "*"
    preflight = {"Access-Control-Request-Method": "POST", "Origin": "https://evil.example"}
    assert (
        "access-control-allow-methods" not in running.request("OPTIONS", "/dashboard/tokens", headers=preflight).headers
    )


def test_the_api_takes_no_cookie(running: InProcess, person: Browserless) -> None:
    person.log_in()
    assert running.get("/v1/collections", headers={"Cookie": f"fano_session={person.cookie}"}).status_code == 401


def test_the_link_of_a_demonstration_logs_in_once(running: InProcess, person: Browserless) -> None:
    assert person.get("/enter/another%20code").status_code == 401
    entered = person.get("/enter/a%20code%20that%20nobody%20guesses?onward=/dashboard/plan")
    assert entered.status_code == 303
    assert entered.headers["location"] == "/dashboard/plan"
    assert "fano_session=" in entered.headers["set-cookie"]
    again = person.get("/enter/a%20code%20that%20nobody%20guesses")
    assert again.status_code == 401
    assert "was used already" in again.text


def test_without_a_demonstration_there_is_no_link(sqlite_url: str, tmp_path: Path) -> None:
    with InProcess(settings(sqlite_url, data_dir=tmp_path, demo_code="code")) as service:
        assert Browserless(service).get("/enter/code").status_code == 401


def test_browsers_are_told_to_be_strict(person: Browserless) -> None:
    person.log_in()
    for path in ("/collections", "/login", "/nothing", "/collections.json"):
        headers = person.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "style-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store" or path == "/nothing"
