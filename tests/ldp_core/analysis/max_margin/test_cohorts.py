"""Cohorts known only through private histograms are told apart, and the stated stability is the real one."""

from typing import Any

import numpy as np

from ldp_core.analysis.max_margin.classify import MaxMarginRequest, run
from ldp_core.mechanisms import Mechanism, Tally, create


def true_histograms(cohorts: int, k: int, shift: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Histograms whose first two bins are shifted up or down; the label is whether both go the same way."""
    signs = rng.choice([-1, 1], (cohorts, 2))
    P = np.full((cohorts, k), 1 / k) * np.exp(0.05 * rng.standard_normal((cohorts, k)))
    P[:, :2] += shift * signs
    return P / P.sum(axis=1, keepdims=True), (signs[:, 0] * signs[:, 1]).astype(float)


def collected(mechanism: Mechanism, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Estimates from fresh reports of phones whose items are counted, drawn as tallies.  (cohorts, k) -> same"""
    supports = [mechanism.supports(item) for item in range(counts.shape[1])]  # type: ignore[attr-defined]  # a design
    heads = mechanism.threshold / 2**64
    estimates = []
    for row in counts:
        tally = np.zeros(mechanism.report_space, dtype=np.int64)
        for phones, own in zip(row, supports, strict=True):
            others = np.setdiff1d(np.arange(len(tally)), own)
            inside = rng.binomial(phones, heads)
            tally[own] += rng.multinomial(inside, np.full(len(own), 1 / len(own)))
            tally[others] += rng.multinomial(phones - inside, np.full(len(others), 1 / len(others)))
        estimates.append(mechanism.decode(Tally(tally), "enumeration").frequencies)
    return np.array(estimates)


def test_cohorts_are_told_apart_by_their_private_histograms() -> None:
    """Acceptance A2.8."""
    rng = np.random.default_rng(1)
    k, n = 20, 20_000
    mechanism = create("projective_geometry", epsilon=2, domain_size=k)
    sd = float(np.sqrt(mechanism.variance(n, 1 / k)))
    P, labels = true_histograms(400, k, 3.3 * sd, rng)
    counts = np.array([rng.multinomial(n, row) for row in P])
    first, again = (collected(mechanism, counts, rng) for _ in range(2))
    train: dict[str, Any] = {"points": first[:200], "labels": labels[:200], "noise_sd": sd, "iterations": 4000}
    held_out: dict[str, Any] = {"test_points": first[200:], "test_labels": labels[200:]}
    result = run(
        MaxMarginRequest(**train, **held_out, methods=("gd_both", "f2_kernel", "linear_svm"), flip_samples=400)
    ).result
    assert result["errors"]["gd_both"]["test"] <= 0.03
    assert result["errors"]["f2_kernel"]["test"] <= 0.05
    assert result["errors"]["linear_svm"]["test"] >= 0.4
    # The same phones answer again. The training error is 0, so a wrong label is one that flipped.
    fresh = run(MaxMarginRequest(**train, test_points=again[:200], test_labels=labels[:200], methods=("gd_both",)))
    errors = fresh.result["errors"]["gd_both"]
    assert errors["train"] == 0
    assert abs(result["flip"]["mean"] - errors["test"]) <= 0.03
