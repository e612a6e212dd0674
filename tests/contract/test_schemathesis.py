"""Requests made from the OpenAPI document, sensible and senseless: every answer is one that the document allows.

Each request goes out as it was made, and again aimed at something that exists, so that it gets behind the first refusal.
"""

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

from ldp_core.analysis.perturbed import optimizer
from server.app import create_app
from tests.conftest import ENGINES
from tests.contract.in_process_session import BASE_URL, answered_in_process
from tests.services.collection import QUESTION, TestCollection, create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.postgresql import PostgresqlCluster

WELL_FORMED_MAY_GET = ["2xx", "3xx", "401", "403", "404", "409", "410", "413", "422"]
"""Of the right form and still refused: two equal items, a domain too large, another collection's digest."""

NEVER_SUCCEEDS = {
    "GET /c/{collection_id}/items",  # the items of so short a list are inside the spec and have no address of their own
    "DELETE /v1/collections/{collection_id}/keys/{key_id}",
    "DELETE /v1/tokens/{token_id}",
    "GET /v1/operations/{operation_id}",
    "POST /v1/collections/{collection_id}/versions",
    "GET /v1/collections/{collection_id}/series",
    "POST /v1/collections/{collection_id}/compare",
}
"""What generated requests do not reach: ids that are made at run time, a domain that must fit the collection's, items and windows that have reports."""


def _schema(examples: int) -> schemathesis.BaseSchema:
    document = create_app(settings("sqlite:///never-opened.sqlite3")).openapi()
    uploads = document["paths"]["/v1/collections/{collection_id}/reports"]["post"]["requestBody"]["content"]
    uploads.pop("application/vnd.fanoplane.reports", None)  # packed bodies are fuzzed by tests of their own
    config = {
        "seed": 20_261_124,
        # tokens are given to each request below; that they are asked for is probed apart, by `ignored_auth`
        "generation": {"max-examples": examples, "deterministic": True, "with-security-parameters": False},
        "checks": {"positive_data_acceptance": {"expected-statuses": WELL_FORMED_MAY_GET}},
    }
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(config))


quick, thorough = _schema(6), _schema(250)


class Target:
    """The running application with a collection that has reports. answers: how often (operation, status) came."""

    def __init__(self, service: InProcess) -> None:
        self._service = service
        self.collection = create(service.post)
        self._upload()
        self._job: str | None = None
        self.answers: Counter[tuple[str, int]] = Counter()

    def check(self, case: Case) -> None:
        """Send a request, and once more aimed. Raises for an answer that is not documented."""
        if "" in case.query:  # `?=1` names no parameter, so there is nothing to refuse
            return
        self._call(case)
        aimed = self._aimed(case)
        if aimed is not None:
            self._call(aimed)

    def _call(self, case: Case) -> None:
        headers = self.collection.write_headers if case.path.endswith("/reports") else ADMIN
        answer = case.call_and_validate(BASE_URL, headers=headers)
        self.answers[f"{case.method} {case.path}", answer.status_code] += 1

    def _upload(self) -> None:
        batch = self.collection.batch(range(self.collection.created["report_space"]))
        answer = self._service.post(self.collection.reports_path, json=batch, headers=self.collection.write_headers)
        assert answer.status_code == 200, answer.text

    def _aimed(self, case: Case) -> Case | None:
        aimed = case.derive(keep_auth=True)
        if "job_id" in case.path_parameters:
            aimed.path_parameters["job_id"] = self._existing_job()
            return aimed
        if case.path == "/v1/analysis/{path}":
            aimed.path_parameters["path"] = "perturbed"
            if isinstance(case.body, dict):
                aimed.body = {**optimizer.EXAMPLE, **case.body} if len(case.body) % 2 else dict(optimizer.EXAMPLE)
            return aimed
        if "collection_id" in case.path_parameters:
            aimed.path_parameters["collection_id"] = self._existing(case.method, case.path).id
        elif case.path != "/v1/collections":
            return None
        if isinstance(case.body, dict) and case.meta is not None and case.meta.generation.mode.is_positive:
            aimed.body = self._sensible(case.method, case.path, case.body)
        return aimed

    def _existing_job(self) -> str:
        """One that runs for long, or was cancelled."""
        if self._job is None:
            body = {"steps": 300_000, "runs": 100}
            answer = self._service.post("/v1/analysis/single-location/dynamics", json=body, headers=ADMIN)
            assert answer.status_code == 202, answer.text
            self._job = answer.json()["id"]
            self._service.request("DELETE", f"/v1/jobs/{self._job}", headers=ADMIN)  # its events must end
        return self._job

    def _existing(self, method: str, path: str) -> TestCollection:
        verb = path.rpartition("/")[2]
        if method in ("DELETE", "PATCH") or (method == "POST" and verb in ("keys", "versions")):
            return create(self._service.post)  # one that may be changed or go
        if verb in ("open", "pause", "close"):
            return create(self._service.post, opened=verb != "open")
        return self.collection

    def _sensible(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The fields that must fit each other, made to; all others as they are."""
        if method == "PATCH":
            return {"name": "another name"}  # most else may change in some states only
        if path.endswith("/keys"):
            return body
        if path.endswith("/top-k"):
            return {"k": 2, "samples": 100}
        if path.endswith("/utilities"):
            return {"scale": 2}
        if "spec_digest" in body:
            return {**body, "spec_digest": self.collection.created["spec_digest"]}
        kept = {name: value for name, value in body.items() if name not in ("domain_size", "mechanism", "parameters")}
        return {**kept, "items": QUESTION["items"], "epsilon": QUESTION["epsilon"], "window": "P1D"}


@pytest.fixture(scope="module", params=ENGINES)
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("contract")
    with ExitStack() as stack:
        if request.param == "sqlite":
            template: Path = request.getfixturevalue("sqlite_template")
            url = f"sqlite:///{shutil.copy(template, folder / 'fano.sqlite3')}"
        else:
            cluster: PostgresqlCluster = request.getfixturevalue("postgresql")
            url = stack.enter_context(cluster.database())
        service = stack.enter_context(InProcess(settings(url, data_dir=folder)))
        stack.enter_context(answered_in_process(service))
        yield Target(service)


@pytest.fixture(autouse=True)
def what_a_route_is_for_was_reached(request: pytest.FixtureRequest) -> Iterator[None]:
    """A run in which every request is refused would say little: each operation answers with success at least once."""
    yield
    target: Target = request.getfixturevalue("target")
    operation = re.search(r"\[([A-Z]+ [^]]+)\]", request.node.name)
    assert operation is not None
    answered = {status for name, status in target.answers if name == operation[1]}
    assert operation[1] in NEVER_SUCCEEDS or any(status < 300 for status in answered), (operation[1], answered)


@quick.parametrize()
def test_every_answer_is_documented(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.slow
@thorough.parametrize()
def test_every_answer_is_documented_at_length(case: Case, target: Target) -> None:
    target.check(case)
