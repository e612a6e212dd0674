"""The admin's side of the REST API, for the command line and for notebooks."""

import json
import uuid
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from client.sdk.errors import ServiceRefusal, ServiceUnavailable
from client.sdk.retrying import RetryPolicy
from client.sdk.transport import Transport, checked_secret, open_http

if TYPE_CHECKING:
    import httpx

__all__ = ["AdminClient", "Document"]

Document = dict[str, Any]

_ONCE = RetryPolicy(attempts=1)
_AGAIN = RetryPolicy(attempts=3, base_seconds=0.2, cap_seconds=2.0, patience_seconds=5.0)


class AdminClient:
    """Collections and estimates of one service.

    url: of the service · token: the admin token. Every method raises ServiceRefusal, whose text is the problem's title, detail and what
    to do, or ServiceUnavailable. Reading is tried again, and so is what makes or moves something: each such request has a key of its own,
    by which the service carries it out once.
    """

    def __init__(
        self, url: str, token: str, *, timeout_seconds: float = 120.0, wire: "httpx.BaseTransport | None" = None
    ) -> None:
        self._token = checked_secret(token)
        self._http = open_http(url, timeout_seconds=timeout_seconds, wire=wire)
        self._transport = Transport(url, http=self._http)

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
        mechanism: str | None = None,
        parameters: Mapping[str, int] | None = None,
        labels: Mapping[str, int | str] | None = None,
        window: str | None = None,
        min_reports: int | None = None,
        cohorts: Sequence[str] = (),
        opens_at: str | None = None,
        closes_at: str | None = None,
        retention: str | None = None,
    ) -> Document:
        """A new draft. `write_key` is in the answer, and never again.

        labels: {"rows", "bound"} in place of items, where each report is the private label of one row ·
        opens_at, closes_at: moments such as "2027-01-31T00:00:00Z" · window, retention: periods such as "P1D".
        """
        wanted: Document = {
            "name": name,
            "question": question,
            "epsilon": epsilon,
            "items": list(items) if items is not None else None,
            "domain_size": domain_size,
            "mechanism": mechanism,
            "parameters": dict(parameters) if parameters else None,
            "labels": dict(labels) if labels else None,
            "window": window,
            "min_reports": min_reports,
            "cohorts": list(cohorts) or None,
            "opens_at": opens_at,
            "closes_at": closes_at,
            "retention": retention,
        }
        return self._do("/v1/collections", _given(wanted))

    def collections(self) -> list[Document]:
        """All collections with their number of reports."""
        found: list[Document] = self._ask("GET", "/v1/collections")["collections"]
        return found

    def collection(self, collection: str) -> Document:
        """One collection."""
        return self._ask("GET", _path(collection))

    def open(self, collection: str) -> Document:
        """Let phones report: a draft, or a paused collection."""
        return self._do(_path(collection) + "/open")

    def pause(self, collection: str) -> Document:
        """Let phones wait."""
        return self._do(_path(collection) + "/pause")

    def close(self, collection: str) -> Document:
        """End a collection for good."""
        return self._do(_path(collection) + "/close")

    def delete(self, collection: str) -> None:
        """Delete a collection with all its reports; what is left of it is removed by and by."""
        self._ask("DELETE", _path(collection))

    def create_key(self, collection: str, name: str) -> Document:
        """A further write key. `write_key` is in the answer, and never again."""
        return self._do(f"{_path(collection)}/keys", {"name": name})

    def keys(self, collection: str) -> list[Document]:
        """The write keys of a collection, revoked ones too, without their secrets."""
        found: list[Document] = self._ask("GET", f"{_path(collection)}/keys")["keys"]
        return found

    def revoke_key(self, collection: str, key_id: int, *, until: str | None = None) -> None:
        """End a write key now, or at a moment such as "2027-01-31T00:00:00Z"."""
        query = "" if until is None else f"?{urlencode({'until': until})}"
        self._ask("DELETE", f"{_path(collection)}/keys/{key_id}{query}")

    def audit_log(self) -> list[Document]:
        """Who administered what, to the hour, in order."""
        entries: list[Document] = []
        while page := self._ask("GET", f"/v1/audit-log?after={entries[-1]['number'] if entries else 0}&limit=500")[
            "entries"
        ]:
            entries += page
        return entries

    def estimates(
        self,
        collection: str,
        *,
        decoder: str | None = None,
        confidence: float = 0.95,
        top: int | None = None,
        post: Sequence[str] = (),
        window: str | None = None,
        cohort: str | None = None,
        version: int | None = None,
    ) -> Document:
        """The histogram with its intervals: all items in index order, or the `top` largest in falling order.

        post: names of post-processings whose shares are to stand beside the raw ones · window: "20000" or "20000..20006", all
        when None · cohort: a declared name, all together when None · version: the current one when None.
        """
        query = {
            "decoder": decoder, "confidence": confidence, "top": top, "post": list(post),
            "window": window, "cohort": cohort, "version": version,
        }  # fmt: skip
        return self._ask("GET", f"{_path(collection)}/estimates?{urlencode(_given(query), doseq=True)}")

    def labels(
        self,
        collection: str,
        *,
        window: str | None = None,
        version: int | None = None,
        confidence: float = 0.95,
        rows: bool = True,
    ) -> Document:
        """The private labels of rows and their mean; rows: each label too. The rest as in `estimates`."""
        query = {"window": window, "version": version, "confidence": confidence, "rows": str(rows).lower()}
        return self._ask("GET", f"{_path(collection)}/labels?{urlencode(_given(query))}")

    def series(
        self,
        collection: str,
        items: Sequence[str],
        *,
        window: str | None = None,
        cohort: str | None = None,
        version: int | None = None,
        confidence: float = 0.95,
    ) -> Document:
        """Items window by window. items: texts, or indices where the collection has none; the rest as in `estimates`."""
        query = {
            "item": list(items), "window": window, "cohort": cohort, "version": version, "confidence": confidence
        }  # fmt: skip
        return self._ask("GET", f"{_path(collection)}/series?{urlencode(_given(query), doseq=True)}")

    def compare(
        self,
        collection: str,
        first: Mapping[str, str],
        second: Mapping[str, str],
        *,
        groups: Mapping[str, Sequence[str]] = {},
        confidence: float = 0.95,
        top: int | None = None,
        version: int | None = None,
    ) -> Document:
        """Which items differ between two sides that share no report, second minus first.

        first, second: `window`, `cohort` or both · groups: items whose shares are added up, by name.
        """
        wanted = {
            "first": dict(first),
            "second": dict(second),
            "groups": [{"name": name, "items": list(items)} for name, items in groups.items()],
            "confidence": confidence,
            "top": top,
            "version": version,
        }
        return self._ask("POST", f"{_path(collection)}/compare", _given(wanted), retry=_AGAIN)

    def create_token(self, *, name: str, kind: str = "analyst", collection: str | None = None) -> Document:
        """A new token, "admin" or "analyst". `token` is in the answer, and never again."""
        wanted: Document = {"name": name, "kind": kind}
        return self._do("/v1/tokens", wanted if collection is None else wanted | {"collection": collection})

    def tokens(self) -> list[Document]:
        """All tokens of people and programs, revoked ones too, without their secrets."""
        found: list[Document] = self._ask("GET", "/v1/tokens")["tokens"]
        return found

    def revoke_token(self, token_id: int) -> None:
        """End a token now."""
        self._ask("DELETE", f"/v1/tokens/{token_id}")

    def store_arrays(self, file: bytes) -> list[Document]:
        """Keep the arrays of a .npy or .npz file at the service for some days; {"array": id} stands for one in a request."""
        stored: list[Document] = self._ask("POST", "/v1/arrays", file)["arrays"]
        return stored

    def arrays(self) -> list[Document]:
        """The stored arrays of this token, of all tokens for an administrator, the newest first."""
        found: list[Document] = self._ask("GET", "/v1/arrays")["arrays"]
        return found

    def delete_array(self, array: str) -> None:
        """Forget a stored array now."""
        self._ask("DELETE", f"/v1/arrays/{quote(array, safe='')}")

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

    def _do(self, path: str, body: Document | None = None) -> Document:
        """Ask for something that must happen once."""
        return self._ask("POST", path, body, {"Idempotency-Key": str(uuid.uuid4())}, retry=_AGAIN)

    def _ask(
        self,
        method: str,
        path: str,
        body: Document | bytes | None = None,
        more: Mapping[str, str] = {},
        *,
        retry: RetryPolicy | None = None,
    ) -> Document:
        headers = {"Authorization": f"Bearer {self._token}", **more}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if body is not None:
            headers["Content-Type"] = "application/octet-stream" if body is content else "application/json"
        retry = retry or (_AGAIN if method == "GET" else _ONCE)
        answer = self._transport.request(method, path, headers=headers, body=content, retry=retry)
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


def _given(values: Document) -> Document:
    return {name: value for name, value in values.items() if value is not None}


def _path(collection: str) -> str:
    return f"/v1/collections/{quote(collection, safe='')}"
