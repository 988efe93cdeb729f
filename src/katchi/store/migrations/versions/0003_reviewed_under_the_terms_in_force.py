"""A partner's view is reviewed once per change of terms, not looked through whenever something new is judged."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("partner", sa.Column("reviewed_epoch", sa.BigInteger(), server_default="0", nullable=False))
