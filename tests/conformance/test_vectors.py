"""The vectors in tests/vectors say what every implementation does with the same bytes."""

import json
from pathlib import Path
from typing import Any

import pytest

from ldp_core.errors import FanoError, ParameterError, RandomnessError, ReportError, ValueOutOfDomain
from ldp_core.labels import OneBitOutcome, RowLabels
from ldp_core.mechanisms import Mechanism, create, list_mechanisms
from ldp_core.randomness import TapeSource
from tests.vectors import make, make_labels

VECTORS = Path(make.__file__).parent


def groups() -> list[Any]:
    found = []
    for name in list_mechanisms():
        document = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
        found += [
            pytest.param(document["mechanism"], group, id=f"{name}-{i}") for i, group in enumerate(document["groups"])
        ]
    return found


def build(name: str, group: dict[str, Any]) -> Mechanism:
    return create(name, epsilon=group["epsilon"], domain_size=group["domain_size"], **group["parameters"])


@pytest.mark.parametrize(("name", "group"), groups())
def test_vectors(name: str, group: dict[str, Any]) -> None:
    mechanism = build(name, group)
    assert str(mechanism.threshold) == group["threshold"]
    assert str(mechanism.report_space) == group["report_space"]
    ratio = mechanism.likelihood_ratio
    assert f"{ratio.numerator}/{ratio.denominator}" == group["likelihood_ratio"]
    for vector in group["vectors"]:
        source = TapeSource(bytes.fromhex(vector["tape"]))
        assert str(mechanism.randomize(vector["value"], source)) == vector["report"]
        assert source.bytes_used == vector["bytes_used"]


@pytest.mark.parametrize(("name", "group"), groups())
def test_must_reject(name: str, group: dict[str, Any]) -> None:
    mechanism = build(name, group)
    errors: dict[str, type[FanoError]] = {"value": ValueOutOfDomain, "tape": RandomnessError}
    for case in group["reject"]:
        with pytest.raises(errors[case["error"]]):
            mechanism.randomize(case["value"], TapeSource(bytes.fromhex(case["tape"])))
    for report in group["reject_reports"]:
        with pytest.raises(ReportError):
            mechanism.tally([int(report)])


@pytest.mark.parametrize("name", list_mechanisms())
def test_the_script_writes_these_files(name: str) -> None:
    assert make.document(name) == (VECTORS / f"{name}.json").read_text(encoding="utf-8")


LABELS = json.loads(make_labels.FILE.read_text(encoding="utf-8"))["groups"]


@pytest.mark.parametrize("group", LABELS, ids=lambda group: f"epsilon {group['epsilon']}")
def test_vectors_of_labels(group: dict[str, Any]) -> None:
    rows = RowLabels(group["rows"], OneBitOutcome(group["epsilon"], group["bound"]))
    assert (str(rows.mechanism.threshold), str(rows.report_space)) == (group["threshold"], group["report_space"])
    ratio = rows.outcome.likelihood_ratio
    assert f"{ratio.numerator}/{ratio.denominator}" == group["likelihood_ratio"]
    for vector in group["vectors"]:
        source = TapeSource(bytes.fromhex(vector["tape"]))
        assert str(rows.randomize(vector["row"], float(vector["label"]), source)) == vector["report"]
        assert source.bytes_used == vector["bytes_used"]
    errors: dict[str, type[FanoError]] = {"row": ParameterError, "label": ValueOutOfDomain, "tape": RandomnessError}
    for case in group["reject"]:
        with pytest.raises(errors[case["error"]]):
            rows.randomize(case["row"], float(case["label"]), TapeSource(bytes.fromhex(case["tape"])))


def test_the_script_writes_the_vectors_of_labels() -> None:
    assert make_labels.document() == make_labels.FILE.read_text(encoding="utf-8")
