"""What each feed of COUNT released indicators costs: seconds, megabytes, and the memory of the process that writes it.

    python benchmarks/feed_speed.py [COUNT] [FEED …]

Each format in a process of its own, so that its memory is its own; the pages are made as they are read.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from taxii_speed import indicator

from katchi import policy
from katchi.exchange import feed, feeds
from katchi.node.feeds import stopping
from katchi.overlap.belief import STOPS
from katchi.policy.released import reopen_page

READER = policy.Recipient("bench", is_active=True, epoch=1)
PAGE = 2000
HASHES = {"suricata-md5": ("MD5", 32), "suricata-sha256": ("SHA-256", 64)}


def pattern(name: str, number: int) -> dict[str, object]:
    """What this feed carries: addresses and names in turn, or hashes."""
    if name in HASHES:
        algorithm, digits = HASHES[name]
        return {"pattern": f"[file:hashes.'{algorithm}' = '{number:0{digits}x}']"}
    if name in ("yara", "sigma"):
        rule = f"rule r{number} {{ condition: true }}" if name == "yara" else f"title: r{number}\ndetection: {{}}"
        return {"pattern_type": name, "pattern": rule}
    if number % 2:
        return {"pattern": f"[domain-name:value = 'a{number}.example']"}
    address = f"{11 + number // 2**24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return {"pattern": f"[ipv4-addr:value = '{address}']"}


def pages(name: str, count: int) -> Iterator[policy.ReleasedPage]:
    """Pages as the store gives them."""
    for start in range(0, count, PAGE):
        raws = [
            json.dumps(indicator(number) | pattern(name, number)).encode()
            for number in range(start, min(start + PAGE, count))
        ]
        yield reopen_page(
            [("bench", 1, None, number, number, raw) for number, raw in enumerate(raws, start + 1)], READER
        )


def measure(name: str, count: int) -> None:
    """One feed, without the time that its pages took to make."""
    making, took = 0.0, time.process_time()
    writing = feed.Writing(feeds.new(name), now=1_767_225_600_000_000, stops=stopping(Path.cwd(), STOPS))
    source = pages(name, count)
    while True:
        began = time.process_time()
        page = next(source, None)
        making += time.process_time() - began
        if page is None:
            break
        writing.take(page)
    document = writing.finish("bench", "bench")
    size = sum(map(len, document.pieces()))
    took = time.process_time() - took - making
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name}: {document.heading.entries} entries of {count} objects in {took:.1f} s "
        f"({count / took:,.0f} objects/s), {size / 1e6:.0f} MB, {memory:.0f} MB of memory",
        flush=True,
    )


def main() -> None:
    """Reads the arguments."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    wanted = sys.argv[2:] or [name for name in feeds.names() if name not in ("navigator", "rss", "atom")]
    for name in wanted:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(name, count))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
