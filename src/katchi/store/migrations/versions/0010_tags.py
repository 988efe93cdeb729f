"""Tags: which objects bear which label."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tag",
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tag", "seq", name=op.f("tag_key")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("tag_by_seq"), "tag", ["seq"])
    op.execute(
        "INSERT INTO setting (name, value) SELECT 'to-rebuild', object.digest FROM object ORDER BY object.seq LIMIT 1 "
        "ON CONFLICT (name) DO NOTHING"
    )
