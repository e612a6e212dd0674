"""The shapes of analyses and jobs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from server.api.service_schemas import ProblemOut

__all__ = ["AnalysisList", "AnalysisOut", "JobAccepted", "JobList", "JobOut", "JobSummary"]


class AnalysisMethod(BaseModel):
    """An analysis: what it answers, what it takes, what its verdicts mean."""

    path: Annotated[str, Field(description="asked at /v1/analysis/{path}", examples=["max-margin"])]
    family: Annotated[str, Field(description="its page is docs/analysis/{family}.md")]
    title: str
    question: str
    request: Annotated[dict[str, Any], Field(alias="schema", description="JSON Schema of its request")]
    example: Annotated[dict[str, Any], Field(description="a request that answers at once")]
    verdicts: Annotated[dict[str, str], Field(description="what each word means")]
    collection: Annotated[bool, Field(description="takes a collection_id instead of mechanism, counts and n")]
    labels: Annotated[bool, Field(description="takes a label_collection_id instead of its outcomes")]


class AnalysisList(BaseModel):
    """Every analysis."""

    methods: list[AnalysisMethod]


class AnalysisOut(BaseModel):
    """What an analysis found. `result`, `diagnostics` and `series` are the method's own, see its page."""

    model_config = ConfigDict(extra="allow")

    method: str
    params_effective: Annotated[dict[str, Any], Field(description="the request with every default filled in")]
    seed: int | None
    verdict: str
    result: dict[str, Any]
    diagnostics: dict[str, Any]
    series: Annotated[dict[str, Any], Field(description="columns for plots, by name")]
    warnings: list[str]
    wall_seconds: float
    library_versions: dict[str, str]
    inputs: Annotated[list[dict[str, Any]], Field(description="the reports of collections that went in")] = []
    items: Annotated[list[str], Field(description="names of the items, where one collection with names went in")] = []


JobState = Literal["queued", "running", "done", "failed", "cancelled"]


class JobProgress(BaseModel):
    """How far a job is: done of total units, and the present value of what is being improved, if anything."""

    done: int
    total: int
    unit: str
    metric: str | None
    metric_value: float | None


class JobSummary(BaseModel):
    """A job without its result."""

    id: str
    kind: Annotated[str, Field(examples=["analysis"])]
    method: str
    status: JobState
    progress: JobProgress | None
    predicted_seconds: float
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    status_url: str
    events_url: str


class JobOut(JobSummary):
    """A job with its result once it is done, or with its error once it failed."""

    result: AnalysisOut | None = None
    error: ProblemOut | None = None


class JobAccepted(BaseModel):
    """The job that will have the answer."""

    id: str
    status_url: str
    events_url: str
    predicted_seconds: float


class JobList(BaseModel):
    """The newest jobs, at most 200, the newest first."""

    jobs: list[JobSummary]
