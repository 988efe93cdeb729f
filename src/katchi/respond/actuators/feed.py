"""Blocks by a list that devices fetch from this node, each with a token of its own.

The list is made of the leases each time it is fetched: there is no second copy that could disagree with them. What is
on the list counts as in force; whether anybody fetches it is looked at besides, and said at the device.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from katchi.respond import actuator
from katchi.respond.actuators import lists


class Settings(actuator.Settings, frozen=True, tag="feed", kw_only=True):
    """`readers` are the tools that may have it, and nobody else; each is to fetch it every `expect-every` seconds."""

    name: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")]  # it is part of the address
    format: lists.Format
    readers: tuple[str, ...] = ()
    expect_every: Annotated[int, msgspec.Meta(ge=0)] = 600  # 0: whenever they like
    zone: str = "rpz.katchi"


class Feed:
    """One list."""

    is_simulated = False

    def __init__(self, settings: Settings, _folder: Path) -> None:
        self._form, self._zone = lists.FORMS[settings.format], settings.zone
        self.kinds = self._form.kinds

    def read(self, now: int) -> Mapping[str, int | None] | None:
        """What devices have of it they do not say."""
        return None

    def apply(self, put: Mapping[str, int], drop: Collection[str], *, now: int) -> None:
        """The leases are the list: there is nothing to do, but what cannot stand in it is said."""
        self._form.require_fit(put, self._zone)


def document(settings: Settings, keys: Iterable[str], serial: int) -> str:
    """The list as devices fetch it."""
    form = lists.FORMS[settings.format]
    lines = [f"{form.comment} Katchi: what is blocked now", *form.head(settings.zone, serial)]
    for _, written in sorted(form.write(list(keys), settings.zone).items()):
        lines += written
    return "\n".join(lines) + "\n"
