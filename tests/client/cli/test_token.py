"""`fano token`: the secret on stdout once, the rest for people."""

import json

import pytest

from tests.client.cli.conftest import Fano
from tests.client.fake_service import FakeService


def test_a_token_from_creation_to_its_end(fano: Fano, service: FakeService) -> None:
    made = fano("token", "create", "dashboard", "--collection", "c1")
    assert made.stdout == "secret 1\n"
    assert "dashboard may read c1" in made.stderr
    assert json.loads(service.seen[-1].body) == {"name": "dashboard", "kind": "analyst", "collection": "c1"}
    assert json.loads(fano("token", "create", "Ada", "--kind", "admin", "--json").stdout)["token"] == "secret 2"
    assert fano("token", "revoke", "1").exit_code == 0
    listed = json.loads(fano("token", "list", "--json").stdout)["tokens"]
    assert [(one["name"], one["usable"]) for one in listed] == [("dashboard", False), ("Ada", True)]
    table = fano("token", "list").stdout
    assert "secret" not in table
    assert [line.split()[-1] for line in table.splitlines()[1:]] == ["revoked", "usable"]
    assert json.loads(fano("token", "revoke", "2", "--json").stdout) == {"id": 2, "usable": False}


@pytest.mark.parametrize("arguments", [["create"], ["create", "x", "--kind", "ingest"], ["revoke", "first"]])
def test_wrong_usage(fano: Fano, service: FakeService, arguments: list[str]) -> None:
    assert fano("token", *arguments).exit_code == 2
    assert service.seen == []


def test_an_unknown_token_is_explained(fano: Fano) -> None:
    assert "fano token list" in str(fano("token", "revoke", "9").exception)
