"""What is withdrawn is told to whoever has it, and its receipt is kept; what partners take back is remembered."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UNTOLD = sa.text("withdrawn_at IS NOT NULL AND told IS NULL")


def upgrade() -> None:
    op.add_column("release", sa.Column("told", sa.Text()))
    op.add_column("release", sa.Column("told_at", sa.BigInteger()))
    op.create_index("release_untold", "release", ["partner", "position"], sqlite_where=UNTOLD, postgresql_where=UNTOLD)
    op.create_table(
        "taken_back",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("id_hash", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("noted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "partner", name="taken_back_key"),
    )
    op.create_index("taken_back_by_id_hash", "taken_back", ["id_hash"])
