"""How long to wait, and what is worth waiting for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.sdk.errors import SettingsError
from client.sdk.problem import ADVICE, Problem
from client.sdk.retrying import RetryPolicy, worth_retrying

CONTRACT_SLUGS = [
    "malformed-body",
    "invalid-parameters",
    "unknown-token",
    "insufficient-scope",
    "unknown-collection",
    "not-found",
    "method-not-allowed",
    "illegal-transition",
    "collection-paused",
    "collection-not-open",
    "collection-closed",
    "too-large",
    "unsupported-media-type",
    "spec-mismatch",
    "message-out-of-range",
    "batch-key-reused",
    "not-enough-reports",
    "rate-limited",
    "overloaded",
    "database-unavailable",
    "internal",
]

policies = st.builds(
    lambda attempts, values: RetryPolicy(attempts, *sorted(values)),
    st.integers(1, 20),
    st.tuples(st.floats(0, 100), st.floats(0, 100), st.floats(0, 100)),
)


@given(policies, st.integers(1, 40), st.none() | st.floats(0, 1e6), st.floats(0, 1))
def test_a_wait_is_bounded_and_never_shorter_than_asked(
    policy: RetryPolicy, tries: int, asked: float | None, share: float
) -> None:
    wait = policy.wait_seconds(tries, asked, share)
    if tries >= policy.attempts:
        assert wait is None
    elif wait is None:
        assert asked is not None
        assert asked > policy.patience_seconds
    else:
        assert (asked or 0) <= wait <= policy.patience_seconds
        assert wait <= max(asked or 0, policy.cap_seconds)


def test_the_range_of_the_jitter_doubles_up_to_the_cap() -> None:
    policy = RetryPolicy(attempts=10, base_seconds=0.5, cap_seconds=3, patience_seconds=3)
    assert [policy.wait_seconds(tries, None, 1.0) for tries in range(1, 6)] == [0.5, 1, 2, 3, 3]
    assert policy.wait_seconds(5, None, 0.0) == 0


@pytest.mark.parametrize(
    "settings", [{"attempts": 0}, {"base_seconds": -1}, {"cap_seconds": 0.1}, {"patience_seconds": 1}]
)
def test_policies_that_make_no_sense(settings: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="a retry policy needs"):
        RetryPolicy(**settings)  # type: ignore[arg-type]


@given(st.integers(400, 599), st.sampled_from([*CONTRACT_SLUGS, "http-0"]))
def test_only_what_can_change_is_retried(status: int, slug: str) -> None:
    expected = status == 429 or status >= 500 or slug == "collection-paused"
    assert worth_retrying(Problem(status, slug, "")) == expected


def test_every_problem_of_the_contract_says_what_to_do() -> None:
    assert set(CONTRACT_SLUGS) <= set(ADVICE)


@given(st.binary(max_size=200), st.sampled_from(["application/problem+json", "text/html", ""]), st.text(max_size=12))
def test_any_answer_can_be_read_as_a_problem(body: bytes, content_type: str, retry_after: str) -> None:
    problem = Problem.of(503, {"content-type": content_type, "retry-after": retry_after}, body)
    assert problem.status == 503
    assert problem.explained
    assert problem.retry_after_seconds is None or problem.retry_after_seconds >= 0


def test_a_problem_explains_itself_in_full() -> None:
    body = b'{"type":"urn:fanoplane:problem:invalid-parameters","title":"Invalid","detail":"One field.","errors":[{"field":"epsilon","message":"must be positive"}]}'
    problem = Problem.of(422, {"content-type": "application/problem+json", "retry-after": "7"}, body)
    assert problem.retry_after_seconds == 7
    assert problem.explained == (
        "Invalid (422) — One field. — epsilon: must be positive — Change the named fields and send the request again."
    )
