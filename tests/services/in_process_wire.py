"""Lets the synchronous clients reach an application inside the test's process."""

import httpx

from tests.services.in_process import InProcess


class InProcessWire(httpx.BaseTransport):
    def __init__(self, service: InProcess) -> None:
        self._service = service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent = self._service.client.build_request(
            request.method, request.url.raw_path.decode(), content=request.read(), headers=dict(request.headers)
        )
        answer = self._service.run(self._service.client.send(sent))
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() != b"content-encoding"]
        return httpx.Response(answer.status_code, headers=headers, content=answer.content)
