"""Phones of rows: each reports its own row once, in batches or as a device of its own."""

import numpy as np
import pytest

from client.simulation import Fleet, LabelledRows, uniform
from ldp_core.errors import ParameterError
from ldp_core.labels import LabelEstimate, OneBitOutcome, RowLabels
from tests.client.fake_service import FakeService, served

ROWS = RowLabels(2_000, OneBitOutcome("3", 2))


@pytest.fixture
def service() -> FakeService:
    service = FakeService()
    service.add("c1")
    service.add_labels("rows", ROWS)
    return service


@pytest.mark.parametrize("one_by_one", [False, True])
def test_every_row_reports_once(service: FakeService, one_by_one: bool) -> None:
    labels = np.linspace(-2, 2, 2_000)
    phones = 60 if one_by_one else 2_000
    with served(service) as url:
        result = Fleet(url, "key-rows", LabelledRows(labels), phones, seed=5, one_by_one=one_by_one).run("rows")
    assert (result.accepted, result.failed) == (phones, 0)
    assert set(result.true_counts.tolist()) <= {0, 1}
    found = LabelEstimate.of(ROWS, ROWS.tally(service.collections["rows"].messages))
    assert found.row_numbers.tolist() == np.flatnonzero(result.true_counts).tolist()
    assert found.repeated == 0
    # the bits go with the labels: the slope is 1, within 5 of its standard errors (false alarm 6e-7 for each)
    x, y = labels[found.row_numbers], found.labels
    slope, error = float(x @ y / (x @ x)), ROWS.outcome.magnitude / float(np.sqrt(x @ x))
    assert abs(slope - 1) < 5 * error


def test_people_are_asked_what_they_can_answer(service: FakeService) -> None:
    with served(service) as url:
        for key, people, collection, text in (
            ("key-rows", uniform(4), "rows", "labelled rows"),
            ("key-c1", LabelledRows(np.zeros(4)), "c1", "asks for no labels"),
            ("key-rows", LabelledRows(np.zeros(4)), "rows", "2,000 rows and got 4 labels"),
            ("key-rows", LabelledRows(np.zeros(2_000)), "rows", "each row has one phone"),
        ):
            with pytest.raises(ParameterError, match=text):
                Fleet(url, key, people, 2_001).run(collection)


def test_labels_are_finite_numbers() -> None:
    for labels in (np.zeros((2, 2)), np.zeros(0), np.array([0.0, np.nan])):
        with pytest.raises(ParameterError, match="one finite number for each row"):
            LabelledRows(labels)
