"""How often each thing is seen here, by day: a sum that may leave where the sightings themselves may not.

Off until the operator names a marking (`tell-daily` in `katchi.toml`). Each sum is a STIX sighting like any other, so
terms decide to whom it goes; it has no place, no observed data and no author but the node.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from katchi import stix
from katchi.node.making import draft, held, own_id, take_in
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
            own_id(node, "sighting", f"{ids[of]} {day}"): (ids[of], day, count)
            for (of, day), count in counts.items()
            if of in ids
        }
        before = held(transaction, sorted(sums))
    changed = [
        draft(node, name, before, marking=node.settings.tell_daily, now=now) | _sum(*found)
        for name, found in sums.items()
        if name not in before or before[name].properties.get("count") != found[2]
    ]
    if changed:
        take_in(node, changed, via="daily")
    return len(changed)


def _sum(of_id: str, day: int, count: int) -> dict[str, Any]:
    when = stix.format_timestamp(day * DAY)
    return {
        "sighting_of_ref": of_id, "count": min(count, 999_999_999), "first_seen": when, "last_seen": when,
        "summary": True,
    }  # fmt: skip
