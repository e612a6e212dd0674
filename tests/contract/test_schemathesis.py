"""Requests made from the OpenAPI document, sensible and senseless: every answer is one that the document allows.

Each request goes out as it was made, and again aimed at something that exists, so that it gets behind the first refusal. Every
operation succeeds at least once.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import schemathesis
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

from server.app import create_app
from tests.conftest import ENGINES
from tests.contract.in_process_session import answered_in_process
from tests.contract.target import Target
from tests.services.in_process import InProcess, settings
from tests.services.postgresql import PostgresqlCluster

pytestmark = pytest.mark.thorough

WELL_FORMED_MAY_GET = ["2xx", "3xx", "401", "403", "404", "409", "410", "412", "413", "422"]
"""Of the right form and still refused: two equal items, a domain too large, another collection's digest, an ETag that was never given."""


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
    assert any(status < 300 for status in answered), (operation[1], answered)


@quick.parametrize()
def test_every_answer_is_documented(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.slow
@thorough.parametrize()
def test_every_answer_is_documented_at_length(case: Case, target: Target) -> None:
    target.check(case)
