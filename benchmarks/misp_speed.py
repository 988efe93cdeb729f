"""MISP in and out: events made into objects, beside misp-stix alone; a feed written and read, beside PyMISP's own.

python benchmarks/misp_speed.py [ATTRIBUTES]
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

from misp_stix_converter import MISPtoSTIX21Parser
from pymisp import MISPEvent
from taxii_speed import indicator

from katchi.exchange import intakes, misp_feed
from katchi.exchange.intake import Choices
from katchi.exchange.misp_feed import Chapter, Publisher, Share

PUBLISHER = Publisher(f"identity--{uuid.UUID(int=1, version=4)}", "bench", "bench")
NOW = 1_767_225_600_000_000
CHOICES = Choices(PUBLISHER.node_id, "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", NOW)  # TLP:GREEN


def show(what: str, count: int, work: Callable[[], object]) -> None:
    """One line."""
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    print(f"{what}: {count} in {took:.2f} s, {count / took:,.0f} a second", flush=True)


def made(count: int) -> dict[str, Any]:
    """An event with so many addresses, names and hashes in turn."""
    event = MISPEvent()
    event.info = "bench"
    event.published = True
    event.add_tag("tlp:green")
    for number in range(count):
        kind, value = (
            ("ip-dst", f"198.{18 + (number >> 16 & 1)}.{number >> 8 & 255}.{number & 255}"),
            ("domain", f"a{number}.example"),
            ("md5", f"{number:032x}"),
        )[number % 3]
        event.add_attribute(kind, value, to_ids=True)
    found: dict[str, Any] = json.loads(event.to_json())
    return found


def main(count: int) -> None:
    """All lines."""
    event = made(count)
    document = json.dumps({"Event": event}).encode()
    intake = intakes.every()["misp-json"]
    show("read, Katchi (checked for what was dropped)", count, lambda: intake.read(document, CHOICES))
    show("read, misp-stix alone", count, lambda: MISPtoSTIX21Parser().parse_misp_event({"Event": event}))
    shares = [
        Share(NOW + number, str(item["id"]), json.dumps(item).encode())
        for number, item in enumerate(map(indicator, range(count)))
    ]
    chapter = Chapter(0, NOW, NOW + count, NOW, count)
    written = misp_feed.event(PUBLISHER, chapter, shares, now=NOW)
    show("written, Katchi", count, lambda: misp_feed.event(PUBLISHER, chapter, shares, now=NOW))
    show("hashes, Katchi", count, lambda: list(misp_feed.hashes(PUBLISHER, chapter, shares, now=NOW)))
    loaded = MISPEvent()
    show("loaded by PyMISP", count, lambda: loaded.load(written))
    assert len(loaded.attributes) == count
    show("written, PyMISP's to_feed", count, lambda: json.dumps(loaded.to_feed(with_meta=True)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
