"""The store's tests run on real SQLite and on real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from katchi.store import Store, migrate


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store with all its tables, empty."""
    opened = Store(database_url)
    migrate.upgrade(opened.database)
    yield opened
    opened.close()
