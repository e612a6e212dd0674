"""The admin's side of the REST API, for the command line and for notebooks."""

import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from client.sdk.errors import ServiceRefusal, ServiceUnavailable
from client.sdk.retrying import RetryPolicy
from client.sdk.transport import Transport, open_http

if TYPE_CHECKING:
    import httpx

__all__ = ["AdminClient", "Document"]

Document = dict[str, Any]

_ONCE = RetryPolicy(attempts=1)
_READING = RetryPolicy(attempts=3, base_seconds=0.2, cap_seconds=2.0, patience_seconds=5.0)


class AdminClient:
    """Collections and estimates of one service.

    url: of the service · token: the admin token. Every method raises ServiceRefusal, whose text is the problem's title, detail and what
    to do, or ServiceUnavailable. Only reading is tried again: a second creation would make a second collection.
    """

    def __init__(
        self, url: str, token: str, *, timeout_seconds: float = 120.0, wire: "httpx.BaseTransport | None" = None
    ) -> None:
        self._http = open_http(url, timeout_seconds=timeout_seconds, wire=wire)
        self._transport = Transport(url, http=self._http)
        self._token = token

    def __repr__(self) -> str:
        return f"<AdminClient of {self._transport.url}>"

    def create(
        self,
        *,
        name: str,
        question: str,
        epsilon: str,
        items: Sequence[str] | None = None,
        domain_size: int | None = None,
        mechanism: str = "projective_geometry",
        parameters: Mapping[str, int] | None = None,
        window: str | None = None,
        min_reports: int | None = None,
    ) -> Document:
        """A new draft. `write_key` is in the answer, and never again."""
        wanted: Document = {
            "name": name,
            "question": question,
            "epsilon": epsilon,
            "items": list(items) if items is not None else None,
            "domain_size": domain_size,
            "mechanism": mechanism,
            "parameters": dict(parameters) if parameters else None,
            "window": window,
            "min_reports": min_reports,
        }
        return self._ask("POST", "/v1/collections", {key: value for key, value in wanted.items() if value is not None})

    def collections(self) -> list[Document]:
        """All collections with their number of reports."""
        found: list[Document] = self._ask("GET", "/v1/collections")["collections"]
        return found

    def collection(self, collection: str) -> Document:
        """One collection."""
        return self._ask("GET", _path(collection))

    def open(self, collection: str) -> Document:
        """Let phones report: a draft, or a paused collection."""
        return self._ask("POST", _path(collection) + "/open")

    def pause(self, collection: str) -> Document:
        """Let phones wait."""
        return self._ask("POST", _path(collection) + "/pause")

    def close(self, collection: str) -> Document:
        """End a collection for good."""
        return self._ask("POST", _path(collection) + "/close")

    def estimates(
        self,
        collection: str,
        *,
        decoder: str | None = None,
        confidence: float = 0.95,
        top: int | None = None,
        post: Sequence[str] = (),
    ) -> Document:
        """The histogram with its intervals: all items in index order, or the `top` largest in falling order.

        post: names of post-processings whose shares are to stand beside the raw ones.
        """
        query = {"decoder": decoder, "confidence": confidence, "top": top, "post": list(post)}
        text = urlencode({key: value for key, value in query.items() if value is not None}, doseq=True)
        return self._ask("GET", f"{_path(collection)}/estimates?{text}")

    def create_token(self, *, name: str, kind: str = "analyst", collection: str | None = None) -> Document:
        """A new token, "admin" or "analyst". `token` is in the answer, and never again."""
        wanted: Document = {"name": name, "kind": kind}
        return self._ask("POST", "/v1/tokens", wanted if collection is None else wanted | {"collection": collection})

    def tokens(self) -> list[Document]:
        """All tokens of people and programs, revoked ones too, without their secrets."""
        found: list[Document] = self._ask("GET", "/v1/tokens")["tokens"]
        return found

    def revoke_token(self, token_id: int) -> None:
        """End a token now."""
        self._ask("DELETE", f"/v1/tokens/{token_id}")

    def analyses(self) -> list[Document]:
        """Every analysis with the JSON Schema of its request, an example, and what its verdicts mean."""
        found: list[Document] = self._ask("GET", "/v1/analysis")["methods"]
        return found

    def analyse(self, method: str, request: Document) -> Document:
        """The answer, or a job that will have it: then the document has `status_url`."""
        return self._ask("POST", f"/v1/analysis/{quote(method)}", request)

    def job(self, job: str) -> Document:
        """A job as it stands: `status`, `progress`, and `result` or `error` at the end."""
        return self._ask("GET", f"/v1/jobs/{quote(job, safe='')}")

    def cancel_job(self, job: str) -> Document:
        """Cancel a job, unless it has ended."""
        return self._ask("DELETE", f"/v1/jobs/{quote(job, safe='')}")

    def _ask(self, method: str, path: str, body: Document | None = None) -> Document:
        headers = {"Authorization": f"Bearer {self._token}"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        answer = self._transport.request(
            method, path, headers=headers, body=content, retry=_READING if method == "GET" else _ONCE
        )
        if not 200 <= answer.status < 300:
            raise ServiceRefusal(answer.problem)
        if answer.status == 204:
            return {}
        try:
            document = json.loads(answer.body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ServiceUnavailable(f"{self._transport.url} answered, but not as Fanoplane does; is this its address?")
        return document

    def close_connections(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> "AdminClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close_connections()


def _path(collection: str) -> str:
    return f"/v1/collections/{quote(collection, safe='')}"
