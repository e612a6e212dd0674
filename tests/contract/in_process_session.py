"""Lets a tool that speaks through `requests` reach the application in this process."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from tests.services.in_process import InProcess

BASE_URL = "http://fano.test"


class InProcessAdapter(BaseAdapter):
    """Hands each prepared request to the running application, byte for byte."""

    def __init__(self, service: InProcess) -> None:
        super().__init__()
        self._service = service
        self._http = HTTPAdapter()

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        sent = httpx.Request(str(request.method), str(request.url), headers=dict(request.headers), content=body)
        answer = self._service.run(self._service.client.send(sent))
        raw = HTTPResponse(
            io.BytesIO(answer.content),
            HTTPHeaderDict(answer.headers.multi_items()),
            answer.status_code,
            reason=answer.reason_phrase,
            preload_content=False,
        )
        return self._http.build_response(request, raw)

    def close(self) -> None:
        """Nothing is held open."""


@contextmanager
def answered_in_process(service: InProcess) -> Iterator[None]:
    """Until the end of the block every session of `requests` reaches the application and nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "get_adapter", lambda _session, url: InProcessAdapter(service))
        yield
