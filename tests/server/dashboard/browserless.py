"""A visitor without a browser: keeps the cookie, reads the pages, sends the forms."""

import re
from typing import Any

import httpx

from tests.services.in_process import ADMIN_TOKEN, InProcess

ORIGIN = {"Origin": "http://fano.test"}


class Browserless:
    """One person at one service."""

    def __init__(self, service: InProcess) -> None:
        self._service = service
        self.cookie = ""

    @classmethod
    def logged_in(cls, service: InProcess, token: str = ADMIN_TOKEN) -> "Browserless":
        """With the admin token of the settings, or another."""
        person = cls(service)
        person.log_in(token)
        return person

    def log_in(self, token: str = ADMIN_TOKEN, **fields: str) -> httpx.Response:
        answer = self.post("/login", {"token": token, **fields}, form_value=None)
        cookie = re.match(r"fano_session=([^;]+);", answer.headers.get("set-cookie", ""))
        if cookie:
            self.cookie = cookie[1]
        return answer

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._forgotten(self._service.get(f"/dashboard{path}", headers=self._headers(headers)))

    def post(
        self,
        path: str,
        fields: dict[str, str],
        *,
        form_value: str | None = "",
        headers: dict[str, str] = ORIGIN,
        file: tuple[str, bytes] | None = None,
    ) -> httpx.Response:
        """form_value: taken from a page when empty, left out when None · file: its name and what is in it, of a form that takes one."""
        if form_value is not None:
            fields = {**fields, "csrf": form_value or self.form_value()}
        files = None if file is None else {"file": file}
        answer = self._service.post(f"/dashboard{path}", data=fields, files=files, headers=self._headers(dict(headers)))
        return self._forgotten(answer)

    def _forgotten(self, answer: httpx.Response) -> httpx.Response:
        """The answer; the client that all visitors share keeps no cookie of it."""
        self._service.client.cookies.clear()
        return answer

    def form_value(self) -> str:
        """What a form of this session carries now."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get("/collections").text)
        assert found, "the page has a form"
        return found[1]

    def _headers(self, more: dict[str, Any]) -> dict[str, str]:
        return {**({"Cookie": f"fano_session={self.cookie}"} if self.cookie else {}), **more}
