"""Bodies that no phone sends: each is refused with a documented problem or counted, and nothing else is ever stored."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from server.api.problems import PROBLEMS
from tests.services.collection import TestCollection, create
from tests.services.in_process import InProcess
from tests.services.in_process import settings as service_settings
from tests.services.stored import stored_messages

REPORT_SPACE_ITEMS = ["apple", "banana", "cherry", "date", "elder"]
DOCUMENTED = {400, 401, 403, 404, 409, 410, 413, 415, 422, 429}

_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 80), 1 << 80)
    | st.floats()
    | st.text(max_size=70)
    | st.sampled_from(["0" * 32, "F" * 32, "g" * 32, "0" * 64, "１" * 32]),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


class Bodies:
    """Strategies of bodies for one collection."""

    def __init__(self, collection: TestCollection) -> None:
        self._collection = collection
        self._space = int(collection.created["report_space"])

    def valid(self) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries(
            {
                "spec_digest": st.just(self._collection.created["spec_digest"]),
                "batch_key": st.binary(min_size=16, max_size=16).map(bytes.hex),
                "messages": st.lists(st.integers(0, self._space - 1), min_size=1, max_size=20),
            }
        )

    def any(self) -> st.SearchStrategy[bytes]:
        valid = self.valid().map(lambda document: json.dumps(document).encode())
        return st.one_of(
            valid,
            st.binary(max_size=200),
            _values.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
            st.tuples(self.valid(), st.sampled_from(["spec_digest", "batch_key", "messages", "more"]), _values).map(
                lambda drawn: json.dumps({**drawn[0], drawn[1]: drawn[2]}).encode("utf-8", "surrogatepass")
            ),
            st.tuples(valid, st.integers(0, 400), st.binary(max_size=4), st.integers(0, 9)).map(_spliced),
            valid.map(lambda body: body.decode().encode("utf-16")),
            valid.map(lambda body: b"\xef\xbb\xbf" + body),
            valid.map(lambda body: body + body),
            st.tuples(valid, st.integers(1, 3_000)).map(lambda drawn: b"[" * drawn[1] + drawn[0]),
            valid.map(lambda body: body[:-1] + b', "messages": [0]}'),  # the same member twice
            self.valid().map(lambda document: json.dumps({**document, "messages": [0.0, 1e0]}).encode()),
        )


def _spliced(drawn: tuple[bytes, int, bytes, int]) -> bytes:
    body, at, inserted, removed = drawn
    return body[:at] + inserted + body[at + removed :]


class Fuzzed:
    """A running service that remembers what it acknowledged."""

    def __init__(self, service: InProcess, url: str) -> None:
        self._service, self._url = service, url
        self.collection = create(service.post, items=REPORT_SPACE_ITEMS)
        self.acknowledged: Counter[int] = Counter()
        self.outcomes: Counter[int] = Counter()

    def send(self, body: bytes) -> None:
        answer = self._service.post(
            self.collection.reports_path,
            content=body,
            headers={**self.collection.write_headers, "Content-Type": "application/json"},
        )
        self.outcomes[answer.status_code] += 1
        if answer.status_code == 200:
            assert answer.json().keys() == {"accepted", "replayed", "rejected"}
            messages = json.loads(body)["messages"]
            assert answer.json()["accepted"] == len(messages)
            if not answer.json()["replayed"]:
                self.acknowledged.update(messages)
            return
        assert answer.status_code in DOCUMENTED, answer.text
        slug = answer.json()["type"].rpartition(":")[2]
        assert PROBLEMS[slug].status == answer.status_code

    def check_stored(self) -> None:
        assert stored_messages(self._url) == self.acknowledged
        assert self.outcomes[200] > 0
        assert self.outcomes[400] > 0
        assert self.outcomes[422] > 0


@pytest.fixture
def fuzzed(database_url: str, tmp_path: Path) -> Iterator[Callable[[int], Fuzzed]]:
    with ExitStack() as stack:
        service = stack.enter_context(InProcess(service_settings(database_url, data_dir=tmp_path, fold_seconds=0)))

        def run(examples: int) -> Fuzzed:
            target = Fuzzed(service, database_url)

            @seed(20_261_124)
            @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(Bodies(target.collection).any())
            def send(body: bytes) -> None:
                target.send(body)

            send()
            return target

        yield run


@pytest.mark.thorough
def test_fuzzed_bodies(fuzzed: Callable[[int], Fuzzed]) -> None:
    fuzzed(400).check_stored()


@pytest.mark.slow
def test_fuzzed_bodies_at_length(fuzzed: Callable[[int], Fuzzed], tell: Callable[[str], None]) -> None:
    target = fuzzed(20_000)
    target.check_stored()
    tell(f"fuzzed uploads by status: {dict(sorted(target.outcomes.items()))}")
