"""Named post-processing: against a general solver, by its laws, and by the error it is there to reduce."""

import numpy as np
import pytest
import wordfreq
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize

from ldp_core.errors import ParameterError
from ldp_core.estimation import Estimate
from ldp_core.estimation.empirical_bayes import fit_frequency_prior
from ldp_core.estimation.norm_sub import norm_sub
from ldp_core.estimation.post_processing import POST_PROCESSES, post_process
from ldp_core.estimation.simplex import project_to_simplex
from ldp_core.mechanisms import create

vectors = arrays(np.float64, st.integers(1, 40), elements=st.floats(-2, 2, allow_nan=False, width=32))


@pytest.fixture(scope="module")
def words() -> np.ndarray:
    """Shares of the 22,000 most frequent English words."""
    shares = np.sort(np.array(list(wordfreq.get_frequency_dict("en", "large").values())))[::-1][:22_000]
    return shares / shares.sum()


def estimate_of(shares: np.ndarray, epsilon: str, n: int, seed: int) -> tuple[Estimate, np.ndarray]:
    rng = np.random.default_rng(seed)
    mechanism = create("projective_geometry", epsilon=epsilon, domain_size=len(shares))
    values = rng.choice(len(shares), n, p=shares)
    estimate = mechanism.decode(mechanism.tally(mechanism.randomize_many(values, rng)), decoder="singer")
    return estimate, np.bincount(values, minlength=len(shares)) / n


@pytest.mark.parametrize("seed", range(5))
def test_projection_equals_a_general_solver(seed: int) -> None:
    f = np.random.default_rng(seed).normal(0.15, 0.4, 8)
    solved = minimize(
        lambda p: ((p - f) ** 2).sum(),
        np.full(8, 1 / 8),
        jac=lambda p: 2 * (p - f),
        bounds=[(0, None)] * 8,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    assert project_to_simplex(f) == pytest.approx(solved.x, abs=1e-6)


@given(vectors)
def test_projection_lands_on_the_simplex_and_stays(f: np.ndarray) -> None:
    p = project_to_simplex(f)
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1)
    assert project_to_simplex(p) == pytest.approx(p, abs=1e-12)


@given(vectors)
def test_norm_sub_is_the_projection_where_positives_exceed_one(f: np.ndarray) -> None:
    if not (f > 0).any():
        with pytest.raises(ParameterError, match="all noise"):
            norm_sub(f)
        return
    p = norm_sub(f)
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1)
    if f[f > 0].sum() >= 1:
        assert p == pytest.approx(project_to_simplex(f), abs=1e-9)
    else:
        assert (p[f <= 0] == 0).all()


@pytest.mark.parametrize("name", POST_PROCESSES)
def test_each_is_named_in_the_provenance_and_leaves_the_raw_numbers(name: str, words: np.ndarray) -> None:
    estimate, _ = estimate_of(words[:500] / words[:500].sum(), "2", 20_000, 1)
    raw = estimate.frequencies.copy()
    processed = post_process(estimate, name)
    assert processed.provenance.post == (name,)
    assert estimate.provenance.post == ()
    assert np.array_equal(estimate.frequencies, raw)
    assert processed.frequencies.min() >= 0
    if name != "base_cut":
        assert processed.frequencies.sum() == pytest.approx(1)


def test_base_cut_keeps_what_stands_above_the_noise_as_it_is(words: np.ndarray) -> None:
    estimate, _ = estimate_of(words, "4", 200_000, 2)
    cut = post_process(estimate, "base_cut").frequencies
    above = estimate.frequencies > estimate.noise_floor(0.95)
    assert above.any()
    assert np.array_equal(cut[above], estimate.frequencies[above])
    assert not cut[~above].any()


# Total squared error relative to the raw estimates, measured independently on the same word list at n = 10^6.
@pytest.mark.thorough
@pytest.mark.parametrize(
    ("epsilon", "norm_sub_error", "bayes_error"), [("1", 0.0208, 0.0109), ("2", 0.0416, 0.0225), ("4", 0.1004, 0.0549)]
)
def test_empirical_bayes_beats_norm_sub_by_the_known_factor(
    epsilon: str, norm_sub_error: float, bayes_error: float, words: np.ndarray
) -> None:
    ratios = []
    for seed in range(3):
        estimate, truth = estimate_of(words, epsilon, 1_000_000, seed)
        by_name = {
            name: float(((post_process(estimate, name).frequencies - truth) ** 2).sum())
            for name in ("norm_sub", "empirical_bayes")
        }
        ratios.append(by_name["norm_sub"] / by_name["empirical_bayes"])
    assert np.mean(ratios) == pytest.approx(norm_sub_error / bayes_error, rel=0.15)


def test_prior_recovers_two_known_levels() -> None:
    """A third of the items at 5 units, the rest at 0: the fitted distribution has both lumps and their weights."""
    rng = np.random.default_rng(3)
    n, noise = 10_000, 4.0
    unit = (noise / n) ** 0.5
    truth = np.where(np.arange(30_000) % 3 == 0, 5 * unit, 0.0)
    prior = fit_frequency_prior(truth + rng.normal(0, unit, 30_000), noise=noise, slope=0.0, n=n)
    assert prior.weights.sum() == pytest.approx(1)
    assert prior.weights[prior.grid < 2.5 * unit].sum() == pytest.approx(2 / 3, abs=0.02)
    assert prior.weights @ prior.grid == pytest.approx(5 * unit / 3, rel=0.02)


def test_unknown_names_are_refused_with_the_known_ones(words: np.ndarray) -> None:
    estimate, _ = estimate_of(words[:10] / words[:10].sum(), "1", 100, 1)
    with pytest.raises(ParameterError, match="norm_sub, simplex, base_cut, empirical_bayes; got 'clip'"):
        post_process(estimate, "clip")


def test_values_that_are_not_finite_are_refused() -> None:
    for function in (project_to_simplex, norm_sub):
        with pytest.raises(ParameterError, match="finite"):
            function(np.array([0.5, np.nan]))
