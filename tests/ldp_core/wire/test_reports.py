"""Packed batches: one encoding for each content, and nothing is ever read in part."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldp_core.errors import BatchError
from ldp_core.wire import ReportBatch, first_outside
from ldp_core.wire.reports import HEADER_BYTES
from tests.vectors import make_reports

VECTORS = json.loads(make_reports.FILE.read_text(encoding="utf-8"))
UINT32 = st.integers(0, (1 << 32) - 1)
BATCHES = st.builds(
    lambda prefix, window, key, messages, cohort: ReportBatch(
        prefix, window, key, np.array(messages, dtype=np.int64), cohort
    ),
    st.binary(min_size=8, max_size=8),
    UINT32,
    st.binary(min_size=16, max_size=16),
    st.lists(UINT32, min_size=1, max_size=40),
    st.none() | st.integers(0, (1 << 16) - 1),
)


def content(batch: ReportBatch) -> tuple[object, ...]:
    return batch.spec_prefix, batch.window, batch.key, tuple(batch.messages.tolist()), batch.cohort


def slowly(raw: bytes) -> tuple[object, ...] | None:
    """The format again, written plainly: the content of packed bytes, or None."""
    if raw[:5] != b"FANO\x01" or len(raw) < 44 or raw[5] > 1 or (raw[5] == 0 and raw[6:8] != b"\0\0"):
        return None
    count = int.from_bytes(raw[36:40], "little")
    if count != (len(raw) - 40) / 4:
        return None
    messages = tuple(int.from_bytes(raw[40 + 4 * i : 44 + 4 * i], "little") for i in range(count))
    cohort = int.from_bytes(raw[6:8], "little") if raw[5] else None
    return raw[8:16], int.from_bytes(raw[16:20], "little"), raw[20:36], messages, cohort


def parsed(raw: bytes) -> tuple[object, ...] | None:
    try:
        return content(ReportBatch.parse(raw))
    except BatchError:
        return None


@given(BATCHES)
def test_a_batch_survives_the_wire(batch: ReportBatch) -> None:
    raw = batch.pack()
    assert len(raw) == HEADER_BYTES + 4 * len(batch.messages)
    assert content(ReportBatch.parse(raw)) == content(batch) == slowly(raw)
    assert ReportBatch.parse(raw).pack() == raw


@given(st.binary(max_size=100))
def test_any_bytes_are_read_whole_or_refused(raw: bytes) -> None:
    assert parsed(raw) == slowly(raw)


@given(BATCHES, st.integers(0, 1_000), st.binary(min_size=1, max_size=5), st.sampled_from(["cut", "insert", "replace"]))
def test_a_changed_batch_is_another_one_or_refused(batch: ReportBatch, place: int, change: bytes, how: str) -> None:
    raw = batch.pack()
    at = place % len(raw)
    tail = {"cut": raw[at + len(change) :], "insert": change + raw[at:], "replace": change + raw[at + len(change) :]}
    damaged = raw[:at] + tail[how]
    found = parsed(damaged)
    assert found == slowly(damaged)
    if found is not None:
        assert ReportBatch.parse(damaged).pack() == damaged
        assert (found == content(batch)) == (damaged == raw)


@pytest.mark.parametrize("vector", VECTORS["accept"], ids=str)
def test_vectors_that_must_be_read(vector: dict) -> None:  # type: ignore[type-arg]
    raw, said = bytes.fromhex(vector["bytes"]), vector["content"]
    batch = ReportBatch.parse(raw)
    assert content(batch) == (
        bytes.fromhex(said["spec_prefix"]),
        said["window"],
        bytes.fromhex(said["key"]),
        tuple(said["messages"]),
        said["cohort"],
    )
    assert batch.pack() == raw


@pytest.mark.parametrize("vector", VECTORS["reject"], ids=lambda vector: vector["why"])
def test_vectors_that_must_be_refused(vector: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(BatchError) as refused:
        ReportBatch.parse(bytes.fromhex(vector["bytes"])).check(
            report_space=vector["report_space"], reports_per_batch=vector["reports_per_batch"]
        )
    assert refused.value.reason == vector["reason"]


def test_the_file_is_what_the_script_writes() -> None:
    assert make_reports.document() == VECTORS


@pytest.mark.parametrize(
    "fields",
    [
        (bytes(7), 0, bytes(16), [1]),
        (bytes(8), 0, bytes(15), [1]),
        (bytes(8), -1, bytes(16), [1]),
        (bytes(8), 1 << 32, bytes(16), [1]),
        (bytes(8), 0, bytes(16), []),
        (bytes(8), 0, bytes(16), [[1]]),
        (bytes(8), 0, bytes(16), [1.5]),
        (bytes(8), 0, bytes(16), [-1]),
        (bytes(8), 0, bytes(16), [1 << 32]),
        (bytes(8), 0, bytes(16), [1], 1 << 16),
    ],
)
def test_what_cannot_be_packed_is_refused(fields: tuple) -> None:  # type: ignore[type-arg]
    prefix, window, key, messages, *cohort = fields
    with pytest.raises(BatchError):
        ReportBatch(prefix, window, key, np.array(messages), *cohort)


def test_messages_are_read_where_they_lie() -> None:
    raw = struct.pack("<4sBBH8sI16sI4I", b"FANO", 1, 0, 0, bytes(8), 1, bytes(16), 4, 5, 6, 7, 8)
    messages = ReportBatch.parse(raw).messages
    assert np.shares_memory(messages, np.frombuffer(raw, dtype=np.uint8))
    assert first_outside(messages, 7) == 2
    assert first_outside(messages, 9) is None
    assert first_outside(messages, 1 << 32) is None
