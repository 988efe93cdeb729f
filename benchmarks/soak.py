"""Hours of writers, readers and deleters at once, on a node that is killed and started again: is anything lost?

    python benchmarks/soak.py MINUTES [DATABASE-URL]

Every object that the node acknowledged must come to every reader once, in the order of its dates,
unless somebody deleted it before the reader came there. Exits 1 if one was lost, came twice or out of order.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx
from taxii_speed import TAXII, indicator

from katchi.node import verification
from nodes import SECRET, Running, a_folder, make, running

WRITERS, READERS, DELETERS = 4, 3, 1
ROUND = 20.0  # seconds at most between two kills
SEED = 2026


@dataclass
class Tally:
    """What everybody did and saw, shared by all threads."""

    acknowledged: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    seen: list[Counter[str]] = field(default_factory=lambda: [Counter() for _ in range(READERS)])
    out_of_order: int = 0
    refused: int = 0
    kills: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    writing_ends: threading.Event = field(default_factory=threading.Event)
    reading_ends: threading.Event = field(default_factory=threading.Event)


class Visitor:
    """One client that tries again until the node answers."""

    def __init__(self, root: str, until: threading.Event) -> None:
        headers = {"Accept": TAXII, "Content-Type": TAXII}
        self.client = httpx.Client(auth=("siem", SECRET), headers=headers, timeout=60)
        self.url = f"{root}collections/exchange/objects/"
        self.until = until

    def ask(self, method: str, url: str, **how: object) -> httpx.Response | None:
        """The answer; None when there is no need to wait for one any more."""
        while True:
            try:
                return self.client.request(method, url, **how)  # type: ignore[arg-type]
            except httpx.TransportError:
                if self.until.wait(0.05):
                    return None


def write(root: str, tally: Tally, number: int) -> None:
    """Hands in envelopes, each until it is acknowledged."""
    visitor, chance = Visitor(root, tally.reading_ends), random.Random(SEED + number)
    while not tally.writing_ends.is_set():
        items = [indicator(chance.randrange(1 << 40)) for _ in range(chance.randrange(1, 400))]
        answer = visitor.ask("POST", visitor.url, content=json.dumps({"objects": items}))
        if answer is None:
            return
        status = answer.raise_for_status().json()
        with tally.lock:
            tally.refused += status["failure_count"]
            tally.acknowledged.update(str(item["id"]) for item in items)


def read(root: str, tally: Tally, number: int) -> None:
    """Polls by date, walks pages by `next`, and notes what came."""
    visitor, chance = Visitor(root, tally.reading_ends), random.Random(SEED + 100 + number)
    after, query = "", {"limit": "500"}
    while not tally.reading_ends.is_set():
        answer = visitor.ask("GET", visitor.url, params=query)
        if answer is None:
            return
        page = answer.raise_for_status().json()
        items = page.get("objects", [])
        if not items:
            tally.reading_ends.wait(0.05)
        else:
            first, last = (answer.headers[f"x-taxii-date-added-{which}"] for which in ("first", "last"))
            tally.out_of_order += not (after < first <= last)
            after = last
            tally.seen[number].update(item["id"] for item in items)
        # Some go on by `next`, some by the date: both must lead on.
        goes_on = page.get("more") and chance.random() < 0.7
        query = {"limit": str(chance.randrange(1, 1000))}
        query |= {"next": page["next"]} if goes_on else {"added_after": after} if after else {}


def delete(root: str, tally: Tally, number: int) -> None:
    """Takes an object out of the view now and then."""
    visitor, chance = Visitor(root, tally.reading_ends), random.Random(SEED + 200 + number)
    while not tally.writing_ends.wait(0.2):
        with tally.lock:
            known = list(tally.seen[0])[-2000:]
        if known:
            victim = chance.choice(known)
            # Noted before: an answer that a kill swallowed may have been a yes.
            tally.deleted.add(victim)
            visitor.ask("DELETE", f"{visitor.url}{victim}/", params={"match[version]": "all"})


def soak(minutes: float, database: str) -> bool:
    """Whether nothing was lost."""
    tally, chance = Tally(), random.Random(SEED)
    with a_folder() as folder:
        make(folder / "node", "soak", database)
        with running(folder / "node") as served:
            root = served.root
        tasks = [(write, WRITERS), (read, READERS), (delete, DELETERS)]
        threads = [
            threading.Thread(target=task, args=(root, tally, number))
            for task, count in tasks
            for number in range(count)
        ]
        for thread in threads:
            thread.start()
        ends = time.monotonic() + minutes * 60
        while time.monotonic() < ends:
            with running(folder / "node") as served:
                time.sleep(min(chance.uniform(1, ROUND), max(0.0, ends - time.monotonic())))
                print(_line(tally), flush=True)
                served.process.kill()
                tally.kills += 1
        with running(folder / "node") as served:
            tally.writing_ends.set()
            for thread in threads[:WRITERS]:
                thread.join()
            _settle(served, tally)
            tally.reading_ends.set()
            for thread in threads:
                thread.join()
            intact = verification.verify(served.node).is_intact
    return _verdict(tally, intact)


def _settle(served: Running, tally: Tally) -> None:
    """Waits until all has come to all readers, or nothing more comes for a minute."""
    missing, since = -1, time.monotonic()
    while missing and time.monotonic() - since < 60:
        left = sum(len(_missing(tally, seen)) for seen in tally.seen)
        missing, since = left, since if left == missing else time.monotonic()
        time.sleep(0.2)


def _missing(tally: Tally, seen: Counter[str]) -> set[str]:
    return tally.acknowledged - seen.keys() - tally.deleted


def _line(tally: Tally) -> str:
    seen = min(len(seen) for seen in tally.seen)
    return (
        f"{len(tally.acknowledged)} acknowledged, {seen} seen by all, {len(tally.deleted)} deleted, {tally.kills} kills"
    )


def _verdict(tally: Tally, intact: bool) -> bool:
    lost = sum(len(_missing(tally, seen)) for seen in tally.seen)
    twice = sum(count - 1 for seen in tally.seen for count in seen.values())
    print(_line(tally))
    print(f"lost {lost}, twice {twice}, out of order {tally.out_of_order}, refused {tally.refused}, intact {intact}")
    return not (lost or twice or tally.out_of_order or tally.refused) and intact


if __name__ == "__main__":
    good = soak(float(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "sqlite:///katchi.db")
    sys.exit(0 if good else 1)
