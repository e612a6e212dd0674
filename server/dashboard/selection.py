"""Which reports a page is about: a version of the collection, some of its windows, a cohort."""

from dataclasses import dataclass
from urllib.parse import urlencode

from server.dashboard import words
from server.dashboard.visits import Visit
from server.services.estimates import Asked
from server.services.specs import cohort_names, intake_terms
from server.storage.collections import CollectionRow
from server.storage.tallies import ALL_REPORTS

__all__ = ["Choice", "ReportChoices", "report_choices"]

_WINDOWS = 60


@dataclass(frozen=True)
class Choice:
    """value: in the address, empty for all · text: for people."""

    value: str
    text: str


@dataclass(frozen=True)
class ReportChoices:
    """What can be chosen, and what was. query: the choice as part of an address, empty when everything is meant."""

    versions: tuple[Choice, ...]
    windows: tuple[Choice, ...]
    cohorts: tuple[Choice, ...]
    version: str
    window: str
    cohort: str
    query: str


def report_choices(visit: Visit, row: CollectionRow, asked: Asked) -> ReportChoices:
    """The choices of a collection. Reads the database."""
    versions = visit.services.collections.versions(row.id)
    current = versions[-1][0].version
    stored = visit.services.estimates.windows(row, ALL_REPORTS)[-_WINDOWS:]
    seconds = intake_terms(row.spec).window_seconds
    windows = [
        Choice(str(window), f"{words.moment(window * seconds, seconds)} ({words.count(n)})") for window, n in stored
    ][::-1]
    window, cohort = asked.window or "", asked.cohort or ""
    if window and window not in {choice.value for choice in windows}:
        windows.insert(0, Choice(window, f"window {window}"))
    chosen = {
        "version": "" if row.version == current else str(row.version),
        "window": window,
        "cohort": cohort,
    }
    return ReportChoices(
        versions=tuple(
            Choice("" if one.version == current else str(one.version), f"{one.version} ({words.count(n)})")
            for one, n in reversed(versions)
        ),
        windows=tuple(windows),
        cohorts=tuple(Choice(name, name) for name in cohort_names(row.spec)),
        query=urlencode({name: value for name, value in chosen.items() if value}),
        **chosen,
    )
