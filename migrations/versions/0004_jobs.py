"""Jobs: long work that somebody asked for, with its answer."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "jobs",
        sa.Column("number", _number, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("owner", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("predicted_seconds", sa.Float, nullable=False),
        sa.Column("asked", sa.BigInteger, nullable=False),
        sa.Column("started", sa.BigInteger),
        sa.Column("finished", sa.BigInteger),
        sa.Column("done", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("total", sa.BigInteger),
        sa.Column("unit", sa.String(40)),
        sa.Column("metric", sa.String(40)),
        sa.Column("metric_value", sa.Float),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("holder", sa.String(100)),
        sa.Column("held_until", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("result", sa.LargeBinary),
        sa.Column("problem", sa.LargeBinary),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_jobs_state")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_jobs")),
        sa.UniqueConstraint("id", name=op.f("uq_jobs_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_jobs_state_number"), "jobs", ["state", "number"])
    op.create_table(
        "job_collections",
        sa.Column("job", _number, autoincrement=False, nullable=False),
        sa.Column("collection", _number, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("job", "collection", name=op.f("pk_job_collections")),
        sa.ForeignKeyConstraint(["job"], ["jobs.number"], name=op.f("fk_job_collections_job"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["collection"], ["collections.number"], name=op.f("fk_job_collections_collection")),
    )
    op.create_index(op.f("ix_job_collections_collection"), "job_collections", ["collection"])


def downgrade() -> None:
    """Drop them: jobs can be asked for again."""
    op.drop_table("job_collections")
    op.drop_table("jobs")
