"""Something for generated requests to hit: a running service with collections, keys, tokens and operations that exist.

A request goes out as it was made, and again aimed: its ids are those of things that exist and may be changed, and of a
well-formed request the members that must fit each other are made to fit. All other members stay as they were generated.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import count
from typing import Any

from schemathesis import Case

from ldp_core.analysis.perturbed import optimizer
from ldp_core.wire.collection_spec import INLINE_ITEMS_BYTES
from tests.contract.in_process_session import BASE_URL
from tests.services.collection import QUESTION, TestCollection, create
from tests.services.in_process import ADMIN, InProcess

_ANALYSIS = "/v1/analysis/{path}"
_COHORTS = ["a", "b"]
_LONG_LIST = [f"{number:09}" for number in range(INLINE_ITEMS_BYTES // 9)]
"""Too long for a spec, so they have an address of their own."""

AN_ARRAY = (
    b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }".ljust(117)
    + b"\n"
    + bytes(24)
)
"""A .npy file of three zeros."""

_OF_ITS_OWN = {"POST keys", "POST versions", "POST open", "POST pause", "POST close"}
"""What changes a collection, so that it gets one that nothing else needs; so do DELETE and PATCH."""


def _leave(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


class Target:
    """answers: how often (operation, status) came."""

    def __init__(self, service: InProcess) -> None:
        self._service = service
        self._numbers = count()
        self.collection = create(service.post, cohorts=_COHORTS)
        self._long = create(service.post, items=_LONG_LIST)
        self._labels = create(service.post, items=None, labels={"rows": 4, "bound": "1"})
        self._upload_to(self._labels, self._labels.batch([0, 3]))
        for cohort in range(len(_COHORTS)):
            self._upload(cohort)
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

    def _upload(self, cohort: int) -> None:
        batch = {**self.collection.batch(range(self.collection.created["report_space"])), "cohort": cohort}
        self._upload_to(self.collection, batch)

    def _upload_to(self, collection: TestCollection, batch: Mapping[str, Any]) -> None:
        answer = self._service.post(collection.reports_path, json=batch, headers=collection.write_headers)
        assert answer.status_code == 200, answer.text

    def _aimed(self, case: Case) -> Case | None:
        ids = self._existing(case)
        if not ids and case.path not in ("/v1/collections", "/v1/arrays", _ANALYSIS):
            return None
        aimed = case.derive(keep_auth=True)
        aimed.path_parameters.update(ids)
        if f"{case.method} {case.path}" == "POST /v1/arrays":
            aimed.body = AN_ARRAY
            return aimed
        if case.meta is None or not case.meta.generation.mode.is_positive:
            return aimed
        if isinstance(case.body, dict):
            aimed.body = self._fitting_body(case.method, case.path, case.body)
        aimed.headers = {name: value for name, value in case.headers.items() if name.lower() != "if-match"}
        if case.path.endswith("/series"):
            aimed.query = {
                **_leave(case.query, "window", "cohort", "decoder", "version"),
                "item": QUESTION["items"][:2],
            }
        return aimed

    def _existing(self, case: Case) -> dict[str, str]:
        """Values for the parameters of the path, of things that exist."""
        wanted = case.path_parameters.keys()
        make: dict[str, Callable[[str], str]] = {
            "key_id": lambda collection: self._made(f"/v1/collections/{collection}/keys", {"name": self._name()}),
            "token_id": lambda _: self._made("/v1/tokens", {"name": self._name(), "kind": "analyst"}),
            "operation_id": lambda _: self._deletion(),
            "job_id": lambda _: self._job,
            "array_id": lambda _: self._array(),
        }
        ids = {"collection_id": self._collection(case.method, case.path).id} if "collection_id" in wanted else {}
        if case.path == _ANALYSIS:
            return {"path": "perturbed"}
        return ids | {name: make[name](ids.get("collection_id", "")) for name in wanted & make.keys()}

    def _collection(self, method: str, path: str) -> TestCollection:
        last = path.rpartition("/")[2]
        if method in ("DELETE", "PATCH") or f"{method} {last}" in _OF_ITS_OWN:
            return create(self._service.post, opened=last != "open")
        return {"items": self._long, "labels": self._labels}.get(last, self.collection)

    def _name(self) -> str:
        return f"made for a request {next(self._numbers)}"

    def _made(self, path: str, body: Mapping[str, str]) -> str:
        answer = self._service.post(path, json=body, headers=ADMIN)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def _deletion(self) -> str:
        path = f"/v1/collections/{create(self._service.post).id}"
        return str(self._service.request("DELETE", path, headers=ADMIN).json()["operation"]["id"])

    def _array(self) -> str:
        headers = {**ADMIN, "Content-Type": "application/octet-stream"}
        answer = self._service.post("/v1/arrays", content=AN_ARRAY, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["arrays"][0]["id"])

    @cached_property
    def _job(self) -> str:
        """A long job that was cancelled, so that its events end."""
        answer = self._service.post(
            "/v1/analysis/single-location/dynamics", json={"steps": 300_000, "runs": 100}, headers=ADMIN
        )
        assert answer.status_code == 202, answer.text
        job = str(answer.json()["id"])
        self._service.request("DELETE", f"/v1/jobs/{job}", headers=ADMIN)
        return job

    def _fitting_body(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if method == "PATCH":
            return {"name": "another name"}  # most else may change in some states only
        if path.endswith("/keys"):
            return dict(body)
        if path.endswith("/compare"):
            sides = {side: {"cohort": cohort} for side, cohort in zip(("first", "second"), _COHORTS, strict=True)}
            groups = [{**group, "items": QUESTION["items"][:2]} for group in body.get("groups", [])[:1]]
            return {**_leave(body, "decoder", "version"), **sides, "groups": groups}
        if path == _ANALYSIS:
            return {**optimizer.EXAMPLE, **body} if len(body) % 2 else dict(optimizer.EXAMPLE)
        if path.endswith("/top-k"):
            return {"k": 2, "samples": 100}
        if path.endswith("/utilities"):
            return {"scale": 2}
        if "spec_digest" in body:
            return {**body, "spec_digest": self.collection.created["spec_digest"], "cohort": 0}
        kept = _leave(body, "domain_size", "mechanism", "parameters", "cohorts", "labels")
        return {**kept, "items": QUESTION["items"], "epsilon": QUESTION["epsilon"], "window": "P1D"}
