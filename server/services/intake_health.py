"""Whether phones get through: uploads of a collection by what became of them, in all and window by window."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from server.storage.intake_counts import CountKey, Counts

__all__ = ["IntakeTotal", "WindowTotal", "intake_total", "intake_windows"]


@dataclass(frozen=True)
class IntakeTotal:
    """Uploads. reports: in the accepted ones · rejected: by problem slug."""

    accepted: int = 0
    replayed: int = 0
    reports: int = 0
    rejected: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class WindowTotal:
    """The uploads that arrived in one window. start: seconds since 1970."""

    window: int
    start: int
    total: IntakeTotal


def intake_total(counts: Iterable[tuple[CountKey, Counts]]) -> IntakeTotal:
    """All outcomes added up."""
    uploads: dict[str, int] = {}
    reports = 0
    for key, value in counts:
        uploads[key.outcome] = uploads.get(key.outcome, 0) + value.uploads
        reports += value.reports if key.outcome == "accepted" else 0
    return IntakeTotal(
        accepted=uploads.pop("accepted", 0), replayed=uploads.pop("replayed", 0), reports=reports, rejected=uploads
    )


def intake_windows(counts: dict[CountKey, Counts], most: int) -> list[WindowTotal]:
    """Each window by itself, the newest first."""
    found: dict[tuple[int, int], list[tuple[CountKey, Counts]]] = {}
    for key, value in counts.items():
        found.setdefault((key.start, key.window_index), []).append((key, value))
    newest = sorted(found, reverse=True)[:most]
    return [WindowTotal(window, start, intake_total(found[start, window])) for start, window in newest]
