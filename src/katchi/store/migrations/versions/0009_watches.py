"""Saved searches that notify; whether a sighting sums up others."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "watch",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("watch_key")),
        sa.UniqueConstraint("name", name=op.f("watch_one_name")),
    )
    op.create_table(
        "watch_hit",
        sa.Column("watch", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("watch", "key", name=op.f("watch_hit_key")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("watch_hit_by_watch_at"), "watch_hit", ["watch", "at"])
    op.add_column("attestation", sa.Column("is_summary", sa.SmallInteger(), server_default="0", nullable=False))
