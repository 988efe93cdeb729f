"""Makes a new node whole: its folder and keys, its first administrator, and who it says it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from katchi import stix
from katchi.exchange import tls
from katchi.node import people
from katchi.node.clock import Clock
from katchi.node.receive import receive
from katchi.node.settings import Settings
from katchi.node.wiring import Node, create_node, open_node
from katchi.stix.markings import TLP_2_IDS

_CLEAR = next(marking_id for marking_id, label in TLP_2_IDS.items() if label == "clear")


@dataclass(frozen=True, slots=True)
class Founded:
    """A new node. The password is nowhere else: it can be shown now or never."""

    settings: Settings
    public_key: str
    administrator: str
    password: str


def found(folder: Path, settings: Settings, *, administrator: str, clock: Clock | None = None) -> Founded:
    """Makes a node in this folder. Raises NodeExistsError, InsecureUrlError or StoreUnreachableError."""
    tls.require_secure_url(settings.url)
    create_node(folder, settings, clock=clock)
    with open_node(folder, clock=clock) as node:
        password = people.add(node, administrator, "administrator", settings.language)
        receive(node, identity(node), via="init", submitter=administrator)
        return Founded(settings, node.key.public.to_text(), administrator, password)


def identity(node: Node) -> bytes:
    """The organisation as a STIX identity: what its own objects name in `created_by_ref`. It is TLP:CLEAR."""
    now = stix.format_timestamp(node.clock.now())
    return msgspec.json.encode(
        {
            "type": "identity",
            "spec_version": "2.1",
            "id": node.settings.node_id,
            "created": now,
            "modified": now,
            "name": node.settings.title or node.settings.name,
            "identity_class": "organization",
            "object_marking_refs": [_CLEAR],
        }
    )
