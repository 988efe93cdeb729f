"""A reader with the right to can delete what is in its collection (TAXII 2.1 §5.7)."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("release", sa.Column("is_deleted", sa.SmallInteger(), server_default="0", nullable=False))
