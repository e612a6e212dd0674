"""An estimate as bytes: which items, which intervals, JSON or CSV."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

import ldp_core
from ldp_core.errors import ParameterError
from ldp_core.estimation import Estimate
from ldp_core.estimation.post_processing import Processed, post_process
from ldp_core.privacy.epsilon import format_epsilon
from ldp_core.types import IntArray
from server.refusals import InvalidParameters
from server.services.estimates import Decoded
from server.services.specs import intake_terms, parsed_spec

__all__ = ["EstimateView", "Rendered", "processed"]

_COLUMNS = (
    "item",
    "index",
    "estimate",
    "standard_error",
    "low",
    "high",
    "low_simultaneous",
    "high_simultaneous",
    "above_noise_floor",
)


class Rendered(NamedTuple):
    """Bytes with what an HTTP answer says about them. provenance: compact JSON in ASCII."""

    content: bytes
    media_type: str
    etag: str
    provenance: str


@dataclass(frozen=True)
class EstimateView:
    """How to show an estimate.

    confidence: of all intervals and the noise floor · top: None for all items by index · post: names of
    post-processings to show beside the raw numbers.
    """

    confidence: float = 0.95
    top: int | None = None
    format: Literal["json", "csv"] = "json"
    post: tuple[str, ...] = ()

    def render(self, decoded: Decoded) -> Rendered:
        """The estimate as bytes."""
        provenance = _provenance(decoded, self.post)
        if self.format == "csv":
            content, media_type = self._csv(decoded), "text/csv; charset=utf-8"
        else:
            content, media_type = msgspec.json.encode(self.document(decoded)), "application/json"
        compact = json.dumps(provenance, separators=(",", ":")).encode("ascii")  # a header holds ASCII only
        named = compact + repr((self.confidence, self.top, self.format, self.post)).encode()
        # weak: the bytes also carry how long the decoder took
        return Rendered(content, media_type, f'W/"{hashlib.sha256(named).hexdigest()}"', compact.decode("ascii"))

    def document(self, decoded: Decoded) -> dict[str, Any]:
        """The JSON document of `server.api.estimate_schemas.EstimateOut`."""
        row, estimate = decoded.row, decoded.estimate
        provenance = _provenance(decoded, self.post)
        canaries, processed = estimate.canaries, self._processed(estimate)
        shared = ("spec_digest", "mechanism", "parameters", "epsilon", "likelihood_ratio", "decoder")
        return {
            "collection": row.id,
            "n": estimate.n,
            "version": row.version,
            "window": decoded.asked.window,
            "cohort": decoded.asked.cohort,
            **{name: provenance[name] for name in shared},
            "decode_seconds": decoded.decode_seconds,
            "confidence": self.confidence,
            "domain_size": estimate.domain_size,
            "report_space": intake_terms(row.spec).report_space,
            "noise_floor": estimate.noise_floor(self.confidence),
            "canaries": {**asdict(canaries), "alarm": bool(canaries.alarm)},
            "poisoning": asdict(estimate.poisoning),
            "items": [self._item(values) for values in self._rows(decoded, processed)],
            "post_convergence": {
                name: asdict(one.convergence) for name, one in processed.items() if one.convergence is not None
            },
            "provenance": provenance,
        }

    def _item(self, values: tuple[Any, ...]) -> dict[str, Any]:
        raw, processed = values[: len(_COLUMNS)], values[len(_COLUMNS) :]
        return {**dict(zip(_COLUMNS, raw, strict=True)), "post": dict(zip(self.post, processed, strict=True))}

    def _csv(self, decoded: Decoded) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow([*_COLUMNS, *(f"post_{name}" for name in self.post)])
        for values in self._rows(decoded, self._processed(decoded.estimate)):
            writer.writerow(["true" if value is True else "false" if value is False else value for value in values])
        return text.getvalue().encode("utf-8")

    def _processed(self, estimate: Estimate) -> dict[str, Processed]:
        return {name: processed(estimate, name) for name in self.post}

    def _rows(self, decoded: Decoded, processed: Mapping[str, Processed]) -> Iterator[tuple[Any, ...]]:
        """One tuple for each shown item: `_COLUMNS`, then the post-processed shares."""
        estimate, domain = decoded.estimate, parsed_spec(decoded.row).domain
        shown = _shown(estimate, self.top)
        one = estimate.interval(self.confidence)
        all_ = estimate.interval(self.confidence, simultaneous=True)
        numbers = (estimate.frequencies, estimate.standard_errors, one.low, one.high, all_.low, all_.high)
        above = estimate.frequencies > estimate.noise_floor(self.confidence)
        indices = shown.tolist()
        names = [str(index) if domain is None else domain.items[index] for index in indices]
        columns = (*numbers, above, *(one.frequencies for one in processed.values()))
        return zip(names, indices, *(column[shown].tolist() for column in columns), strict=True)


def processed(estimate: Estimate, name: str) -> Processed:
    """Shares after a named post-processing. Raises InvalidParameters for an unknown name."""
    try:
        return post_process(estimate, name)
    except ParameterError as error:
        raise InvalidParameters.of("post", str(error)) from error


def _shown(estimate: Estimate, top: int | None) -> IntArray:
    """Indices of the items to show: all, or the `top` largest estimates in falling order, ties by index."""
    if top is None:
        return np.arange(estimate.domain_size, dtype=np.int64)
    return np.argsort(-estimate.frequencies, kind="stable")[:top].astype(np.int64)


def _provenance(decoded: Decoded, post: tuple[str, ...]) -> dict[str, Any]:
    origin = decoded.estimate.provenance
    ratio = origin.likelihood_ratio
    return {
        "spec_digest": decoded.row.spec_digest,
        "counts_digest": decoded.counts_digest,
        "window": decoded.asked.window,
        "cohort": decoded.asked.cohort,
        "mechanism": origin.mechanism,
        "parameters": dict(origin.parameters),
        "epsilon": format_epsilon(origin.epsilon),
        "threshold": str(origin.threshold),
        "likelihood_ratio": f"{ratio.numerator}/{ratio.denominator}",
        "decoder": origin.decoder,
        "post": [*origin.post, *post],
        "software": f"fanoplane {ldp_core.__version__}",
    }
