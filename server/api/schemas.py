"""The shapes of requests and answers, as JSON and in the OpenAPI document."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    field_validator,
    model_validator,
)

from ldp_core.planning import SMALLEST_TARGET

__all__ = [
    "CollectionList",
    "CollectionOut",
    "CompareOut",
    "CompareRequest",
    "CountedCollection",
    "CreateCollection",
    "CreatedCollection",
    "EstimateOut",
    "ExactEpsilon",
    "FullPlanOut",
    "Health",
    "IntakeOut",
    "IntakeTotals",
    "IntakeWindow",
    "ItemOut",
    "MechanismList",
    "PlanRequest",
    "ProblemOut",
    "Readiness",
    "ReceiptOut",
    "ReportsIn",
    "SeriesOut",
    "StateOut",
    "VersionOut",
]

State = Literal["draft", "open", "paused", "closed"]


def _exact_text(value: Any) -> Any:
    """Epsilon as text. A JSON float means its shortest decimal, so 0.1 is one tenth."""
    if isinstance(value, bool):
        raise ValueError('a positive number such as 1, "0.5" or "1/3"')
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return str(value) if isinstance(value, int) else value


ExactEpsilon = Annotated[
    str,
    BeforeValidator(_exact_text, json_schema_input_type=str | int | float),
    Field(description='privacy loss of one report, kept exactly: "0.5", "1/3" or a number', examples=["1"]),
]


class CreateCollection(BaseModel):
    """A new collection: what is asked, about which items, how privately."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200, description="for people who administer it")]
    question: Annotated[str, Field(min_length=1, max_length=2_000, description="what phones are asked")]
    epsilon: ExactEpsilon
    items: Annotated[list[str] | None, Field(description="the answers, 2 or more; or give domain_size")] = None
    domain_size: Annotated[StrictInt | None, Field(description="number of answers, when phones send bare indices")] = (
        None
    )
    mechanism: Annotated[str, Field(description="a name that `fano mechanisms` lists")] = "projective_geometry"
    parameters: Annotated[
        dict[str, StrictInt], Field(description="such as q and t; left out, the best are chosen")
    ] = {}
    window: Annotated[str, Field(description="how finely time is kept: PT1H, P1D, P1W", examples=["P1D"])] = "P1D"
    min_reports: Annotated[StrictInt, Field(ge=0, le=1 << 53, description="no estimate below this")] = 0
    opens_at: Annotated[AwareDatetime | None, Field(description="when it opens by itself")] = None
    closes_at: Annotated[AwareDatetime | None, Field(description="when it closes by itself")] = None
    retention: Annotated[
        str | None, Field(description="how long after its window a batch is still taken", examples=["P28D"])
    ] = None
    cohorts: Annotated[
        list[str], Field(description="names of which every report states one, such as versions of an app; not private")
    ] = []

    @field_validator("name", "question")
    @classmethod
    def _printable(cls, text: str) -> str:
        if any(ord(character) < 32 for character in text):
            raise ValueError("no control characters, please")
        return text

    @model_validator(mode="after")
    def _one_domain(self) -> "CreateCollection":
        if (self.items is None) == (self.domain_size is None):
            raise ValueError("give either items or domain_size, not both and not neither")
        return self


class PlanOut(BaseModel):
    """How good the numbers will be."""

    total_error_over_optimum: Annotated[
        float, Field(description="summed variance over the least possible, 1 is perfect")
    ]
    standard_error_at_10000_reports: float
    report_bits: int


class CollectionOut(BaseModel):
    """A collection."""

    id: str
    name: str
    question: str
    state: State
    version: int
    spec_digest: Annotated[str, Field(description="SHA-256 of the spec's canonical bytes, 64 hex digits")]
    mechanism: str
    parameters: dict[str, int]
    epsilon: str
    likelihood_ratio: Annotated[
        str, Field(description="largest ratio of a message's probability under two items, exactly")
    ]
    threshold: Annotated[str, Field(description="the coin's threshold of 2^64, decimal")]
    domain_size: int
    report_space: int
    window: str
    cohorts: list[str]
    min_reports: int
    opens_at: Annotated[datetime | None, Field(description="when a draft opens by itself")]
    closes_at: Annotated[datetime | None, Field(description="when it closes by itself, or closed")]
    retention: Annotated[str, Field(description="how long after the end of its window a batch is still taken")]
    successor: Annotated[str | None, Field(description="the collection that devices are led to after the end")]
    plan: PlanOut


class CreatedCollection(CollectionOut):
    """A new collection with its write key, which is shown only here."""

    write_key: str


class CountedCollection(CollectionOut):
    """A collection with the number of its reports."""

    n: int


class CollectionList(BaseModel):
    """All collections."""

    collections: list[CountedCollection]


class StateOut(BaseModel):
    """What a collection is now."""

    id: str
    state: State


class ReportsIn(BaseModel):
    """A batch of reports. There is no further field, and one that is sent is refused."""

    model_config = ConfigDict(extra="forbid")

    spec_digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="the spec under which they were made")]
    batch_key: Annotated[
        str, Field(pattern="^[0-9a-fA-F]{32}$", description="16 random bytes; the same on every retry")
    ]
    messages: Annotated[list[Annotated[int, Field(ge=0, lt=1 << 32)]], Field(min_length=1)]
    window: Annotated[
        int | None,
        Field(ge=0, lt=1 << 40, description="the window in which they were made: seconds since 1970 // its length"),
    ] = None
    cohort: Annotated[
        int | None, Field(ge=0, lt=1 << 16, description="index of one of the spec's cohorts, if it declares any")
    ] = None


