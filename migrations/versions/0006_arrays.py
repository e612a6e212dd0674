"""Arrays that analysts send for their analyses, until they are forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "arrays",
        sa.Column("number", _number, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("owner", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("dtype", sa.String(8), nullable=False),
        sa.Column("shape", sa.String(200), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("stored", sa.BigInteger, nullable=False),
        sa.Column("complete", sa.Integer, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_arrays")),
        sa.UniqueConstraint("id", name=op.f("uq_arrays_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "array_parts",
        sa.Column("array", _number, autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["array"], ["arrays.number"], name=op.f("fk_array_parts_array_arrays"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("array", "part", name=op.f("pk_array_parts")),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("array_parts")
    op.drop_table("arrays")
