"""Write tests/vectors/<mechanism>.json: what every implementation of a randomizer must do with the same bytes.

    python -m tests.vectors.make

Each file is a list of groups. A group has one set of parameters and what follows from it, then
    vectors: {value, tape, report, bytes_used} - a phone holding item `value` that reads the bytes of `tape` (hex) sends
             `report` and has used `bytes_used` of them;
    reject:  {value, tape, error} - the same, refused: "value" (no such item) or "tape" (it ends too early);
    reject_reports: reports that no phone sends.
Large integers (threshold, report, report_space) are decimal strings.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ldp_core.mechanisms import Mechanism, create
from ldp_core.privacy import format_epsilon
from ldp_core.randomness import TapeSource

HERE = Path(__file__).parent

GROUPS: dict[str, list[tuple[str, int, dict[str, int]]]] = {
    "projective_geometry": [
        ("1", 7, {"q": 2, "t": 3}),
        ("1", 40, {"q": 4, "t": 4}),
        ("2", 80, {"q": 9, "t": 3}),
        ("0.5", 250, {"q": 16, "t": 3}),
        ("5", 22_000, {"q": 149, "t": 3}),
        ("5", 3_330_300, {"q": 149, "t": 4}),
    ],
    "hybrid_projective_geometry": [
        ("1", 14, {"h": 2, "q": 2, "t": 3}),
        ("4", 1_000, {"h": 3, "q": 19, "t": 3}),
        ("2", 60, {"h": 5, "q": 4, "t": 3}),
    ],
    "hadamard_response": [("1", 7, {"blocks": 1}), ("3", 1_000, {"blocks": 8})],
    "randomized_response": [("1", 2, {}), ("2.5", 6, {}), ("1/3", 1_000, {})],
    "subset_selection": [("1", 5, {"subset_size": 2}), ("1", 32, {"subset_size": 9}), ("3", 200, {"subset_size": 4})],
    "spread": [
        ("1", 16, {"p": 2, "n": 4, "c": 2, "m": 1}),
        ("5", 32_768, {"p": 2, "n": 15, "c": 7, "m": 1}),
        ("3", 1_024, {"p": 2, "n": 10, "c": 6, "m": 3}),
        ("1.5", 243, {"p": 3, "n": 5, "c": 2, "m": 1}),
        ("2", 2_000, {"p": 7, "n": 4, "c": 1, "m": 1}),
    ],
    "optimized_unary_encoding": [("1", 5, {}), ("2", 70, {})],
    "symmetric_unary_encoding": [("1", 5, {}), ("2", 70, {})],
    "optimized_local_hashing": [("1", 5, {"g": 3, "prime": 7}), ("2", 1_000, {"g": 8, "prime": 759_250_111})],
}

TAPE_BYTES = 2_048


def coin_edges(mechanism: Mechanism, rng: np.random.Generator) -> list[bytes]:
    """Tapes whose first coin is the last head, the first tail, all zeros and all ones; then draws that are refused."""
    coins = [mechanism.threshold - 1, mechanism.threshold, 0, (1 << 64) - 1]
    tapes = [coin.to_bytes(8, "big") + rng.bytes(TAPE_BYTES) for coin in coins]
    refused = b"\xff" * 24 + b"\x00" * TAPE_BYTES
    return [*tapes, *(coin.to_bytes(8, "big") + refused for coin in (0, (1 << 64) - 1))]


def vector(mechanism: Mechanism, value: int, tape: bytes) -> dict[str, Any]:
    source = TapeSource(tape)
    report = mechanism.randomize(value, source)
    used = source.bytes_used
    kept = tape[: used + 2]  # two bytes that must be left alone
    return {"value": value, "tape": kept.hex(), "report": str(report), "bytes_used": used}


def group(name: str, number: int) -> dict[str, Any]:
    epsilon, k, parameters = GROUPS[name][number]
    mechanism = create(name, epsilon=epsilon, domain_size=k, **parameters)
    rng = np.random.default_rng([sum(name.encode()), number])
    values = [0, k - 1, *rng.integers(0, k, 10).tolist()]
    tapes = [*coin_edges(mechanism, rng), *(rng.bytes(TAPE_BYTES) for _ in range(6))]
    vectors = [vector(mechanism, value, tape) for value, tape in zip(values, tapes, strict=True)]
    first = bytes.fromhex(vectors[0]["tape"])[: vectors[0]["bytes_used"]]
    return {
        "epsilon": format_epsilon(mechanism.epsilon),
        "domain_size": k,
        "parameters": dict(mechanism.parameters),
        "threshold": str(mechanism.threshold),
        "likelihood_ratio": f"{mechanism.likelihood_ratio.numerator}/{mechanism.likelihood_ratio.denominator}",
        "report_space": str(mechanism.report_space),
        "vectors": vectors,
        "reject": [
            {"value": k, "tape": tapes[0].hex()[:64], "error": "value"},
            {"value": -1, "tape": tapes[0].hex()[:64], "error": "value"},
            {"value": values[0], "tape": first[:-1].hex(), "error": "tape"},
            {"value": 0, "tape": "", "error": "tape"},
        ],
        "reject_reports": [str(mechanism.report_space), "-1"],
    }


def document(name: str) -> str:
    groups = [group(name, number) for number in range(len(GROUPS[name]))]
    return json.dumps({"mechanism": name, "groups": groups}, indent=1) + "\n"


def main() -> None:
    for name in GROUPS:
        (HERE / f"{name}.json").write_text(document(name), encoding="utf-8")


if __name__ == "__main__":
    main()
