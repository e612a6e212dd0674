"""The immutable description of a collection that a phone fetches, checks and obeys.

Its canonical JSON is the wire format, and the SHA-256 of those bytes is its name: a report carries the digest
of the spec it was made under. Small domains stand in the spec; of large ones the spec carries the digest and an address.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, cast

from ldp_core.errors import DomainError, FanoError, ParameterError, SpecError
from ldp_core.labels import OneBitOutcome, RowLabels, format_bound, parse_bound
from ldp_core.mechanisms import Mechanism, create
from ldp_core.privacy.epsilon import format_epsilon, parse_epsilon
from ldp_core.wire.canonical_json import Json, canonical_json, parse_canonical_json, sha256_hex
from ldp_core.wire.domain import Domain
from ldp_core.wire.terms import Limits, Window

__all__ = ["INLINE_ITEMS_BYTES", "MAX_REPORT_SPACE", "CollectionSpec"]

INLINE_ITEMS_BYTES = 64 * 1024
"""Items whose canonical JSON is longer than this are fetched from their own address."""

MAX_REPORT_SPACE = 1 << 32
"""A message is one unsigned integer of 32 bits."""

MAX_COHORTS = 256
MAX_COHORT_CHARACTERS = 64


@dataclass(frozen=True)
class CollectionSpec:
    """A version of a collection, frozen.

    collection: its identifier · version: 1, 2, … · domain: the items, or None when phones send bare indices ·
    mechanism: built for exactly this domain_size and epsilon · cohorts: names of which every report states one, none or
    2 to 256. The choice of a cohort is not protected by epsilon. labels: where each report is the private label of one numbered row; then
    mechanism and domain are those of its two ends, and the number of the row is not protected.
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
    labels: RowLabels | None = None

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
        if self.labels is not None:
            self._check_labels(self.labels)

    @classmethod
    def of_labels(
        cls,
        collection: str,
        version: int,
        question: str,
        labels: RowLabels,
        *,
        window: Window | None = None,
        limits: Limits | None = None,
    ) -> "CollectionSpec":
        """The spec of a collection of labels. Raises ParameterError."""
        return cls(
            collection,
            version,
            question,
            labels.mechanism,
            domain=Domain(labels.ends),
            window=window or Window(),
            limits=limits or Limits(),
            labels=labels,
        )

    def _check_labels(self, labels: RowLabels) -> None:
        own, given = labels.mechanism, self.mechanism
        same = (own.name, own.epsilon, own.domain_size) == (given.name, given.epsilon, given.domain_size)
        if not same or self.domain is None or tuple(self.domain.items) != labels.ends:
            raise ParameterError("labels are reported by randomized response over their two ends, -bound and bound")
        if self.cohorts:
            raise ParameterError(
                "a collection of labels declares no cohorts: what its rows have in common is known already"
            )

    @property
    def report_space(self) -> int:
        """N, the number of messages: of the mechanism, or for labels two for each row."""
        return self.mechanism.report_space if self.labels is None else self.labels.report_space

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
            "report_space": self.report_space,
            "window": {"period": self.window.period, "seconds": self.window.seconds},
            "limits": {
                "reports_per_batch": self.limits.reports_per_batch,
                "body_bytes": self.limits.body_bytes,
            },
        }
        if self.cohorts:
            document["cohorts"] = list(self.cohorts)
        if self.labels is not None:
            bound = format_bound(parse_bound(self.labels.outcome.bound))
            document["labels"] = {"rows": self.labels.rows, "bound": bound}
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
            labels=_labels(document),
        )

    @property
    def epsilon(self) -> Fraction:
        """The privacy loss of one report, exactly."""
        return self.mechanism.epsilon


def _labels(document: Mapping[str, Any]) -> RowLabels | None:
    stated = document.get("labels")
    if stated is None:
        return None
    return RowLabels(stated["rows"], OneBitOutcome(parse_epsilon(document["epsilon"]), stated["bound"]))


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
