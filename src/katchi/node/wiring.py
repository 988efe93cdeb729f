"""Puts a node together: its settings, its keys, its store, its clock."""

from __future__ import annotations

import gc
import os
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from katchi.errors import KatchiError
from katchi.exchange import tls
from katchi.node.clock import Clock, SystemClock
from katchi.node.overlap_desk import Desk
from katchi.node.reading import Elsewhere
from katchi.node.settings import FILE, Settings, read_settings, write_settings
from katchi.policy.keys import NodeKey
from katchi.store import Store, migrate

OWN = "own"
KEY_FILE = "node.key"


class NodeExistsError(KatchiError):
    """There is a node in this folder already."""

    code = "node-exists"
    exit_status = 4


class Bell:
    """Rung when there is something for the worker to do; rings heard once."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        """Wakes whoever waits."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Waits for a ring, or so long."""
        self._event.wait(seconds)
        self._event.clear()


class Rush:
    """Tells background work when hand-ins are under way, so that it stands back for those who wait for an answer."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._last = 0.0  # when the last one ended

    def __enter__(self) -> None:
        with self._changed:
            self._under_way += 1

    def __exit__(self, *_problem: object) -> None:
        with self._changed:
            self._under_way -= 1
            self._last = time.monotonic()
            self._changed.notify_all()

    def let_pass(self, *, lull: float, at_most: float) -> None:
        """Returns once there was no hand-in for `lull` seconds, and after `at_most` in any case."""
        deadline = time.monotonic() + at_most
        with self._changed:
            while (now := time.monotonic()) < deadline:
                quiet_at = deadline if self._under_way else self._last + lull
                if quiet_at <= now:
                    return
                self._changed.wait(min(quiet_at, deadline) - now)


class _NoCyclesSought:
    """JSON has no cycles: looking for them among a batch's values took a tenth of the work. Counts its users."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            gc.disable()

    def __exit__(self, *_problem: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                gc.enable()


no_cycles_sought = _NoCyclesSought()


@dataclass(slots=True)
class Node:
    """One running Katchi: everything that its modules are given."""

    folder: Path
    settings: Settings
    store: Store
    key: NodeKey
    certificate: bytes  # PEM, what partners pin
    copy_key: bytes  # 32 bytes: keeps the ids of redacted copies unlinkable
    clock: Clock
    random: Callable[[int], bytes] = os.urandom
    bell: Bell = field(default_factory=Bell)
    alert: Bell = field(default_factory=Bell)  # rung when a response may have something to do
    rush: Rush = field(default_factory=Rush)
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    desk: Desk = field(default_factory=Desk)
    devices: threading.RLock = field(default_factory=threading.RLock)  # held by whoever talks to what blocks for us
    key_changed_at: int = 0  # the key file's mtime, ns

    def close(self) -> None:
        """Lets go of the store, of the second process and of what is worked on."""
        self.desk.close()
        self.elsewhere.rest(after=0)
        self.store.close()


def database_url(folder: Path, settings: Settings) -> str:
    """The database's address; a relative SQLite path is meant from the node's folder."""
    prefix = "sqlite:///"
    if settings.database.startswith(prefix) and not settings.database.startswith(prefix + "/"):
        return f"{prefix}{folder.resolve() / settings.database[len(prefix) :]}"
    return settings.database


def create_node(folder: Path, settings: Settings, *, clock: Clock | None = None) -> None:
    """Makes a new node's folder: settings, keys, certificate, empty database. Raises NodeExistsError."""
    clock = clock or SystemClock()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / FILE).exists():
        raise NodeExistsError("There is a node in this folder already.", where=str(folder))
    certificate = tls.make_certificate(settings.url, node_id=settings.node_id, now=clock.now())
    keep_secret(folder / KEY_FILE, NodeKey.generate(secrets.token_bytes(32)).private_pem())
    keep_secret(folder / "tls.key", certificate.key_pem)
    keep_secret(folder / "copies.key", secrets.token_hex(32).encode())
    (folder / "tls.pem").write_bytes(certificate.certificate_pem)
    store = Store(database_url(folder, settings))
    try:
        migrate.upgrade(store.database)
    finally:
        store.close()
    # Last, so that a folder with settings is a folder with a whole node.
    write_settings(folder, settings)


def new_node_id() -> str:
    """A node's id is that of its STIX identity."""
    return f"identity--{uuid.uuid4()}"


@contextmanager
def open_node(folder: Path, *, clock: Clock | None = None, to_rebuild: bool = False) -> Iterator[Node]:
    """Opens the node in a folder; `to_rebuild`: whatever its tables are like.

    Raises NoNodeError, SettingsError or SchemaMismatchError.
    """
    settings = read_settings(folder)
    store = Store(database_url(folder, settings))
    try:
        if not to_rebuild:
            migrate.require_newest(store.database)
        yield Node(
            folder=folder,
            settings=settings,
            store=store,
            key=NodeKey.from_pem((folder / KEY_FILE).read_bytes()),
            certificate=(folder / "tls.pem").read_bytes(),
            copy_key=bytes.fromhex((folder / "copies.key").read_text()),
            clock=clock or SystemClock(),
        )
    finally:
        store.close()


def refresh_key(node: Node) -> None:
    """Takes up a new signing key that another process (`katchi partner rotate-key`) put in place."""
    path = node.folder / KEY_FILE
    changed_at = path.stat().st_mtime_ns
    if changed_at != node.key_changed_at:
        node.key, node.key_changed_at = NodeKey.from_pem(path.read_bytes()), changed_at


def replace_key(node: Node, key: NodeKey) -> None:
    """Puts a new signing key in the old one's place, in one step that a crash cannot halve."""
    fresh = node.folder / f"{KEY_FILE}.new"
    fresh.unlink(missing_ok=True)
    keep_secret(fresh, key.private_pem())
    fresh.replace(node.folder / KEY_FILE)
    refresh_key(node)


def keep_secret(path: Path, secret: bytes) -> None:
    """Writes a new file that only its owner may read. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
