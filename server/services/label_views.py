"""The private labels of a collection's rows, and their mean."""

import csv
import hashlib
import io
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from ldp_core.errors import TallyError
from ldp_core.labels import LabelEstimate, RowLabels, format_bound, parse_bound
from ldp_core.mechanisms import Tally
from ldp_core.privacy.epsilon import format_epsilon
from server.refusals import InvalidParameters, NotEnoughReports
from server.services.estimate_views import Rendered
from server.services.specs import labels_of
from server.services.tallies import counts_digest
from server.storage.collections import CollectionRow

__all__ = ["LabelView", "label_estimate", "required_labels"]


@dataclass(frozen=True)
class LabelView:
    """How to show labels. confidence: of the mean's interval · rows: each label too, not only the mean."""

    confidence: float = 0.95
    rows: bool = True
    format: Literal["json", "csv"] = "json"

    def render(self, row: CollectionRow, tally: Tally, window: str | None) -> Rendered:
        """The labels as bytes. Raises InvalidParameters for a collection that gathers none, NotEnoughReports."""
        labels = required_labels(row)
        estimate = label_estimate(labels, tally)
        provenance = {"spec_digest": row.spec_digest, "counts_digest": counts_digest(tally), "window": window}
        if self.format == "csv":
            content, media_type = _csv(estimate), "text/csv; charset=utf-8"
        else:
            document = {**self._document(row, labels, estimate, tally), **provenance}
            content, media_type = msgspec.json.encode(document), "application/json"
        compact = msgspec.json.encode(provenance)
        named = compact + repr((self.confidence, self.rows, self.format)).encode()
        return Rendered(content, media_type, f'"{hashlib.sha256(named).hexdigest()}"', compact.decode("ascii"))

    def _document(self, row: CollectionRow, labels: RowLabels, estimate: LabelEstimate, tally: Tally) -> dict[str, Any]:
        ratio = labels.outcome.likelihood_ratio
        low, high = estimate.interval(self.confidence)
        return {
            "collection": row.id,
            "version": row.version,
            "n": tally.n,
            "rows": labels.rows,
            "rows_reported": len(estimate.row_numbers),
            "rows_repeated": estimate.repeated,
            "epsilon": format_epsilon(labels.mechanism.epsilon),
            "likelihood_ratio": f"{ratio.numerator}/{ratio.denominator}",
            "bound": format_bound(parse_bound(labels.outcome.bound)),
            "magnitude": labels.outcome.magnitude,
            "confidence": self.confidence,
            "mean": estimate.mean,
            "standard_error": estimate.standard_error,
            "low": low,
            "high": high,
            "row_numbers": estimate.row_numbers.tolist() if self.rows else [],
            "bits": estimate.bits.tolist() if self.rows else [],
        }


def required_labels(row: CollectionRow) -> RowLabels:
    """The labels of a collection. Raises InvalidParameters when it gathers none."""
    labels = labels_of(row.spec)
    if labels is None:
        raise InvalidParameters.of(
            "collection", "this collection gathers a histogram and no labels; ask for its estimates"
        )
    return labels


def label_estimate(labels: RowLabels, tally: Tally) -> LabelEstimate:
    """What a tally says of its rows. Raises NotEnoughReports when no row has exactly one report."""
    try:
        return LabelEstimate.of(labels, tally)
    except TallyError as error:
        raise NotEnoughReports("no row has exactly one report yet; wait for more", have=0, need=1) from error


def _csv(estimate: LabelEstimate) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["row", "bit", "label"])
    writer.writerows(zip(estimate.row_numbers.tolist(), estimate.bits.tolist(), estimate.labels.tolist(), strict=True))
    return text.getvalue().encode("ascii")
