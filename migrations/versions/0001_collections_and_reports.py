"""Collections with their versions and tokens; segments of messages; batch keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "collections",
        sa.Column("number", _number, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("min_reports", sa.BigInteger, nullable=False),
        sa.CheckConstraint("state IN ('draft', 'open', 'paused', 'closed')", name=op.f("ck_collections_state")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_collections")),
        sa.UniqueConstraint("id", name=op.f("uq_collections_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "versions",
        sa.Column("number", _number, autoincrement=True, nullable=False),
        sa.Column("collection", _number, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("spec", sa.LargeBinary, nullable=False),
        sa.Column("spec_digest", sa.String(64), nullable=False),
        sa.Column("items", sa.LargeBinary),
        sa.Column("items_digest", sa.String(64)),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_versions")),
        sa.ForeignKeyConstraint(["collection"], ["collections.number"], name=op.f("fk_versions_collection")),
        sa.UniqueConstraint("collection", "version", name=op.f("uq_versions_collection_version")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tokens",
        sa.Column("number", _number, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("collection", _number),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_tokens")),
        sa.ForeignKeyConstraint(["collection"], ["collections.number"], name=op.f("fk_tokens_collection")),
        sa.UniqueConstraint("name", name=op.f("uq_tokens_name")),
        sa.UniqueConstraint("sha256", name=op.f("uq_tokens_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_tokens_collection"), "tokens", ["collection"])
    op.create_table(
        "batch_keys",
        sa.Column("version", _number, autoincrement=False, nullable=False),
        sa.Column("key_hash", sa.LargeBinary, nullable=False),
        sa.Column("window_index", sa.BigInteger, nullable=False),
        sa.Column("body_hash", sa.LargeBinary, nullable=False),
        sa.Column("accepted", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("version", "key_hash", name=op.f("pk_batch_keys")),
        sa.ForeignKeyConstraint(["version"], ["versions.number"], name=op.f("fk_batch_keys_version")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "segments",
        sa.Column("id", _number, autoincrement=True, nullable=False),
        sa.Column("version", _number, nullable=False),
        sa.Column("window_index", sa.BigInteger, nullable=False),
        sa.Column("reports", sa.Integer, nullable=False),
        sa.Column("messages", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("length(messages) = 4 * reports", name=op.f("ck_segments_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
        sa.ForeignKeyConstraint(["version"], ["versions.number"], name=op.f("fk_segments_version")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_segments_version_id"), "segments", ["version", "id"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("segments", "batch_keys", "tokens", "versions", "collections"):
        op.drop_table(table)
