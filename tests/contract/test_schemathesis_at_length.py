"""The law of test_schemathesis.py over many more requests."""

import pytest
from schemathesis import Case

from tests.contract.generated import generated_requests
from tests.contract.target import Target

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("every_route_is_reached")]

requests = generated_requests(100)


@requests.parametrize()
def test_every_answer_is_documented_at_length(case: Case, target: Target) -> None:
    target.check(case)
