"""What runs of playbooks cost a node: a thousand that wait for people, and how quickly people are answered.

    python benchmarks/runs_speed.py [RUNS]

Memory and processor of a served node before, and with that many runs parked; runs begun and answers taken a second.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import psutil

from katchi.node import responding
from katchi.node.settings import Settings
from katchi.node.wiring import create_node, new_node_id, open_node
from katchi.web.serve import serving

AGENT = "individual--7f1c1b9a-5b1f-4a55-8c5e-0a1b2c3d4e5f"


def playbook() -> bytes:
    """Two questions to a person, each with a time limit of three weeks."""
    ids = {
        name: f"{kind}--{uuid.uuid4()}"
        for name, kind in (("s", "start"), ("a", "action"), ("b", "action"), ("e", "end"))
    }
    ask: dict[str, Any] = {
        "type": "action", "agent": AGENT, "timeout": 1_814_400_000,
        "commands": [{"type": "manual", "command": "look"}],
    }  # fmt: skip
    return json.dumps(
        {
            "type": "playbook", "spec_version": "cacao-2.0", "id": f"playbook--{uuid.uuid4()}", "name": "parked",
            "created_by": f"identity--{uuid.uuid4()}", "created": "2026-11-24T00:00:00.000Z",
            "modified": "2026-11-24T00:00:00.000Z", "workflow_start": ids["s"],
            "agent_definitions": {AGENT: {"type": "individual", "name": "operator"}},
            "workflow": {
                ids["s"]: {"type": "start", "on_completion": ids["a"]}, ids["a"]: {**ask, "on_completion": ids["b"]},
                ids["b"]: {**ask, "on_completion": ids["e"]}, ids["e"]: {"type": "end"},
            },
        }
    ).encode()  # fmt: skip


def main() -> None:
    """Measures."""
    count = int(sys.argv[1]) if sys.argv[1:] else 1000
    folder = Path(tempfile.mkdtemp()) / "node"
    settings = Settings(
        name="bench", node_id=new_node_id(), listen="127.0.0.1:18931", url="http://127.0.0.1:18931"
    )  # fmt: skip
    create_node(folder, settings)
    process = psutil.Process()

    def idle(seconds: float = 10) -> float:
        began = time.process_time()
        time.sleep(seconds)
        return (time.process_time() - began) / seconds * 100

    with open_node(folder) as node, serving(node):
        time.sleep(3)
        memory, busy = process.memory_info().rss / 1e6, idle()
        responding.accept(node, playbook(), person="bench")
        began = time.perf_counter()
        for _ in range(count):
            responding.begin(node, "parked", {}, person="bench")
        begun = count / (time.perf_counter() - began)
        time.sleep(2)
        parked_busy, parked = idle(), process.memory_info().rss / 1e6
        asked = responding.waiting(node)
        began = time.perf_counter()
        for each in asked:
            responding.answer(node, each.row.key, is_good=True, out={}, reason="", person="bench")
        answered = len(asked) / (time.perf_counter() - began)
    sys.stdout.write(
        f"idle: {memory:.0f} MB, {busy:.2f} % of a core; {count:,} runs parked: {parked:.0f} MB, {parked_busy:.2f} %; "
        f"{begun:.0f} runs begun a second, {answered:.0f} answers a second\n"
    )


if __name__ == "__main__":
    main()
