"""What a decision needs to know beyond the object in its hand, and to whom it would go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from katchi import stix

OWN = "own"
"""The origin of what this organisation made itself."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom something would go.

    `own`: it is a tool of our own organisation, such as its SIEM. `epoch` counts the terms put in force
    for this recipient; a stored release of an earlier epoch is not in force. `node_id` is that of its node, if it
    has one.
    """

    name: str
    is_active: bool
    own: bool = False
    epoch: int = 0
    node_id: str | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """The last redacted body under one copy's id, and which version of the original it shows."""

    copy_id: str
    of_id: str
    of_version: int | None
    version: int | None
    raw: bytes


class World(Protocol):
    """What `decide` may ask about the rest of the node, for one recipient. Answers must not wait for a network."""

    @property
    def copy_key(self) -> bytes:
        """The node's secret from which ids of redacted copies are made; at least 16 bytes."""

    def object(self, object_id: str) -> stix.Object | None:
        """The newest version held."""

    def origin(self, object_id: str) -> str | None:
        """Who brought the newest version held: "own" or a partner's name."""

    def added_at(self, object_id: str) -> int | None:
        """When the newest version held was added."""

    def released_before(self, object_id: str) -> bool:
        """Whether some version of it, in full or redacted, has gone to this recipient."""

    def is_taken_back(self, obj: stix.Object, origin: str) -> bool:
        """Whether the partner that brought this version took it back."""

    def last_released(self, object_id: str) -> Sequence[stix.Object]:
        """The last body that went to this recipient under each id that stands for this object.

        That is its own id and the ids of its redacted copies, oldest first; withdrawn ones too: the
        recipient still has them.
        """

    def copy(self, copy_id: str) -> Copy | None:
        """The last redacted body under this id, whoever it was made for."""
