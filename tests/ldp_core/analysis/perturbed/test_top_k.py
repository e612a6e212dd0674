"""The k most frequent items of a collection: calibration on simulated phones, and what is refused."""

import json
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis import AnalysisResult, Cancelled, Step
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.histogram import CollectionHistogram
from ldp_core.analysis.perturbed import top_k
from ldp_core.analysis.perturbed.estimator_noise import EstimatorNoise, report_covariance
from ldp_core.analysis.perturbed.independent import NormalLaw, top_k_law
from ldp_core.analysis.perturbed.top_k import TopKRequest
from ldp_core.estimation.estimate import Estimate
from ldp_core.mechanisms.registry import create
from tests.ldp_core.analysis.perturbed.collections_of_phones import Phones, geometry, zipf

MECHANISM = geometry(100, 1.0, 3, 5)
TALLY = Phones(MECHANISM, zipf(100, 1.1), 20_000).tally(np.random.default_rng(0))
ONE: Estimate = MECHANISM.decode(TALLY)
BODY: dict[str, Any] = {**CollectionHistogram(MECHANISM, TALLY).to_fields(), "k": 3}


def runs(exponent: float, times: int, samples: int, seed: int = 1) -> list[AnalysisResult]:
    phones, rng = Phones(MECHANISM, zipf(100, exponent), 20_000), np.random.default_rng(seed)
    return [top_k.run(TopKRequest(phones.estimate(rng), 10, samples=samples, seed=i)) for i in range(times)]


def check_calibration(times: int, samples: int, within: float) -> None:
    found = runs(1.1, times, samples)
    sure = [np.asarray(r.result["items"]["p_topk"]) >= 0.95 for r in found]
    assert sum(s[:10].sum() for s in sure) >= 0.97 * sum(s.sum() for s in sure)
    expected = np.mean([r.result["expected_precision_at_k"] for r in found])
    actual = np.mean([np.mean(r.result["top_k"] < 10) for r in found])
    assert abs(expected - actual) <= within
    assert all(r.verdict == "ranking_supported" for r in found)


def check_uniform_truth(times: int, samples: int, most: float) -> None:
    found = runs(0.0, times, samples)
    assert np.mean([r.verdict == "ranking_supported" for r in found]) <= most
    assert all("in" not in r.result["items"]["status"] for r in found)


def test_items_called_sure_are_truly_in() -> None:
    """Acceptance 3.8 on 40 collections."""
    check_calibration(40, 500, 0.12)


@pytest.mark.slow
def test_items_called_sure_are_truly_in_many_collections() -> None:
    """Acceptance 3.8: Zipf 1.1, k = 100, epsilon 1, n = 20,000, 100 collections."""
    check_calibration(100, 4000, 0.10)


def test_uniform_truth_is_not_ranked() -> None:
    """Acceptance 3.9 on 40 collections; one collection in 1000 has an item called in by mistake."""
    check_uniform_truth(40, 200, 0.05)


@pytest.mark.slow
def test_uniform_truth_is_not_ranked_in_many_collections() -> None:
    """Acceptance 3.9 on 200 collections."""
    check_uniform_truth(200, 1000, 0.035)


def test_the_flat_prior_is_the_perturbed_optimizer() -> None:
    """Sampled shares against the exact integral; 100 items, 6 standard errors: false alarm 2e-7."""
    found = top_k.run(TopKRequest(ONE, 10, samples=20_000, prior="flat"))
    law = NormalLaw(ONE.frequencies, np.sqrt(EstimatorNoise(ONE).rank_variances()))
    exact = top_k_law(law, 10, jacobian=False).mean
    errors = np.sqrt(np.maximum(exact * (1 - exact), 1e-4) / 20_000)
    assert (np.abs(found.result["items"]["p_topk"] - exact) <= 6 * errors).all()
    assert np.array_equal(found.result["items"]["p_topk"], found.result["items"]["p_topk_flat"])


def test_the_exact_covariance_changes_little() -> None:
    """Triples of sets move a membership probability by about 0.01 here; sampling adds 0.004."""
    phones, rng = Phones(MECHANISM, zipf(100, 1.1), 20_000), np.random.default_rng(3)
    tally = phones.tally(rng)
    estimate, covariance = MECHANISM.decode(tally), report_covariance(MECHANISM, tally)
    near, full = (top_k.run(TopKRequest(estimate, 10, samples=20_000, covariance=c)) for c in (None, covariance))
    assert (near.diagnostics["covariance_mode"], full.diagnostics["covariance_mode"]) == ("independent", "exact")
    gap = np.abs(near.result["items"]["p_topk_flat"] - full.result["items"]["p_topk_flat"])
    assert 0 < gap.max() < 0.04
    assert near.result["items"]["expected_rank"] == pytest.approx(full.result["items"]["expected_rank"], abs=1.5)


def test_rank_ranges_hold_all_true_ranks() -> None:
    """Nominal 95 % of collections for all 100 items together; 20 collections of 2e6 phones, strict order of truths."""
    phones, rng = Phones(MECHANISM, zipf(100, 1.1), 2_000_000), np.random.default_rng(4)
    truth = np.arange(1, 101)
    held = []
    for _ in range(20):
        items = top_k.run(TopKRequest(phones.estimate(rng), 10, samples=1000)).result["items"]
        held.append(((items["rank_low"] <= truth) & (truth <= items["rank_high"])).all())
    assert sum(held) >= 16  # fewer once in 400 at 95 %
    assert items["rank_high"][0] < 5


