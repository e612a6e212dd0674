"""What every error answer must look like."""

import httpx

from server.api.problems import PROBLEMS


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
