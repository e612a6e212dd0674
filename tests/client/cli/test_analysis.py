"""`fano analysis`: the same answer here and at a service, told in words or as JSON."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from client.cli import analysis as command
from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.registry import ENTRY_POINTS
from tests.client.cli.conftest import Fano
from tests.client.fake_service import FakeService, problem, reply

PERTURBED = ENTRY_POINTS["perturbed"]
TOP_K = ENTRY_POINTS["top-k"]


def answered(path: str) -> dict[str, Any]:
    method = ENTRY_POINTS[path].method
    body: dict[str, Any] = json.loads(json.dumps(method.run(method.from_json(method.EXAMPLE)).to_json()))
    return body


def methods() -> Any:
    listed = [json.loads(json.dumps(entry.describe())) for entry in (PERTURBED, TOP_K)]
    return reply(200, {"methods": listed})


def job(status: str, **more: Any) -> Any:
    progress = {"done": 3, "total": 9, "unit": "steps", "metric": None, "metric_value": None}
    return reply(200, {"id": "j1", "status": status, "progress": progress, "result": None, "error": None, **more})


ACCEPTED = reply(202, {"id": "j1", "status_url": "/v1/jobs/j1", "events_url": "", "predicted_seconds": 3.0})


@pytest.fixture
def url(fano: Fano) -> str:
    return os.environ["FANO_URL"]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_LOOK_SECONDS", 0.0)


def test_without_a_method_it_lists_them(fano: Fano, service: FakeService) -> None:
    table = fano("analysis").stdout
    assert all(entry.path in table for entry in ENTRY_POINTS.values())
    listed = json.loads(fano("analysis", "--json").stdout)["methods"]
    assert [one["path"] for one in listed] == list(ENTRY_POINTS)
    assert service.seen == []


def test_an_example_is_computed_here(fano: Fano, service: FakeService) -> None:
    document = json.loads(fano("analysis", "perturbed", "--json").stdout)
    assert document.pop("wall_seconds") > 0
    assert set(document.pop("library_versions")) == {"fanoplane", "python", "numpy", "scipy"}
    assert document == answered("perturbed")
    told = fano("analysis", "perturbed")
    assert f"checked, {PERTURBED.method.VERDICTS['checked']}" in told.stderr
    assert "result.value" in told.stdout
    assert service.seen == []


def test_a_request_is_read_from_a_file(fano: Fano, tmp_path: Path) -> None:
    file = tmp_path / "question.json"
    file.write_text(json.dumps({**PERTURBED.method.EXAMPLE, "seed": 9}))
    document = json.loads(fano("analysis", "perturbed", "--input", str(file), "--json").stdout)
    assert document["seed"] == 9
    file.write_text("{")
    assert fano("analysis", "perturbed", "--input", str(file)).exit_code == 2
    file.write_text("[]")
    assert fano("analysis", "perturbed", "--input", str(file)).exit_code == 2
    file.write_text('{"solver": "argmax"}')
    refused = fano("analysis", "perturbed", "--input", str(file)).exception
    assert isinstance(refused, AnalysisError)
    assert "noise" in str(refused)


@pytest.mark.parametrize(
    "arguments",
    [["top-k", "--collection", "c1"], ["perturbed", "--input", "no-such-file"], ["perturbed", "extra"]],
)
def test_wrong_usage(fano: Fano, service: FakeService, arguments: list[str]) -> None:
    assert fano("analysis", *arguments).exit_code == 2
    assert service.seen == []


def test_an_unknown_method_names_the_known_ones(fano: Fano) -> None:
    assert "max-margin" in str(fano("analysis", "astrology").exception)


def test_a_service_answers_at_once(fano: Fano, service: FakeService, url: str) -> None:
    service.script += [methods(), reply(200, {**answered("top-k"), "wall_seconds": 0.1, "library_versions": {}})]
    done = fano("analysis", "top-k", "--collection", "c1", "--url", url, "--json")
    assert json.loads(done.stdout)["verdict"] == "ranking_supported"
    asked = service.seen[-1]
    assert (asked.method, asked.path) == ("POST", "/v1/analysis/top-k")
    body = json.loads(asked.body)
    assert body["collection_id"] == "c1"
    assert "counts" not in body
    assert body["k"] == TOP_K.method.EXAMPLE["k"]


def test_a_job_is_waited_for(fano: Fano, service: FakeService, url: str) -> None:
    result = {**answered("perturbed"), "wall_seconds": 3.0, "library_versions": {}}
    service.script += [methods(), ACCEPTED, job("queued", progress=None), job("running"), job("done", result=result)]
    done = fano("analysis", "perturbed", "--url", url, "--json")
    assert json.loads(done.stdout) == result
    assert "Job j1 has begun" in done.stderr
    assert [one.path for one in service.seen[-3:]] == ["/v1/jobs/j1"] * 3


def test_a_job_that_fails_says_why(fano: Fano, service: FakeService, url: str) -> None:
    service.script += [methods(), ACCEPTED, job("failed", error={"detail": "the process ended by signal 9"})]
    failed = fano("analysis", "perturbed", "--url", url)
    assert failed.exit_code == 1
    assert "signal 9" in failed.output
    service.script += [methods(), ACCEPTED, job("cancelled")]
    assert "somebody cancelled it" in fano("analysis", "perturbed", "--url", url).output


def test_an_interrupted_wait_cancels_the_job(
    fano: Fano, service: FakeService, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command.time, "sleep", interrupt)
    service.script += [methods(), ACCEPTED, job("running"), job("cancelled")]
    ended = fano("analysis", "perturbed", "--url", url)
    assert ended.exit_code != 0
    assert (service.seen[-1].method, service.seen[-1].path) == ("DELETE", "/v1/jobs/j1")
    assert "j1 is cancelled" in ended.output


def test_refusals_of_a_service_are_told(fano: Fano, service: FakeService, url: str) -> None:
    refused = problem(422, "invalid-analysis", "The analysis cannot answer this", detail="k must be 1 to 5", field="k")
    service.script += [methods(), refused]
    assert "k must be 1 to 5" in str(fano("analysis", "top-k", "--collection", "c1", "--url", url).exception)
    service.script += [methods()]
    assert "it has perturbed, top-k" in fano("analysis", "max-margin", "--url", url).output


def test_arrays_come_from_files(fano: Fano, service: FakeService, url: str, tmp_path: Path) -> None:
    file = tmp_path / "theta.npy"
    np.save(file, np.array([0.3, 0.1, 0.0]))
    rest = tmp_path / "rest.json"
    rest.write_text('{"solver": "argmax", "noise": {"kind": "gumbel", "sigma": 1.0}}')
    arguments = ("analysis", "perturbed", "--input", str(rest), "--array", f"theta={file}", "--json")
    here = json.loads(fano(*arguments).stdout)
    assert here["params_effective"]["theta"] == [0.3, 0.1, 0.0]
    stored = reply(201, {"arrays": [{"id": "a1"}]})
    service.script += [methods(), stored, reply(200, here)]
    assert json.loads(fano(*arguments, "--url", url).stdout) == here
    sent, asked = service.seen[-2:]
    assert (sent.path, sent.body) == ("/v1/arrays", file.read_bytes())
    assert json.loads(asked.body)["theta"] == {"array": "a1"}
    for wrong in ("theta", f"={file}", "theta=missing.npy", f"theta={rest}"):
        assert fano("analysis", "perturbed", "--array", wrong).exit_code == 2


def test_labels_are_named_by_their_collection(fano: Fano, service: FakeService, url: str, tmp_path: Path) -> None:
    assert fano("analysis", "perturbed", "--labels", "c2").exit_code == 2
    file = tmp_path / "X.npy"
    np.save(file, np.zeros((60, 2, 2)))
    service.script += [methods(), reply(201, {"arrays": [{"id": "a1"}]}), problem(404, "unknown-collection", "None")]
    fano("analysis", "top-k", "--array", f"X={file}", "--labels", "c2", "--url", url)
    assert json.loads(service.seen[-1].body) == {"X": {"array": "a1"}, "label_collection_id": "c2"}
