"""Zeros of float types."""

import json
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.nonsmooth import relu_precision
from ldp_core.analysis.nonsmooth.relu_precision import EXAMPLE, VERDICTS, from_json, predicted_seconds, run
from ldp_core.analysis.progress import Cancelled, Step


def counted(body: Any) -> dict[str, Any]:
    return {row["dtype"]: row for row in run(from_json(body)).result["dtypes"]}


@pytest.mark.slow
def test_single_precision_meets_the_kink_in_a_third_of_the_networks() -> None:
    """Acceptance N7: 60 networks of 3 layers of 256 neurons reading 60000 images."""
    found = counted({"dtypes": ["float32"], "nets": 60, "samples": 60_000})["float32"]
    print(f"float32: {found['nets_with_tie']} of 60 networks, {found['zeros_per_1e9']:.1f} zeros per 1e9")
    assert abs(found["fraction"] - 0.38) <= 0.19


@pytest.mark.slow
def test_double_precision_never_does() -> None:
    """Acceptance N7."""
    assert counted({"dtypes": ["float64"], "nets": 10, "samples": 60_000})["float64"]["zeros"] == 0


def test_the_fewer_numbers_a_type_has_the_more_often() -> None:
    """Acceptance N7 with 2000 images: half precision always, single hardly ever at this size, double never."""
    found = counted(
        {"dtypes": ["float16", "float32", "float64"], "layers": 3, "width": 256, "nets": 2, "samples": 2000}
    )
    assert found["float16"]["zeros"] > 0
    assert found["float32"]["zeros"] <= 2
    assert found["float64"]["zeros"] == 0
    assert found["float64"]["low"] == 0
    assert 0 < found["float64"]["high"] < 1


def test_zeros_are_those_of_a_plain_loop() -> None:
    """Half precision, one sum after the other in single precision, rounded once: near enough to the same sums to agree within a few."""
    request = from_json({"dtypes": ["float16"], "layers": 1, "width": 16, "nets": 1, "samples": 300})
    images, (weights, biases) = relu_precision._images(request), relu_precision._network(request, 0)[0]
    small = (images.astype(np.float32) / np.float32(255)).astype(np.float16).astype(np.float64)
    rounded = small @ weights.astype(np.float16).astype(np.float64) + biases.astype(np.float16).astype(np.float64)
    expected = int(np.count_nonzero(rounded.astype(np.float16) == 0))
    assert abs(run(request).result["dtypes"][0]["zeros"] - expected) <= 2


def test_the_example_runs_and_repeats_itself() -> None:
    first, again = (run(from_json(EXAMPLE)).to_json() for _ in range(2))
    assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert first["verdict"] in VERDICTS
    columns = first["series"]["fractions"]["columns"]
    assert columns["dtype"] == EXAMPLE["dtypes"]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"dtypes": "float32"}, "wrong_type", "dtypes"),
        ({"dtypes": []}, "wrong_type", "dtypes"),
        ({"dtypes": ["bfloat16"]}, "unknown_choice", "dtypes"),
        ({"dtypes": ["float32", "float32"]}, "wrong_shape", "dtypes"),
        ({"layers": 0}, "out_of_range", "layers"),
        ({"width": 2049}, "out_of_range", "width"),
        ({"nets": 1001}, "out_of_range", "nets"),
        ({"samples": 1.5}, "wrong_type", "samples"),
        ({"nets": 1000, "width": 2048, "samples": 100_000}, "too_large", "nets"),
        ({"depth": 3}, "unknown_field", "depth"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_field(body: Any, code: str, field: str) -> None:
    with pytest.raises(AnalysisError) as refusal:
        from_json(body)
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert isinstance(refusal.value, TooLargeError) == (code == "too_large")


def test_it_says_how_far_it_is_and_stops_when_told() -> None:
    seen: list[Step] = []

    def watch(step: Step) -> None:
        seen.append(step)
        if step.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(from_json({**EXAMPLE, "samples": 100}), progress=watch)
    assert [step.done for step in seen] == [0, 1, 2]
    assert predicted_seconds(from_json(EXAMPLE)) < predicted_seconds(from_json({}))
    assert np.isfinite(predicted_seconds(from_json({})))
