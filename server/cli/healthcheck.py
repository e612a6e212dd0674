"""Is the service on this machine ready? For a container's health check, which has no other tool: `python -m server.cli.healthcheck`.

Exit code 0 when /readyz answers 200; else 1, with the failing checks on standard error.
"""

import json
import sys
import urllib.error
import urllib.request
from http.client import HTTPException

__all__ = ["main"]

_DEFAULT_URL = "http://127.0.0.1:8000"
_SECONDS = 8  # /readyz waits 5 for a database that is locked, and says so


def main(url: str = _DEFAULT_URL) -> int:
    """The exit code for the service at `url`."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url.rstrip('/')}/readyz", timeout=_SECONDS):
            return 0
    except urllib.error.HTTPError as error:
        print(_failing(error.read()), file=sys.stderr)  # noqa: T201 - it is a command
    except (OSError, HTTPException, ValueError) as error:  # no answer, no HTTP, no address
        print(f"no answer at {url}: {error}", file=sys.stderr)  # noqa: T201
    return 1


def _failing(body: bytes) -> str:
    try:
        checks: dict[str, str] = json.loads(body)["checks"]
    except (ValueError, KeyError, TypeError):
        return "not ready, and the answer does not say why"
    return "; ".join(f"{name}: {told}" for name, told in checks.items() if told != "ok")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