class ReceiptOut(BaseModel):
    """The batch is stored durably and counts once."""

    accepted: int
    replayed: Annotated[bool, Field(description="it had been stored before; this was a retry")]
    rejected: Annotated[list[int], Field(description="always empty: a batch is taken whole or not at all")]


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
    provenance: ProvenanceOut


class SeriesItemOut(BaseModel):
    """One item in one window. simultaneous: all intervals of the answer hold together."""

    item: str
    index: int
    estimate: float
    standard_error: float
    low: float
    high: float
    low_simultaneous: float
    high_simultaneous: float


class SeriesWindowOut(BaseModel):
    """One window that holds reports."""

    window: int
    start: Annotated[str | None, Field(description="when it began, ISO 8601 in UTC")]
    n: int
    withheld: Annotated[bool, Field(description="n is below min_reports, so no item is shown")]
    items: list[SeriesItemOut]


class SeriesOut(BaseModel):
    """Items window by window, the oldest first; windows without any report are left out."""

    collection: str
    version: int
    spec_digest: str
    epsilon: str
    decoder: str
    confidence: float
    cohort: str | None
    window_seconds: int
    min_reports: int
    windows: list[SeriesWindowOut]


class SideIn(BaseModel):
    """One side of a comparison: some windows, one cohort, or both."""

    model_config = ConfigDict(extra="forbid")

    window: Annotated[str | None, Field(description='"20000" or "20000..20006"; left out: all')] = None
    cohort: Annotated[str | None, Field(description="a declared name; left out: all together")] = None


class GroupIn(BaseModel):
    """Items whose shares are added up."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    items: Annotated[list[str], Field(min_length=1, max_length=1_000)]


class CompareRequest(BaseModel):
    """Two sets of reports that share none."""

    model_config = ConfigDict(extra="forbid")

    first: SideIn
    second: SideIn
    confidence: Annotated[
        float, Field(gt=0, lt=1, description="of every interval; 1 - confidence is the level of tests")
    ] = 0.95
    top: Annotated[StrictInt | None, Field(ge=1, description="only the largest |z|, in falling order; else all")] = None
    groups: Annotated[list[GroupIn], Field(max_length=100)] = []
    decoder: str | None = None


class SideOut(SideIn):
    """One side, with what it was made of."""

    n: int
    counts_digest: str


class ComparedOut(BaseModel):
    """Second minus first. The error counts who happened to report as chance, besides the randomizers."""

    first: float
    second: float
    difference: float
    standard_error: float
    z: float
    p: Annotated[float, Field(description="two-sided, of this comparison by itself")]
    p_bonferroni: float
    p_holm: float
    low: float
    high: float
    low_simultaneous: float
    high_simultaneous: float
    significant: Annotated[bool, Field(description="p_holm < 1 - confidence")]


class ComparedItemOut(ComparedOut):
    """One item."""

    item: str
    index: int


class ComparedGroupOut(ComparedOut):
    """One group; corrected for the number of groups."""

    name: str
    standard_error_is_bound: Annotated[
        bool, Field(description="the tally does not tell how items vary together, so the error is an upper bound")
    ]


class CompareOut(BaseModel):
    """A difference test for every item, and for groups of items."""

    collection: str
    version: int
    spec_digest: str
    epsilon: str
    decoder: str
    confidence: float
    first: SideOut
    second: SideOut
    comparisons: Annotated[int, Field(description="items that were tested, also those not shown")]
    significant: Annotated[int, Field(description="of them those that differ, by Holm")]
    items: list[ComparedItemOut]
    groups: list[ComparedGroupOut]


class PlanRequest(BaseModel):
    """What is wanted of a collection that does not exist yet."""

    model_config = ConfigDict(extra="forbid")

    domain_size: Annotated[StrictInt, Field(ge=2, le=1 << 32, description="number of possible answers")]
    epsilon: Annotated[
        ExactEpsilon | None, Field(description="left out, the smallest with which `phones` reach the target is found")
    ] = None
    phones: Annotated[StrictInt | None, Field(ge=1, le=1 << 53, description="how many will answer")] = None
    target: Annotated[
        float, Field(ge=SMALLEST_TARGET, lt=1, description="half of the interval's width, 0.01 is one point")
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


class IntakeTotals(BaseModel):
    """Uploads by what became of them. Best effort: counted apart from the reports, on each machine by itself."""

    accepted: int
    replayed: Annotated[int, Field(description="sent again and recognised")]
    reports: Annotated[int, Field(description="in the accepted uploads")]
    rejected: Annotated[dict[str, int], Field(description="by problem slug")]


class IntakeWindow(IntakeTotals):
    """The same for one window. start: in UTC."""

    window: Annotated[int, Field(description="whole windows since 1970")]
    start: str


class IntakeOut(BaseModel):
    """Whether phones get through. n: the reports that are stored, exactly."""

    collection: str
    n: int
    totals: IntakeTotals
    windows: Annotated[list[IntakeWindow], Field(description="the newest first")]


class Health(BaseModel):
    """The process runs."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether reports can be taken and kept now; each check says "ok" or what is wrong."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str]


class VersionOut(BaseModel):
    """What runs here. schema: the revision that the database must have."""

    version: str
    schema_revision: Annotated[str, Field(serialization_alias="schema")]
    python: str


class ProblemOut(BaseModel):
    """An error (RFC 9457). Further members depend on the type, see docs/problems.md."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(examples=["urn:fanoplane:problem:unknown-collection"])]
    title: str
    status: int
    detail: str
