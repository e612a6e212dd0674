"""Timed lifecycle, versions, retention, tombstones; tokens that end; operations; the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _collection_columns() -> list[sa.Column[int] | sa.Column[str]]:
    """Added one by one: SQLite would have to drop a table to copy it, and others refer to it."""
    return [
        sa.Column("deleted", sa.Integer, nullable=False, server_default="0"),
        sa.Column("current", _number),
        sa.Column("opens", sa.BigInteger),
        sa.Column("closes", sa.BigInteger),
        sa.Column("retention", sa.BigInteger, nullable=False, server_default="2419200"),
        sa.Column("closed_before", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("purged_before", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("successor", sa.String(16)),
    ]


def _token_columns() -> list[sa.Column[int]]:
    return [sa.Column("last_used_day", sa.Integer), sa.Column("ends", sa.BigInteger)]


def upgrade() -> None:
    """Add columns and tables. Batch keys stored so far named no window: -1."""
    for column in _collection_columns():
        op.add_column("collections", column)
    for column in _token_columns():
        op.add_column("tokens", column)
    op.execute(
        "UPDATE collections SET current = (SELECT max(number) FROM versions WHERE versions.collection = collections.number)"
    )
    op.execute("UPDATE batch_keys SET window_index = -1")
    op.create_table(
        "operations",
        sa.Column("number", _number, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("collection", _number, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger),
        sa.CheckConstraint("state IN ('running', 'done')", name=op.f("ck_operations_state")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_operations")),
        sa.UniqueConstraint("id", name=op.f("uq_operations_id")),
        sa.ForeignKeyConstraint(["collection"], ["collections.number"], name=op.f("fk_operations_collection")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit_log",
        sa.Column("number", _number, autoincrement=True, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("act", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(100), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_log")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drop what was added. A tombstone becomes a closed collection, tokens that the older service does not know go."""
    op.drop_table("audit_log")
    op.drop_table("operations")
    op.execute("DELETE FROM tokens WHERE ends IS NOT NULL OR scope NOT IN ('admin', 'ingest')")
    op.execute("UPDATE collections SET state = 'closed' WHERE deleted = 1")
    for column in _token_columns():
        op.drop_column("tokens", column.name)
    for column in _collection_columns():
        op.drop_column("collections", column.name)
