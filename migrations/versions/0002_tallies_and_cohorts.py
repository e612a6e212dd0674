"""Checkpointed counts; the cohort of a segment.

Down again, counts become segments of messages that count the same, so estimates stay as they are; those of single cohorts do not.
Where no messages can be told from what a mechanism counts, such as bits, the way down is refused: reports would be lost.
"""

import numpy as np
import sqlalchemy as sa
from alembic import op

from server.services.count_vectors import unpack_counts
from server.services.specs import counter_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_REPORTS = 1 << 20
"""Of one segment."""
_FOLDED = sa.text(
    "SELECT tallies.version, window_index, cohort, counts, spec FROM tallies JOIN versions ON versions.number = tallies.version"
)
_SEGMENT = sa.text(
    "INSERT INTO segments (version, window_index, cohort, reports, messages) VALUES (:version, :window_index, :cohort, :reports, :messages)"
)


def upgrade() -> None:
    """Create the table, add the column."""
    op.add_column("segments", sa.Column("cohort", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.create_table(
        "tallies",
        sa.Column("version", _number, autoincrement=False, nullable=False),
        sa.Column("window_index", sa.BigInteger, nullable=False),
        sa.Column("cohort", sa.Integer, nullable=False),
        sa.Column("reports", sa.BigInteger, nullable=False),
        sa.Column("last_segment", sa.BigInteger, nullable=False),
        sa.Column("counts", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("version", "window_index", "cohort", name=op.f("pk_tallies")),
        sa.ForeignKeyConstraint(["version"], ["versions.number"], name=op.f("fk_tallies_version")),
    )


def downgrade() -> None:
    """Drop both, the counts after they were made segments. Raises RuntimeError where that cannot be."""
    _unfold(op.get_bind())
    op.drop_table("tallies")
    op.drop_column("segments", "cohort")


def _unfold(connection: sa.Connection) -> None:
    for version, window_index, cohort, counts, spec in connection.execute(_FOLDED).all():
        messages = _messages(bytes(spec), bytes(counts))
        for start in range(0, len(messages), _REPORTS):
            some = messages[start : start + _REPORTS]
            values = {"version": version, "window_index": window_index, "cohort": cohort}
            connection.execute(_SEGMENT, {**values, "reports": len(some), "messages": some.tobytes()})


def _messages(spec: bytes, packed: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """Messages, ascending, whose tally these counts are."""
    counter = counter_of(spec)
    counts = unpack_counts(packed, counter.tally_size)
    messages = np.repeat(np.arange(len(counts), dtype="<u4"), counts)
    if not np.array_equal(counter.tally(messages).counts, counts):
        raise RuntimeError(
            "reports that were folded cannot become messages again, so this database stays at revision 0002 or later; "
            "restore a backup of the older version instead"
        )
    return messages
