"""Two real nodes for the demo: their own folders, databases, keys and processes, on loopback."""

from __future__ import annotations

import contextlib
import http.client
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from katchi.errors import KatchiError
from katchi.node import founding, receive
from katchi.node.receive import Account
from katchi.node.settings import Settings
from katchi.node.wiring import Node, new_node_id, open_node
from katchi.respond.actuators import simulated

PATIENCE = 30.0  # seconds that the demo waits for something to happen before it says that it did not
STEP = 0.02


class StageError(KatchiError):
    """A node of the demo did not start."""

    code = "demo-node-did-not-start"


@dataclass(slots=True)
class Side:
    """One of the two nodes, and its partner's name there."""

    node: Node
    partner: str
    person: str
    password: str
    process: subprocess.Popen[bytes]

    @property
    def name(self) -> str:
        """What the node calls itself."""
        return self.node.settings.name

    def hand_in(self, name: str, document: bytes) -> Account:
        """Imports a document as its analyst would."""
        account = receive.receive(self.node, document, via=name, submitter=self.person)
        return account

    def origins(self) -> dict[str, str]:
        """Every object held and where its newest version came from."""
        return {entry.object_id: entry.origin for entry in self.node.store.log.after(0, 100_000)}


@dataclass(slots=True)
class Stage:
    """Both nodes, and what the scenes tell one another."""

    kr: Side
    us: Side
    measured: dict[str, float] = field(default_factory=dict)

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both, the Korean one first."""
        return self.kr, self.us

    def is_settled(self) -> bool:
        """Whether everything held has been judged, and everything released has been answered for."""
        for side in self.sides:
            row = side.node.store.partners.one(side.partner)
            flow = side.node.store.releases.flows().get(side.partner)
            if row.judged_seq < side.node.store.log.end()[0] or (flow is not None and flow.waiting):
                return False
        return True


def wait_for(holds: Callable[[], bool], *, patience: float = PATIENCE) -> float | None:
    """Seconds until something holds; None if it does not in time."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > patience:
            return None
        time.sleep(STEP)
    return time.monotonic() - started


@contextlib.contextmanager
def set_up(folder: Path) -> Iterator[Stage]:
    """Makes and serves both nodes; ends them when the block is left. Raises StageError."""
    with contextlib.ExitStack() as ends:
        kr = _side(ends, folder / "kr-cert", "kr-cert", "KR-CERT (demo)", "ko", "us-cert", "kim")
        us = _side(ends, folder / "us-cert", "us-cert", "US-CERT (demo)", "en", "kr-cert", "park")
        for side in (kr, us):
            if wait_for(lambda side=side: _answers(side)) is None:  # type: ignore[misc]
                raise StageError("A node of the demo did not start.", where=side.name)
        yield Stage(kr, us)


def _side(
    ends: contextlib.ExitStack, folder: Path, name: str, title: str, language: str, partner: str, person: str
) -> Side:
    port = _free_port()
    settings = Settings(
        name=name,
        node_id=new_node_id(),
        title=title,
        language="ko" if language == "ko" else "en",
        listen=f"127.0.0.1:{port}",
        url=f"http://127.0.0.1:{port}",
        pull_every=2,
        actuator=(simulated.Settings(name="edge", roles=("firewall", "dns")),),
    )
    founded = founding.found(folder, settings, administrator=person)
    process = subprocess.Popen(
        [sys.executable, "-m", "katchi.cli", "--node", str(folder), "--quiet", "serve"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ends.callback(_stop, process)
    node = ends.enter_context(open_node(folder))
    return Side(node, partner, person, founded.password, process)


def _answers(side: Side) -> bool:
    if side.process.poll() is not None:
        raise StageError("A node of the demo did not start.", where=side.name, found=f"exit {side.process.returncode}")
    return status_of(side, "/katchi/v1/introduction") == 200


def status_of(side: Side, path: str) -> int:
    """What a stranger's GET is answered with; 0 for no answer."""
    connection = http.client.HTTPConnection(side.node.settings.host, side.node.settings.port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# Below the ports that the kernel gives to outgoing connections: none can take it before the node listens there.
_PORTS = range(20_000, 32_000)


def _free_port() -> int:
    while True:
        port = secrets.choice(_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
