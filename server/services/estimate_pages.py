"""A page of a decoded histogram: some of its items, found and ordered here, so that a reader of 22,000 never receives them all.

Two intervals for each item: the one of the chosen confidence, and the inner half of the belief (50 %).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from ldp_core.estimation import Estimate
from ldp_core.estimation.intervals import Interval
from ldp_core.types import Frequencies, IntArray
from server.refusals import InvalidParameters
from server.services.estimate_views import processed
from server.services.estimates import Decoded
from server.services.specs import parsed_spec

__all__ = ["EstimatePage", "ItemRow", "Leader", "Order", "PageQuestion"]

Order = Literal["estimate", "index"]

_INNER = 0.5


@dataclass(frozen=True)
class PageQuestion:
    """Which items. search: part of an item's text, case ignored · order: largest estimate first, or as the domain lists them ·
    page: from 1 · size: rows of a page · post: a post-processing to show beside the raw numbers, None for none.
    """

    search: str = ""
    order: Order = "estimate"
    page: int = 1
    size: int = 25
    confidence: float = 0.95
    post: str | None = "norm_sub"


@dataclass(frozen=True)
class ItemRow:
    """One item. low_inner, high_inner: 50 % · low_simultaneous, high_simultaneous: hold for all items together · post: biased."""

    item: str
    index: int
    estimate: float
    standard_error: float
    low: float
    high: float
    low_inner: float
    high_inner: float
    low_simultaneous: float
    high_simultaneous: float
    above_noise_floor: bool
    post: float | None


@dataclass(frozen=True)
class Leader:
    """The largest estimate. contenders: items, itself included, that may truly be the most common one: their simultaneous interval
    reaches up to the low end of the leader's.
    """

    row: ItemRow
    contenders: int


@dataclass(frozen=True)
class EstimatePage:
    """The rows asked for, and what is true of all items. matches: items that the search finds · above: items above the noise floor ·
    post_refusal: why these estimates cannot be post-processed, empty when they can.
    """

    rows: tuple[ItemRow, ...]
    leader: Leader
    matches: int
    pages: int
    page: int
    above: int
    noise_floor: float
    post_refusal: str
    decoded: Decoded
    question: PageQuestion

    @classmethod
    def of(cls, decoded: Decoded, question: PageQuestion) -> "EstimatePage":
        """The page of an estimate."""
        columns = _Columns(decoded, question)
        matches = _ordered(decoded.estimate, _found(decoded, question.search), question.order)
        pages = max(1, -(-len(matches) // question.size))
        page = min(max(question.page, 1), pages)
        shown = matches[(page - 1) * question.size : page * question.size]
        return cls(
            rows=tuple(columns.row(int(index)) for index in shown),
            leader=columns.leader(),
            matches=len(matches),
            pages=pages,
            page=page,
            above=int(np.count_nonzero(decoded.estimate.frequencies > columns.noise_floor)),
            noise_floor=columns.noise_floor,
            post_refusal=columns.post_refusal,
            decoded=decoded,
            question=question,
        )


class _Columns:
    """All numbers of an estimate, item by item."""

    def __init__(self, decoded: Decoded, question: PageQuestion) -> None:
        estimate = self._estimate = decoded.estimate
        self._domain = parsed_spec(decoded.row).domain
        self._one: Interval = estimate.interval(question.confidence)
        self._inner: Interval = estimate.interval(_INNER)
        self._all: Interval = estimate.interval(question.confidence, simultaneous=True)
        self._post, self.post_refusal = _post(estimate, question.post)
        self.noise_floor = estimate.noise_floor(question.confidence)

    def row(self, index: int) -> ItemRow:
        """One item's numbers."""
        value = float(self._estimate.frequencies[index])
        return ItemRow(
            item=str(index) if self._domain is None else self._domain.items[index],
            index=index,
            estimate=value,
            standard_error=float(self._estimate.standard_errors[index]),
            low=float(self._one.low[index]),
            high=float(self._one.high[index]),
            low_inner=float(self._inner.low[index]),
            high_inner=float(self._inner.high[index]),
            low_simultaneous=float(self._all.low[index]),
            high_simultaneous=float(self._all.high[index]),
            above_noise_floor=value > self.noise_floor,
            post=None if self._post is None else float(self._post[index]),
        )

    def leader(self) -> Leader:
        """The largest estimate, and how many items it cannot be told from."""
        top = int(np.argmax(self._estimate.frequencies))
        contenders = self._all.high >= self._all.low[top]
        return Leader(self.row(top), int(np.count_nonzero(contenders)))


def _post(estimate: Estimate, name: str | None) -> tuple[Frequencies | None, str]:
    """The processed shares, or why there are none: some processings need a positive estimate, and noise may leave none."""
    if name is None:
        return None, ""
    try:
        return processed(estimate, name).frequencies, ""
    except InvalidParameters as refused:
        return None, refused.detail


def _found(decoded: Decoded, search: str) -> IntArray:
    """Indices of the items whose text holds `search`."""
    size = decoded.estimate.domain_size
    wanted = search.casefold()
    if not wanted:
        return np.arange(size, dtype=np.int64)
    domain = parsed_spec(decoded.row).domain
    texts = _folded(tuple(domain.items)) if domain is not None else tuple(map(str, range(size)))
    return np.array([index for index, text in enumerate(texts) if wanted in text], dtype=np.int64)


@lru_cache(maxsize=4)
def _folded(items: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(item.casefold() for item in items)


def _ordered(estimate: Estimate, indices: IntArray, order: Order) -> IntArray:
    if order == "index":
        return indices
    return indices[np.argsort(-estimate.frequencies[indices], kind="stable")]
