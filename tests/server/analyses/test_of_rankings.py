"""Rankings over HTTP of what a collection has counted."""

import numpy as np
import pytest

from ldp_core.analysis.histogram import CollectionHistogram
from ldp_core.analysis.registry import ENTRY_POINTS
from ldp_core.mechanisms import Tally
from ldp_core.mechanisms import create as create_mechanism
from server.api.job_schemas import AnalysisOut
from tests.server.analyses.asking import MESSAGES, ask, report, reported
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess

pytestmark = pytest.mark.thorough


def test_top_k_of_a_collection_is_that_of_its_counts(running: InProcess) -> None:
    collection, mechanism = reported(running)
    by_address = running.post(f"/v1/collections/{collection.id}/top-k", json={"k": 3, "seed": 4}, headers=ADMIN)
    by_name = ask(running, "top-k", {"collection_id": collection.id, "k": 3, "seed": 4})
    fields = CollectionHistogram(mechanism, Tally.of(MESSAGES, 13)).to_fields()
    by_counts = ask(running, "top-k", {**fields, "counts": fields["counts"].tolist(), "k": 3, "seed": 4})
    assert by_address.status_code == by_name.status_code == by_counts.status_code == 200, by_address.text
    numbers = [answer.json()["result"] for answer in (by_address, by_name, by_counts)]
    assert numbers[0] == numbers[1] == numbers[2]
    document = by_address.json()
    AnalysisOut.model_validate(document)
    (given,) = document["inputs"]
    assert given["collection"] == collection.id
    assert given["n"] == 500
    assert given["spec_digest"] == collection.created["spec_digest"]
    assert document["items"] == [f"item {i}" for i in range(10)]


def test_utilities_of_a_collection(running: InProcess) -> None:
    collection, _ = reported(running, [0, 1, 2, 3] * 2_000 + [4] * 1_500)
    answer = running.post(f"/v1/collections/{collection.id}/utilities", json={}, headers=ADMIN)
    assert answer.status_code == 200, answer.text
    assert answer.json()["verdict"] in ENTRY_POINTS["utilities"].method.VERDICTS


def collected(service: InProcess, shares: np.ndarray, phones: int = 20_000, seed: int = 11) -> TestCollection:
    """A live collection with a report of each phone, whose items have these shares."""
    collection = create(service.post, items=[f"item {i}" for i in range(len(shares))])
    mechanism = create_mechanism("projective_geometry", epsilon="1", domain_size=len(shares))
    rng = np.random.default_rng(seed)
    messages = mechanism.randomize_many(rng.choice(len(shares), phones, p=shares), rng)
    for start in range(0, phones, 10_000):
        report(service, collection, messages[start : start + 10_000].tolist())
    return collection


def test_a_thousand_items_of_twenty_thousand_phones_are_ranked(running: InProcess) -> None:
    shares = 1 / np.arange(1, 1_001) ** 1.1
    collection = collected(running, shares / shares.sum())
    answer = running.post(f"/v1/collections/{collection.id}/top-k", json={"k": 10, "seed": 1}, headers=ADMIN)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["verdict"] == "ranking_supported"
    columns = document["result"]["items"]
    assert len(columns["p_topk"]) == 1_000
    assert columns["status"][0] == "in"
    assert sum(columns["p_topk"]) == pytest.approx(10)
    assert all(low <= high for low, high in zip(columns["rank_low"], columns["rank_high"], strict=True))
    assert document["diagnostics"]["covariance_mode"] == "independent"


def test_where_all_items_are_equally_frequent_there_is_no_signal(running: InProcess) -> None:
    collection = collected(running, np.full(100, 0.01))  # seed fixed; 1 % of seeds would be called supported
    answer = running.post(f"/v1/collections/{collection.id}/top-k", json={"k": 10}, headers=ADMIN)
    document = answer.json()
    assert document["verdict"] == "no_signal"
    assert set(document["result"]["items"]["status"]) == {"borderline"}
    assert max(document["result"]["items"]["p_topk"]) < 1
