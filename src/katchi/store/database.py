"""Opens SQLite or PostgreSQL and hands out transactions: many that read, one at a time that writes in order."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import Any

from sqlalchemy import Connection, Engine, TextClause, create_engine, event, text
from sqlalchemy.engine import URL, CursorResult, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool, StaticPool

from katchi.errors import KatchiError

# One number for all of Katchi: whoever holds this PostgreSQL lock is the one who appends.
_APPEND_LOCK = 0x6B617463
_NAMED = re.compile(r"^-- name: (\w+)(?: \((sqlite|postgresql)\))?\s*$", re.MULTILINE)


class StoreUnreachableError(KatchiError):
    """The database does not answer."""

    code = "store-unreachable"
    exit_status = 5


@cache
def _queries(subject: str, dialect: str) -> Mapping[str, TextClause]:
    source = resources.files("katchi.store").joinpath(f"sql/{subject}.sql").read_text(encoding="utf-8")
    pieces = _NAMED.split(source)[1:]
    return {
        name: text(body.strip().rstrip(";"))
        for name, only, body in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True)
        if only in (None, dialect)
    }


@cache
def driver_query(subject: str, name: str, dialect: str) -> str:
    """A named query in the words of the database's own driver."""
    query = _queries(subject, dialect)[name].text
    return query if dialect == "sqlite" else re.sub(r"(?<!:):(\w+)", r"%(\1)s", query)


# KiB of pages that a connection keeps. Pages of a partner's view are read once: a small cache uses its memory
# over and over, and reads them three times as fast. Whoever writes comes back to the pages of the indexes.
_CACHE_OF_A_READER = 4_000
_CACHE_OF_THE_WRITER = 48_000


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # An acknowledged object must outlive a power cut, so each commit waits for the disk.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA busy_timeout = 30000")
    cursor.execute(f"PRAGMA cache_size = -{_CACHE_OF_A_READER}")
    # Checkpoints copy pages back in bulk: rarely enough that a page changed often is copied once.
    cursor.execute("PRAGMA wal_autocheckpoint = 16000")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.close()


def _enlarge_cache(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute(f"PRAGMA cache_size = -{_CACHE_OF_THE_WRITER}")


class Transaction:
    """One transaction: runs the named queries of `store/sql/`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.dialect = connection.dialect.name

    def run(self, subject: str, query: str, /, **values: Any) -> CursorResult[Any]:
        """Runs one named query with one set of values."""
        return self.connection.execute(_queries(subject, self.dialect)[query], values)

    def tuples(self, subject: str, query: str, /, **values: Any) -> list[Any]:
        """All rows of one named query as the driver makes them: for the thousands of a page."""
        cursor = self.run(subject, query, **values).cursor
        return list(cursor.fetchall()) if cursor is not None else []

    def run_many(self, subject: str, name: str, rows: Sequence[dict[str, Any]]) -> None:
        """Runs one named query once per row; does nothing for no rows.

        The rows go straight to the driver: SQLAlchemy's handling of them would cost more than the
        database's.
        """
        if rows:
            self.connection.exec_driver_sql(driver_query(subject, name, self.dialect), list(rows))

    def among(self, values: Sequence[str] | Sequence[int]) -> Any:
        """A list as this database takes it: JSON for SQLite's json_each, an array for PostgreSQL's ANY."""
        if self.dialect == "postgresql":
            return list(values)
        import msgspec

        return msgspec.json.encode(list(values)).decode()


class Database:
    """A SQLite file or a PostgreSQL database. URLs are SQLAlchemy's: `sqlite:///…`, `postgresql+psycopg://…`."""

    def __init__(self, url: str) -> None:
        self.url: URL = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine: Engine = self._engine()
        self._for_writing: Engine = self._writers_engine()
        self._writer = threading.RLock()

    def _engine(self) -> Engine:
        if not self.is_sqlite:
            return create_engine(self.url, pool_size=8, max_overflow=8, pool_pre_ping=True)
        engine = create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=4,
            pool_use_lifo=True,  # the connection that was used last has its pages at hand
            max_overflow=12,
            connect_args={"check_same_thread": False},
        )
        event.listen(engine, "connect", _set_up_sqlite)
        return engine

    def _writers_engine(self) -> Engine:
        if not self.is_sqlite:
            return self.engine
        engine = create_engine(self.url, poolclass=StaticPool, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "connect", _enlarge_cache)
        return engine

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A consistent view of one moment."""
        with self._connected(self.engine) as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            else:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield Transaction(connection)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """The one transaction that may write: all of it is kept, durably, or nothing.

        Numbers given inside (seq, added, position, ledger index) become visible to readers in the
        order in which they were given, because the next writer waits until this one has committed.
        """
        with self._writer, self._connected(self._for_writing) as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_APPEND_LOCK})")
            yield Transaction(connection)
            connection.commit()

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        try:
            connection = engine.connect()
        except OperationalError as problem:
            raise StoreUnreachableError(
                "The database does not answer.",
                where=self.url.render_as_string(hide_password=True),
                remedy="check that it runs and that the `database` setting names it",
            ) from problem
        with connection:  # leaving it without a commit rolls back
            yield connection

    def close(self) -> None:
        """Lets go of every connection."""
        self.engine.dispose()
        self._for_writing.dispose()
