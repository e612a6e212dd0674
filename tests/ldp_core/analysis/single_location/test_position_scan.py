"""The position scan: its noise is the noise, it rarely finds what is not there, it finds what is, and what it refuses."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.histogram import describe_mechanism
from ldp_core.analysis.single_location.position_scan import (
    EXAMPLE,
    dependence,
    from_json,
    noise_expectation,
    predicted_seconds,
    run,
)
from ldp_core.mechanisms import create

MECHANISM = create("projective_geometry", epsilon="1", domain_size=10, q=3, t=3)
TOKENS, OUTCOMES = 5, 2


def histogram(n: int, share: float, rng: np.random.Generator) -> dict[str, Any]:
    """Reports of n phones; in this share of them the token decides the outcome."""
    token = rng.choice(TOKENS, n, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    outcome = np.where(rng.random(n) < share, token % 2, rng.random(n) < 0.3).astype(np.int64)
    counts = MECHANISM.tally(MECHANISM.randomize_many(OUTCOMES * token + outcome, rng)).counts
    return {"mechanism": describe_mechanism(MECHANISM), "counts": counts}


def test_the_expected_noise_is_that_of_drawn_errors() -> None:
    """10^5 draws of errors a thousand times smaller than the table; 6 standard errors of their mean: a false alarm in 5e8."""
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.ones(12)).reshape(4, 3)
    table = np.outer(table.sum(axis=1), table.sum(axis=0))
    root = rng.standard_normal((12, 12)) * 1e-4
    drawn = dependence(table + (rng.standard_normal((100_000, 12)) @ root.T).reshape(-1, 4, 3), 0.0)
    assert abs(drawn.mean() - noise_expectation(root @ root.T, table)) < 6 * drawn.std() / np.sqrt(100_000)


def test_dependence_is_zero_exactly_for_independent_tables() -> None:
    independent = np.outer([0.5, 0.3, 0.2], [0.6, 0.4])
    assert dependence(independent, 0.0) == pytest.approx(0, abs=1e-30)
    assert dependence(np.array([[0.5, 0.0], [0.0, 0.5]]), 0.0) == pytest.approx(4 * 0.25**2)


def false_finds(times: int, positions: int) -> int:
    """Scans that find a position although none goes with the outcome, at a level of 5 %."""
    rng, found = np.random.default_rng(3), 0
    for seed in range(times):
        body = {"histograms": [histogram(4_000, 0.0, rng) for _ in range(positions)], "alpha": 0.05}
        found += run(from_json({**body, "bootstrap": 199, "seed": seed})).verdict == "position_found"
    return found


def test_a_scan_rarely_finds_what_is_not_there() -> None:
    times = 120
    assert false_finds(times, 6) <= binom.ppf(1 - 1e-6, times, 0.05)  # a false alarm in 10^6


@pytest.mark.slow
def test_a_scan_finds_what_is_not_there_as_often_as_it_says() -> None:
    times = 3_000
    found = false_finds(times, 6)
    assert binom.ppf(1e-6, times, 0.03) <= found <= binom.ppf(1 - 1e-6, times, 0.06)


def test_the_position_that_goes_with_the_outcome_is_found() -> None:
    rng = np.random.default_rng(5)
    for place in (0, 7):
        histograms = [histogram(10_000, 0.5 if i == place else 0.0, rng) for i in range(8)]
        found = run(from_json({"histograms": histograms}))
        assert found.verdict == "position_found"
        assert found.result["best_position"] == place
        adjusted = np.array(found.result["positions"]["p_adjusted"])
        assert adjusted[place] <= 0.01 < np.delete(adjusted, place).min()


def test_too_few_draws_are_told() -> None:
    assert run(from_json({**EXAMPLE, "bootstrap": 99, "alpha": 0.005})).warnings == ("too_few_draws",)
    assert run(from_json({**EXAMPLE, "bootstrap": 199, "alpha": 0.005})).warnings == ()


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"histograms": EXAMPLE["histograms"][:1]}, "wrong_type", "histograms"),
        ({"histograms": [{"counts": [1]}] * 2}, "wrong_type", "histograms"),
        ({"outcomes": 4}, "wrong_shape", "histograms"),
        ({"outcomes": 6}, "wrong_shape", "histograms"),
        ({"bootstrap": 98}, "out_of_range", "bootstrap"),
        ({"alpha": 0}, "out_of_range", "alpha"),
    ],
)
def test_what_cannot_be_scanned_is_refused(changes: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        from_json({**EXAMPLE, **changes})
    assert (refused.value.code, refused.value.field) == (code, field)


def test_sizes_are_limited_before_anything_is_decoded() -> None:
    with pytest.raises(TooLargeError):
        from_json({"histograms": [{}] * 1_001})
    assert predicted_seconds(from_json({**EXAMPLE, "bootstrap": 9_999})) > predicted_seconds(from_json(EXAMPLE))
