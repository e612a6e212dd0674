"""What makes an administrator's request, sent again under its Idempotency-Key, happen once."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "repeatable_requests",
        sa.Column("key_hash", sa.LargeBinary, nullable=False),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("result", sa.String(64)),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_repeatable_requests")),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("repeatable_requests")
