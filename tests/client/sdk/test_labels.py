"""A device that reports the label of one row: the row as it is, the label as one private bit, once."""

import json
from collections.abc import Callable

import pytest

from client.sdk import Client, Outcome
from client.sdk.errors import AnswerNotAsked, DeviceRefusal, SettingsError, SpecRefused
from ldp_core.labels import OneBitOutcome, RowLabels
from tests.client.fake_service import FakeService

Phone = Callable[..., Client]

LABELS = RowLabels(50, OneBitOutcome("1", 2))


@pytest.fixture
def phones(service: FakeService, phone: Phone) -> Phone:
    service.add_labels("rows", LABELS)
    return lambda: phone(write_key={"rows": "key-rows", "c1": "key-c1"})


def test_a_label_is_one_message_of_its_row(service: FakeService, phones: Phone) -> None:
    device = phones()
    receipt = device.report_label("rows", 17, 1.25)
    assert (receipt.outcome, receipt.epsilon) == (Outcome.ACKNOWLEDGED, 1)
    body = json.loads(service.uploads()[0].body)
    assert body.keys() == {"spec_digest", "batch_key", "messages", "window"}
    assert body["messages"][0] // 2 == 17
    assert device.spent_epsilon == 1


def test_a_device_reports_one_label_of_a_version(service: FakeService, phones: Phone) -> None:
    phones().report_label("rows", 17, 1.25)
    assert phones().report_label("rows", 18, 0.5).outcome is Outcome.ALREADY_ANSWERED
    assert len(service.uploads()) == 1


def test_what_does_not_fit_is_refused_and_costs_nothing(service: FakeService, phones: Phone) -> None:
    device = phones()
    for call, error in (
        (lambda: device.report("rows", "2"), SpecRefused),
        (lambda: device.report_label("c1", 3, 0.5), SpecRefused),
        (lambda: device.report_label("rows", 50, 0.5), SettingsError),
        (lambda: device.report_label("rows", 3, float("nan")), AnswerNotAsked),
    ):
        with pytest.raises((DeviceRefusal, SettingsError)) as refusal:
            call()
        assert isinstance(refusal.value, error)
    assert device.spent_epsilon == 0
    assert service.uploads() == []


def test_no_text_holds_the_label(phones: Phone) -> None:
    device = phones()
    for row, label in ((50, 1.234_567), (3, "1.234567")):
        with pytest.raises((DeviceRefusal, SettingsError)) as refusal:
            device.report_label("rows", row, label)  # type: ignore[arg-type]  # that is what is tested
        error: BaseException | None = refusal.value
        while error is not None:
            assert "1.234" not in str(error)
            error = None if error.__suppress_context__ else error.__context__
