"""The service as it is, with one more route that does nothing but read its body and answer like an upload.

python -m benchmarks.ingest_server DATABASE_URL     prints its port and the admin token, serves until it is ended
"""

import socket
import sys

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from server.app import create_app
from server.cli.serving import forget_what_stays, server_config
from server.services.startup import prepare
from server.settings import Settings
from server.storage.database import Database

__all__ = ["NO_OP_PATH", "application"]

NO_OP_PATH = "/no-op/reports"


async def _no_op(request: Request) -> Response:
    await request.body()
    return Response(b'{"accepted":1,"replayed":false,"rejected":[]}', media_type="application/json")


def application(settings: Settings) -> FastAPI:
    """The application with the no-op route in front, where routing costs least."""
    app = create_app(settings)
    app.add_route(NO_OP_PATH, _no_op, methods=["POST"], include_in_schema=False)
    app.router.routes.insert(0, app.router.routes.pop())
    return app


def main(database_url: str) -> None:
    """Serve on a free port of 127.0.0.1."""
    settings = Settings(database_url=database_url, warm_decoder=False, fold_seconds=0)
    database = Database(settings.database)
    token = prepare(settings, database)
    database.dispose()
    listener = socket.create_server(("127.0.0.1", 0), backlog=1_024)
    print(listener.getsockname()[1], token, flush=True)
    app = application(settings)
    forget_what_stays()
    uvicorn.Server(server_config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
