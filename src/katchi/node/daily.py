"""How often each thing is seen here, by day: a sum that may leave where the sightings themselves may not.

Off until the operator names a marking (`tell-daily` in `katchi.toml`). Each sum is a STIX sighting like any other, so
terms decide to whom it goes; it has no place, no observed data and no author but the node.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from katchi import stix
from katchi.node.documents import marking_id
from katchi.node.receive import receive
from katchi.node.wiring import Node
from katchi.store import log
from katchi.store import things as rows

DAY: Final = 86_400_000_000
BACK: Final = 14 * DAY  # sightings come late


def tell(node: Node) -> int:
    """Makes or revises the sums of the last days; returns how many are new or other than before."""
    if not node.settings.tell_daily:
        return 0
    now = node.clock.now()
    with node.store.database.reading() as transaction:
        counts: Counter[tuple[int, int]] = Counter()
        for seen in rows.own_sightings(transaction, since=(now - BACK) // DAY * DAY):
            counts[seen.of_hash, seen.last // DAY] += seen.times
        ids = {
            log.hash_of(each): each for each, _ in rows.objects_of_hashes(transaction, list({of for of, _ in counts}))
        }
        sums = {
            _id(node, ids[of], day): (ids[of], day, count) for (of, day), count in counts.items() if of in ids
        }  # fmt: skip
        held = {each: stix.read(bytes(entry.raw)) for each, entry in log.newest(transaction, sorted(sums)).items()}
    changed = [
        _sum(node, name, *found, created=_created(held.get(name), now), now=now)
        for name, found in sums.items()
        if name not in held or held[name].properties.get("count") != found[2]
    ]
    if changed:
        receive(node, _bundle(changed), via="daily", submitter=node.settings.name)
    return len(changed)


def _id(node: Node, of_id: str, day: int) -> str:
    own = uuid.UUID(node.settings.node_id.removeprefix("identity--"))
    return f"sighting--{uuid.uuid5(own, f'{of_id} {day}')}"


def _created(before: stix.Object | None, now: int) -> str:
    return str(before.properties["created"]) if before is not None else stix.format_timestamp(now)


def _sum(node: Node, name: str, of_id: str, day: int, count: int, *, created: str, now: int) -> dict[str, Any]:
    when = stix.format_timestamp(day * DAY)
    return {
        "type": "sighting", "spec_version": "2.1", "id": name, "created": created,
        "modified": stix.format_timestamp(now), "created_by_ref": node.settings.node_id, "sighting_of_ref": of_id,
        "count": min(count, 999_999_999), "first_seen": when, "last_seen": when, "summary": True,
        "object_marking_refs": [marking_id(node.settings.tell_daily)],
    }  # fmt: skip


def _bundle(objects: Iterable[dict[str, Any]]) -> bytes:
    return msgspec.json.encode({"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": list(objects)})
