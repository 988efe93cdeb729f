"""What a poll costs that finds nothing, or 50 new objects, in a collection of COUNT objects.

    python benchmarks/taxii_poll.py [COUNT …]

Each poll is one request with Basic auth on a kept connection. Figures should not grow with COUNT.
"""

from __future__ import annotations

import json
import sys
import time

import httpx
from taxii_speed import TAXII, indicator

from katchi.stix import format_timestamp
from nodes import SECRET, Running, a_folder, make, running

POLLS = 500


def fill(served: Running, client: httpx.Client, url: str, count: int) -> None:
    """Hands in so many objects and waits until all are released."""
    for start in range(0, count, 5000):
        items = [indicator(number) for number in range(start, min(start + 5000, count))]
        client.post(url, content=json.dumps({"objects": items})).raise_for_status()
    while served.node.store.partners.one("siem").judged_seq < count:
        time.sleep(0.1)


def polls(client: httpx.Client, url: str, after: str, expected: int) -> list[float]:
    """Seconds of each poll, sorted."""
    took = []
    for _ in range(POLLS):
        began = time.perf_counter()
        page = client.get(url, params={"added_after": after})
        took.append(time.perf_counter() - began)
        assert len(page.json().get("objects", [])) == expected, page.text[:200]
    return sorted(took)


def measure(count: int) -> None:
    """One fresh node with so many objects."""
    with a_folder() as folder:
        make(folder / "node", "bench")
        with running(folder / "node") as served:
            url = f"{served.root}collections/exchange/objects/"
            headers = {"Accept": TAXII, "Content-Type": TAXII}
            with httpx.Client(auth=("siem", SECRET), headers=headers, timeout=600) as client:
                fill(served, client, url, count)
                last = served.node.store.releases.latest(51)
                for label, row, expected in (("nothing new", last[0], 0), ("50 new", last[50], 50)):
                    took = polls(client, url, format_timestamp(row.added), expected)
                    print(
                        f"{count} objects, {label}: p50 {took[POLLS // 2] * 1000:.1f} ms, "
                        f"p99 {took[POLLS * 99 // 100] * 1000:.1f} ms",
                        flush=True,
                    )


if __name__ == "__main__":
    for number in [int(argument) for argument in sys.argv[1:]] or [1000, 50_000]:
        measure(number)
