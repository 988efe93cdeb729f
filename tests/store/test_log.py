"""The object log's two properties: every reader sees every object once and in order; nothing acknowledged is lost."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from katchi.store import Store, migrate
from katchi.store.log import AlreadyHeld, Entry, NotTaken, Stored
from tests.store.objects import address, arrivals, indicator

NOW = 1_700_000_000_000_000


def put(store: Store, *raws: bytes, now: int = NOW) -> list[object]:
    return list(store.log.append(arrivals(*raws), origin="own", via="test", now=now))


def everything(store: Store) -> list[Entry]:
    return store.log.after(0, 1_000_000)


def test_what_is_stored_comes_back_byte_for_byte(store: Store) -> None:
    raw = indicator(1).replace(b'"name": "address 1"', b'"name" :  "caf\\u00e9", "x_unknown": 1.50')
    put(store, raw)
    assert [bytes(entry.raw) for entry in everything(store)] == [raw]


def test_the_same_bytes_twice_are_held_once(store: Store) -> None:
    assert put(store, indicator(1), indicator(1)) == [Stored(1, NOW), AlreadyHeld(1)]
    assert put(store, indicator(1)) == [AlreadyHeld(1)]
    assert len(everything(store)) == 1


def test_a_newer_version_follows_an_older_one(store: Store) -> None:
    put(store, indicator(1), indicator(1, second=5))
    versions = store.log.versions(arrivals(indicator(1))[0].object.id)
    assert [entry.seq for entry in versions] == [2, 1]


def test_a_version_older_than_one_held_is_refused_and_changes_nothing(store: Store) -> None:
    put(store, indicator(1, second=5))
    (outcome,) = put(store, indicator(1, second=1))
    assert isinstance(outcome, NotTaken)
    assert outcome.code == "older-than-held"
    assert len(everything(store)) == 1


def test_an_older_version_that_is_held_is_recognised(store: Store) -> None:
    put(store, indicator(1), indicator(1, second=5))
    assert put(store, indicator(1)) == [AlreadyHeld(1)]


def test_the_same_version_with_other_bytes_is_refused(store: Store) -> None:
    put(store, indicator(1))
    (outcome,) = put(store, indicator(1, name="something else"))
    assert isinstance(outcome, NotTaken)
    assert outcome.code == "same-version-other-bytes"
    assert len(everything(store)) == 1


def test_an_observable_with_other_bytes_is_another_statement_of_it(store: Store) -> None:
    plain, defanged = address("192.0.2.1"), address("192.0.2.1", defanged=True)
    put(store, plain, defanged)
    assert put(store, plain, defanged) == [AlreadyHeld(1), AlreadyHeld(2)]


@pytest.mark.parametrize("clock", [[NOW, NOW], [NOW, NOW - 5_000_000], [NOW, NOW + 7]])
def test_date_added_only_ever_grows_whatever_the_clock_does(store: Store, clock: list[int]) -> None:
    for number, now in enumerate(clock):
        put(store, indicator(number * 2), indicator(number * 2 + 1), now=now)
    added = [entry.added for entry in everything(store)]
    assert added == sorted(set(added))


def test_readers_see_every_object_once_and_in_order_while_writers_write(store: Store) -> None:
    """The classic TAXII bug: dates given before commit let a reader's cursor pass a row that comes later."""
    writers, batches, size = 4, 12, 7
    clock = itertools.count(NOW)
    finished = threading.Event()

    def write(writer: int) -> list[int]:
        stored = []
        for batch in range(batches):
            first = (writer * batches + batch) * size
            raws = [indicator(first + offset) for offset in range(size)]
            outcomes = store.log.append(arrivals(*raws), origin="own", via=f"writer {writer}", now=next(clock))
            stored += [outcome.seq for outcome in outcomes if isinstance(outcome, Stored)]
        return stored

    def read_by_added() -> list[tuple[int, str]]:
        seen: list[tuple[int, str]] = []
        cursor, last_look = 0, False
        while True:
            page = store.log.after_added(cursor, 5)
            seen += [(entry.added, entry.object_id) for entry in page]
            if page:
                cursor = page[-1].added
            elif last_look:
                return seen
            else:
                last_look = finished.is_set()

    with ThreadPoolExecutor(writers + 2) as pool:
        readers = [pool.submit(read_by_added) for _ in range(2)]
        stored = [seq for job in [pool.submit(write, writer) for writer in range(writers)] for seq in job.result()]
        finished.set()
        views = [reader.result() for reader in readers]

    truth = [(entry.added, entry.object_id) for entry in everything(store)]
    assert sorted(stored) == list(range(1, writers * batches * size + 1))
    assert views == [truth, truth]


_WRITER = """
import itertools, sys
sys.path.insert(0, sys.argv[2])
from katchi.store import Store
from katchi.store.log import Stored
from tests.store.objects import arrivals, indicator
store = Store(sys.argv[1])
for number in itertools.count(int(sys.argv[3]), 3):
    raws = [indicator(number + offset) for offset in range(3)]
    outcomes = store.log.append(arrivals(*raws), origin="own", via="writer", now=1_700_000_000_000_000)
    assert all(isinstance(outcome, Stored) for outcome in outcomes), outcomes
    print(*(outcome.seq for outcome in outcomes), flush=True)
"""


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(store: Store, database_url: str) -> None:
    root = str(Path(__file__).resolve().parents[2])
    acknowledged: list[int] = []
    for life in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, database_url, root, str(life * 100_000)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout
        for _ in range(5 + life * 4):
            acknowledged += [int(seq) for seq in writer.stdout.readline().split()]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [int(seq) for line in writer.stdout for seq in line.split() if line.endswith("\n")]
        writer.wait()
        writer.stdout.close()
    held = everything(store)
    assert set(acknowledged) <= {entry.seq for entry in held}
    assert [entry.seq for entry in held] == list(range(1, len(held) + 1))
    assert len(held) % 3 == 0, "a batch is kept as a whole or not at all"


DERIVED = ("newest", "summary", "mention", "link")


def derived(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.database.reading() as transaction:
        return {
            table: sorted(tuple(row) for row in transaction.connection.exec_driver_sql(f"SELECT * FROM {table}"))
            for table in DERIVED
        }


def test_derived_tables_rebuilt_from_the_log_equal_those_that_grew_with_it(store: Store) -> None:
    put(store, *(indicator(number) for number in range(30)))
    put(store, *(indicator(number, second=3, name="renamed") for number in range(0, 30, 4)))
    put(store, address("192.0.2.1"), address("192.0.2.1", defanged=True), indicator(2, second=9, revoked=True))
    grown = derived(store)
    assert all(grown.values())
    assert list(store.log.rebuild())[-1] == (len(everything(store)), len(everything(store)))
    assert derived(store) == grown


def test_a_rebuild_that_is_cancelled_leaves_everything_as_it_was(store: Store) -> None:
    put(store, *(indicator(number) for number in range(5)))
    grown = derived(store)
    rebuilding = store.log.rebuild()
    next(rebuilding)
    rebuilding.close()
    assert derived(store) == grown


def test_the_migrations_end_where_the_tables_are(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from katchi.store.tables import metadata

    with store.database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert migrate.revision(store.database) == migrate.NEWEST
