"""Utilities behind choices: they invert the perturbed argmax, and their intervals cover."""

import json
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis import AnalysisResult
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.perturbed import utilities
from ldp_core.analysis.perturbed.estimator_noise import report_covariance
from ldp_core.analysis.perturbed.independent import NormalLaw, argmax_law
from ldp_core.analysis.perturbed.utilities import UtilitiesRequest
from ldp_core.estimation.estimate import Estimate
from tests.ldp_core.analysis.perturbed.collections_of_phones import Phones, geometry

MECHANISM = geometry(8, 2.0, 3, 3)
THETA = np.array([0.9, 0.5, 0.3, 0.1, -0.1, -0.3, -0.5, -0.9])
SCALE = 0.7
GUMBEL = np.exp(THETA / SCALE) / np.exp(THETA / SCALE).sum()
NORMAL = argmax_law(NormalLaw(THETA, np.full(8, SCALE)), jacobian=False).mean


def coverage(noise: str, shares: np.ndarray, n: int, times: int, seed: int) -> tuple[float, np.ndarray]:
    """Share of intervals that hold their truth, and measured over stated deviation of each item."""
    phones, rng = Phones(MECHANISM, shares, n), np.random.default_rng(seed)
    held, found, stated = [], [], []
    for _ in range(times):
        answer = utilities.run(UtilitiesRequest(phones.estimate(rng), noise=noise, scale=SCALE)).result
        held.append((answer["low"] <= THETA) & (answer["high"] >= THETA))
        found.append(answer["theta"])
        stated.append(answer["se"])
    return float(np.mean(held)), np.std(found, axis=0) / np.mean(stated, axis=0)


def test_intervals_cover() -> None:
    """Acceptance 3.10: k = 8, epsilon 2, 200,000 phones, 600 collections, nominal 95 %."""
    share, ratio = coverage("gumbel", GUMBEL, 200_000, 600, 1)
    assert 0.93 <= share <= 0.97
    assert ratio == pytest.approx(np.ones(8), abs=0.12)  # error of each 2.9 %, four of them


def test_normal_intervals_cover() -> None:
    """200 collections of 1,000,000 phones, so that rare items are well above their noise."""
    share, ratio = coverage("normal", NORMAL, 1_000_000, 200, 2)
    assert 0.92 <= share <= 0.98
    assert ratio == pytest.approx(np.ones(8), abs=0.2)  # error of each 5 %, four of them


def equal(frequencies: np.ndarray, n: int = 10**8) -> Estimate:
    """An estimate without noise to speak of."""
    found = Phones(MECHANISM, np.full(8, 1 / 8), n).estimate(np.random.default_rng(0))
    return Estimate(frequencies, found.support_counts, n, found.rates, found.provenance)


@pytest.mark.parametrize(("noise", "shares"), [("gumbel", GUMBEL), ("normal", NORMAL)])
def test_the_shares_of_known_utilities_give_them_back(noise: str, shares: np.ndarray) -> None:
    found = utilities.run(UtilitiesRequest(equal(shares), noise=noise, scale=SCALE))
    assert found.result["theta"] == pytest.approx(THETA, abs=1e-8)
    assert found.diagnostics["residual"] < 1e-10
    assert (found.verdict, found.warnings, found.seed) == ("identified", (), None)
    assert np.abs(found.result["covariance"].sum(axis=0)).max() < 1e-12  # centred


def test_the_scale_is_the_unit_of_utilities() -> None:
    one, two = (utilities.run(UtilitiesRequest(equal(GUMBEL), scale=s)).result for s in (1.0, 2.0))
    for name in ("theta", "se", "low", "high"):
        assert two[name] == pytest.approx(2 * one[name])


def test_the_exact_covariance_agrees() -> None:
    """On 8 of 13 points of a plane; triples of sets change a deviation by a few per cent."""
    tally = Phones(MECHANISM, GUMBEL, 200_000).tally(np.random.default_rng(3))
    estimate, covariance = MECHANISM.decode(tally), report_covariance(MECHANISM, tally)
    near, full = (utilities.run(UtilitiesRequest(estimate, covariance=c)).result["se"] for c in (None, covariance))
    assert near == pytest.approx(full, rel=0.15)


def run_on(frequencies: list[float], n: int) -> AnalysisResult:
    return utilities.run(UtilitiesRequest(equal(np.array(frequencies), n)))


def test_items_within_their_noise_are_dropped_and_named() -> None:
    found = run_on([0.5, 0.3, 0.2, 0.001, 0, -0.001, 0, 0], 20_000)
    assert found.diagnostics["dropped_items"].tolist() == [3, 4, 5, 6, 7]
    assert found.result["item"].tolist() == [0, 1, 2]
    assert found.verdict == "partly_identified"
    assert "items_dropped" in found.warnings
    json.dumps(found.to_json(), allow_nan=False)


def test_one_item_has_no_utility() -> None:
    found = run_on([1, 0, 0, 0, 0, 0, 0, 0], 20_000)
    assert found.verdict == "no_signal"
    json.dumps(found.to_json(), allow_nan=False)


def test_the_example_works_as_it_stands() -> None:
    request = utilities.from_json(utilities.EXAMPLE)
    assert utilities.run(request).to_json() == utilities.run(request).to_json()
    assert 0 < utilities.predicted_seconds(request) < 1
    assert utilities.QUESTION.endswith("?")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"noise": "cauchy"}, "unknown_choice", "noise"),
        ({"scale": 0}, "out_of_range", "scale"),
        ({"scale": True}, "out_of_range", "scale"),
        ({"confidence": 1}, "out_of_range", "confidence"),
        ({"sigma": 1}, "unknown_field", "sigma"),
    ],
)
def test_what_cannot_be_answered_is_refused(change: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(AnalysisError) as caught:
        utilities.from_json({**utilities.EXAMPLE, **change})
    assert (caught.value.code, caught.value.field) == (code, field)


def test_too_many_items_are_refused() -> None:
    counts = np.zeros(3_000, dtype=np.int64)
    base = equal(GUMBEL)
    with pytest.raises(TooLargeError):
        UtilitiesRequest(Estimate(np.full(3_000, 1 / 3_000), counts, 10**6, base.rates, base.provenance))
    with pytest.raises(TooLargeError):
        UtilitiesRequest(Estimate(np.full(60, 1 / 60), counts, 10**7, base.rates, base.provenance), noise="normal")
