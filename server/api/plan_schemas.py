"""Plans and rankings of mechanisms."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt

from ldp_core.planning import SMALLEST_TARGET
from server.api.fields import ExactEpsilon

__all__ = ["FullPlanOut", "MechanismList", "MechanismOut", "PlanRequest", "PrecisionOut"]


def _attainable(target: float) -> float:
    if target < SMALLEST_TARGET:
        raise ValueError(f"a target is at least {SMALLEST_TARGET:g}: no number of phones that exists reaches less")
    return target


class PlanRequest(BaseModel):
    """What is wanted of a collection that does not exist yet."""

    model_config = ConfigDict(extra="forbid")

    domain_size: Annotated[StrictInt, Field(ge=2, le=1 << 32, description="number of possible answers")]
    epsilon: Annotated[
        ExactEpsilon | None, Field(description="left out, the smallest with which `phones` reach the target is found")
    ] = None
    phones: Annotated[StrictInt | None, Field(ge=1, le=1 << 53, description="how many will answer")] = None
    target: Annotated[
        float,
        Field(gt=0, lt=1, description="half of the interval's width, 0.01 is one point"),
        AfterValidator(_attainable),
    ] = 0.01
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95


class MechanismOut(BaseModel):
    """A mechanism for one epsilon and domain size. report_space: null where a message does not fit 32 bits."""

    mechanism: str
    parameters: dict[str, int]
    epsilon: str
    likelihood_ratio: str
    odds: Annotated[float, Field(description="the likelihood ratio as a number")]
    domain_size: int
    report_space: int | None
    report_bits: int
    over_optimum: Annotated[float, Field(description="total squared error over the least possible")]
    decode_cost: Annotated[int, Field(description="rough number of elementary operations")]
    decoders: list[str]
    usable: Annotated[bool, Field(description="can a collection take it?")]


class PrecisionOut(BaseModel):
    """What a number of phones gives. All are shares."""

    phones: int
    standard_error_rare_item: float
    standard_error_common_item: float
    half_width_rare_item: float
    half_width_simultaneous: float


class FullPlanOut(MechanismOut):
    """The recommended mechanism, why, the phones it needs, and the ranking of all."""

    reason: str
    headline: str
    target: float
    confidence: float
    phones_for_target: Annotated[int, Field(description="for a rare item")]
    phones_for_target_any_item: int
    phones_for_target_simultaneous: Annotated[int, Field(description="for all items together")]
    precision: PrecisionOut | None
    ranking: list[MechanismOut]


class MechanismList(BaseModel):
    """Least error first."""

    mechanisms: list[MechanismOut]
