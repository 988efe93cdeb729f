"""Real nodes for tests: their own folder, database and key, served over real HTTP on loopback."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from katchi.node import partnering, terms
from katchi.node.settings import Settings
from katchi.node.wiring import Node, create_node, new_node_id, open_node
from katchi.store import migrate
from katchi.store.database import Database
from katchi.web.serve import serving

TERMS = """\
format = 1
partner = "{partner}"

[[release]]
name = "Threat intelligence up to AMBER"
up-to = "amber"
types = ["all"]
sources = ["own"]
references = "drop"
"""


# Below the ports that the kernel gives to connections, a range for each test process: between the choice of a port
# and the listening, no connection and no other test process can take it.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = itertools.cycle(range(10_000 + 1_000 * (_WORKER % 10), 11_000 + 1_000 * (_WORKER % 10)))


def free_port() -> int:
    """A port of loopback that nobody uses now, nor will until a test listens there."""
    for port in _PORTS:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("never reached: the ports go round")


_kept: list[tempfile.TemporaryDirectory[str]] = []


@cache
def migrated() -> Path:
    """An empty database of the newest form: to copy it takes a tenth of the time that all migrations take."""
    _kept.append(tempfile.TemporaryDirectory(prefix="katchi-"))  # as long as the process
    path = Path(_kept[-1].name) / "katchi.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    database.close()
    return path


@contextlib.contextmanager
def a_node(folder: Path, name: str, *, secure: bool = False, database: str = "sqlite:///katchi.db") -> Iterator[Node]:
    """A node that is not served yet."""
    port = free_port()
    url = f"{'https' if secure else 'http'}://127.0.0.1:{port}"
    settings = Settings(
        name=name, node_id=new_node_id(), listen=f"127.0.0.1:{port}", url=url, pull_every=3600, database=database
    )
    if database == "sqlite:///katchi.db":
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(migrated(), folder / "katchi.db")
    create_node(folder, settings)
    with open_node(folder) as node:
        yield node


@dataclass
class Pair:
    """A Korean and an American node, each served."""

    kr: Node
    us: Node

    def __iter__(self) -> Iterator[Node]:
        return iter((self.kr, self.us))


@contextlib.contextmanager
def a_pair(
    folder: Path, *, secure: bool = False, databases: tuple[str, str] = ("sqlite:///katchi.db",) * 2
) -> Iterator[Pair]:
    """Two served nodes that do not know each other."""
    with (
        a_node(folder / "kr", "kr-cert", secure=secure, database=databases[0]) as kr,
        a_node(folder / "us", "us-cert", secure=secure, database=databases[1]) as us,
        serving(kr),
        serving(us),
    ):
        yield Pair(kr, us)


def join(pair: Pair) -> None:
    """An arrangement between both, with plain terms on both sides."""
    invitation = partnering.invite(pair.kr, "us-cert", person="kim")
    partnering.join(pair.us, invitation.to_text(), name="kr-cert", person="park")
    for node, name in ((pair.kr, "us-cert"), (pair.us, "kr-cert")):
        partnering.confirm(node, name, person="kim")
        terms.put_terms(node, name, TERMS.format(partner=name), person="kim")


def until(holds: Callable[[], bool], *, within: float = 20) -> None:
    """Waits until something holds; fails when it does not in time."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        # What is waited for happens in the node's own threads and processes: there is no clock to move.
        time.sleep(0.01)
