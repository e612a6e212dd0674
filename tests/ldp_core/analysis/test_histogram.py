"""Counts and mechanism of a collection, as a request states them."""

from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.histogram import HISTOGRAM_PROPERTIES, CollectionHistogram, describe_mechanism
from ldp_core.analysis.max_margin import classify
from ldp_core.analysis.perturbed import top_k
from ldp_core.mechanisms import Mechanism, Tally, create, list_mechanisms

SMALL: dict[str, Any] = {
    "name": "projective_geometry",
    "epsilon": "2",
    "domain_size": 6,
    "parameters": {"q": 3, "t": 3},
}
COUNTS = [157, 234, 102, 154, 308, 105, 131, 187, 91, 113, 197, 98, 123]


def reported(mechanism: Mechanism, n: int = 400) -> Tally:
    rng = np.random.default_rng(3)
    return mechanism.tally(mechanism.randomize_many(rng.integers(0, mechanism.domain_size, n), rng))


@pytest.mark.parametrize("name", list_mechanisms())
def test_every_mechanism_comes_back_as_it_was(name: str) -> None:
    mechanism = create(name, epsilon="3/2", domain_size=20)
    before = CollectionHistogram(mechanism, reported(mechanism))
    fields = before.to_fields()
    as_json = {**fields, "counts": fields["counts"].tolist()}
    Draft202012Validator(schema.request(HISTOGRAM_PROPERTIES)).validate(as_json)
    for body in (fields, as_json):
        after = CollectionHistogram.from_fields(**body)
        assert after.tally.n == before.tally.n
        assert after.mechanism.threshold == mechanism.threshold
        assert describe_mechanism(after.mechanism) == fields["mechanism"]
        np.testing.assert_array_equal(after.estimate.frequencies, mechanism.decode(before.tally).frequencies)
    assert ("n" in fields) == (int(before.tally.counts.sum()) != before.tally.n)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"mechanism": "projective_geometry"}, "wrong_type"),
        ({"mechanism": {**SMALL, "q": 3}}, "unknown_field"),
        ({"mechanism": {"name": "projective_geometry", "epsilon": "1"}}, "missing_field"),
        ({"mechanism": {**SMALL, "name": "magic"}}, "unknown_mechanism"),
        ({"mechanism": {**SMALL, "epsilon": "-1"}}, "unknown_mechanism"),
        ({"mechanism": {**SMALL, "epsilon": [1]}}, "unknown_mechanism"),
        ({"mechanism": {**SMALL, "parameters": {"q": 6, "t": 3}}}, "unknown_mechanism"),
        ({"mechanism": {**SMALL, "parameters": {"q": 3.5}}}, "wrong_type"),
        ({"mechanism": {**SMALL, "parameters": {"q": 3, "t": 400}}}, "out_of_range"),
        ({"mechanism": {**SMALL, "domain_size": 1}}, "out_of_range"),
        ({"counts": COUNTS[1:]}, "wrong_shape"),
        ({"counts": "thirteen"}, "wrong_shape"),
        ({"counts": [*COUNTS[:-1], 0.5]}, "wrong_type"),
        ({"counts": [*COUNTS[:-1], [1]]}, "wrong_type"),
        ({"counts": [*COUNTS[:-1], 10**30]}, "wrong_type"),
        ({"counts": [*COUNTS[:-1], -1]}, "negative_counts"),
        ({"counts": [0] * 13}, "too_few_reports"),
        ({"n": 0}, "out_of_range"),
        ({"n": 100}, "inconsistent_counts"),
    ],
)
def test_what_is_no_histogram_is_refused(changes: dict[str, Any], code: str) -> None:
    body = {"mechanism": SMALL, "counts": COUNTS, **changes}
    with pytest.raises(AnalysisError) as refused:
        CollectionHistogram.from_fields(**body)
    assert refused.value.code == code
    assert refused.value.field is not None
    assert refused.value.field.partition(".")[0] in changes


def test_a_huge_mechanism_is_refused_before_its_counts_are_looked_at() -> None:
    huge = {"name": "projective_geometry", "epsilon": "1", "domain_size": 10, "parameters": {"q": 149, "t": 5}}
    with pytest.raises(TooLargeError):
        CollectionHistogram.from_fields(huge, [])


def test_the_covariance_is_taken_where_it_is_asked_for() -> None:
    body = {"mechanism": SMALL, "counts": COUNTS, "k": 2, "samples": 100}
    modes = {
        word: top_k.run(top_k.from_json({**body, "covariance": word})).diagnostics["covariance_mode"]
        for word in ("auto", "exact", "independent")
    }
    assert modes == {"auto": "exact", "exact": "exact", "independent": "independent"}
    unary = create("optimized_unary_encoding", epsilon=1, domain_size=20)
    fields = CollectionHistogram(unary, reported(unary)).to_fields()
    with pytest.raises(TooLargeError):
        top_k.from_json({**fields, "k": 2, "covariance": "exact"})


def test_histograms_of_cohorts_are_points_with_their_errors() -> None:
    fields = [{"mechanism": SMALL, "counts": np.roll(COUNTS, i).tolist(), "label": (-1) ** i} for i in range(4)]
    request = classify.from_json({"histograms": fields, "methods": ["linear_svm"]})
    estimates = [CollectionHistogram.from_fields(SMALL, one["counts"]).estimate for one in fields]
    np.testing.assert_array_equal(request.points, [one.frequencies for one in estimates])
    assert request.labels.tolist() == [1, -1, 1, -1]
    assert request.noise_sd is not None
    np.testing.assert_allclose(
        np.asarray(request.noise_sd) ** 2, [np.mean(one.standard_errors**2) for one in estimates], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("histograms", "code"),
    [
        ([{"mechanism": SMALL, "counts": COUNTS, "label": 1}], "wrong_type"),
        ([{"mechanism": SMALL, "counts": COUNTS, "label": 2}] * 2, "out_of_range"),
        ([{"mechanism": SMALL, "counts": COUNTS}] * 2, "missing_field"),
        ([{"mechanism": SMALL, "counts": COUNTS, "label": 1, "weight": 2}] * 2, "unknown_field"),
        (
            [
                {"mechanism": SMALL, "counts": COUNTS, "label": 1},
                {"mechanism": {**SMALL, "domain_size": 7}, "counts": COUNTS, "label": -1},
            ],
            "wrong_shape",
        ),
    ],
)
def test_histograms_that_cannot_be_compared_are_refused(histograms: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        classify.from_json({"histograms": histograms})
    assert (refused.value.code, refused.value.field) == (code, "histograms")


def test_too_many_histograms_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(TooLargeError):
        classify.from_json({"histograms": [{"label": 1}] * 2001})
