"""What every error answer must look like."""

import httpx

from server.api.problems import PROBLEMS


def told(answer: httpx.Response) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """All that an answer says, but for the request's own number."""
    headers = ((name, value) for name, value in answer.headers.items() if name != "fano-request-id")
    return answer.content, tuple(sorted(headers))


def assert_problem(answer: httpx.Response, status: int, slug: str, **extras: object) -> None:
    """A complete problem document of this type, readable from every origin."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    problem = answer.json()
    assert problem["type"] == f"urn:fanoplane:problem:{slug}", problem
    assert problem["status"] == status == PROBLEMS[slug].status
    assert problem["title"] == PROBLEMS[slug].title
    assert problem["detail"]
    assert set(problem) == {"type", "title", "status", "detail", *PROBLEMS[slug].extras}, problem
    assert {name: problem[name] for name in extras} == extras
