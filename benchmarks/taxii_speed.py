"""How fast a TAXII 2.1 server takes and gives objects over HTTP; ours in a fresh process, or any other.

    python benchmarks/taxii_speed.py [COUNT]
    python benchmarks/taxii_speed.py COUNT --peer API_ROOT COLLECTION USER PASSWORD

Writes in envelopes of 1,000, acknowledged when durable, then reads all in pages of 1,000. Reading
counts the time until each page's last byte (`http`) and, beside it, with the client's own parsing.
Run peers in the same session on the same machine and quote ratios.
"""

from __future__ import annotations

import base64
import http.client
import json
import sys
import time
import urllib.parse
import uuid
from dataclasses import dataclass, field

import httpx

from nodes import SECRET, a_folder, make, running

TAXII = "application/taxii+json;version=2.1"
ENVELOPE = 1000


@dataclass
class Figures:
    """What one run measured; times in seconds."""

    written: int = 0
    write: list[float] = field(default_factory=list)
    read: int = 0
    http: list[float] = field(default_factory=list)
    with_parsing: float = 0.0

    def show(self, label: str) -> None:
        """Prints one line a direction."""
        write, http = sorted(self.write), sorted(self.http)
        print(
            f"{label}: wrote {self.written} at {self.written / sum(write):.0f} objects/s "
            f"(envelope p50 {_ms(write, 0.5)}, p99 {_ms(write, 0.99)})"
        )
        if http:
            print(
                f"{label}: read {self.read} at {self.read / sum(http):.0f} objects/s over HTTP, "
                f"{self.read / self.with_parsing:.0f} with parsing (page p50 {_ms(http, 0.5)}, p99 {_ms(http, 0.99)})"
            )


def _ms(times: list[float], part: float) -> str:
    return f"{times[min(len(times) - 1, int(len(times) * part))] * 1000:.1f} ms"


def indicator(number: int) -> dict[str, object]:
    """About 700 bytes of JSON."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid4()}",
        "created": "2025-01-01T00:00:00.000Z",
        "modified": "2025-01-01T00:00:00.000Z",
        "created_by_ref": "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff",
        "name": f"bench indicator {number}",
        "description": "An indicator made for measuring, as long as a short remark of an analyst on shift.",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[url:value = 'http://{number:x}.example.net/{number * 7919:016x}']",
        "pattern_type": "stix",
        "pattern_version": "2.1",
        "valid_from": "2025-01-01T00:00:00.000Z",
        "confidence": 50 + number % 50,
        "labels": ["bench"],
        "object_marking_refs": ["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"],
    }


def write(client: httpx.Client, objects_url: str, count: int, figures: Figures) -> None:
    """Posts so many objects; a server that answers "pending" is asked until it is done."""
    for start in range(0, count, ENVELOPE):
        items = [indicator(number) for number in range(start, min(start + ENVELOPE, count))]
        body = json.dumps({"objects": items}).encode()
        began = time.perf_counter()
        response = client.post(objects_url, content=body)
        response.raise_for_status()
        status = response.json()
        while status["status"] != "complete":
            root = objects_url.partition("collections/")[0]
            status = client.get(f"{root}status/{status['id']}/").json()
        figures.write.append(time.perf_counter() - began)
        figures.written += len(items)


def read(client: httpx.Client, objects_url: str, figures: Figures) -> None:
    """Walks all pages by `next`, with the standard library's client: httpx takes as long as our server."""
    began = time.perf_counter()
    query: dict[str, str] = {"limit": str(ENVELOPE)}
    url = httpx.URL(objects_url)
    plain = http.client.HTTPConnection(url.host, url.port)
    headers = {"Accept": TAXII, "Authorization": client.build_request("GET", url).headers["authorization"]}
    while True:
        asked = time.perf_counter()
        plain.request("GET", f"{url.path}?{urllib.parse.urlencode(query)}", headers=headers)
        response = plain.getresponse()
        body = response.read()
        figures.http.append(time.perf_counter() - asked)
        assert response.status == 200, body[:200]
        page = json.loads(body)
        figures.read += len(page.get("objects", []))
        if not page.get("more"):
            break
        query["next"] = page["next"]
    figures.with_parsing = time.perf_counter() - began


def ours(count: int) -> None:
    """A fresh node on SQLite."""
    with a_folder() as folder:
        make(folder / "node", "bench")
        with running(folder / "node") as served:
            idle = served.resident()
            figures = Figures()
            url = f"{served.root}collections/exchange/objects/"
            with _client("siem", SECRET) as client:
                write(client, url, count, figures)
                while served.node.store.partners.one("siem").judged_seq < count:
                    time.sleep(0.1)
                read(client, url, figures)
            figures.show("katchi")
            print(f"katchi: resident {idle:.0f} MB idle, {served.resident():.0f} MB after")


def peer(count: int, root: str, collection: str, user: str, password: str) -> None:
    """Any other server."""
    figures = Figures()
    url = f"{root.rstrip('/')}/collections/{collection}/objects/"
    with _client(user, password) as client:
        write(client, url, count, figures)
        read(client, url, figures)
    figures.show(root)


def _client(user: str, password: str) -> httpx.Client:
    signed_in = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Accept": TAXII, "Content-Type": TAXII, "Authorization": signed_in}
    return httpx.Client(headers=headers, timeout=600)


if __name__ == "__main__":
    objects = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    if sys.argv[2:3] == ["--peer"]:
        peer(objects, *sys.argv[3:7])
    else:
        ours(objects)
