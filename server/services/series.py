"""The course of some items over windows: each window decoded by itself, each number with its intervals."""

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ldp_core.errors import ValueOutOfDomain
from ldp_core.estimation import Estimate
from ldp_core.estimation.intervals import critical_value, score_interval
from ldp_core.mechanisms import Tally
from ldp_core.privacy.epsilon import format_epsilon
from server.refusals import InvalidParameters
from server.services.estimates import Estimates, chosen_decoder
from server.services.specs import intake_terms, mechanism_of, parsed_spec
from server.services.tallies import counts_digest
from server.services.windows import selection_of, window_start
from server.storage.collections import CollectionRow
from server.storage.tallies import Selection

__all__ = ["SeriesQuestion", "SeriesService", "item_indices"]

_MOST_WINDOWS = 1_000
_REMEMBERED = 20_000


@dataclass(frozen=True)
class SeriesQuestion:
    """What is asked.

    items: texts, or indices where the collection has no texts · window, cohort: as in `selection_of`, None for all ·
    version: of the collection, the current one when None.
    """

    items: Sequence[str]
    window: str | None = None
    cohort: str | None = None
    decoder: str | None = None
    confidence: float = 0.95
    version: int | None = None


class _Point(NamedTuple):
    """One item in one window: what its intervals need. noise: n times the variance where nobody holds it; the rest as `Estimate` has it."""

    estimate: float
    standard_error: float
    noise: float
    slope: float
    asymmetry: float


class SeriesService:
    """Series of collections; points of windows that did not change are remembered."""

    def __init__(self, estimates: Estimates) -> None:
        self._estimates = estimates
        self._points: OrderedDict[tuple[str, str, str, int], _Point] = OrderedDict()

    def submit(self, collection_id: str, question: SeriesQuestion) -> "Future[dict[str, Any]]":
        """The document of `server.api.series_schemas.SeriesOut`, in the background.

        The future raises UnknownCollection, or InvalidParameters for what the collection does not have.
        """
        return self._estimates.run(
            collection_id, lambda _estimates, row: self._document(row, question), question.version
        )

    def _document(self, row: CollectionRow, question: SeriesQuestion) -> dict[str, Any]:
        mechanism = mechanism_of(row.spec)
        decoder = chosen_decoder(mechanism, question.decoder)
        indices = item_indices(row, question.items, "item")
        seconds = intake_terms(row.spec).window_seconds
        windows = self._windows(row, question)
        need = max(1, row.min_reports)
        shown = sum(n >= need for _, n in windows)
        z = [critical_value(question.confidence, comparisons) for comparisons in (1, max(1, shown * len(indices)))]
        entries = []
        for window, n in windows:
            points: list[dict[str, Any]] = []
            if n >= need:
                selection = selection_of(row.spec, window=str(window), cohort=question.cohort)
                n, found = self._window_points(row, selection, decoder, indices)
                points = [
                    _point_document(name, index, point, n, z)
                    for name, index, point in zip(question.items, indices, found, strict=True)
                ]
            entries.append(
                {
                    "window": window,
                    "start": window_start(window, seconds),
                    "n": n,
                    "withheld": not points,
                    "items": points,
                }
            )
        return {
            "collection": row.id,
            "version": row.version,
            "spec_digest": row.spec_digest,
            "epsilon": format_epsilon(mechanism.epsilon),
            "decoder": decoder,
            "confidence": question.confidence,
            "cohort": question.cohort,
            "window_seconds": seconds,
            "min_reports": need,
            "windows": entries,
        }

    def _windows(self, row: CollectionRow, question: SeriesQuestion) -> list[tuple[int, int]]:
        selection = selection_of(row.spec, window=question.window, cohort=question.cohort)
        windows = self._estimates.windows(row, selection)
        if len(windows) > _MOST_WINDOWS:
            raise InvalidParameters.of(
                "window",
                f"{len(windows)} windows hold reports and a series shows at most {_MOST_WINDOWS}; "
                f'give a range such as "{windows[-_MOST_WINDOWS][0]}..{windows[-1][0]}"',
            )
        return windows

    def _window_points(
        self, row: CollectionRow, selection: Selection, decoder: str, indices: Sequence[int]
    ) -> tuple[int, list[_Point]]:
        """The number of reports now, and a point for each item."""
        tally = self._estimates.tally_once(row, selection)
        digest = counts_digest(tally)
        keys = [(row.spec_digest, digest, decoder, index) for index in indices]
        if not all(key in self._points for key in keys):
            self._decode(row, tally, keys)
        for key in keys:
            self._points.move_to_end(key)
        points = [self._points[key] for key in keys]
        while len(self._points) > _REMEMBERED:
            self._points.popitem(last=False)
        return tally.n, points

    def _decode(self, row: CollectionRow, tally: Tally, keys: Sequence[tuple[str, str, str, int]]) -> None:
        estimate = self._estimates.decode(row, tally, keys[0][2])
        for key in keys:
            self._points[key] = _point(estimate, key[3])


def _point(estimate: Estimate, index: int) -> _Point:
    noise = np.broadcast_to(estimate.noise_variance, (estimate.domain_size,))
    return _Point(
        float(estimate.frequencies[index]),
        float(estimate.standard_errors[index]),
        float(noise[index]),
        float(estimate.slope),
        float(estimate.asymmetry[index]),
    )


def _point_document(name: str, index: int, point: _Point, n: int, z: Sequence[float]) -> dict[str, Any]:
    frequency = np.array([point.estimate])
    one, all_ = (score_interval(frequency, point.noise, point.slope, n, value, point.asymmetry) for value in z)
    return {
        "item": name,
        "index": index,
        "estimate": point.estimate,
        "standard_error": point.standard_error,
        "low": float(one.low[0]),
        "high": float(one.high[0]),
        "low_simultaneous": float(all_.low[0]),
        "high_simultaneous": float(all_.high[0]),
    }


def item_indices(row: CollectionRow, names: Sequence[str], field: str) -> list[int]:
    """The indices of items, by text, or by number where the collection has no texts. Raises InvalidParameters."""
    domain, size = parsed_spec(row).domain, mechanism_of(row.spec).domain_size
    indices = []
    for name in names:
        try:
            index = domain.index(name) if domain is not None else int(name) if name.isascii() and name.isdigit() else -1
        except (ValueOutOfDomain, ValueError):  # a number of thousands of digits is a ValueError
            index = -1
        if not 0 <= index < size:
            raise InvalidParameters.of(field, f"{name[:80]!r} is no item of this collection")
        indices.append(index)
    if len(set(indices)) != len(indices):
        raise InvalidParameters.of(field, "an item is named twice")
    return indices
