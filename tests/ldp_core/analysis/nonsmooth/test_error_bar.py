"""Does the interval hold the truth? Coverage on collections of phones whose histogram is known."""

from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.nonsmooth.applied import Call, Value
from ldp_core.analysis.nonsmooth.consistency import norm_sub
from ldp_core.analysis.nonsmooth.derivative import from_json, run
from ldp_core.analysis.perturbed.estimator_noise import report_covariance
from ldp_core.mechanisms import create
from ldp_core.types import FloatArray

K, Z = 31, 1.959963984540054
EPSILON = "1.3862943611198906"
TRUTH = np.arange(1, K + 1) ** -1.2 / (np.arange(1, K + 1) ** -1.2).sum()
MECHANISM = create("projective_geometry", epsilon=EPSILON, domain_size=K, q=5, t=3)


def collect(n: int, rng: np.random.Generator) -> Any:
    values = rng.choice(K, size=n, p=TRUTH)
    return MECHANISM.tally(MECHANISM.randomize_many(values, rng))


def jacobian(f: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Post-processed shares, and the Jacobian that automatic differentiation takes."""
    applied = norm_sub(Call([Value(f, np.ones(K, dtype=np.bool_))], {}, 0.0))
    return applied.value.numbers, applied.pull(np.eye(K), np.zeros((K, len(applied.ties))))[0]


def cell_coverage(n: int, repetitions: int, samples: int) -> tuple[float, float, float]:
    """Share of cells held by: one Jacobian, the largest of those that the noise reaches, the raw interval clipped to [0, 1]."""
    rng = np.random.default_rng(11)
    held = np.zeros(3)
    for _ in range(repetitions):
        tally = collect(n, rng)
        estimate = MECHANISM.decode(tally).frequencies
        covariance = report_covariance(MECHANISM, tally)
        root = np.linalg.cholesky(covariance + 1e-15 * np.eye(K))
        post, one = jacobian(estimate)
        own = np.einsum("ij,jk,ik->i", one, covariance, one)
        largest = own
        for step in rng.standard_normal((samples, K)) @ root.T:
            J = jacobian(estimate + step)[1]
            largest = np.maximum(largest, np.einsum("ij,ij->i", J @ covariance, J))
        raw = Z * np.sqrt(np.diag(covariance))
        low, high = np.clip(estimate - raw, 0, 1), np.clip(estimate + raw, 0, 1)
        held += [
            (np.abs(post - TRUTH) <= Z * np.sqrt(own)).mean(),
            (np.abs(post - TRUTH) <= Z * np.sqrt(largest)).mean(),
            ((low <= TRUTH) & (high >= TRUTH)).mean(),
        ]
    ad, sup, clipped = held / repetitions
    return float(ad), float(sup), float(clipped)


@pytest.mark.slow
def test_one_jacobian_is_no_error_bar_and_the_set_of_them_is() -> None:
    """Acceptance N6: 400 collections of 5000 phones."""
    ad, sup, clipped = cell_coverage(5000, 400, 100)
    print(f"coverage of cells: one Jacobian {ad:.3f}, set-valued {sup:.3f}, clipped raw {clipped:.3f}")
    assert 0.66 <= ad <= 0.77
    assert 0.95 <= sup <= 0.99
    assert 0.94 <= clipped <= 0.965


def test_one_jacobian_is_no_error_bar_and_the_set_of_them_is_shortly() -> None:
    """Acceptance N6 with a tenth of the work: 40 collections of 31 cells, at six deviations of 1240 nearly independent ones."""
    ad, sup, clipped = cell_coverage(5000, 40, 30)
    assert ad == pytest.approx(0.712, abs=0.08)
    assert sup == pytest.approx(0.965, abs=0.035)
    assert clipped == pytest.approx(0.953, abs=0.036)


def bind(tally: Any, post: str = "norm_sub") -> dict[str, Any]:
    described = {"name": "projective_geometry", "epsilon": EPSILON, "domain_size": K, "parameters": {"q": 5, "t": 3}}
    return {"counts": tally.counts.tolist(), "mechanism": described, "post": post}


def value_at_truth(functional: dict[str, Any]) -> float:
    exact = {"estimates": TRUTH.tolist(), "standard_errors": [0.0] * K, "post": "none"}
    result = run(from_json({"bind": exact, "functional": functional, "neighbourhood": {"samples": 0}}))
    return float(result.result["value"])


FUNCTIONALS: list[dict[str, Any]] = [
    {"name": "total_variation"},
    {"name": "max_cell"},
    {"name": "gini"},
    {"name": "wasserstein"},
    {"name": "top_k_mass", "count": 5},
    {"name": "quantile", "level": 0.5},
]


@pytest.mark.slow
@pytest.mark.parametrize("functional", FUNCTIONALS, ids=lambda functional: functional["name"])
def test_intervals_of_functionals_hold_the_truth(functional: dict[str, Any]) -> None:
    """200 collections of 50000 phones at 95 %: below 0.88 would be 4.5 deviations. Gini is biased, and must not be called reliable."""
    rng, truth = np.random.default_rng(12), value_at_truth(functional)
    held, trusted, held_trusted = 0, 0, 0
    for _ in range(200):
        bar = run(from_json({"bind": bind(collect(50_000, rng)), "functional": functional})).result["error_bar"]
        low, high = bar["interval"]
        held += low <= truth <= high
        trusted += bar["reliable"]
        held_trusted += bar["reliable"] and low <= truth <= high
    print(f"{functional['name']}: held {held / 200:.3f}, reliable {trusted / 200:.3f} of which held {held_trusted}")
    if functional["name"] == "gini":
        assert trusted <= 10
    else:
        assert held / 200 >= 0.88
        assert held_trusted >= 0.85 * trusted


def test_the_set_valued_error_is_never_below_the_single_one() -> None:
    rng = np.random.default_rng(13)
    for functional in FUNCTIONALS:
        found = run(from_json({"bind": bind(collect(5000, rng)), "functional": functional}))
        bar = found.result["error_bar"]
        assert 0 < bar["se_least"] <= bar["se_ad"] <= bar["se_sup"]
        assert bar["se_raw"] > 0
        low, high = bar["interval"]
        assert high - low == pytest.approx(2 * Z * bar["se_sup"])
        assert low < found.result["value"] < high


def test_errors_of_a_linear_functional_are_those_of_the_estimate() -> None:
    """Without post-processing a cell's error is its standard error, and nothing depends on a kink."""
    tally = collect(5000, np.random.default_rng(14))
    exact = np.sqrt(report_covariance(MECHANISM, tally)[3, 3])
    found = run(from_json({"bind": bind(tally, "none"), "functional": {"name": "cell", "item": 3}}))
    bar = found.result["error_bar"]
    assert found.verdict == "unique"
    assert [bar["se_ad"], bar["se_sup"], bar["se_least"], bar["se_raw"]] == pytest.approx([exact] * 4, rel=1e-9)
    assert bar["reliable"]
    assert found.warnings == ()


def test_an_item_that_is_set_to_zero_gets_an_error_all_the_same() -> None:
    tally = collect(5000, np.random.default_rng(15))
    frequencies = MECHANISM.decode(tally).frequencies
    out = int(np.argmin(frequencies))
    just_out = int(np.argsort(np.where(jacobian(frequencies)[0] > 0, -np.inf, frequencies))[-1])
    for item in (out, just_out):
        found = run(from_json({"bind": bind(tally), "functional": {"name": "cell", "item": item}}))
        assert found.result["value"] == 0
        assert found.result["error_bar"]["se_ad"] == 0
        assert not found.result["error_bar"]["reliable"] or found.result["error_bar"]["se_sup"] == 0
    assert found.result["error_bar"]["se_sup"] > 0.01
    assert "error_bar_not_reliable" in found.warnings
