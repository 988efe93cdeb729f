"""Brings a database to the schema that this version of Katchi works with."""

from __future__ import annotations

from importlib import resources

from katchi.errors import KatchiError
from katchi.store.database import Database

# The newest file in migrations/versions; a test compares the two.
NEWEST = "0016"


class SchemaMismatchError(KatchiError):
    """The database is older or newer than this version of Katchi."""

    code = "schema-mismatch"
    exit_status = 5


def upgrade(database: Database) -> None:
    """Creates or upgrades all tables; each migration is one transaction."""
    # Imported here: Alembic costs a running node 15 MB that it never uses.
    from alembic import command
    from alembic.config import Config

    config = Config()
    with resources.as_file(resources.files("katchi.store").joinpath("migrations")) as folder:
        config.set_main_option("script_location", str(folder))
        with database.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def revision(database: Database) -> str | None:
    """The migration that the database is at; None where there are no tables yet."""
    from sqlalchemy import inspect

    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
        return str(found[0]) if found else None


def require_newest(database: Database) -> None:
    """Raises SchemaMismatchError unless the database is at the schema of this version."""
    found = revision(database)
    if found != NEWEST:
        raise SchemaMismatchError(
            "The database does not have this version's schema.",
            expected=NEWEST,
            found=found or "no schema",
            remedy="run `katchi store upgrade`; if the database is newer, install the newer Katchi",
        )
    if needs_rebuild(database):
        raise SchemaMismatchError(
            "The database was upgraded, and its derived tables are not made anew yet.",
            remedy="run `katchi store upgrade` again: it goes on from there",
        )


def needs_rebuild(database: Database) -> bool:
    """Whether a migration emptied the derived tables, and nobody has made them anew."""
    with database.reading() as transaction:
        return transaction.run("log", "is_to_rebuild").first() is not None
