"""The audit log for people: which token administered what, to the hour, the newest first."""

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from server.clock import HOUR
from server.dashboard import words
from server.dashboard.visits import View, Visit
from server.services.changes import SCHEDULE
from server.storage.audit import AuditEntry

__all__ = ["ActLine", "AuditModel", "audit_page"]

_PAGE = 100
_DONE = {
    "create": "made",
    "open": "opened",
    "pause": "paused",
    "close": "closed",
    "patch": "changed",
    "delete": "deleted",
    "revoke": "ended",
}


@dataclass(frozen=True)
class ActLine:
    """hour: such as 24 November 2026, 13:00 · act: such as collection opened · collection: its id, where the act was about one."""

    number: int
    hour: str
    actor: str
    act: str
    subject: str
    collection: str | None
    detail: str


@dataclass(frozen=True)
class AuditModel:
    """older: the number below which the next page begins, None at the end · newest: is this the first page?"""

    acts: tuple[ActLine, ...]
    older: int | None
    newest: bool


async def audit_page(visit: Visit) -> View:
    """A page of the audit log; `before` in the address is the number below which it begins."""
    visit.require_admin()
    before = visit.query.whole("before", 0, 1, 1 << 53) or None
    found = await run_in_threadpool(visit.services.keys.newest_acts, before=before, limit=_PAGE + 1)
    shown = found[:_PAGE]
    older = shown[-1].number if len(found) > _PAGE else None
    return View("audit.html", "Audit log", AuditModel(tuple(map(_line, shown)), older, before is None))


def _line(entry: AuditEntry) -> ActLine:
    noun, _, verb = entry.act.partition(".")
    return ActLine(
        number=entry.number,
        hour=words.moment(entry.hour * HOUR, HOUR),
        actor="the service, when it was due" if entry.actor == SCHEDULE else entry.actor,
        act=f"{noun} {_DONE.get(verb, verb)}",
        subject=entry.subject,
        collection=None if noun == "token" else entry.subject,
        detail=entry.detail,
    )
