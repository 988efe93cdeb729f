"""What reading costs in a collection of COUNT objects: pages, polls, filters, 32 readers at once, memory.

    python benchmarks/taxii_large.py COUNT [--folder KEEP]

With a folder the node is built once and used again. No figure should grow with COUNT.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from taxii_speed import TAXII, indicator

from katchi.node.receive import receive
from katchi.node.release import judge
from katchi.node.wiring import open_node
from katchi.stix import format_timestamp
from nodes import SECRET, Running, a_folder, make, running

RARE = 100_000  # one object in so many is of another type
PAGES = 300
READERS = 32


def build(folder: Path, count: int) -> None:
    """A node with so many objects, all released to its SIEM; goes on where it was stopped."""
    if not folder.exists():
        make(folder, "bench")
    with open_node(folder) as node:
        held, began = node.store.log.end()[0], time.monotonic()
        for start in range(held, count, 20_000):
            items = [_item(number) for number in range(start, min(start + 20_000, count))]
            receive(node, json.dumps(items).encode(), origin="siem", via="bench", submitter="siem")
            while judge(node, "siem"):
                pass
            done = start - held + 20_000
            print(f"\rbuilt {start + 20_000}, {done / (time.monotonic() - began):.0f}/s", end="", flush=True)
        print()


def _item(number: int) -> dict[str, object]:
    item = indicator(number)
    if number % RARE == 0:
        identity = str(item["id"]).replace("indicator", "malware")
        item = {**item, "type": "malware", "id": identity, "is_family": True}
        for name in ("pattern", "pattern_type", "valid_from"):
            del item[name]
    return item


class Reader:
    """One kept connection."""

    def __init__(self, served: Running, user: str = "siem", password: str = SECRET) -> None:
        address = urllib.parse.urlsplit(served.root)
        self._path = f"{address.path}collections/exchange/objects/?"
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port)
        signed_in = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Accept": TAXII, "Authorization": f"Basic {signed_in}"}

    def page(self, **query: str) -> tuple[float, bytes]:
        """Seconds until the last byte, and the bytes."""
        began = time.perf_counter()
        self._connection.request("GET", self._path + urllib.parse.urlencode(query), headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = time.perf_counter() - began
        assert answer.status == 200, body[:200]
        return took, body


def walk(reader: Reader, pages: int, **query: str) -> Iterator[tuple[float, int]]:
    """(seconds, objects) of each page that follows."""
    for _ in range(pages):
        took, body = reader.page(**query)
        page = json.loads(body)
        yield took, len(page.get("objects", []))
        if not page["more"]:
            return
        query = {"limit": query["limit"], "next": page["next"]} if "limit" in query else {"next": page["next"]}


def show(label: str, pages: list[tuple[float, int]]) -> None:
    """One line: rate and percentiles."""
    took = sorted(seconds for seconds, _ in pages)
    objects = sum(count for _, count in pages)
    rate = f"{objects / sum(took):,.0f} objects/s, " if objects else ""
    half, most = took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000
    print(f"{label}: {rate}page p50 {half:.1f} ms, p99 {most:.1f} ms", flush=True)


def together(served: Running, pages: int, limit: int, pause: float) -> list[tuple[float, int]]:
    """What READERS at once see, each from a place of its own; `pause` seconds between a reader's pages.

    The rate is that of one reader while it waits for its page.
    """
    found: list[tuple[float, int]] = []
    starts = [row.added for row in served.node.store.releases.latest(READERS * 50)][::50]

    def read(number: int, added: int) -> None:
        reader = Reader(served)
        time.sleep(pause * number / READERS)
        for _ in range(pages):
            took, body = reader.page(limit=str(limit), added_after=format_timestamp(added - limit * 1000))
            found.append((took, body.count(b'"spec_version"')))
            time.sleep(pause)

    threads = [threading.Thread(target=read, args=each) for each in enumerate(starts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def measure(served: Running, count: int) -> None:
    """All figures."""
    reader = Reader(served)
    position, _ = served.node.store.log.end()
    rows = [served.node.store.log.after(place, 1)[0].added for place in (0, position // 2, position - PAGES * 1000 - 1)]
    for label, added in zip(("first pages", "from the middle", "last pages"), rows, strict=True):
        after = {"added_after": format_timestamp(added)}
        show(f"{count}: {label}", list(walk(reader, PAGES, limit="1000", **after)))
    last = served.node.store.releases.latest(51)
    for label, added in (("empty poll", last[0].added), ("50 new", last[50].added)):
        after = {"added_after": format_timestamp(added)}
        show(f"{count}: {label}", [next(iter(walk(reader, 1, limit="1000", **after))) for _ in range(PAGES)])
    show(f"{count}: match[type] of a rare type", list(walk(reader, 50, limit="1000", **{"match[type]": "malware"})))
    one = {"match[id]": last[25].object_id}
    show(f"{count}: match[id]", [next(iter(walk(reader, 1, limit="1000", **one))) for _ in range(PAGES)])
    show(f"{count}: {READERS} readers, 100 objects a page, 2 pages a second each", together(served, 10, 100, 0.5))
    show(f"{count}: {READERS} readers as fast as they can, 100 objects a page", together(served, 20, 100, 0.0))
    print(f"{count}: the server holds {served.resident():.0f} MB", flush=True)


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = chosen.folder or stack.enter_context(a_folder())
        build(folder / "node", chosen.count)
        measure(stack.enter_context(running(folder / "node")), chosen.count)


if __name__ == "__main__":
    main()
