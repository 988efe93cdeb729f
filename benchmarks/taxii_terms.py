"""What a partner's terms cost its reader: pages of a view that they filtered, beside pages of everything.

    python benchmarks/taxii_terms.py [COUNT]

Both readers ask in turn, in the same run: the tool that may have all, and one whose terms withhold every second object
and redact the rest. What the terms cost is paid when an object arrives; that is shown too.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time

from taxii_large import Reader, show, walk
from taxii_speed import indicator

from katchi.node import partnering, terms
from katchi.node.receive import receive
from katchi.node.release import judge
from katchi.node.wiring import Node, open_node
from katchi.store.partners import Token
from nodes import SECRET, Running, a_folder, make, running

NAME = "partner"
PASSWORDS = {"siem": SECRET, NAME: "another"}
TERMS = """\
format = 1
partner = "partner"
own = true
echo = true
unmarked = "green"

[[withhold]]
name = "What we keep"
labels = ["kept"]

[[release]]
name = "Without remarks"
up-to = "amber"
types = ["indicator"]
sources = ["any"]
minimum-confidence = 20
strip = ["description"]
"""


def prepare(node: Node, count: int) -> None:
    """Both readers, and objects judged for each; prints what judging cost."""
    partnering.add_tool(node, NAME, person="bench", is_own=True)
    terms.put_terms(node, NAME, TERMS, person="bench")
    token = Token(id=NAME, partner=NAME, label="bench", created_at=0, expires_at=None)
    node.store.partners.add_token(token, hashlib.sha256(PASSWORDS[NAME].encode()).digest())
    for start in range(0, 2 * count, 10_000):
        items = [indicator(number) for number in range(start, start + 10_000)]
        for item in items[::2]:
            item["labels"] = ["kept"]
        receive(node, json.dumps(items).encode(), origin="own", via="bench", submitter="bench")
    for name in ("siem", NAME):
        began = time.perf_counter()
        while judge(node, name):
            pass
        print(f"{name}: judged {2 * count / (time.perf_counter() - began):,.0f} objects/s", flush=True)


def measure(served: Running, count: int) -> None:
    """Pages of both, in turn; COUNT objects each."""
    pages: dict[str, list[tuple[float, int]]] = {"siem": [], NAME: []}
    for _ in range(3):
        for name, found in pages.items():
            found += walk(Reader(served, name, PASSWORDS[name]), count // 1000, limit="1000")
    for name, found in pages.items():
        show(f"{count}: {name}", found)
    rate = {name: sum(many for _, many in found) / sum(took for took, _ in found) for name, found in pages.items()}
    print(f"{count}: with terms {rate[NAME] / rate['siem']:.2f} times the speed without", flush=True)


def main(count: int) -> None:
    """A node of its own."""
    with a_folder() as folder:
        make(folder / "node", "bench")
        with open_node(folder / "node") as node:
            prepare(node, count)
        with running(folder / "node") as served:
            measure(served, count)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
