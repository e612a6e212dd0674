"""Write tests/vectors/reports.json: packed batches with their content, and bytes that must be refused.

    python -m tests.vectors.make_reports

    accept: {content: {spec_prefix, window, key, cohort, messages}, bytes} - each is the only encoding of the other;
    reject: {why, bytes, reason, report_space, reports_per_batch} - refused whole for this reason.
Bytes are hex. `report_space` and `reports_per_batch` are those of the spec under which the bytes are judged.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ldp_core.wire import ReportBatch

FILE = Path(__file__).parent / "reports.json"

PREFIX, KEY = bytes.fromhex("0123456789abcdef"), bytes(range(16))
LARGEST = (1 << 32) - 1
CONTENTS: list[dict[str, Any]] = [
    {"window": 0, "cohort": None, "messages": [0]},
    {"window": 20_417, "cohort": None, "messages": [12, 0, 0, 7]},
    {"window": 20_417, "cohort": 0, "messages": [12, 0, 0, 7]},
    {"window": LARGEST, "cohort": 65_535, "messages": [LARGEST, 1, 256, 65_536]},
]
GOOD = ReportBatch(PREFIX, 20_417, KEY, np.array([12, 0, 0, 7])).pack()


def changed(offset: int, *values: int) -> bytes:
    return GOOD[:offset] + bytes(values) + GOOD[offset + len(values) :]


REJECT: list[tuple[str, bytes, str, dict[str, int]]] = [
    ("nothing at all", b"", "malformed", {}),
    ("a cut header", GOOD[:39], "malformed", {}),
    ("other magic", changed(0, 0x66), "malformed", {}),
    ("version 0", changed(4, 0), "malformed", {}),
    ("version 2", changed(4, 2), "malformed", {}),
    ("an unknown flag", changed(5, 2), "malformed", {}),
    ("a known and an unknown flag", changed(5, 129), "malformed", {}),
    ("a cohort without its flag", changed(6, 1), "malformed", {}),
    ("count 0", changed(36, 0)[:40], "empty", {}),
    ("count 0 with messages", changed(36, 0), "empty", {}),
    ("count too small", changed(36, 3), "malformed", {}),
    ("count too large", changed(36, 5), "malformed", {}),
    ("the largest count", changed(36, 255, 255, 255, 255), "malformed", {}),
    ("a byte after the end", GOOD + b"\0", "malformed", {}),
    ("a message after the end", GOOD + bytes(4), "malformed", {}),
    ("a cut message", GOOD[:-1], "malformed", {}),
    ("only the header", GOOD[:40], "malformed", {}),
    ("twice the same batch", GOOD + GOOD, "malformed", {}),
    ("JSON", b'{"spec_digest":"", "batch_key":"", "messages":[1, 2]}', "malformed", {}),
    ("more reports than the limit", GOOD, "too-many", {"reports_per_batch": 3}),
    ("a message equal to report_space", GOOD, "message-out-of-range", {"report_space": 12}),
    ("the last message is the largest integer", changed(52, 255, 255, 255, 255), "message-out-of-range", {}),
]


def accepted(content: dict[str, Any]) -> dict[str, Any]:
    batch = ReportBatch(PREFIX, content["window"], KEY, np.array(content["messages"]), content["cohort"])
    return {"content": {"spec_prefix": PREFIX.hex(), "key": KEY.hex(), **content}, "bytes": batch.pack().hex()}


def rejected(why: str, raw: bytes, reason: str, terms: dict[str, int]) -> dict[str, Any]:
    spec = {"report_space": 13, "reports_per_batch": 10_000, **terms}
    return {"why": why, "bytes": raw.hex(), "reason": reason, **spec}


def document() -> dict[str, Any]:
    return {"accept": [accepted(c) for c in CONTENTS], "reject": [rejected(*case) for case in REJECT]}


if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=1) + "\n", encoding="utf-8")
