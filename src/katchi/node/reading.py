"""Reads and checks a batch without touching anything, so that another process can do it meanwhile."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import msgspec

from katchi import policy, stix
from katchi.errors import KatchiError
from katchi.store import log
from katchi.store.log import Arrival

# A second process takes a moment to start: it pays for itself from here on.
WORTH_A_PROCESS = 50_000
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


def read_batch(slices: Sequence[bytes]) -> ReadBatch:
    """Reads and checks each object by itself."""
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
            arrivals.append(log.arrive(item))
        else:
            refusals.append(Refusal(wrong, policy.ledger.digest_of(raw)))
    return ReadBatch(arrivals, refusals, dict(tolerated))


def read_all(slices: Sequence[bytes], size: int) -> Iterator[tuple[int, ReadBatch]]:
    """(objects, what they hold) batch by batch; of many objects, in a second process ahead of whoever stores them."""
    batches = [slices[start : start + size] for start in range(0, len(slices), size)]
    if len(slices) < WORTH_A_PROCESS or (os.cpu_count() or 1) < 2:
        for batch in batches:
            yield len(batch), read_batch(batch)
        return
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        ahead: deque[tuple[Sequence[bytes], Future[bytes]]] = deque()
        waiting = deque(batches)
        try:
            while True:
                while waiting and len(ahead) < AHEAD:
                    batch = waiting.popleft()
                    ahead.append((batch, pool.submit(_read_elsewhere, batch)))
                if not ahead:
                    return
                batch, reading = ahead.popleft()
                yield len(batch), _brought_home(batch, reading.result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


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


def _read_elsewhere(slices: Sequence[bytes]) -> bytes:
    batch = read_batch(slices)
    places: list[int] = []
    place = 0
    for arrival in batch.arrivals:
        while slices[place] is not arrival.object.raw:
            place += 1
        places.append(place)
        msgspec.structs.force_setattr(arrival.object, "raw", b"")
        msgspec.structs.force_setattr(arrival.object, "properties", {})
    return msgspec.msgpack.encode((places, batch))


def _brought_home(slices: Sequence[bytes], encoded: bytes) -> ReadBatch:
    places, batch = _decoder.decode(encoded)
    for place, arrival in zip(places, batch.arrivals, strict=True):
        msgspec.structs.force_setattr(arrival.object, "raw", slices[place])
    return batch
