"""Every mechanism: unbiased estimates, their exact variance, decoders that agree, a tally that is all a server needs."""

import numpy as np
import pytest

from ldp_core.errors import ParameterError, TallyError
from ldp_core.mechanisms.blocked_mechanism import BlockedMechanism
from tests.conformance.cases import (
    as_array,
    build,
    claimed_support_rate,
    every_case,
    laws,
    single_report_estimates,
    support_rate,
    supported_matrix,
    variance_of,
)


@every_case
def test_support_rates_are_exact(case: tuple) -> None:
    mechanism = build(case)
    supported = supported_matrix(mechanism)
    for x, law in enumerate(laws(case)):
        for y in range(mechanism.domain_size):
            assert support_rate(law, supported[y]) == claimed_support_rate(mechanism, x, y)


@every_case
def test_expected_estimate_is_the_truth(case: tuple) -> None:
    mechanism = build(case)
    estimates = single_report_estimates(case)
    for x, law in enumerate(laws(case)):
        expected = as_array(law, mechanism.report_space) @ estimates
        assert np.abs(expected - np.eye(mechanism.domain_size)[x]).max() < 1e-12


@every_case
def test_variance_is_the_formula(case: tuple) -> None:
    mechanism = build(case)
    estimates = single_report_estimates(case)
    totals = []
    for x, law in enumerate(laws(case)):
        weights = as_array(law, mechanism.report_space)
        variances = weights @ estimates**2 - (weights @ estimates) ** 2
        claimed = [variance_of(mechanism, x, y) for y in range(mechanism.domain_size)]
        assert variances == pytest.approx(claimed, rel=1e-9)
        totals.append(variances.sum())
    # the total is data-independent, or the worst case over the data where items live in blocks
    assert max(totals) == pytest.approx(mechanism.total_squared_error(), rel=1e-9)
    if not isinstance(mechanism, BlockedMechanism):
        assert min(totals) == pytest.approx(max(totals), rel=1e-9)


@every_case
def test_variance_without_data_is_the_worst_case(case: tuple) -> None:
    mechanism = build(case)
    k = mechanism.domain_size
    for y in range(k):
        assert max(variance_of(mechanism, x, y) for x in range(k) if x != y) <= mechanism.variance(1, 0.0) * (1 + 1e-12)
    with pytest.raises(ParameterError, match="at least one report"):
        mechanism.variance(0, 0.0)


@every_case
def test_decoders_agree_with_each_other_and_with_the_support_sets(case: tuple) -> None:
    mechanism = build(case)
    rng = np.random.default_rng(20)
    messages = rng.integers(0, mechanism.report_space, 500)
    tally = mechanism.tally(messages)
    expected = [int(mechanism.supported(messages, item).sum()) for item in range(mechanism.domain_size)]
    for decoder in mechanism.decoders:
        estimate = mechanism.decode(tally, decoder)
        assert estimate.provenance.decoder == decoder
        assert estimate.support_counts[: mechanism.domain_size].tolist() == expected
        assert np.array_equal(estimate.frequencies, mechanism.decode(tally).frequencies)
    with pytest.raises(ParameterError, match="decoder must be one of"):
        mechanism.decode(tally, "guessing")


@every_case
def test_tallies_merge_in_any_order_and_grouping(case: tuple) -> None:
    mechanism = build(case)
    rng = np.random.default_rng(21)
    parts = [rng.integers(0, mechanism.report_space, size) for size in (0, 1, 37, 400)]
    whole = mechanism.tally(np.concatenate(parts))
    a, b, c, d = (mechanism.tally(part) for part in parts)
    for merged in (a.merge(b).merge(c).merge(d), d.merge(c).merge(b.merge(a)), b.merge(d.merge(a)).merge(c)):
        assert np.array_equal(merged.counts, whole.counts)
        assert merged.n == whole.n == 438
    assert whole.size == mechanism.tally_size


@every_case
def test_decode_refuses_nothing_and_strangers(case: tuple) -> None:
    mechanism = build(case)
    with pytest.raises(TallyError, match="at least one"):
        mechanism.decode(mechanism.tally([]))
    stranger = type(mechanism.tally([]))(np.ones(mechanism.tally_size + 1, dtype=np.int64))
    with pytest.raises(TallyError, match="do not belong together"):
        mechanism.decode(stranger)


@every_case
def test_standard_errors_describe_the_spread_of_estimates(case: tuple) -> None:
    mechanism = build(case)
    rng = np.random.default_rng(22)
    k, n, runs = mechanism.domain_size, 400, 120
    values = np.arange(n) % k if k > 2 else (np.arange(n) % 4 == 0).astype(int)
    truth = np.bincount(values, minlength=k) / n
    squares = []
    for _ in range(runs):
        estimate = mechanism.decode(mechanism.tally(mechanism.randomize_many(values, rng)))
        squares.append(np.mean((estimate.frequencies - truth) ** 2 / estimate.standard_errors**2))
    # z^2 averages to 1; even if all items of a run moved together the mean of 120 runs has deviation sqrt(2/120) = 0.13
    assert abs(np.mean(squares) - 1) < 0.6  # 4.6 sigma: false alarm < 1e-5 a case, and the seed is fixed
