"""Two sets of reports of one collection against each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ldp_core.estimation import Difference
from ldp_core.mechanisms import Mechanism, group_share
from ldp_core.privacy.epsilon import format_epsilon
from server.refusals import InvalidParameters
from server.services.estimates import Asked, Decoded, Estimates
from server.services.series import item_indices
from server.services.specs import mechanism_of, parsed_spec
from server.services.windows import selection_of
from server.storage.collections import CollectionRow
from server.storage.tallies import Selection

__all__ = ["Comparison", "Group", "compare"]

_MOST_GROUP_ITEMS = 1_000
"""Items of all groups together: each costs a pass over the messages that support it."""


@dataclass(frozen=True)
class Group:
    """Items whose shares are added up."""

    name: str
    items: Sequence[str]


@dataclass(frozen=True)
class Comparison:
    """first, second: two sets of reports that share none · top: only so many items, by falling |z|; None for all by index."""

    first: Asked
    second: Asked
    confidence: float = 0.95
    top: int | None = None
    groups: Sequence[Group] = field(default_factory=list)


def compare(estimates: Estimates, row: CollectionRow, comparison: Comparison) -> dict[str, Any]:
    """The document of `server.api.comparison_schemas.CompareOut`. Only in the background thread, see `Estimates.run`.

    Raises NotEnoughReports, or InvalidParameters for what the collection does not have and for sets that share reports.
    """
    _require_disjoint(row, comparison)
    groups = _group_indices(row, comparison.groups)
    first = estimates.decoded(row, comparison.first, "first.")
    second = estimates.decoded(row, comparison.second, "second.")
    mechanism, domain = mechanism_of(row.spec), parsed_spec(row).domain
    test = Difference.between(first.estimate, second.estimate)
    shown = _shown(test, comparison.top)
    names = [{"item": str(i) if domain is None else domain.items[i], "index": i} for i in shown]
    return {
        "collection": row.id,
        "version": row.version,
        "spec_digest": row.spec_digest,
        "epsilon": format_epsilon(mechanism.epsilon),
        "decoder": first.estimate.provenance.decoder,
        "confidence": comparison.confidence,
        "first": _side(first),
        "second": _side(second),
        "comparisons": test.comparisons,
        "significant": int((test.p_holm < 1 - comparison.confidence).sum()),
        "items": _rows(test, comparison.confidence, shown, names),
        "groups": _groups(mechanism, comparison, groups, first, second),
    }


def _side(decoded: Decoded) -> dict[str, Any]:
    return {
        "window": decoded.asked.window,
        "cohort": decoded.asked.cohort,
        "n": decoded.estimate.n,
        "counts_digest": decoded.counts_digest,
    }


def _shown(test: Difference, top: int | None) -> list[int]:
    if top is None:
        return list(range(test.comparisons))
    shown: list[int] = np.argsort(-np.abs(test.z), kind="stable")[:top].tolist()
    return shown


def _rows(
    test: Difference, confidence: float, shown: Sequence[int], names: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    one, all_ = test.interval(confidence), test.interval(confidence, simultaneous=True)
    columns = {
        "first": test.first,
        "second": test.second,
        "difference": test.difference,
        "standard_error": test.standard_errors,
        "z": test.z,
        "p": test.p,
        "p_bonferroni": test.p_bonferroni,
        "p_holm": test.p_holm,
        "low": one.low,
        "high": one.high,
        "low_simultaneous": all_.low,
        "high_simultaneous": all_.high,
        "significant": test.p_holm < 1 - confidence,
    }
    picked = [column[list(shown)].tolist() for column in columns.values()]
    return [{**name, **dict(zip(columns, values, strict=True))} for name, *values in zip(names, *picked, strict=True)]


def _groups(
    mechanism: Mechanism, comparison: Comparison, groups: Sequence[list[int]], first: Decoded, second: Decoded
) -> list[dict[str, Any]]:
    if not groups:
        return []
    sides = [
        [group_share(mechanism, side.tally, side.estimate, indices) for indices in groups] for side in (first, second)
    ]
    (first_shares, first_errors), (second_shares, second_errors) = (
        np.array([(one.share, one.standard_error) for one in side]).T for side in sides
    )
    test = Difference.of(
        (first_shares, second_shares), (first_errors, second_errors), (first.estimate.n, second.estimate.n)
    )
    names = [
        {"name": group.name, "standard_error_is_bound": one.bound or other.bound}
        for group, one, other in zip(comparison.groups, *sides, strict=True)
    ]
    return _rows(test, comparison.confidence, range(len(groups)), names)


def _group_indices(row: CollectionRow, groups: Sequence[Group]) -> list[list[int]]:
    named = sum(len(group.items) for group in groups)
    if named > _MOST_GROUP_ITEMS:
        raise InvalidParameters.of("groups", f"groups name at most {_MOST_GROUP_ITEMS} items together, got {named}")
    return [item_indices(row, group.items, f"groups.{place}.items") for place, group in enumerate(groups)]


def _require_disjoint(row: CollectionRow, comparison: Comparison) -> None:
    first, second = (
        selection_of(row.spec, window=side.window, cohort=side.cohort, prefix=prefix)
        for side, prefix in ((comparison.first, "first."), (comparison.second, "second."))
    )
    if _share_windows(first, second) and (
        first.cohort is None or second.cohort is None or first.cohort == second.cohort
    ):
        raise InvalidParameters.of(
            "second", "first and second share reports; compare windows that do not overlap, or two different cohorts"
        )


def _share_windows(first: Selection, second: Selection) -> bool:
    if first.first is None or first.last is None or second.first is None or second.last is None:
        return True
    return first.first <= second.last and second.first <= first.last
