"""Responses that were proposed here or to us, what each node said of them, and who here said yes."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "response",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("proposer", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("marking", sa.Text(), nullable=False),
        sa.Column("playbooks", sa.LargeBinary(), nullable=False),
        sa.Column("run", sa.Text(), nullable=True),
        sa.Column("notes_told", sa.BigInteger(), nullable=False),
        sa.Column("said", sa.BigInteger(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("response_key")),
    )
    op.create_index(op.f("response_by_changed_at"), "response", ["changed_at"])
    op.create_index(op.f("response_by_due_at"), "response", ["due_at"])
    op.create_index(op.f("response_by_run"), "response", ["run"])
    untold = sa.text("said > published")
    op.create_index(op.f("response_untold"), "response", ["id"], sqlite_where=untold, postgresql_where=untold)
    op.create_table(
        "response_entry",
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signing_key", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("response", "node", "number", name=op.f("response_entry_key")),
    )
    op.create_table(
        "response_approval",
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("response", "person", name=op.f("response_approval_key")),
    )
