"""The audit log: who did what to what, to the hour, in the transaction that did it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from server.clock import HOUR
from server.storage.tables import audit_log

__all__ = ["AuditEntry", "audit_entries", "newest_entries", "record_act"]


@dataclass(frozen=True)
class AuditEntry:
    """hour: hours since 1970 · actor: the name of a token · subject: what it was done to · detail: what changed, may be empty."""

    number: int
    hour: int
    actor: str
    act: str
    subject: str
    detail: str


def record_act(connection: Connection, *, now: float, actor: str, act: str, subject: str, detail: str = "") -> None:
    """Write an entry; it becomes true together with the act."""
    connection.execute(
        insert(audit_log).values(hour=int(now) // HOUR, actor=actor, act=act, subject=subject, detail=detail)
    )


def audit_entries(connection: Connection, *, after: int, limit: int) -> Sequence[AuditEntry]:
    """Up to `limit` entries whose number is above `after`, in order."""
    rows = connection.execute(
        select(audit_log).where(audit_log.c.number > after).order_by(audit_log.c.number).limit(limit)
    )
    return [AuditEntry(**row._mapping) for row in rows]


def newest_entries(connection: Connection, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
    """Up to `limit` entries whose number is below `before`, all numbers when it is None, the newest first."""
    chosen = select(audit_log) if before is None else select(audit_log).where(audit_log.c.number < before)
    rows = connection.execute(chosen.order_by(audit_log.c.number.desc()).limit(limit))
    return [AuditEntry(**row._mapping) for row in rows]
