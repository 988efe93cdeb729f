"""Objects of our own that the node makes by itself, with ids that follow from what they are about."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from katchi import stix
from katchi.node.documents import marking_id
from katchi.node.receive import Account, receive
from katchi.node.wiring import Node
from katchi.store import log
from katchi.store.database import Transaction


def own_id(node: Node, kind: str, name: str) -> str:
    """The id of our object of this type about something: always the same one.

    It looks like a random one, as STIX 2.1 §2.9 wants it of all but observables.
    """
    return id_by(node.settings.node_id, kind, name)


def id_by(node_id: str, kind: str, name: str) -> str:
    """The id that the object of any node about something has."""
    digest = hashlib.sha256(f"{node_id} {name}".encode()).digest()
    return f"{kind}--{uuid.UUID(bytes=digest[:16], version=4)}"


def held(transaction: Transaction, ids: Sequence[str]) -> dict[str, stix.Object]:
    """The newest versions of these objects."""
    return {each: stix.read(bytes(entry.raw)) for each, entry in log.newest(transaction, ids).items()}


def draft(
    node: Node, object_id: str, before: Mapping[str, stix.Object], *, marking: str, now: int
) -> dict[str, Any]:  # fmt: skip
    """What every object of ours has: a version after the one before, if there is one. Raises UnmarkedError."""
    last = before.get(object_id)
    at = max(now, (last.version or 0) + 1000) if last else now  # µs; a new version is later (STIX 2.1 §3.6)
    return {
        "type": object_id.partition("--")[0], "spec_version": "2.1", "id": object_id,
        "created": str(last.properties["created"]) if last else stix.format_timestamp(now),
        "modified": stix.format_timestamp(at), "created_by_ref": node.settings.node_id,
        "object_marking_refs": [marking_id(marking)],
    }  # fmt: skip


def take_in(node: Node, objects: Iterable[dict[str, Any]], *, via: str) -> Account:
    """Through the front door, like any other."""
    document = msgspec.json.encode({"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": list(objects)})
    return receive(node, document, via=via, submitter=node.settings.name)
