"""The same work given to our node, medallion and OpenTAXII in one session: writing, reading, polling, losses.

    python -m venv /tmp/peers && /tmp/peers/bin/pip install medallion opentaxii "sqlalchemy<2"
    python benchmarks/taxii_beside.py /tmp/peers [COUNT]

COUNT is small by default, since medallion's pages cost the square of what it holds. The race: ten writers
hand in one object after the other while a poller reads by `added_after` alone; what it never sees is lost.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import taxii_peers
from taxii_speed import Figures, _client, indicator, read, write

from nodes import SECRET, free_port, make, running

POLLS = 30
WRITERS = 10
RACE_SECONDS = 12


@dataclass
class Server:
    """Where a server's collection is, and who may."""

    name: str
    objects_url: str
    user: str
    password: str


@contextlib.contextmanager
def ours(folder: Path) -> Iterator[Server]:
    """A fresh node of ours."""
    make(folder / "node", "bench")
    with running(folder / "node") as served:
        yield Server("katchi", f"{served.root}collections/exchange/objects/", "siem", SECRET)


@contextlib.contextmanager
def theirs(venv: Path, name: str, folder: Path) -> Iterator[Server]:
    """A fresh server of another maker."""
    started = (
        taxii_peers.medallion(venv, folder, free_port(), page_size=1000)
        if name == "medallion"
        else taxii_peers.opentaxii(venv, folder, free_port())
    )
    with started as peer:
        yield Server(name, peer.objects_url, *peer.auth)


def polls(client: httpx.Client, url: str) -> None:
    """A poll that finds nothing."""
    took = []
    for _ in range(POLLS):
        began = time.perf_counter()
        client.get(url, params={"added_after": "2100-01-01T00:00:00.000000Z", "limit": "100"}).raise_for_status()
        took.append(time.perf_counter() - began)
    took.sort()
    print(f"  empty poll: p50 {took[POLLS // 2] * 1000:.1f} ms, slowest {took[-1] * 1000:.1f} ms", flush=True)


@dataclass
class Race:
    """What was acknowledged and what was seen."""

    acknowledged: set[str] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


def race(server: Server) -> None:
    """Ten writers, one poller that goes by dates."""
    running_race = Race()
    writers = [threading.Thread(target=_write, args=(server, running_race, number)) for number in range(WRITERS)]
    poller = threading.Thread(target=_poll, args=(server, running_race))
    for thread in (*writers, poller):
        thread.start()
    for thread in (*writers, poller):
        thread.join()
    lost = running_race.acknowledged - set(running_race.seen)
    twice = len(running_race.seen) - len(set(running_race.seen))
    print(f"  race: {len(running_race.acknowledged)} acknowledged, {len(lost)} lost, {twice} seen twice", flush=True)


def _write(server: Server, state: Race, writer: int) -> None:
    deadline = time.monotonic() + RACE_SECONDS
    number = writer * 1_000_000 + 10_000_000
    with _client(server.user, server.password) as client:
        while time.monotonic() < deadline:
            size = 100 if writer == 0 else 1
            items = [indicator(number + place) for place in range(size)]
            number += size
            with contextlib.suppress(httpx.HTTPError):
                answer = client.post(server.objects_url, content=json.dumps({"objects": items}))
                if answer.status_code == 202 and answer.json().get("failure_count", 0) == 0:
                    state.acknowledged |= {str(item["id"]) for item in items}
    if writer == 0:
        state.stop.set()


def _poll(server: Server, state: Race) -> None:
    after, last_look = "", 0.0
    with _client(server.user, server.password) as client:
        while True:
            query = {"limit": "1000"} | ({"added_after": after} if after else {})
            try:
                answer = client.get(server.objects_url, params=query, timeout=60)
                items = answer.json().get("objects", []) if answer.status_code == 200 else []
            except httpx.HTTPError:
                return
            state.seen += [item["id"] for item in items if int(item["name"].split()[-1]) >= 10_000_000]
            after = answer.headers.get("X-TAXII-Date-Added-Last", after) if items else after
            if not items and state.stop.is_set():
                last_look = last_look or time.monotonic()
                if time.monotonic() - last_look > 5:
                    return
            time.sleep(0.02)


def measure(server: Server, count: int) -> None:
    """All of it for one server."""
    print(f"{server.name}, {count} objects", flush=True)
    figures = Figures()
    with _client(server.user, server.password) as client:
        write(client, server.objects_url, count, figures)
        time.sleep(1)  # ours judges meanwhile: what cannot be seen yet cannot be read
        read(client, server.objects_url, figures)
        figures.show(f"  {server.name}")
        polls(client, server.objects_url)
    race(server)


def main() -> None:
    """Reads the arguments."""
    venv, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    for start in (ours, "opentaxii", "medallion"):
        with tempfile.TemporaryDirectory(prefix="katchi-beside-") as folder:
            place = Path(folder)
            try:
                with ours(place) if callable(start) else theirs(venv, start, place) as server:
                    measure(server, count)
            except (OSError, httpx.HTTPError, AssertionError, AttributeError) as problem:
                print(f"  gave up: {type(problem).__name__} {str(problem)[:150]}", flush=True)


if __name__ == "__main__":
    main()
