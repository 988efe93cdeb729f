"""How fast one core reads and checks STIX, beside the reference library in the same process.

    python benchmarks/stix_speed.py [FILE …]

Measures generated indicators and each bundle given (plain or gzipped); without files, ATT&CK
Enterprise where the shared data is. The reference library's `stix2.parse` validates and builds an
object; `read` and `check` together do the like here. Each figure is the best of three runs.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import stix2

from katchi import stix

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("KATCHI_SHARED_DATA", ROOT.parent / "shared" / "data"))
ATTACK = SHARED / "attack" / "enterprise-attack-18.1.stix21.json.gz"
PEER_OBJECTS = 1_000
RUNS = 3

Item = TypeVar("Item")


def indicators(count: int) -> list[bytes]:
    """Indicators as feeds send them, each with a pattern of its own."""
    return [json.dumps(_indicator(number)).encode() for number in range(count)]


def _indicator(number: int) -> dict[str, Any]:
    patterns = (
        f"[domain-name:value = 'd{number}.feed.example']",
        f"[ipv4-addr:value = '198.51.{number % 256}.{number // 256 % 256}']",
        f"[url:value = 'https://d{number}.feed.example/gate.php?id={number}']",
        f"[file:hashes.'SHA-256' = '{number:064x}' OR file:hashes.MD5 = '{number:032x}']",
    )
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.UUID(int=number * 7919, version=4)}",
        "created_by_ref": "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff",
        "created": "2025-01-01T00:00:00.000Z",
        "modified": "2025-01-01T00:00:00.000Z",
        "name": f"indicator {number}",
        "description": "Seen in a feed",
        "indicator_types": ["malicious-activity"],
        "pattern": patterns[number % len(patterns)],
        "pattern_type": "stix",
        "valid_from": "2025-01-01T00:00:00Z",
        "confidence": 80,
        "object_marking_refs": ["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"],
    }


def rate(work: Callable[[Item], object], items: Sequence[Item]) -> float:
    """Objects a second, the best of some runs."""
    best = float("inf")
    for _ in range(RUNS):
        started = time.perf_counter()
        for item in items:
            work(item)
        best = min(best, time.perf_counter() - started)
    return len(items) / best


def read_and_check(raw: bytes) -> None:
    stix.check(stix.read(raw))


def peer(raw: bytes) -> None:
    stix2.parse(raw.decode(), allow_custom=True)


def measure(title: str, raws: list[bytes]) -> None:
    """Print one holding's figures."""
    objects = [stix.read(raw) for raw in raws]
    document = b'{"type":"bundle","objects":[' + b",".join(raws) + b"]}"
    some = raws[:: max(1, len(raws) // PEER_OBJECTS)][:PEER_OBJECTS]
    ours, theirs = rate(read_and_check, raws), rate(peer, some)
    print(f"\n{title}: {len(raws):,} objects, {sum(map(len, raws)) // len(raws):,} bytes each")
    rows = {
        "split": rate(stix.split, [document]) * len(raws),
        "read": rate(stix.read, raws),
        "check": rate(stix.check, objects),
        "thing_keys": rate(stix.thing_keys, objects),
        "references": rate(stix.references, objects),
        "read + check": ours,
        f"stix2.parse ({len(some):,} of them)": theirs,
    }
    for name, figure in rows.items():
        print(f"  {name:<30} {figure:>12,.0f} /s {1e6 / figure:>10.2f} us")
    print(f"  read + check is {ours / theirs:.0f} times as fast as stix2.parse")


def main() -> None:
    files = [Path(name) for name in sys.argv[1:]]
    if not files and ATTACK.exists():
        files = [ATTACK]
    measure("generated indicators", indicators(20_000))
    for file in files:
        document = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        measure(file.name, stix.split(document))


if __name__ == "__main__":
    main()
