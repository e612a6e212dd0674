"""Every setting, metric and readiness check is on the operations page, and nothing else is."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from server.observability.metrics import Metrics
from server.settings import Settings
from tests.services.in_process import InProcess

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


def test_every_setting_is_described() -> None:
    described = set(re.findall(r"^\| `(FANO_[A-Z_]+)` \|", PAGE, re.MULTILINE))
    assert described == {f"FANO_{name.upper()}" for name in Settings.model_fields}


def test_every_metric_is_described() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `fano_")]
    described = {name.removesuffix("_total") for row in rows for name in re.findall(r"`(fano_[a-z_]+)`", row)}
    exposed = text_string_to_metric_families(Metrics().exposition().decode())
    names = {family.name for family in exposed if not family.name.endswith("_created")}
    assert described == names


def test_every_readiness_check_is_described(sqlite_service: InProcess) -> None:
    section = PAGE.partition("## Health")[2].partition("## Metrics")[0]
    described = set(re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE))
    assert described == set(sqlite_service.get("/readyz").json()["checks"])
