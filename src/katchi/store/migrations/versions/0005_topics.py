"""Parts of what is released, as collections of their own; and releases by type, so that asking for one costs one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "topic",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("filled_to", sa.BigInteger()),
        sa.PrimaryKeyConstraint("number", name="topic_key"),
        sa.UniqueConstraint("alias", name="topic_one_alias"),
    )
    op.create_table(
        "shelf",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("topic", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner", "topic", "position", name="shelf_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("release_by_partner_type_position", "release", ["partner", "type", "position"])