def test_more_reports_raise_the_expected_precision() -> None:
    n = [5_000, 20_000, 100_000, 10_000_000]
    found = top_k.run(TopKRequest(ONE, 10, samples=4000, what_if_n=n))
    curve = found.result["what_if"]["expected_precision_at_k"]
    assert curve == sorted(curve)
    assert curve[1] == pytest.approx(found.result["expected_precision_at_k"], abs=0.02)
    assert found.series["what_if"].columns["n"] == n


def test_what_if_predicts_a_larger_collection() -> None:
    """20,000 phones predict the precision of 200,000 within 0.2, on average over 15 collections."""
    rng, frequencies = np.random.default_rng(6), zipf(100, 1.1)
    small, large = (Phones(MECHANISM, frequencies, n) for n in (20_000, 200_000))
    predicted, actual = [], []
    for _ in range(15):
        request = TopKRequest(small.estimate(rng), 10, samples=300, what_if_n=[200_000])
        predicted.append(top_k.run(request).result["what_if"]["expected_precision_at_k"][0])
        actual.append(np.mean(np.argsort(-large.estimate(rng).frequencies)[:10] < 10))
    assert np.mean(predicted) == pytest.approx(np.mean(actual), abs=0.2)


def test_no_signal_leaves_every_item_borderline() -> None:
    estimate = Phones(MECHANISM, zipf(100, 0), 20_000).estimate(np.random.default_rng(8))
    found = top_k.run(TopKRequest(estimate, 10, samples=500, prior="flat"))
    assert found.verdict == "no_signal"
    assert set(found.warnings) == {"no_signal", "flat_prior_optimistic"}
    assert set(found.result["items"]["status"]) == {"borderline"}


@pytest.mark.parametrize("name", ["hybrid_projective_geometry", "optimized_unary_encoding", "randomized_response"])
def test_every_kind_of_mechanism_is_ranked(name: str) -> None:
    rng, frequencies = np.random.default_rng(9), zipf(20, 1.0)
    mechanism = create(name, epsilon=3, domain_size=20)
    reports = mechanism.randomize_many(rng.choice(20, 30_000, p=frequencies), rng)
    found = top_k.run(TopKRequest(mechanism.decode(mechanism.tally(reports)), 3, samples=1000))
    assert found.verdict == "ranking_supported"
    assert found.result["items"]["status"][0] == "in"
    assert found.result["items"]["p_topk"].sum() == pytest.approx(3)
    json.dumps(found.to_json(), allow_nan=False)


def test_equal_seeds_give_equal_results() -> None:
    texts = [json.dumps(top_k.run(top_k.from_json({**BODY, "seed": s})).to_json()) for s in (1, 1, 2)]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_the_boundary_tells_how_many_reports_would_resolve_it() -> None:
    found = top_k.run(TopKRequest(ONE, 10, samples=200)).result["boundary"]
    order = np.argsort(-ONE.frequencies)
    assert (found["last_in"], found["first_out"]) == (order[9], order[10])
    needed = ONE.n * (1.6448536 * found["gap_se"] / found["gap"]) ** 2
    assert found["reports_needed"] == pytest.approx(needed, rel=1e-5)


def test_a_cancelled_run_ends_at_once() -> None:
    def stop(step: Step) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        top_k.run(TopKRequest(ONE, 10), progress=stop)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"k": 100}, "out_of_range", "k"),
        ({"k": 0}, "out_of_range", "k"),
        ({"samples": 10}, "out_of_range", "samples"),
        ({"prior": "jeffreys"}, "unknown_choice", "prior"),
        ({"alpha": 1}, "out_of_range", "alpha"),
        ({"what_if_n": [0]}, "out_of_range", "what_if_n"),
        ({"what_if_n": 5}, "not_numbers", "what_if_n"),
        ({"what_if_n": [1] * 21}, "too_large", "what_if_n"),
        ({"seed": 1.5}, "out_of_range", "seed"),
        ({"top": 3}, "unknown_field", "top"),
        ({"estimate": 3}, "unknown_field", "estimate"),
        ({"covariance": "full"}, "unknown_choice", "covariance"),
    ],
)
def test_what_cannot_be_answered_is_refused(change: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(AnalysisError) as caught:
        top_k.from_json({**BODY, **change})
    assert (caught.value.code, caught.value.field) == (code, field)


def test_k_is_needed_and_time_is_limited() -> None:
    with pytest.raises(AnalysisError, match="'k' is missing"):
        top_k.from_json({name: value for name, value in BODY.items() if name != "k"})
    with pytest.raises(AnalysisError) as caught:
        TopKRequest(ONE, 3, covariance=np.eye(3))
    assert caught.value.field == "covariance"
    large, huge = (
        Estimate(np.zeros(k), np.zeros(k, dtype=np.int64), 10, ONE.rates, ONE.provenance) for k in (40_000, 60_000)
    )
    with pytest.raises(TooLargeError) as caught:
        top_k.run(TopKRequest(large, 3, samples=100_000))
    assert caught.value.field == "samples"
    with pytest.raises(TooLargeError) as caught:
        TopKRequest(huge, 3)
    assert caught.value.field == "estimate"
