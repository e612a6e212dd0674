"""The immutable description of a collection that a phone fetches, checks and obeys.

Its canonical JSON is the wire format, and the SHA-256 of those bytes is its name: a report carries the digest
of the spec it was made under. Small domains stand in the spec; of large ones the spec carries the digest and an address.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, cast

from ldp_core.errors import DomainError, FanoError, ParameterError, SpecError
from ldp_core.mechanisms import Mechanism, create
from ldp_core.privacy.epsilon import format_epsilon, parse_epsilon
from ldp_core.wire.canonical_json import Json, canonical_json, parse_canonical_json, sha256_hex
from ldp_core.wire.domain import Domain

__all__ = ["INLINE_ITEMS_BYTES", "MAX_REPORT_SPACE", "CollectionSpec", "Limits", "Window"]

INLINE_ITEMS_BYTES = 64 * 1024
"""Items whose canonical JSON is longer than this are fetched from their own address."""

MAX_REPORT_SPACE = 1 << 32
"""A message is one unsigned integer of 32 bits."""

MAX_COHORTS = 256
MAX_COHORT_CHARACTERS = 64

_PERIOD = re.compile(r"P(?:(?P<weeks>\d{1,3})W|(?P<days>\d{1,3})D|T(?P<hours>\d{1,3})H)")
_SECONDS = {"weeks": 7 * 86_400, "days": 86_400, "hours": 3_600}


@dataclass(frozen=True)
class Window:
    """How finely the time of a report is remembered: an ISO 8601 period of whole hours, days or weeks.

    Raises ParameterError for any other period.

    >>> Window("P1D").seconds
    86400
    """

    period: str = "P1D"

    def __post_init__(self) -> None:
        if self.seconds < 3_600:
            raise ParameterError(f"a window lasts at least one hour (PT1H), got {self.period!r}")

    @property
    def seconds(self) -> int:
        """The length of the window."""
        match = _PERIOD.fullmatch(self.period)
        if match is None:
            raise ParameterError(f'a window is a period such as "PT1H", "P1D" or "P1W", got {self.period!r}')
        return sum(int(amount) * _SECONDS[unit] for unit, amount in match.groupdict().items() if amount)


@dataclass(frozen=True)
class Limits:
    """The most that one upload may carry."""

    reports_per_batch: int = 10_000
    body_bytes: int = 1 << 20


@dataclass(frozen=True)
class CollectionSpec:
    """A version of a collection, frozen.

    collection: its identifier · version: 1, 2, … · domain: the items, or None when phones send bare indices ·
    mechanism: built for exactly this domain_size and epsilon · cohorts: names of which every report states one, none or
    2 to 256. The choice of a cohort is not protected by epsilon.
    """

    collection: str
    version: int
    question: str
    mechanism: Mechanism
    domain: Domain | None = None
    items_url: str | None = None
    window: Window = field(default_factory=Window)
    limits: Limits = field(default_factory=Limits)
    cohorts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.domain is not None and len(self.domain) != self.mechanism.domain_size:
            raise DomainError(
                f"the mechanism is for {self.mechanism.domain_size} items and the domain has {len(self.domain)}"
            )
        if self.mechanism.report_space > MAX_REPORT_SPACE:
            raise ParameterError(
                f"a message must fit 32 bits, and {self.mechanism.name} would need {self.mechanism.report_bits:,} here; "
                "`fano mechanisms` lists those that fit"
            )
        _check_cohorts(self.cohorts)

    def cohort_index(self, name: str) -> int:
        """The index of a declared cohort. Raises ParameterError for any other."""
        if name not in self.cohorts:
            known = ", ".join(self.cohorts) or "none"
            raise ParameterError(f"{name!r} is no cohort of this collection; it declares {known}")
        return self.cohorts.index(name)

    def document(self) -> dict[str, Json]:
        """The spec as JSON: integers and strings only."""
        mechanism = self.mechanism
        document: dict[str, Json] = {
            "collection": self.collection,
            "version": self.version,
            "question": self.question,
            "domain_size": mechanism.domain_size,
            "mechanism": mechanism.name,
            "parameters": dict(mechanism.parameters),
            "epsilon": format_epsilon(mechanism.epsilon),
            "threshold": str(mechanism.threshold),
            "report_space": mechanism.report_space,
            "window": {"period": self.window.period, "seconds": self.window.seconds},
            "limits": {
                "reports_per_batch": self.limits.reports_per_batch,
                "body_bytes": self.limits.body_bytes,
            },
        }
        if self.cohorts:
            document["cohorts"] = list(self.cohorts)
        if self.domain is not None:
            document["items_digest"] = self.domain.digest
            if len(self.domain.canonical) <= INLINE_ITEMS_BYTES:
                document["items"] = list(self.domain.items)
            else:
                document["items_url"] = self.items_url or f"/c/{self.collection}/items"
        return document

    @cached_property
    def canonical(self) -> bytes:
        """The bytes that a phone fetches."""
        return canonical_json(self.document())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical bytes, 64 hex digits: the name of this version."""
        return sha256_hex(self.canonical)

    @classmethod
    def parse(cls, raw: bytes, *, digest: str | None = None, items: bytes | None = None) -> "CollectionSpec":
        """Read and check a spec.

        raw: canonical bytes · digest: what they must hash to, when known · items: canonical bytes of a domain that is not inline.
        The mechanism is built anew and must have the threshold and report space that the spec states.
        Raises SpecError when anything does not fit.
        """
        if digest is not None and sha256_hex(raw) != digest:
            raise SpecError(f"the spec does not hash to {digest}: it was changed on its way, or is another version")
        document = parse_canonical_json(raw)
        if not isinstance(document, dict):
            raise SpecError("a spec is a JSON object")
        try:
            spec = cls._from_document(document, items)
        except KeyError as error:
            raise SpecError(f"the spec lacks {error}") from error
        except SpecError:
            raise
        except (FanoError, TypeError, AttributeError, ValueError) as error:
            raise SpecError(f"the spec describes no collection: {error}") from error
        if spec.canonical != raw:
            raise SpecError(
                "the spec is not what its own parameters give: threshold, report space, items or fields differ"
            )
        return spec

    @classmethod
    def _from_document(cls, document: Mapping[str, Any], items: bytes | None) -> "CollectionSpec":
        return cls(
            collection=document["collection"],
            version=document["version"],
            question=document["question"],
            mechanism=create(
                document["mechanism"],
                epsilon=parse_epsilon(document["epsilon"]),
                domain_size=document["domain_size"],
                **document["parameters"],
            ),
            domain=_domain(document, items),
            items_url=document.get("items_url"),
            window=Window(document["window"]["period"]),
            limits=Limits(**document["limits"]),
            cohorts=tuple(document.get("cohorts", ())),
        )

    @property
    def epsilon(self) -> Fraction:
        """The privacy loss of one report, exactly."""
        return self.mechanism.epsilon


def _check_cohorts(cohorts: Sequence[str]) -> None:
    if not cohorts:
        return
    if not 2 <= len(cohorts) <= MAX_COHORTS or len(set(cohorts)) != len(cohorts):
        raise ParameterError(f"a collection declares no cohorts, or 2 to {MAX_COHORTS} different ones")
    for name in cohorts:
        if not isinstance(name, str) or not 0 < len(name) <= MAX_COHORT_CHARACTERS:
            raise ParameterError(f"the name of a cohort is a string of 1 to {MAX_COHORT_CHARACTERS} characters")


def _domain(document: Mapping[str, Any], items: bytes | None) -> Domain | None:
    if "items_digest" not in document:
        return None
    inline = document.get("items")
    if inline is None and items is None:
        raise SpecError(f"the items of this spec are at {document['items_url']}; fetch them and pass their bytes")
    listed = inline if inline is not None else parse_canonical_json(items or b"")
    if not isinstance(listed, list):
        raise SpecError("items are a JSON list of strings")
    return Domain(cast(list[str], listed))
