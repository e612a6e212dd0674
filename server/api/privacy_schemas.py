"""The shape of a collection's privacy label."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from server.api.estimate_schemas import PoisoningOut

__all__ = ["PrivacyOut", "RepeatsOut"]

Odds = Annotated[float, Field(description="the largest factor between the odds of two answers, rounded up")]


class RepeatsOut(BaseModel):
    """What several independent reports of one phone lose together, at most."""

    reports: int
    epsilon: str
    odds: Odds


class PrivacyOut(BaseModel):
    """What one report can reveal, how repeats add up, what is kept, and what is not hidden."""

    collection: str
    version: int
    spec_digest: str
    model: Literal["local"]
    unit: str
    mechanism: str
    parameters: dict[str, int]
    epsilon: str
    likelihood_ratio: Annotated[
        str, Field(description="largest ratio of a message's probability under two items, exactly")
    ]
    odds: Odds
    supports_own_item: Annotated[float, Field(description="probability that a report supports the phone's own item")]
    supports_other_item: Annotated[float, Field(description="probability that it supports a given other item")]
    repeats: list[RepeatsOut]
    window: str
    cohorts: list[str]
    min_reports: int
    poisoning: PoisoningOut
    kept: Annotated[list[str], Field(description="what the service stores")]
    not_kept: list[str]
    not_hidden: Annotated[list[str], Field(description="what local differential privacy does not hide")]
