"""The way to the service: bounded time, bounded size, bounded tries, and nothing that would tell phones apart.

No cookies are kept, no redirect is followed, and the user agent is the same for everybody. httpx is imported when the
first connection is made, so that importing the SDK stays light.
"""

import ipaddress
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from client.sdk.errors import ServiceUnavailable, SettingsError
from client.sdk.problem import Problem
from client.sdk.retrying import RetryPolicy, worth_retrying

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "Transport", "checked_secret", "checked_url", "open_http"]

_MOST_BYTES = 1 << 28
_USER_AGENT = "fanoplane"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read whole. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> Problem:
        """This answer read as a refusal."""
        return Problem.of(self.status, self.headers, self.body)


def checked_url(url: str) -> str:
    """The address of a service without a trailing slash. Raises SettingsError for anything else than http(s)://host…"""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise SettingsError(f'the address of the service must look like "https://fano.example.org", got {url!r}')
    return url.rstrip("/")


def checked_secret(secret: str) -> str:
    """A token or write key as it can be sent. Raises SettingsError, which does not quote it."""
    if not (secret and secret.isascii() and secret.isprintable() and secret == secret.strip()):
        raise SettingsError(
            "a token or key is one line of printable ASCII characters, with no white space at its ends; "
            "this one is something else, perhaps the name of a file or more than was shown"
        )
    return secret


def open_http(
    url: str, *, timeout_seconds: float = 10.0, connections: int = 4, wire: "httpx.BaseTransport | None" = None
) -> "httpx.Client":
    """A connection pool that keeps no cookies and follows no redirects. wire: another lower layer, for tests and faults."""
    import httpx

    return httpx.Client(
        timeout=httpx.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds)),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": _USER_AGENT},
        follow_redirects=False,
        trust_env=not _is_loopback(url),  # a proxy cannot reach this very machine
        transport=wire,
    )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _system_share() -> float:
    return random.SystemRandom().random()


class Transport:
    """Requests to one service, tried again where that can help, with the very same bytes each time.

    url: of the service · http: a pool to share; otherwise one is opened, and closed by `close` · retry: how often ·
    sleep, jitter: the clock, and a uniform share in 0..1.
    """

    def __init__(
        self,
        url: str,
        *,
        http: "httpx.Client | None" = None,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], object] = time.sleep,
        jitter: Callable[[], float] = _system_share,
    ) -> None:
        self.url = checked_url(url)
        self._http = http
        self._owns_http = http is None
        self._retry = retry or RetryPolicy()
        self._sleep, self._jitter = sleep, jitter

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        retry: RetryPolicy | None = None,
    ) -> Answer:
        """The final answer: success, or a refusal that more tries would not change.

        path: below the service's address, with its leading slash. Raises ServiceUnavailable after the last try.
        """
        policy = retry or self._retry
        tries = 0
        while True:
            tries += 1
            outcome = self._try(method, path, dict(headers or {}), body)
            if isinstance(outcome, Answer) and (outcome.status < 400 or not worth_retrying(outcome.problem)):
                return outcome
            failure = outcome if isinstance(outcome, ServiceUnavailable) else _unavailable(outcome)
            asked = failure.problem.retry_after_seconds if failure.problem else None
            wait = policy.wait_seconds(tries, asked, self._jitter())
            if wait is None:
                raise failure
            self._sleep(wait)

    def _try(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer | ServiceUnavailable:
        import httpx

        try:
            with self._pool().stream(method, self.url + path, headers=headers, content=body) as response:
                names = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, names, _read(response))
        except httpx.RequestError as error:
            # The kind only: the text of a network error may quote what was sent.
            return ServiceUnavailable(
                f"{self.url} cannot be reached ({type(error).__name__}); is the service running there?"
            )

    def _pool(self) -> "httpx.Client":
        if self._http is None:
            self._http = open_http(self.url)
        return self._http

    def close(self) -> None:
        """Close the connections, if they are this transport's own."""
        if self._owns_http and self._http is not None:
            self._http.close()
            self._http = None


def _read(response: "httpx.Response") -> bytes:
    import httpx

    pieces, size = [], 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > _MOST_BYTES:
            raise httpx.ReadError(f"the answer is longer than {_MOST_BYTES:,} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _unavailable(answer: Answer) -> ServiceUnavailable:
    return ServiceUnavailable(answer.problem.explained, answer.problem, reached=True)
