"""The interactive documentation needs no other host."""

import re

from tests.services.in_process import InProcess


def test_the_page_asks_this_server_only(sqlite_service: InProcess) -> None:
    page = sqlite_service.get("/docs")
    assert page.status_code == 200
    assert "script-src" not in page.headers["Content-Security-Policy"]  # default-src 'self' holds for scripts
    assert "://" not in page.text
    for address in re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text):
        assert sqlite_service.get(f"/{address}").status_code == 200, address
    assert '"openapi.json"' in sqlite_service.get("/docs/start.js").text
