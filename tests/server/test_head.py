"""HEAD tells what GET would, without the body."""

import httpx
import pytest

from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess
from tests.services.real_server import real_server


def assert_same(head: httpx.Response, get: httpx.Response) -> None:
    assert head.status_code == get.status_code
    assert head.content == b""
    own = ("fano-request-id", "date")
    told = [{name: value for name, value in answer.headers.items() if name not in own} for answer in (head, get)]
    assert told[0] == told[1]
    assert int(told[0]["content-length"]) > 0


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/v1/mechanisms", "/v1/collections", "/nowhere", "/dashboard/plan"]
)
def test_head_is_get_without_the_body(sqlite_service: InProcess, path: str) -> None:
    head, get = (sqlite_service.request(method, path, headers=ADMIN) for method in ("HEAD", "GET"))
    assert_same(head, get)


def test_a_spec_can_be_looked_after(sqlite_service: InProcess) -> None:
    path = f"/c/{create(sqlite_service.post).id}/spec"
    get = sqlite_service.get(path)
    assert_same(sqlite_service.request("HEAD", path), get)
    seen = sqlite_service.request("HEAD", path, headers={"If-None-Match": get.headers["etag"]})
    assert seen.status_code == 304


def test_what_cannot_be_read_is_refused(sqlite_service: InProcess) -> None:
    refused = sqlite_service.request("HEAD", "/v1/plan")
    assert (refused.status_code, refused.content) == (405, b"")
    assert refused.headers["allow"] == "POST"
    assert refused.headers["content-type"] == "application/problem+json"


def test_it_is_counted_as_what_was_asked(sqlite_service: InProcess) -> None:
    sqlite_service.request("HEAD", "/healthz")
    told = sqlite_service.get("/metrics", headers=ADMIN).text
    assert 'method="HEAD",route="/healthz"' in told


@pytest.mark.service
def test_a_connection_goes_on_behind_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("head")
    with (
        real_server(folder, f"sqlite:///{folder / 'fano.sqlite3'}") as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        for _ in range(3):
            assert_same(client.head("/v1/mechanisms"), client.get("/v1/mechanisms"))
