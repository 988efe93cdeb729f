"""Tries terms before they are put in force: what would go that stays now, and what would stay that goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from katchi import stix
from katchi.policy.decide import decide
from katchi.policy.decision import Decision, Delayed, Release
from katchi.policy.rules import Terms
from katchi.policy.world import Recipient, World

Change = Literal["would-go", "would-stay", "would-go-in-another-form", "would-wait", "no-change"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One object under the terms in force (none: `before` is None) and under those tried."""

    object_id: str
    before: Decision | None
    after: Decision

    @property
    def change(self) -> Change:
        """What putting the new terms in force would change for this object."""
        went = self.before if isinstance(self.before, Release) else None
        if isinstance(self.after, Release):
            if went is None:
                return "would-go"
            return "no-change" if went.released.raw == self.after.released.raw else "would-go-in-another-form"
        if went is None:
            return "no-change"
        return "would-wait" if isinstance(self.after, Delayed) else "would-stay"


def try_terms(
    old: Terms | None,
    new: Terms,
    objects: Iterable[tuple[stix.Object, str]],
    recipient: Recipient,
    world: World,
    now: int,
) -> Iterator[Trial]:
    """Holds each (object, origin) against both terms, one by one, so that progress can be shown.

    Nothing goes, and nothing is remembered: `world` is only asked.
    """
    for obj, origin in objects:
        added = world.added_at(obj.id)
        added_at = now if added is None else added
        before = decide(obj, origin, added_at, recipient, old, world, now) if old else None
        yield Trial(obj.id, before, decide(obj, origin, added_at, recipient, new, world, now))
