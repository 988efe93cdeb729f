"""The sides of private overlaps under way, in memory, and the long work on them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import msgspec

from katchi.errors import KatchiError
from katchi.overlap.psi.lookup import Holder, Seeker
from katchi.overlap.psi.party import Party
from katchi.overlap.psi.side import Core, Hello, Phase, Side, on_two_cores
from katchi.store.overlaps import OverlapRow

_items = msgspec.msgpack.Decoder(list[bytes])


class _EndedError(KatchiError):
    """A person ended the session while it was worked on."""

    code = "overlap-ended"


class Desk:
    """The sides of sessions under way, in memory, and the long work on them, one piece after the other."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="katchi-overlap-desk")
        self._lock = threading.RLock()
        self._sides: dict[str, Side] = {}
        self._working: dict[tuple[str, str], Future[None]] = {}
        self._done: dict[str, tuple[int, int]] = {}

    def side(self, row: OverlapRow) -> Side | None:
        """The session's side; None while it is being made ready. Raises what made that fail."""
        with self._lock:
            if row.id in self._sides:
                return self._sides[row.id]
        return None if self._work((row.id, "make"), lambda: self._make(row)) else self._sides[row.id]

    def _make(self, row: OverlapRow) -> None:
        with self._lock:
            if row.id in self._sides:
                return
        made = _side_of(row, partial(self._note, row.id))
        with self._lock:
            self._sides[row.id] = made

    def hear(self, session: str, side: Side) -> bool:
        """Lets a side work through the other's elements; True while it is not done. Raises what made it fail."""
        return side.phase < Phase.HEARD and self._work((session, "hear"), side.hear)

    def progress(self, session: str) -> tuple[int, int] | None:
        """Parts of the long work that are done, and all of them; None where nothing is worked on."""
        with self._lock:
            return self._done.get(session)

    def _note(self, session: str, done: int, whole: int) -> None:
        with self._lock:
            if session not in self._done:
                raise _EndedError("The session was ended.", what=session)
            self._done[session] = (done, whole)

    def _work(self, name: tuple[str, str], act: Callable[[], None]) -> bool:
        with self._lock:
            known = self._working.get(name)
            if known is None:
                self._done[name[0]] = (0, 1)
                self._working[name] = self._pool.submit(act)
                return True
            if not known.done():
                return True
            del self._working[name]
            self._done.pop(name[0], None)
        known.result()
        return False

    def forget(self, session: str) -> None:
        """It is over; what is worked on for it stops."""
        with self._lock:
            self._sides.pop(session, None)
            self._done.pop(session, None)
            for name in [each for each in self._working if each[0] == session]:
                self._working.pop(name).cancel()

    def close(self) -> None:
        """Stops what is worked on; it begins anew when the node does."""
        with self._lock:
            self._done.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _side_of(row: OverlapRow, progress: Callable[[int, int], None]) -> Side:
    assert row.key is not None
    assert row.items is not None
    core = Core.from_bytes(row.core)
    if core.mode == "mutual":
        kind: type[Side] = Party
    else:
        kind = Seeker if row.role == "initiator" else Holder
    made = kind(core, row.role, row.key, _items.decode(row.items), run=on_two_cores, progress=progress)
    if row.hello is not None and row.state != "asked":
        made.meet(msgspec.msgpack.decode(row.hello, type=Hello))
    return made
