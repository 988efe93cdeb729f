"""Reads and checks a batch without touching anything, so that another process can do it meanwhile."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import TypeVar

import msgspec

from katchi import policy, stix
from katchi.errors import KatchiError
from katchi.node.telling import Telling, teller
from katchi.store import log
from katchi.store.log import Arrival

Result = TypeVar("Result")

# A second process takes a moment to start: it pays for itself from here on.
WORTH_A_PROCESS = 50_000
# Once it is there, what counts is the way there and back.
WORTH_A_HALF = 200
AHEAD = 2  # batches read before they are wanted


class Problem(msgspec.Struct, frozen=True):
    """Why one object was refused. `version` is its `modified` as written."""

    object_id: str
    version: str
    code: str
    what: str
    message: str
    expected: str = ""
    remedy: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """An object that is not taken. `digest` is None where it could not be read at all."""

    problem: Problem
    digest: bytes | None


class ReadBatch(msgspec.Struct, frozen=True):
    """What a batch holds: what may go into the log, and what is refused and why."""

    arrivals: list[Arrival]
    refusals: list[Refusal]
    tolerated: dict[str, int]


def read_batch(slices: Sequence[bytes], telling: Telling) -> ReadBatch:
    """Reads and checks each object by itself."""
    tell = teller(telling)
    arrivals: list[Arrival] = []
    refusals: list[Refusal] = []
    tolerated: Counter[str] = Counter()
    for raw in slices:
        try:
            item = stix.read(raw)
        except KatchiError as error:
            refusals.append(Refusal(_unread(error), None))
            continue
        wrong = _violation(item, tolerated)
        if wrong is None:
            arrivals.append(log.arrive(item, tell))
        else:
            refusals.append(Refusal(wrong, policy.ledger.digest_of(raw)))
    return ReadBatch(arrivals, refusals, dict(tolerated))


class Elsewhere:
    """A second process that reads while this one stores; it starts when there is enough to read.

    One that is kept serves many hand-ins, and goes when nobody has handed in for a while.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._started: Future[None] | None = None
        self._is_kept = False
        self._last = 0.0

    def keep(self) -> None:
        """From now on the process outlives the hand-in that started it."""
        self._is_kept = True

    def is_worth_it(self, objects: int) -> bool:
        """Whether so many objects are read quicker with it, its start counted in."""
        if (os.cpu_count() or 1) < 2:
            return False
        return objects >= WORTH_A_PROCESS or (self._is_kept and objects >= WORTH_A_HALF and self._is_ready())

    def _is_ready(self) -> bool:
        """Whether the process is there; else it is started, and nobody waits for it."""
        with self._lock:
            self._last = time.monotonic()
            if self._started is not None and self._started.done() and self._started.exception():
                self._pool = self._started = None  # killed while it started
            if self._pool is None or self._started is None:
                self._started = self._submitted(_nothing)
            return self._started.done() and not self._started.exception()

    def read(self, slices: Sequence[bytes], telling: Telling) -> Future[bytes]:
        """Begins to read there; `brought_home` makes a batch of the result."""
        with self._lock:
            self._last = time.monotonic()
            return self._submitted(_read_elsewhere, slices, telling)

    def _submitted(self, errand: Callable[..., Result], *arguments: object) -> Future[Result]:
        try:
            return self._running().submit(errand, *arguments)
        except BrokenProcessPool:  # somebody killed it
            self._pool = self._started = None
            return self._running().submit(errand, *arguments)

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_end_with_parent)
        return self._pool

    def rest(self, *, after: float = 60.0) -> None:
        """Ends the process if nobody has needed it for so many seconds."""
        with self._lock:
            if self._pool is not None and time.monotonic() - self._last >= after:
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = self._started = None

    def done(self) -> None:
        """A hand-in is over."""
        if not self._is_kept:
            self.rest(after=0)


def read_all(
    slices: Sequence[bytes], size: int, elsewhere: Elsewhere, telling: Telling
) -> Iterator[tuple[int, ReadBatch]]:
    """(objects, what they hold) batch by batch; of many objects, in a second process ahead of whoever stores them."""
    batches = [slices[start : start + size] for start in range(0, len(slices), size)]
    if not elsewhere.is_worth_it(len(slices)):
        for batch in batches:
            yield len(batch), read_batch(batch, telling)
    elif len(batches) == 1:
        yield len(slices), _read_by_both(slices, elsewhere, telling)
    else:
        yield from _read_ahead(batches, elsewhere, telling)


def _read_by_both(slices: Sequence[bytes], elsewhere: Elsewhere, telling: Telling) -> ReadBatch:
    """One batch, for whoever waits for its answer: half of it there, half of it here."""
    half = len(slices) // 2
    theirs = elsewhere.read(slices[half:], telling)
    first = read_batch(slices[:half], telling)
    second = _brought_home(slices[half:], theirs, telling)
    return ReadBatch(
        [*first.arrivals, *second.arrivals],
        [*first.refusals, *second.refusals],
        dict(Counter(first.tolerated) + Counter(second.tolerated)),
    )


def _read_ahead(
    batches: Sequence[Sequence[bytes]], elsewhere: Elsewhere, telling: Telling
) -> Iterator[tuple[int, ReadBatch]]:
    ahead: deque[tuple[Sequence[bytes], Future[bytes]]] = deque()
    waiting = deque(batches)
    try:
        while waiting or ahead:
            while waiting and len(ahead) < AHEAD:
                batch = waiting.popleft()
                ahead.append((batch, elsewhere.read(batch, telling)))
            batch, reading = ahead.popleft()
            yield len(batch), _brought_home(batch, reading, telling)
    finally:
        for _, reading in ahead:
            reading.cancel()
        elsewhere.done()


def _nothing() -> None:
    """The first errand of a process: once it is done, the process is there."""


def _end_with_parent() -> None:
    """A node that is killed leaves nobody behind."""

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _violation(item: stix.Object, tolerated: Counter[str]) -> Problem | None:
    """Counts what is tolerated; the first violation of a MUST refuses the object."""
    for finding in stix.check(item):
        if finding.level is stix.Level.MUST:
            version = item.version_text or ""
            return Problem(item.id, version, finding.code, finding.path, finding.message, "", finding.remedy)
        if finding.level is stix.Level.TOLERATED:
            tolerated[finding.code] += 1
    return None


def _unread(error: KatchiError) -> Problem:
    return Problem(error.where, "", error.code, error.what, error.sentence, error.expected, error.remedy)


# Between the processes go the facts that the log needs, in MessagePack; the bytes stay where they are.
_decoder = msgspec.msgpack.Decoder(tuple[list[int], ReadBatch])


def _read_elsewhere(slices: Sequence[bytes], telling: Telling) -> bytes:
    batch = read_batch(slices, telling)
    places: list[int] = []
    place = 0
    for arrival in batch.arrivals:
        while slices[place] is not arrival.object.raw:
            place += 1
        places.append(place)
        msgspec.structs.force_setattr(arrival.object, "raw", b"")
        msgspec.structs.force_setattr(arrival.object, "properties", {})
    return msgspec.msgpack.encode((places, batch))


def _brought_home(slices: Sequence[bytes], reading: Future[bytes], telling: Telling) -> ReadBatch:
    try:
        encoded = reading.result()
    except (BrokenProcessPool, CancelledError):  # it was killed: nothing is stored yet, so it is read here
        encoded = _read_elsewhere(slices, telling)
    places, batch = _decoder.decode(encoded)
    for place, arrival in zip(places, batch.arrivals, strict=True):
        msgspec.structs.force_setattr(arrival.object, "raw", slices[place])
    return batch
