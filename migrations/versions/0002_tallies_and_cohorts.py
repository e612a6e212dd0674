"""Checkpointed counts; the cohort of a segment.

Down again, the counts of segments that were folded are lost: messages cannot be made from counts.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


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
    """Drop both."""
    op.drop_table("tallies")
    op.drop_column("segments", "cohort")
