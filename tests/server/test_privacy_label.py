"""The privacy label: the mechanism's own numbers, exact and never rounded down."""

import math
from fractions import Fraction

import pytest

from ldp_core.mechanisms import create as create_mechanism
from server.services.privacy_labels import PrivacyLabel
from tests.server.assertions import assert_problem
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess


def test_the_label_says_what_the_mechanism_promises(sqlite_service: InProcess) -> None:
    made = create(sqlite_service.post, epsilon="3/2", items=["a", "b", "c", "d"], window="PT1H", min_reports=7)
    label = sqlite_service.get(f"/v1/collections/{made.id}/privacy", headers=ADMIN).json()
    mechanism = create_mechanism("projective_geometry", epsilon="3/2", domain_size=4)
    assert Fraction(label["likelihood_ratio"]) == mechanism.likelihood_ratio
    assert (label["epsilon"], label["window"], label["min_reports"]) == ("1.5", "PT1H", 7)
    assert label["spec_digest"] == made.created["spec_digest"]
    assert label["supports_own_item"] == pytest.approx(float(mechanism.rates.own))
    assert all(label[part] for part in ("kept", "not_kept", "not_hidden"))


@pytest.mark.parametrize("epsilon", ["0.1", "1", "4"])
def test_odds_are_rounded_up_and_never_above_the_promise_by_more_than_one_float(epsilon: str) -> None:
    mechanism = create_mechanism("projective_geometry", epsilon=epsilon, domain_size=20)
    label = PrivacyLabel.of(mechanism)
    assert Fraction(math.nextafter(label.odds, 0)) < mechanism.likelihood_ratio <= Fraction(label.odds)
    assert [Fraction(loss) for _, loss, _ in label.repeats] == [m * mechanism.epsilon for m, _, _ in label.repeats]


def test_the_largest_epsilon_has_odds_for_every_repeat() -> None:
    label = PrivacyLabel.of(create_mechanism("randomized_response", epsilon="24", domain_size=3))
    assert label.repeats[-1][2] == pytest.approx(math.exp(240), rel=0.01)


def test_what_is_not_there_has_no_label(sqlite_service: InProcess) -> None:
    assert_problem(sqlite_service.get("/v1/collections/nothing/privacy", headers=ADMIN), 404, "unknown-collection")
    made = create(sqlite_service.post, items=["a", "b"])
    refused = sqlite_service.get(f"/v1/collections/{made.id}/privacy", params={"version": 2}, headers=ADMIN)
    assert_problem(refused, 422, "invalid-parameters")
