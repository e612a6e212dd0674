"""From nothing to a histogram as a newcomer does it, and what keeps it in order afterwards, against the real service."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from client.cli.application import application, run
from client.sdk import SettingsError
from client.sdk.transport import checked_secret
from tests.client.cli.conftest import Fano
from tests.client.fake_service import FakeService, served
from tests.services.collection import create
from tests.services.in_process import InProcess
from tests.services.real_server import real_server

EMOJI = ("--population", "emoji", "--population-items", "40")


def asked(fano: Callable[..., Result], *more: str) -> dict[str, Any]:
    """A new collection."""
    done = fano("collection", "create", "--name", "n", "--question", "q", "--epsilon", "4", *more, "--json")
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.service
def test_three_commands_lead_to_a_histogram(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fano(*arguments: str) -> Result:
        done = CliRunner().invoke(application, list(arguments))
        assert done.exit_code == 0, done.output + str(done.exception)
        return done

    with real_server(tmp_path, sqlite_url) as server:
        monkeypatch.setenv("FANO_URL", server.url)
        monkeypatch.setenv("FANO_ADMIN_TOKEN", str(server.admin_token))
        monkeypatch.delenv("FANO_WRITE_KEY", raising=False)
        made = asked(fano, *EMOJI, "--open")
        assert made["state"] == "open"
        sent = fano("simulate", made["id"], "--make-key", "--phones", "500", "--seed", "1", "--json")
        assert json.loads(sent.stdout)["accepted"] == 500
        assert json.loads(fano("estimate", made["id"], "--json").stdout)["n"] == 500
        keys = json.loads(fano("collection", "key", "list", made["id"], "--json").stdout)["keys"]
        assert [key["usable"] for key in keys] == [True, False]  # that of the phones is over with them
        assert keys[1]["name"].startswith("simulated phones ")
        assert "fano_ingest_" not in sent.stdout + sent.stderr
        acts = [entry["act"] for entry in json.loads(fano("token", "log", "--json").stdout)["entries"]]
        assert acts[-2:] == ["key.create", "key.revoke"]


def test_what_comes_next_is_said_as_it_is_typed(fano: Fano, service: FakeService) -> None:
    base = ("collection", "create", "--name", "n", "--question", "q", "--epsilon", "1", "--domain-size", "9")
    assert "Next: fano collection open c1" in fano(*base).stderr
    told = fano(*base, "--open").stderr
    assert "Created c2, open" in told
    assert "fano simulate c2 --make-key" in told
    assert service.collections["c2"].write_key not in told.split("Next:")[1]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("items", "likeliest"), [(["qqqqq", "the", "zebra"], "the"), (["🦓", "😂"], "😂"), (["qqqqq", "wwwww"], "qqqqq")]
)
def test_simulated_people_answer_what_is_asked(
    fano: Fano, service: FakeService, items: list[str], likeliest: str
) -> None:
    collection = service.add(items=items)
    done = fano("simulate", "c1", "--write-key", collection.write_key, "--phones", "200", "--seed", "1", "--json")
    assert done.exit_code == 0, done.output
    counts = json.loads(done.stdout)["true_counts"]
    assert max(counts, key=counts.get) == likeliest


def test_simulate_says_which_key_it_needs(fano: Fano, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FANO_WRITE_KEY", raising=False)
    without = fano("simulate", "c1")
    assert without.exit_code == 2
    assert "--make-key" in without.stderr
    monkeypatch.delenv("FANO_ADMIN_TOKEN")
    nobody = fano("simulate", "c1", "--make-key")
    assert nobody.exit_code == 2
    assert "FANO_ADMIN_TOKEN" in nobody.stderr
    assert service.seen == []


def test_a_key_is_rotated_with_an_overlap(sqlite_service: InProcess, fano_at: Callable[[InProcess], Fano]) -> None:
    fano = fano_at(sqlite_service)
    made = create(sqlite_service.post)
    second = fano("collection", "key", "create", made.id, "next version").stdout.strip()

    def status(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return sqlite_service.post(made.reports_path, json=made.batch([0]), headers=headers).status_code

    assert (status(made.created["write_key"]), status(second)) == (200, 200)
    first = json.loads(fano("collection", "key", "list", made.id, "--json").stdout)["keys"][0]
    later = fano("collection", "key", "revoke", made.id, str(first["id"]), "--until", "2999-01-31T00:00:00Z")
    assert later.exit_code == 0, later.exception
    assert status(made.created["write_key"]) == 200
    assert fano("collection", "key", "revoke", made.id, str(first["id"])).exit_code == 0
    assert (status(made.created["write_key"]), status(second)) == (401, 200)
    table = fano("collection", "key", "list", made.id).stdout
    assert [line.split()[-1] for line in table.splitlines()[1:]] == ["ended", "usable"]
    assert second not in table


def test_deleting_asks_first(sqlite_service: InProcess, fano_at: Callable[[InProcess], Fano]) -> None:
    fano = fano_at(sqlite_service)
    made = create(sqlite_service.post)
    assert fano("collection", "delete", made.id).exit_code == 1  # nobody answered the question
    assert fano("collection", "show", made.id).exit_code == 0
    assert fano("collection", "delete", made.id, "--yes").exit_code == 0
    assert "No such collection" in str(fano("collection", "show", made.id).exception)
    log = fano("token", "log", "--last", "1").stdout.splitlines()
    assert len(log) == 2
    assert "collection.delete" in log[1]


@pytest.mark.thorough
@pytest.mark.parametrize("secret", ["", "from a file\n", "schlüssel", "two\nlines", " blank"])
def test_a_secret_that_no_header_carries_is_refused_unquoted(
    fano: Fano, service: FakeService, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="one line of printable ASCII") as refused:
        checked_secret(secret)
    assert not secret or secret.strip() not in str(refused.value)
    service.add()
    if secret:
        assert isinstance(fano("collection", "list", "--token", secret).exception, SettingsError)
        assert isinstance(fano("simulate", "c1", "--write-key", secret).exception, SettingsError)
    assert service.uploads() == []


def test_what_is_not_installed_is_named_with_what_installs_it(
    service: FakeService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An installation of the service alone, as in its image, has no frequencies of words."""
    service.add(items=["yes", "no"])
    for name in ("wordfreq", "regex"):
        monkeypatch.setitem(sys.modules, name, None)
    with served(service) as url:
        create_words = [
            "collection",
            "create",
            "--name",
            "n",
            "--question",
            "q",
            "--epsilon",
            "1",
            "--population",
            "emoji",
        ]
        for command in (["simulate", "c1", "--write-key", "key-c1", "--url", url], [*create_words, "--token", "t"]):
            assert run(command) == 1
            assert "pip install 'fanoplane[simulation]'" in capsys.readouterr().err
        assert run(["simulate", "c1", "--write-key", "key-c1", "--url", url, "--population", "zipf"]) == 0
