"""A decoded histogram with its errors."""

from typing import Annotated

from pydantic import BaseModel, Field

__all__ = ["CanariesOut", "ConvergenceOut", "EstimateOut", "ItemOut", "PoisoningOut", "ProvenanceOut"]


class CanariesOut(BaseModel):
    """Points that no item uses; on honest reports they are pure noise."""

    count: int
    total_frequency: float
    rms_z: float
    max_abs_z: float
    alarm_at: float
    alarm: bool


class PoisoningOut(BaseModel):
    """How far forged reports can move one item."""

    users_per_fake: float
    shift_per_percent: float


class ItemOut(BaseModel):
    """One item's share of all answers, with its errors. Estimates may be negative."""

    item: Annotated[str, Field(description="its text, or its index when the collection has no texts")]
    index: int
    estimate: float
    standard_error: float
    low: float
    high: float
    low_simultaneous: float
    high_simultaneous: float
    above_noise_floor: bool
    post: Annotated[
        dict[str, float], Field(description="post-processed shares by name, biased; intervals belong to `estimate`")
    ]


class ProvenanceOut(BaseModel):
    """What makes two estimates comparable."""

    spec_digest: str
    counts_digest: str
    window: str | None
    cohort: str | None
    mechanism: str
    parameters: dict[str, int]
    epsilon: str
    threshold: str
    likelihood_ratio: str
    decoder: str
    post: list[str]
    software: str


class ConvergenceOut(BaseModel):
    """How the fit behind a post-processing ended."""

    status: Annotated[str, Field(description="converged, iterates_unsettled, still_descending or diverged")]
    iterations: int
    last_step: float
    path_length: float
    recent_path: float
    gap: Annotated[float | None, Field(description="bound of what was reached beside the best, in its own objective")]


class EstimateOut(BaseModel):
    """A decoded histogram: every number with its error, its n and its epsilon."""

    collection: str
    n: int
    version: int
    window: Annotated[str | None, Field(description="the windows asked for, null for all")]
    cohort: Annotated[str | None, Field(description="the cohort asked for, null for all together")]
    spec_digest: str
    mechanism: str
    parameters: dict[str, int]
    epsilon: str
    likelihood_ratio: str
    decoder: str
    decode_seconds: float
    confidence: float
    domain_size: int
    report_space: int
    noise_floor: float
    canaries: CanariesOut
    poisoning: PoisoningOut
    items: list[ItemOut]
    post_convergence: Annotated[
        dict[str, ConvergenceOut], Field(description="of post-processings that fit something, by name")
    ]
    provenance: ProvenanceOut
