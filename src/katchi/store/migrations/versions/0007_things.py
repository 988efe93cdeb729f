"""Things: who says what of them, which hashes are one file's, what people decided. Derived tables are made anew."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("mention")
    op.create_table(
        "mention",
        sa.Column("key_hash", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("stance", sa.SmallInteger(), nullable=False),
        sa.Column("weight", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("author", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.BigInteger(), nullable=False),
        sa.Column("id_hash", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", "seq", name=op.f("mention_key")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("mention_by_seq"), "mention", ["seq"])
    op.create_table(
        "kin",
        sa.Column("key_hash", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", "seq", "other", name=op.f("kin_key")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("kin_by_seq"), "kin", ["seq"])
    op.create_table(
        "attestation",
        sa.Column("of_hash", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("opinion", sa.SmallInteger(), nullable=True),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("of_hash", "seq", name=op.f("attestation_key")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("attestation_by_seq"), "attestation", ["seq"])
    op.create_table(
        "source",
        sa.Column("hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("source_key")),
    )
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "thing",
        sa.Column("number", number, autoincrement=False, nullable=False),
        sa.Column("key_hash", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("base", sa.SmallInteger(), nullable=False),
        sa.Column("fresh_at", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("statements", sa.Integer(), nullable=False),
        sa.Column("sightings", sa.BigInteger(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("warned", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("thing_key")),
        sa.UniqueConstraint("key_hash", name=op.f("thing_one_key_hash")),
    )
    op.create_index(op.f("thing_by_kind_rank"), "thing", ["kind", "rank"])
    op.create_table(
        "ruling",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.Column("is_same", sa.SmallInteger(), nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("ruling_key")),
    )
    op.create_table(
        "grade",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("letter", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("grade_key")),
    )
    # Derived tables are empty now: `katchi store upgrade` makes them anew, and nothing opens the node before.
    op.execute(
        "INSERT INTO setting (name, value) SELECT 'to-rebuild', object.digest FROM object ORDER BY object.seq LIMIT 1"
    )
