"""Whether a subscription brings everything from other makers' TAXII servers, started here and written to meanwhile.

    python -m venv /tmp/peers && /tmp/peers/bin/pip install medallion opentaxii "sqlalchemy<2"
    python benchmarks/taxii_peers.py /tmp/peers [COUNT]

Each server is filled over TAXII, read by `katchi subscription pull`, then read again while a writer adds
to it, page after page; at the end the node must hold every object that the server acknowledged. What a
server cannot do is printed as it is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from taxii_speed import indicator

from katchi.errors import KatchiError
from katchi.node import subscribing, subscriptions
from katchi.node.subscribing import Secret, Wanted
from katchi.node.wiring import Node

TAXII = "application/taxii+json;version=2.1"
ENVELOPES = 15  # of each of three writers
COLLECTION_ID = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"


@dataclass
class Peer:
    """A running server and how to sign in."""

    name: str
    url: str
    root: str
    collection: str
    auth: tuple[str, str]
    added: set[str] = field(default_factory=set)

    @property
    def objects_url(self) -> str:
        """Where objects go."""
        return f"{self.root}collections/{self.collection}/objects/"

    def add(self, count: int) -> None:
        """Writes one envelope. Raises httpx.HTTPError when the server does not take it."""
        objects = [indicator(len(self.added) + number) for number in range(count)]
        answer = httpx.post(
            self.objects_url, auth=self.auth, timeout=60, headers={"Accept": TAXII, "Content-Type": TAXII},
            content=json.dumps({"objects": objects}),
        )  # fmt: skip
        answer.raise_for_status()
        self.added |= {str(each["id"]) for each in objects}


@contextmanager
def _process(
    arguments: list[str], port: int, folder: Path, environment: dict[str, str] | None = None
) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(arguments, cwd=folder, stdout=log, stderr=log, env=environment)
        try:
            for _ in range(200):
                try:
                    httpx.get(f"http://127.0.0.1:{port}/taxii2/")
                    break
                except httpx.HTTPError:
                    time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait()


@contextmanager
def medallion(venv: Path, folder: Path, port: int, page_size: int = 25) -> Iterator[Peer]:
    """medallion with its memory backend: one date_added for each envelope."""
    collection = {
        "id": COLLECTION_ID, "title": "Feed", "can_read": True, "can_write": True, "media_types": [], "objects": [],
        "manifest": [],
    }  # fmt: skip
    root = {"title": "Root", "versions": [TAXII], "max_content_length": 100_000_000}
    data = {
        "/discovery": {"title": "medallion", "api_roots": [f"http://127.0.0.1:{port}/api/"]},
        "api": {"information": root, "status": [], "collections": [collection]},
    }
    (folder / "data.json").write_text(json.dumps(data))
    config = {
        "backend": {
            "module": "medallion.backends.memory_backend", "module_class": "MemoryBackend",
            "filename": str(folder / "data.json"),
        },
        "users": {"admin": "Password0"},
        "taxii": {"max_page_size": page_size},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    command = [str(venv / "bin/medallion"), "--host", "127.0.0.1", "--port", str(port), str(folder / "config.json")]
    url = f"http://127.0.0.1:{port}"
    with _process(command, port, folder):
        yield Peer("medallion", f"{url}/taxii2/", f"{url}/api/", COLLECTION_ID, ("admin", "Password0"))


_OPENTAXII = """\
---
domain: "127.0.0.1:{port}"
support_basic_auth: yes
auth_api:
  class: opentaxii.auth.sqldb.SQLDatabaseAPI
  parameters: {{db_connection: "sqlite:///{folder}/auth.db", create_tables: yes, secret: "benchmark"}}
taxii1:
taxii2:
  contact: "kim@node.example"
  description: "a peer"
  title: "OpenTAXII"
  max_content_length: 100000000
  persistence_api:
    class: opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI
    parameters: {{db_connection: "sqlite:///{folder}/taxii2.db", create_tables: yes}}
logging:
  opentaxii: info
  root: info
