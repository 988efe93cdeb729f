"""What things cost: import with joining, lists and score; a page, a search and a pasted look-up with COUNT things held.

    python benchmarks/things_speed.py [COUNT] [--folder KEEP]

With a folder the node is built once and used again. Beside it: PyMISP's warning lists and an exact correlation in SQL.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from pymispwarninglists.api import WarningLists as PyMispLists
from taxii_speed import indicator

from katchi.node import portrait, search, things
from katchi.node.receive import receive
from katchi.node.telling import lists_of, warning_lists
from katchi.node.wiring import Node, open_node
from nodes import a_folder, make

LOT = 100_000  # objects of one document
SOURCES = ("own", "us-cert", "isac", "feed-a", "feed-b")
NAMES = ("Lazarus Group", "라자루스", "Kimsuky", "김수키", "Emotet", "이모텟", "Cobalt Strike", "Blue Mudang")


def item(number: int, chance: random.Random) -> dict[str, object]:
    """Addresses, domains, URLs and hashes as partners have them; every tenth is one that others have too."""
    which = number if number % 10 else number % 5_000
    pattern = (
        f"[ipv4-addr:value = '{11 + which // 2**24}.{which >> 16 & 255}.{which >> 8 & 255}.{which & 255}']",
        f"[domain-name:value = 'host{which}.{('example', 'duckdns.org', 'co.kr')[which % 3]}']",
        f"[url:value = 'http://host{which}.example/{which * 7919:x}']",
        f"[file:hashes.'SHA-256' = '{which:064x}']",
        f"[file:hashes.MD5 = '{which:032x}' AND file:hashes.'SHA-256' = '{which + 10**12:064x}']",
    )[which % 5]
    made = indicator(number) | {"pattern": pattern, "name": f"{chance.choice(('C2', '은행 사칭', 'dropper'))} {which}"}
    made["modified"] = f"2026-{1 + number % 10:02d}-{1 + number % 28:02d}T00:00:00.000Z"
    return made


def build(node: Node, count: int) -> None:
    """Goes on where it was stopped; prints the rate."""
    chance = random.Random(1)
    held = node.store.log.end()[0]
    began, spent = held, 0.0
    node.elsewhere.keep()
    for start in range(held, count, LOT):
        items = [item(number, chance) for number in range(start, min(start + LOT, count))]
        document = json.dumps(items).encode()
        began_at = time.perf_counter()
        receive(node, document, origin=SOURCES[start // LOT % len(SOURCES)], via="bench", submitter="bench")
        spent += time.perf_counter() - began_at
        print(f"\rbuilt {start + LOT}, {(start + LOT - began) / spent:,.0f}/s", end="", flush=True)
    print()


def show(label: str, times: int, work: Callable[[int], object]) -> None:
    """One line: p50, p95 and the slowest."""
    took = []
    for number in range(times):
        began = time.perf_counter()
        work(number)
        took.append(time.perf_counter() - began)
    took.sort()
    half, most = took[len(took) // 2] * 1000, took[len(took) * 95 // 100] * 1000
    print(f"{label}: p50 {half:.1f} ms, p95 {most:.1f} ms, slowest {took[-1] * 1000:.1f} ms", flush=True)


def measure(node: Node, count: int) -> None:
    """All figures."""
    print(f"things: {sum(many for _, many in node.store.things.counts()):,} of {count:,} objects")
    chance = random.Random(2)
    some = [chance.randrange(count // 5) * 5 + 1 for _ in range(200)]
    show("page of a domain", 200, lambda n: portrait.portrait(node, f"domain:host{some[n]}.example"))
    show("search for a value", 200, lambda n: search.find(node, f"hxxp://host{some[n] + 1}[.]example/"))
    show("search for a name", 40, lambda n: search.find(node, NAMES[n % len(NAMES)]))
    show("search for a part of a name", 20, lambda n: search.find(node, f"host{some[n]}"))
    show("search that finds nothing", 20, lambda n: search.find(node, f"nothing{n}x"))
    queries = (
        "kind:domain score:>50",
        "score:>60 from:isac",
        "kind:ipv4 seen:<60d",
        "list:dynamic-dns",
        "list:none kind:file",
    )
    for query in queries:
        show(f"query {query}", 20, lambda n, query=query: search.find(node, query))  # type: ignore[misc]
    values = " ".join(f"host{chance.randrange(count)}[.]example" for _ in range(10_000))
    show("10,000 pasted values", 3, lambda n: search.find(node, values))


def peers(node: Node) -> None:
    """Warning lists and correlation, each beside another way to do it."""
    lists = warning_lists(lists_of(node.folder))
    values = [f"host{number}.duckdns.org" for number in range(20_000)]
    show("warning lists, ours, 20,000 domains", 3, lambda n: [lists.matching(f"domain:{value}") for value in values])
    theirs = PyMispLists(slow_search=True)
    show(
        "warning lists, PyMISP (which looks for subdomains), 10 domains",
        1,
        lambda n: [theirs.search(value) for value in values[:10]],
    )
    quick = PyMispLists()
    show("warning lists, PyMISP (exact only), 20,000 domains", 1, lambda n: [quick.search(value) for value in values])


def correlate(count: int) -> None:
    """What MISP does at arrival, in SQL: each value is looked for among all, and each pair is written down."""
    table = sqlite3.connect(":memory:")
    table.execute("CREATE TABLE attribute (id INTEGER PRIMARY KEY, value TEXT)")
    table.execute("CREATE INDEX by_value ON attribute (value)")
    table.execute("CREATE TABLE correlation (one INTEGER, other INTEGER)")
    chance = random.Random(1)
    values = [str(item(number, chance)["pattern"]) for number in range(count)]
    began = time.perf_counter()
    for number, value in enumerate(values):
        found = table.execute("SELECT id FROM attribute WHERE value = ?", (value,)).fetchall()
        table.executemany("INSERT INTO correlation VALUES (?, ?)", [(number, other[0]) for other in found])
        table.execute("INSERT INTO attribute VALUES (?, ?)", (number, value))
    took = time.perf_counter() - began
    pairs = table.execute("SELECT count(*) FROM correlation").fetchone()[0]
    print(f"correlation alone, in memory, in SQL: {count / took:,.0f} values/s, {pairs:,} pairs", flush=True)


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=200_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rebuild", action="store_true")
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = chosen.folder or stack.enter_context(a_folder())
        if not (folder / "node").exists():
            make(folder / "node", "bench")
        node = stack.enter_context(open_node(folder / "node"))
        build(node, chosen.count)
        measure(node, chosen.count)
        peers(node)
        correlate(chosen.count)
        if chosen.rebuild:
            _rebuild(node)


def _rebuild(node: Node) -> None:
    began = time.perf_counter()
    count = max(done for done, _ in things.rebuild(node))
    print(f"rebuilt {count:,} objects at {count / (time.perf_counter() - began):,.0f}/s", flush=True)


if __name__ == "__main__":
    main()
