"""Is the process up, can it take reports, what is it?"""

import platform

from fastapi import APIRouter, Response

import ldp_core
from server.api.dependencies import KnownQueryOnly, ServicesOf
from server.api.openapi import problems
from server.api.service_schemas import Health, Readiness, VersionOut
from server.services.readiness import OK
from server.storage.schema import head_revision

__all__ = ["router"]

router = APIRouter(tags=["operation"], dependencies=[KnownQueryOnly])


@router.get("/healthz", response_model=Health, responses=problems())
async def healthz() -> Health:
    """The process answers. Nothing else is looked at: restart it when this fails."""
    return Health(status="ok")


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}, **problems()})
async def readyz(services: ServicesOf, response: Response) -> Readiness:
    """Reports can be taken and kept; else the checks that fail say why. Send no traffic while this is 503."""
    checks = dict(await services.readiness.checks())
    ready = all(answer == OK for answer in checks.values())
    response.status_code = 200 if ready else 503
    return Readiness(status="ok" if ready else "unavailable", checks=checks)


@router.get("/version", response_model=VersionOut, responses=problems())
def version() -> VersionOut:
    """The version of the service, of the schema it needs, of Python."""
    return VersionOut(version=ldp_core.__version__, schema_revision=head_revision(), python=platform.python_version())
