"""Reading in a second process gives what reading here gives."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import suppress

import pytest

from katchi.node import reading
from katchi.node.reading import Elsewhere, ReadBatch, read_all, read_batch
from katchi.node.telling import Telling
from katchi.store.log import Arrival
from tests.objects import indicator, stix_object

GOOD = [json.dumps(indicator(number)).encode() for number in range(20)]
LYING = json.dumps(indicator(30) | {"id": "malware--b1e6a7b2-6f0f-4c53-8b4e-1d4f0f9a7c11"}).encode()
CUSTOM = json.dumps(stix_object("x-own-thing", 1, name="own")).encode()
SLICES = [*GOOD[:5], LYING, b"{", *GOOD[5:], CUSTOM, GOOD[0]]


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """A second process that ends with the test."""
    made = Elsewhere()
    yield made
    made.rest(after=0)


def wait_for(elsewhere: Elsewhere) -> None:
    """Until its process is there."""
    while not elsewhere.is_worth_it(len(SLICES)):
        assert elsewhere._started is not None
        wait([elsewhere._started])


def told(batches: list[tuple[int, ReadBatch]]) -> list[object]:
    return [
        (count, [told_of(arrival) for arrival in batch.arrivals], batch.refusals, batch.tolerated)
        for count, batch in batches
    ]


def told_of(arrival: Arrival) -> tuple[object, ...]:
    item = arrival.object
    return (item.raw, item.version, arrival.digest, arrival.name, arrival.thing_keys, arrival.links)


def test_a_second_process_reads_the_same(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    here = list(read_all(SLICES, 8, elsewhere, Telling()))
    monkeypatch.setattr(reading, "WORTH_A_PROCESS", 1)
    assert told(list(read_all(SLICES, 8, elsewhere, Telling()))) == told(here)


def test_what_is_refused_is_named_and_the_rest_is_kept() -> None:
    batch = read_batch(SLICES, Telling())
    assert [refusal.problem.code for refusal in batch.refusals] == ["lying-id", "unreadable"]
    assert len(batch.arrivals) == len(SLICES) - 2


def test_reading_ahead_can_be_broken_off(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WORTH_A_PROCESS", 1)
    batches = read_all(SLICES, 4, elsewhere, Telling())
    assert next(batches)[0] == 4
    batches.close()  # type: ignore[attr-defined]


def test_half_of_a_batch_is_read_there_and_the_order_stays(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here,) = read_all(SLICES, 100, elsewhere, Telling())
    monkeypatch.setattr(reading, "WORTH_A_HALF", 1)
    elsewhere.keep()
    wait_for(elsewhere)
    (both,) = read_all(SLICES, 100, elsewhere, Telling())
    assert told([both]) == told([here])


def test_a_second_process_that_is_killed_loses_nothing(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    (here,) = read_all(SLICES, 100, elsewhere, Telling())
    monkeypatch.setattr(reading, "WORTH_A_HALF", 1)
    elsewhere.keep()
    for _ in range(2):
        wait_for(elsewhere)
        assert elsewhere._pool is not None
        for process in list(elsewhere._pool._processes.values()):
            with suppress(ProcessLookupError):  # the death of the one before may not have been noticed yet
                os.kill(process.pid or 0, signal.SIGKILL)
        (read,) = read_all(SLICES, 100, elsewhere, Telling())
        assert told([read]) == told([here])


def test_the_second_process_goes_when_nobody_needs_it(elsewhere: Elsewhere) -> None:
    elsewhere.keep()
    elsewhere.read(GOOD, Telling()).result()
    elsewhere.rest(after=1000)
    assert elsewhere._pool is not None
    elsewhere.rest(after=0)
    assert elsewhere._pool is None
    assert elsewhere.read(GOOD, Telling()).result()


def test_nobody_waits_for_a_process_that_is_still_starting(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "WORTH_A_HALF", 1)
    elsewhere.keep()
    assert not elsewhere.is_worth_it(100)
    wait_for(elsewhere)
