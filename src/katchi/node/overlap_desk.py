"""The sides of private overlaps under way, in memory, and the long work on them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from katchi.node.wiring import Node
from katchi.overlap.psi.party import Core, Hello, Limits, Party, Phase, on_two_cores
from katchi.store.overlaps import OverlapRow

_items = msgspec.msgpack.Decoder(list[bytes])


class Desk:
    """The sides of sessions under way, in memory, and the long work on them, one piece after the other."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="katchi-overlap-desk")
        self._lock = threading.RLock()
        self._parties: dict[str, Party] = {}
        self._working: dict[tuple[str, str], Future[None]] = {}

    def party(self, row: OverlapRow) -> Party | None:
        """The session's side; None while it is being made ready. Raises what made that fail."""
        with self._lock:
            if row.id in self._parties:
                return self._parties[row.id]
        return None if self._work((row.id, "make"), lambda: self._make(row)) else self._parties[row.id]

    def _make(self, row: OverlapRow) -> None:
        with self._lock:
            if row.id in self._parties:
                return
        made = _party_of(row)
        with self._lock:
            self._parties[row.id] = made

    def hear(self, session: str, party: Party) -> bool:
        """Lets a side work through the other's elements; True while it is not done. Raises what made it fail."""
        return party.phase < Phase.HEARD and self._work((session, "hear"), party.hear)

    def _work(self, name: tuple[str, str], act: Callable[[], None]) -> bool:
        with self._lock:
            known = self._working.get(name)
            if known is None:
                self._working[name] = self._pool.submit(act)
                return True
            if not known.done():
                return True
            del self._working[name]
        known.result()
        return False

    def forget(self, session: str) -> None:
        """It is over."""
        with self._lock:
            self._parties.pop(session, None)
            for name in [each for each in self._working if each[0] == session]:
                self._working.pop(name).cancel()


_desks: dict[str, Desk] = {}
_desks_lock = threading.Lock()


def desk_of(node: Node) -> Desk:
    """The node's, in this process."""
    with _desks_lock:
        return _desks.setdefault(node.settings.node_id, Desk())


def _party_of(row: OverlapRow) -> Party:
    assert row.key is not None
    assert row.items is not None
    core = msgspec.json.decode(row.core, type=Core)
    items = _items.decode(row.items)
    party = Party(core, row.role, row.key, items, Limits(), run=on_two_cores)  # type: ignore[arg-type]
    if row.hello is not None and row.state != "asked":
        party.meet(msgspec.msgpack.decode(row.hello, type=Hello))
    return party
