"""A served node that takes commands of OpenC2 from a tool, with a simulated device, for tests of who commands it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from katchi.node import actuating
from katchi.node.clock import SetClock
from katchi.node.settings import Commander
from katchi.node.wiring import Node
from katchi.respond.actuators import simulated
from katchi.web.serve import serving
from tests.nodes import a_node
from tests.web.conftest import add_tool

NOW: Final = 1_700_000_000_000_000
COMMANDERS_SECRET: Final = "a secret of who commands"


@contextmanager
def a_commanded_node(folder: Path, *, secure: bool = False) -> Iterator[Node]:
    """Its clock stands still."""
    with a_node(folder, "there", secure=secure) as node:
        node.clock = SetClock(NOW)
        add_tool(node, "commander", COMMANDERS_SECRET)
        device = simulated.Settings(name="edge")
        node.settings = msgspec.structs.replace(
            node.settings, actuator=(device,), commander=(Commander("commander"),), block_most=5000
        )
        # On a new machine the warning lists are compiled at their first use, which takes longer than a command may.
        actuating.never_block(node)
        with serving(node):
            yield node


def blocked_at(node: Node) -> set[str]:
    """What the simulated device of such a node has."""
    path = node.folder / "simulated-edge.json"
    return set(json.loads(path.read_text())) if path.exists() else set()
