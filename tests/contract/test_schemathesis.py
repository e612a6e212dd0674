"""Requests made from the OpenAPI document, sensible and senseless: every answer is one that the document allows.

Each request goes out as it was made, and again aimed at something that exists, so that it gets behind the first refusal. Every
operation succeeds at least once. test_schemathesis_at_length.py sends more of them.
"""

import pytest
from schemathesis import Case

from tests.contract.generated import generated_requests
from tests.contract.target import Target

pytestmark = [pytest.mark.thorough, pytest.mark.usefixtures("every_route_is_reached")]

requests = generated_requests(6)


@requests.parametrize()
def test_every_answer_is_documented(case: Case, target: Target) -> None:
    target.check(case)
