"""How long a release takes from one node's acknowledgement to being held at the partner.

    python benchmarks/release_latency.py [COUNT]

Two nodes in processes of their own, loopback, SQLite. Objects are handed in one by one over TAXII;
the time runs from the moment before the hand-in is sent until the partner's log has the object.
The peer is the way it is done today without pushing: a poll every 5 seconds would take 2.5 s at the
median and 5 s at worst before any work is done.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import uuid

import httpx

from katchi.node import partnering, terms
from nodes import FOR_PARTNER, SECRET, Running, a_folder, make, running

TAXII = "application/taxii+json;version=2.1"


def indicator(number: int) -> dict[str, object]:
    """One small object."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid4()}",
        "created": "2025-01-01T00:00:00.000Z",
        "modified": "2025-01-01T00:00:00.000Z",
        "name": f"release {number}",
        "pattern": f"[ipv4-addr:value = '192.0.2.{number % 256}']",
        "pattern_type": "stix",
        "valid_from": "2025-01-01T00:00:00Z",
        "object_marking_refs": ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],
    }


def one_release(kr: Running, us: Running, client: httpx.Client, number: int) -> float:
    """Seconds from hand-in to held at the partner."""
    item = indicator(number)
    seq = us.node.store.log.end()[0]
    started = time.perf_counter()
    url = f"{kr.root}collections/exchange/objects/"
    client.post(url, content=json.dumps({"objects": [item]})).raise_for_status()
    while us.node.store.log.end()[0] == seq:
        if time.perf_counter() - started > 30:
            raise SystemExit("the release did not arrive within 30 s")
        time.sleep(0.001)
    return time.perf_counter() - started


def main(count: int) -> None:
    """Joins two nodes and times single releases."""
    with a_folder() as folder:
        make(folder / "kr", "kr-cert")
        make(folder / "us", "us-cert")
        with running(folder / "kr") as kr, running(folder / "us") as us:
            invitation = partnering.invite(kr.node, "us-cert", person="bench")
            partnering.join(us.node, invitation.to_text(), name="kr-cert", person="bench")
            for side, name in ((kr, "us-cert"), (us, "kr-cert")):
                partnering.confirm(side.node, name, person="bench")
                terms.put_terms(side.node, name, FOR_PARTNER.format(partner=name), person="bench")
            with httpx.Client(auth=("siem", SECRET), headers={"Accept": TAXII, "Content-Type": TAXII}) as client:
                for number in range(20):
                    one_release(kr, us, client, number)
                times = sorted(one_release(kr, us, client, number) * 1000 for number in range(count))
            print(
                f"{count} releases: p50 {statistics.median(times):.0f} ms, p99 {times[int(count * 0.99)]:.0f} ms, "
                f"max {times[-1]:.0f} ms; resident {kr.resident():.0f} and {us.resident():.0f} MB"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
