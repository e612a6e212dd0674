"""The tables.

    collections ─< versions ─< segments        packed messages, in value order, many uploads in one row
         │              ├────< tallies         counts of the segments that were folded and are gone
         │              └────< batch_keys      what makes a retry count once
         ├──< tokens
         ├──  operations    what goes on by itself;  audit_log names its subjects as text, so it outlives them
         └──< job_collections >── jobs      long work that somebody asked for, with its answer
    arrays ─< array_parts           numbers that analysts sent for their analyses

A segment holds the messages of all uploads that one commit accepted for a version and window, sorted, so the row is a
function of their histogram alone. A batch key row says that an upload was counted, not what it said: it has no column that
leads to a segment, and its two hashes are keyed by the device's own random key, which is not stored. Nothing about a report is
finer in time than the window, and nothing tells where an upload came from. A job is an analyst's, and has moments.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

__all__ = [
    "array_parts",
    "arrays",
    "audit_log",
    "batch_keys",
    "collections",
    "job_collections",
    "jobs",
    "metadata",
    "operations",
    "repeatable_requests",
    "segments",
    "tallies",
    "tokens",
    "versions",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Number = BigInteger().with_variant(Integer, "sqlite")


class _Name(TypeDecorator[str]):
    """What people write into addresses to name a thing. PostgreSQL takes no text with a NUL in it, so such a name, which nothing
    bears, is asked for as NULL, which nothing equals."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """The name as the database is handed it."""
        return None if value is None or "\0" in value else value


collections = Table(
    "collections",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", _Name(16), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("question", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("min_reports", BigInteger, nullable=False),
    Column("deleted", Integer, nullable=False, server_default="0"),  # 1: a tombstone, unknown to everybody
    Column("current", _Number),  # the number of the version that takes reports
    Column("opens", BigInteger),  # seconds since 1970, chosen by an administrator, as are all here
    Column("closes", BigInteger),
    Column("retention", BigInteger, nullable=False, server_default="2419200"),  # seconds
    Column(
        "closed_before", BigInteger, nullable=False, server_default="0"
    ),  # windows that ended by then are over for good
    Column("purged_before", BigInteger, nullable=False, server_default="0"),  # and the keys that named them are gone
    Column("successor", _Name(16)),
    CheckConstraint("state IN ('draft', 'open', 'paused', 'closed')", name="state"),
    sqlite_autoincrement=True,
)

versions = Table(
    "versions",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("collection", _Number, ForeignKey(collections.c.number), nullable=False),
    Column("version", Integer, nullable=False),
    Column("spec", LargeBinary, nullable=False),
    Column("spec_digest", String(64), nullable=False),
    Column("items", LargeBinary),
    Column("items_digest", String(64)),
    UniqueConstraint("collection", "version"),
    sqlite_autoincrement=True,
)

tokens = Table(
    "tokens",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("scope", String(16), nullable=False),
    Column("collection", _Number, ForeignKey(collections.c.number), index=True),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("last_used_day", Integer),  # days since 1970; of a write key no finer than the window
    Column("ends", BigInteger),  # seconds since 1970 from which it opens nothing; the row stays
    sqlite_autoincrement=True,
)

batch_keys = Table(
    "batch_keys",
    metadata,
    Column("version", _Number, ForeignKey(versions.c.number), primary_key=True, autoincrement=False),
    Column("key_hash", LargeBinary, primary_key=True),  # 16 bytes
    Column("window_index", BigInteger, nullable=False),  # the window that the upload named, -1 when it named none
    Column("body_hash", LargeBinary, nullable=False),  # 16 bytes
    Column("accepted", Integer, nullable=False),
    sqlite_with_rowid=False,  # no hidden counter that would keep the order of arrival
)

segments = Table(
    "segments",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("version", _Number, ForeignKey(versions.c.number), nullable=False),
    Column("window_index", BigInteger, nullable=False),
    Column("reports", Integer, nullable=False),
    Column("messages", LargeBinary, nullable=False),  # little-endian uint32, ascending
    Column("cohort", Integer, nullable=False, server_default=text("0")),  # 0 where none are declared
    CheckConstraint("length(messages) = 4 * reports", name="length"),
    Index(None, "version", "id"),
    sqlite_autoincrement=True,  # ids are never used again, so a reader may remember the last one it saw
)

tallies = Table(
    "tallies",
    metadata,
    Column("version", _Number, ForeignKey(versions.c.number), primary_key=True, autoincrement=False),
    Column("window_index", BigInteger, primary_key=True, autoincrement=False),
    Column("cohort", Integer, primary_key=True, autoincrement=False),
    Column("reports", BigInteger, nullable=False),
    Column("last_segment", BigInteger, nullable=False),  # id of the last segment that went in
    Column("counts", LargeBinary, nullable=False),  # as server.services.count_vectors packs them
)

operations = Table(
    "operations",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", _Name(16), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("collection", _Number, ForeignKey(collections.c.number), nullable=False),
    Column("state", String(8), nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),  # rows; not known before the first step
    CheckConstraint("state IN ('running', 'done')", name="state"),
    sqlite_autoincrement=True,
)

repeatable_requests = Table(
    "repeatable_requests",
    metadata,
    Column(
        "key_hash", LargeBinary, primary_key=True
    ),  # of the caller's token and the Idempotency-Key, neither of which is stored
    Column("request_hash", LargeBinary, nullable=False),
    Column("salt", LargeBinary, nullable=False),  # of the secret that the request made, if it made one
    Column("hour", BigInteger, nullable=False),  # hours since 1970 of the first time
    Column("result", String(64)),  # what names the thing that was made
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("hour", BigInteger, nullable=False),  # hours since 1970
    Column("actor", String(80), nullable=False),
    Column("act", String(32), nullable=False),
    Column("subject", String(100), nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", _Name(16), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("method", String(64), nullable=False),
    Column("owner", BigInteger, nullable=False),  # the number of a token; 0 for that of the settings, which has no row
    Column("state", String(9), nullable=False),
    Column("request", LargeBinary, nullable=False),  # JSON, as it was asked: collections by id, never their counts
    Column("predicted_seconds", Float, nullable=False),
    Column("asked", BigInteger, nullable=False),  # seconds since 1970, as are all moments of a job
    Column("started", BigInteger),
    Column("finished", BigInteger),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),
    Column("unit", String(40)),
    Column("metric", String(40)),
    Column("metric_value", Float),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("holder", String(100)),  # the process that runs it
    Column("held_until", BigInteger, nullable=False, server_default="0"),  # afterwards another process may take it
    Column("result", LargeBinary),  # JSON
    Column("problem", LargeBinary),  # a problem document
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
    Index(None, "state", "number"),
    sqlite_autoincrement=True,
)

job_collections = Table(
    "job_collections",
    metadata,
    Column("job", _Number, ForeignKey(jobs.c.number, ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("collection", _Number, ForeignKey(collections.c.number), primary_key=True, autoincrement=False, index=True),
)

arrays = Table(
    "arrays",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", _Name(16), nullable=False, unique=True),
    Column("owner", BigInteger, nullable=False),  # as that of a job
    Column("name", String(100), nullable=False),
    Column("dtype", String(8), nullable=False),  # <f4 or <f8
    Column("shape", String(200), nullable=False),  # such as 50000,10,20
    Column("bytes", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),  # seconds since 1970
    Column("complete", Integer, nullable=False, server_default="0"),  # 0: being stored, or being forgotten
    sqlite_autoincrement=True,
)

array_parts = Table(
    "array_parts",
    metadata,
    Column("array", _Number, ForeignKey(arrays.c.number, ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),  # row by row
)
