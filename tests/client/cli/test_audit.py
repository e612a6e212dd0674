"""`fano audit`: passes honest mechanisms, fails others with exit code 1."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from client.cli.audit import audit
from ldp_core.mechanisms.design_mechanism import DesignMechanism

QUICK = ["--items", "20", "--draws", "20000", "--seed", "1"]


def test_an_honest_mechanism_passes() -> None:
    result = CliRunner().invoke(audit, [*QUICK, "--mechanism", "spread", "--json"], standalone_mode=False)
    assert result.return_value == 0
    document = json.loads(result.stdout)
    assert document["passed"] is True
    assert document["epsilon"] == "1"
    assert 0.8 < document["lower_bound"] <= 1
    assert document["draws"] == 20_000


def test_the_table_names_the_parameters() -> None:
    result = CliRunner().invoke(audit, [*QUICK, "-p", "q=4", "-p", "t=4"], standalone_mode=False)
    assert "projective_geometry q=4 t=4" in result.stdout
    assert "Passed" in result.stderr


def test_a_leaking_mechanism_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DesignMechanism, "randomize_many", lambda self, values, rng: np.asarray(values))
    command = [*QUICK, "--mechanism", "randomized_response"]
    result = CliRunner().invoke(audit, command, standalone_mode=False)
    assert result.return_value == 1
    assert "FAILED" in result.stderr