"""


@contextmanager
def opentaxii(venv: Path, folder: Path, port: int) -> Iterator[Peer]:
    """OpenTAXII on SQLite: date_added is given before the commit."""
    config = folder / "opentaxii.yml"
    config.write_text(_OPENTAXII.format(port=port, folder=folder))
    environment = {"OPENTAXII_CONFIG": str(config), "PATH": "/usr/bin:/bin"}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [str(venv / "bin" / arguments[0]), *arguments[1:]],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{arguments[0]}: {done.stderr[-400:]}")
        return done.stdout + done.stderr

    run("opentaxii-create-account", "-u", "admin", "-p", "Password0", "--admin")
    run("opentaxii-add-api-root", "-t", "root", "-d", "root", "--default")
    with _process([str(venv / "bin/python"), "-c", _SERVE.format(port=port)], port, folder, environment):
        url = f"http://127.0.0.1:{port}"
        root = httpx.get(f"{url}/taxii2/", auth=("admin", "Password0"), headers={"Accept": TAXII}).json()["default"]
        root_id = root.strip("/").rpartition("/")[2]
        run(
            "opentaxii-add-collection", "-r", root_id, "-t", "feed", "-d", "feed", "-a", "feed",
            "--public", "--public-write",
        )  # fmt: skip
        auth = ("admin", "Password0")
        collections = httpx.get(f"{url}/taxii2/{root_id}/collections/", auth=auth, headers={"Accept": TAXII})
        collection = collections.json()["collections"][0]["id"]
        yield Peer("OpenTAXII", f"{url}/taxii2/", f"{url}/taxii2/{root_id}/", collection, ("admin", "Password0"))


# As it is installed, 0.9.3 answers 500 to POST and to /collections/, because it cannot write UUIDs as JSON, and gives
# every object its type as spec_version, so that each is refused with that reason. Both are mended here.
_SERVE = """
from opentaxii.persistence.sqldb.common import GUID
_plain = GUID.process_result_value
GUID.process_result_value = lambda self, value, dialect: value and str(_plain(self, value, dialect))
from opentaxii.taxii2.entities import STIXObject
_made = STIXObject.__init__
def _make(self, *values, **named):
    _made(self, *values, **named)
    self.serialized_data = {{**self.serialized_data, "spec_version": self.spec_version}}
STIXObject.__init__ = _make
from opentaxii.http import app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", {port}, app, threaded=True)
"""


def held(node: Node) -> set[str]:
    """Every id that the node has."""
    return {entry.object_id for entry in node.store.log.after(0, 10_000_000)}


def write(peer: Peer) -> None:
    """A few small envelopes; more would stop medallion, whose pages cost the square of what it holds."""
    for _ in range(ENVELOPES):
        peer.add(3)


def try_out(node: Node, peer: Peer, count: int) -> bool:
    """Fills, pulls, pulls while somebody writes; True if nothing is missing."""
    while len(peer.added) < count:
        peer.add(50)
    wanted = Wanted(
        url=peer.url, allows_private=True, how="basic", user=peer.auth[0], options={"collection": peer.collection}
    )
    name = peer.name.lower()
    found = subscribing.discover(node, wanted, Secret(peer.auth[1]))
    print(f"    discovery: {len(found.collections)} collections, {len(found.problems)} problems")
    subscribing.add(node, name, "taxii", wanted, Secret(peer.auth[1]))
    began = time.perf_counter()
    outcome = subscriptions.pull(node, name)
    took = time.perf_counter() - began
    remarks = dict(outcome.remarks)
    print(f"    first pull: {outcome.counts} in {took:.2f} s ({outcome.counts.stored / took:.0f}/s), noted {remarks}")
    for problem in outcome.problems[:3]:
        print(f"    refused: {problem.code} {problem.what}: {problem.message}")
    writers = [threading.Thread(target=write, args=(peer,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    pulls = []
    while any(writer.is_alive() for writer in writers):
        pulls.append(subscriptions.pull(node, name))
    for writer in writers:
        writer.join()
    last = subscriptions.pull(node, name)
    counts = [pull.counts.stored for pull in [*pulls, last]]
    print(f"    while 3 writers added {len(peer.added) - outcome.counts.stored}: {counts}")
    row = node.store.subscriptions.one(name)
    print(f"    bookmark {row.bookmark.decode()}")
    missing = peer.added - held(node)
    print(f"    missing: {len(missing)} of {len(peer.added)}")
    return not missing


def main(venv: Path, count: int) -> int:
    """Tries every peer that is installed."""
    missing = 0
    for number, (start, program) in enumerate(((medallion, "medallion"), (opentaxii, "opentaxii-create-account"))):
        if not (venv / "bin" / program).exists():
            print(f"{start.__name__}: not installed in {venv}")
            continue
        print(start.__name__)
        with tempfile.TemporaryDirectory() as folder, a_node_in(Path(folder)) as node:
            try:
                with start(venv, Path(folder), 18_471 + number) as peer:
                    missing += not try_out(node, peer, count)
            except (httpx.HTTPError, KatchiError, RuntimeError, ValueError) as problem:
                print(f"    stopped: {problem}"[:600])
                print(
                    (Path(folder) / "log").read_text(errors="replace")[-1500:]
                    if (Path(folder) / "log").exists()
                    else ""
                )
                missing += 1
    return min(missing, 1)


@contextmanager
def a_node_in(folder: Path) -> Iterator[Node]:
    """A node of our own that is not served."""
    from katchi.node.settings import Settings
    from katchi.node.wiring import create_node, open_node

    create_node(folder / "node", Settings(name="reader", node_id=f"identity--{uuid.uuid4()}"))
    with open_node(folder / "node") as node:
        yield node


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200))
