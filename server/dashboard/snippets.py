"""The same question in other tongues: what a page shows, as a command and as a program."""

from dataclasses import dataclass
from urllib.parse import urlencode

from server.services.estimates import Asked

__all__ = ["Snippet", "analysis_snippets", "estimate_snippets"]

_LONGEST_BODY = 2_000


@dataclass(frozen=True)
class Snippet:
    """language: for people · code: complete; the token comes from the environment."""

    language: str
    code: str


def estimate_snippets(base: str, collection: str, asked: Asked, version: str = "") -> tuple[Snippet, ...]:
    """Read the estimates of a collection. base: address of the service, ending in a slash · version: empty for the current one."""
    chosen = {"version": version or None, "window": asked.window, "cohort": asked.cohort, "post": "norm_sub"}
    address = f"{_origin(base)}/v1/collections/{collection}/estimates?" + urlencode(
        {key: value for key, value in chosen.items() if value is not None}
    )
    return (
        Snippet("curl", f"curl --header \"Authorization: Bearer $FANO_TOKEN\" \\\n  '{address}'"),
        Snippet(
            "Python",
            "import os\n\nimport httpx\n\n"
            f'answer = httpx.get(\n    "{address}",\n'
            '    headers={"Authorization": f"Bearer {os.environ[\'FANO_TOKEN\']}"},\n)\n'
            "answer.raise_for_status()\n"
            'for item in answer.json()["items"][:10]:\n'
            '    print(item["item"], item["estimate"], item["low"], item["high"])',
        ),
    )


def analysis_snippets(base: str, path: str, body: str) -> tuple[Snippet, ...]:
    """Run an analysis again. body: the request as JSON; a long one is to be saved as request.json."""
    address = f"{_origin(base)}/v1/analysis/{path}"
    short = len(body) <= _LONGEST_BODY
    data = "'" + body.replace("'", "'\\''") + "'" if short else "@request.json"
    content = repr(body.encode()) if short else 'open("request.json", "rb").read()'
    return (
        Snippet(
            "curl",
            'curl --header "Authorization: Bearer $FANO_TOKEN" --header "Content-Type: application/json" \\\n'
            f"  --data {data} \\\n  '{address}'",
        ),
        Snippet(
            "Python",
            "import os\n\nimport httpx\n\n"
            f'answer = httpx.post(\n    "{address}",\n    content={content},\n'
            '    headers={"Authorization": f"Bearer {os.environ[\'FANO_TOKEN\']}", "Content-Type": "application/json"},\n)\n'
            "answer.raise_for_status()\nprint(answer.json())",
        ),
    )


def _origin(base: str) -> str:
    scheme, _, rest = base.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
