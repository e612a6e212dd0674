"""Write tests/vectors/row_labels.json: what every implementation of a label's randomizer must do with the same bytes.

    python -m tests.vectors.make_labels

Each group has one epsilon, bound and number of rows, and what follows from them, then
    vectors: {row, label, tape, report, bytes_used} - the phone of this row, whose label is the decimal number `label`, reads the bytes of
             `tape` (hex), sends `report` and has used `bytes_used` of them. Its first coin rounds the label to an end, its second keeps that end;
    reject:  {row, label, tape, error} - refused: "row" (no such row), "label" (no finite number) or "tape" (it ends too early).
Large integers are decimal strings.
"""

import json
from pathlib import Path
from typing import Any

from ldp_core.labels import OneBitOutcome, RowLabels
from ldp_core.privacy import format_epsilon
from ldp_core.privacy.epsilon import parse_epsilon
from ldp_core.randomness import TapeSource

FILE = Path(__file__).parent / "row_labels.json"

GROUPS = [("1", "2", 1_000), ("0.5", "2.5", 7), ("7/3", "100", 1 << 31)]
LABELS = ["0", "0.25", "-1.75", "2", "-1e9", "1e-300", "99.5"]
"""Each is the double that this text reads as."""


def vectors(rows: RowLabels) -> list[dict[str, Any]]:
    """Every label with coins just on either side of both thresholds."""
    keep, made = rows.mechanism.threshold, []
    for number, label in enumerate(LABELS):
        rounding = rows.outcome.rounding_threshold(float(label))
        firsts = [coin for coin in (rounding - 1, rounding) if 0 <= coin < 1 << 64]
        for first in firsts:
            for second in (keep - 1, keep):
                tape = first.to_bytes(8, "big") + second.to_bytes(8, "big") + b"\xab\xcd"
                source, row = TapeSource(tape), number * 911 % rows.rows
                report = rows.randomize(row, float(label), source)
                made.append(
                    {
                        "row": row,
                        "label": label,
                        "tape": tape.hex(),
                        "report": str(report),
                        "bytes_used": source.bytes_used,
                    }
                )
    return made


def group(epsilon: str, bound: str, count: int) -> dict[str, Any]:
    rows = RowLabels(count, OneBitOutcome(epsilon, bound))
    ratio, tape = rows.outcome.likelihood_ratio, bytes(16).hex()
    return {
        "epsilon": format_epsilon(parse_epsilon(epsilon)),
        "bound": rows.ends[1],
        "rows": count,
        "threshold": str(rows.mechanism.threshold),
        "likelihood_ratio": f"{ratio.numerator}/{ratio.denominator}",
        "report_space": str(rows.report_space),
        "vectors": vectors(rows),
        "reject": [
            {"row": count, "label": "0", "tape": tape, "error": "row"},
            {"row": -1, "label": "0", "tape": tape, "error": "row"},
            {"row": 0, "label": "nan", "tape": tape, "error": "label"},
            {"row": 0, "label": "inf", "tape": tape, "error": "label"},
            {"row": 0, "label": "0", "tape": tape[:30], "error": "tape"},
            {"row": 0, "label": "0", "tape": "", "error": "tape"},
        ],
    }


def document() -> str:
    return json.dumps({"groups": [group(*one) for one in GROUPS]}, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
