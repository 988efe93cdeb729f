"""The questions asked for every object or page are answered by an index: their cost must not grow with the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from katchi.store import Store, migrate
from katchi.store.database import driver_query

# For each, the columns that the index must be entered by.
ENTERED_BY = {
    ("release", "versions_gone"): "id_hash",
    ("release", "gone_to"): "of_hash",
    ("release", "supersede"): "id_hash",
    ("release", "show_last_of"): "id_hash",
    ("release", "matching_ids"): "id_hash",
    ("release", "page"): "partner=? AND position>",
    ("release", "page_bytes"): "partner=? AND position>",
    ("release", "position_at"): "added<",
    ("release", "matching"): "partner=? AND position>",
    ("release", "matching_type"): "partner=? AND type=? AND position>",
    ("release", "stretch"): "partner=? AND position>",
    ("release", "stretch_of_type"): "partner=? AND type=? AND position>",
    ("withdrawal", "is_untold"): "partner=?",
    ("withdrawal", "told"): "id_hash",
    ("withdrawal", "in_force_of"): "of_hash",
    ("release", "note_receipt"): "id_hash",
    ("release", "last_bodies"): "of_hash",
}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """An empty database with all tables."""
    path: Path = tmp_path_factory.mktemp("plans") / "katchi.db"
    store = Store(f"sqlite:///{path}")
    migrate.upgrade(store.database)
    store.close()
    with closing(sqlite3.connect(path)) as opened:
        yield opened


@pytest.mark.parametrize(("subject", "query"), ENTERED_BY, ids=lambda part: str(part))
def test_a_question_of_the_busy_paths_is_answered_by_its_index(
    connection: sqlite3.Connection, subject: str, query: str
) -> None:
    text = driver_query(subject, query, "sqlite")
    names = connection.execute(f"EXPLAIN QUERY PLAN {text}", _Anything()).fetchall()
    plan = "\n".join(str(row[-1]) for row in names)
    release = [line for line in plan.splitlines() if " r " in line or "release" in line or " e " in line]
    assert any(ENTERED_BY[subject, query] in line for line in release), plan
    assert not any(line.startswith("SCAN") and "json_each" not in line for line in plan.splitlines()), plan


class _Anything(dict[str, object]):
    """A value for every parameter: a plan does not look at them."""

    def __missing__(self, name: str) -> object:
        return "[]"
