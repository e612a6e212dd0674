"""Planning: which mechanism, how many phones, before a collection exists. Open to all, stores nothing."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from server.api.dependencies import KnownQueryOnly, read_json
from server.api.openapi import json_body, problems
from server.api.plan_schemas import FullPlanOut, MechanismList, PlanRequest
from server.services.plans import mechanism_list, plan

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["planning"], dependencies=[KnownQueryOnly])


@router.post(
    "/plan",
    response_model=FullPlanOut,
    openapi_extra=json_body("PlanRequest"),
    responses=problems("malformed-body", "too-large", "unsupported-media-type", "invalid-parameters"),
)
async def make_plan(request: Request) -> dict[str, Any]:
    """The best mechanism for so many items at this privacy, the phones for a target, or the epsilon for both."""
    wanted = await read_json(request, PlanRequest)
    return await run_in_threadpool(
        plan,
        domain_size=wanted.domain_size,
        epsilon=wanted.epsilon,
        phones=wanted.phones,
        target=wanted.target,
        confidence=wanted.confidence,
    )


@router.get("/mechanisms", response_model=MechanismList, responses=problems("invalid-parameters"))
def list_mechanisms(
    epsilon: Annotated[str, Query(description='privacy loss: "1", "0.5" or "1/3"', max_length=100)] = "1",
    domain_size: Annotated[int, Query(ge=2, le=1 << 32, description="number of possible answers")] = 1_000,
) -> dict[str, Any]:
    """All mechanisms, ranked by exact error at one epsilon and domain size."""
    return {"mechanisms": mechanism_list(epsilon, domain_size)}
