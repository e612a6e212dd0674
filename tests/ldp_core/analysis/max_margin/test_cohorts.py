"""Cohorts known only through private histograms are told apart, and the stated stability is the real one."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from ldp_core.analysis.max_margin.classify import MaxMarginRequest, run
from ldp_core.mechanisms import Mechanism, create

ITEMS, PHONES = 20, 20_000


def true_histograms(cohorts: int, k: int, shift: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Histograms whose first two bins are shifted up or down; the label is whether both go the same way."""
    signs = rng.choice([-1, 1], (cohorts, 2))
    P = np.full((cohorts, k), 1 / k) * np.exp(0.05 * rng.standard_normal((cohorts, k)))
    P[:, :2] += shift * signs
    return P / P.sum(axis=1, keepdims=True), (signs[:, 0] * signs[:, 1]).astype(float)


def collected(mechanism: Mechanism, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Estimates from fresh reports of phones whose items are counted.  (cohorts, k) -> same"""
    held = [np.repeat(np.arange(counts.shape[1]), row) for row in counts]
    tallies = [mechanism.tally(mechanism.randomize_many(items, rng)) for items in held]
    return np.array([mechanism.decode(tally).frequencies for tally in tallies])


class Setting(NamedTuple):
    """mechanism · sd: noise of an estimate · counts: (cohorts, k) phones that hold each item · labels: (cohorts,) · rng."""

    mechanism: Mechanism
    sd: float
    counts: np.ndarray
    labels: np.ndarray
    rng: np.random.Generator

    def collected(self) -> np.ndarray:
        return collected(self.mechanism, self.counts, self.rng)


def setting(seed: int, cohorts: int, shift: float = 3.3) -> Setting:
    """shift: of the two bins, in standard errors."""
    rng = np.random.default_rng(seed)
    mechanism = create("projective_geometry", epsilon=2, domain_size=ITEMS)
    sd = float(np.sqrt(mechanism.variance(PHONES, 1 / ITEMS)))
    P, labels = true_histograms(cohorts, ITEMS, shift * sd, rng)
    return Setting(mechanism, sd, np.array([rng.multinomial(PHONES, row) for row in P]), labels, rng)


def test_cohorts_are_told_apart_by_their_private_histograms() -> None:
    """Acceptance A2.8, the errors."""
    asked = setting(1, 400)
    first = asked.collected()
    result = run(
        MaxMarginRequest(
            points=first[:200],
            labels=asked.labels[:200],
            test_points=first[200:],
            test_labels=asked.labels[200:],
            iterations=4000,
            methods=("gd_both", "f2_kernel", "linear_svm"),
        )
    ).result
    assert result["errors"]["gd_both"]["test"] <= 0.03
    assert result["errors"]["f2_kernel"]["test"] <= 0.05
    assert result["errors"]["linear_svm"]["test"] >= 0.4


def stated_and_real(asked: Setting, method: str, collections: int) -> tuple[float, float]:
    """The mean flip probability that is stated, and the share of labels that change when the same phones answer again."""
    observed = asked.collected()
    fresh = np.concatenate([asked.collected() for _ in range(collections)])
    base: dict[str, Any] = {"points": observed, "labels": asked.labels, "iterations": 2000, "methods": (method,)}
    again: dict[str, Any] = {"test_points": fresh, "test_labels": np.tile(asked.labels, collections)}
    result = run(MaxMarginRequest(**base, **again, noise_sd=asked.sd, flip_samples=100)).result
    assert result["errors"][method]["train"] == 0  # so a wrong label of a fresh collection is one that flipped
    assert result["flip"]["folds"] == 5
    assert len(result["flip"]["probability"]) == len(observed)
    return result["flip"]["mean"], result["errors"][method]["test"]


def check_flips(method: str, seeds: range, collections: int) -> None:
    """Each within .03, and on average within .005 but for chance.

    Differences have a mean of .002 and a standard deviation of .005 (kernel) to .008 (network) over seeds, so that .03 is 3.5 of them away
    or more: with other seeds, less than one run in a hundred would fail. The mean has 5 of its own standard errors beside the .005: < 1e-4.
    """
    pairs = np.array([stated_and_real(setting(seed, 200), method, collections) for seed in seeds])
    difference = pairs[:, 0] - pairs[:, 1]
    assert np.abs(difference).max() <= 0.03
    assert abs(difference.mean()) <= 0.005 + 5 * difference.std(ddof=1) / np.sqrt(len(seeds))
    assert 0.002 < pairs[:, 1].mean() < 0.03


def test_the_stated_stability_is_the_real_one() -> None:
    """Acceptance A2.8, the flips, for the kernel and eight seeds."""
    check_flips("f2_kernel", range(8), 2)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["f2_kernel", "gd_both"])
def test_the_stated_stability_is_the_real_one_for_many_seeds(method: str) -> None:
    """Acceptance A2.8, the flips, for twenty seeds."""
    check_flips(method, range(20), 4)


@pytest.mark.slow
def test_labels_that_are_mostly_noise_are_said_to_be_unsafe() -> None:
    """Shifts of 1.5 standard errors: about .27 flip. Noise added to the estimates would say .21; what is stated leans upwards."""
    pairs = np.array([stated_and_real(setting(seed, 200, 1.5), "f2_kernel", 4) for seed in range(200, 210)])
    difference = pairs[:, 0] - pairs[:, 1]
    assert pairs[:, 1].mean() > 0.2
    error = difference.std(ddof=1) / np.sqrt(len(pairs))
    assert -5 * error <= difference.mean() <= 0.05 + 5 * error  # 5 standard errors, 9 degrees of freedom: < 1e-3
