"""How fast a node takes in a file, durably: objects a second and peak memory, SQLite and PostgreSQL.

    python benchmarks/import_speed.py [FILE …]

Without files it makes 100,000 indicators. Beside it, on the same files, the reference library's
`stix2.parse`, which stores nothing.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from nodes import a_database, a_folder, make


def made(count: int) -> bytes:
    """A bundle of so many indicators, GREEN, each of its own address or domain."""
    objects = [
        {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--{uuid.UUID(int=number * 7919, version=4)}",
            "created": "2025-01-01T00:00:00.000Z",
            "modified": "2025-01-01T00:00:00.000Z",
            "name": f"value {number}",
            "pattern": f"[domain-name:value = 'd{number}.example.com']",
            "pattern_type": "stix",
            "valid_from": "2025-01-01T00:00:00Z",
            "object_marking_refs": ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],
        }
        for number in range(count)
    ]
    return json.dumps({"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects}).encode()


def take(folder: str, path: str) -> None:
    """Imports in this process and prints what it took."""
    from katchi.node.receive import import_file
    from katchi.node.wiring import open_node

    with open_node(Path(folder)) as node:
        started = time.perf_counter()
        account = import_file(node, Path(path), submitter="bench")
        seconds = time.perf_counter() - started
    # Not getrusage: a child begins with its parent's peak.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1000
    refused = f", refused {account.refused}" if account.refused else ""
    print(
        f"{account.total:>8} objects {seconds:7.2f} s {account.total / seconds:9.0f} objects/s "
        f"peak {peak:5.0f} MB{refused}"
    )


def peer(path: Path, sample: int = 2000) -> float:
    """Objects a second of `stix2.parse` over the first objects of the file."""
    import stix2

    objects = json.loads(path.read_bytes())["objects"][:sample]
    started = time.perf_counter()
    for item in objects:
        stix2.parse(item, allow_custom=True)
    return len(objects) / (time.perf_counter() - started)


def main(paths: list[Path]) -> None:
    """Each file on each database, in a process of its own."""
    for path in paths:
        print(f"{path.name} ({path.stat().st_size / 1e6:.1f} MB)")
        for kind in ("sqlite", "postgresql"):
            with a_database(kind) as url, a_folder() as folder:
                make(folder / "node", "bench", url)
                print(f"  {kind:<11}", end="", flush=True)
                subprocess.run([sys.executable, __file__, "--take", str(folder / "node"), str(path)], check=True)
        print(f"  stix2.parse alone, stores nothing: {peer(path):9.0f} objects/s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--take"]:
        take(sys.argv[2], sys.argv[3])
    else:
        with tempfile.TemporaryDirectory() as scratch:
            plain = []
            for name in sys.argv[1:]:
                source = Path(name)
                if source.suffix == ".gz":
                    target = Path(scratch, source.stem)
                    target.write_bytes(gzip.decompress(source.read_bytes()))
                    source = target
                plain.append(source)
            if not plain:
                plain = [Path(scratch, "indicators.json")]
                plain[0].write_bytes(made(100_000))
            main(plain)
