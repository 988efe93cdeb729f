"""A topic: a named part of what is released, which its readers see as a TAXII collection of its own."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from katchi import stix
from katchi.policy import signed
from katchi.policy.partner import Partner
from katchi.stix.markings import TLP_IDS

Alias = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,62}\Z")]
Text = Annotated[str, msgspec.Meta(max_length=200)]
Label = Literal["clear", "green", "amber", "amber+strict", "red"]

EVERYBODY = "everybody"
NODES = "nodes"
TOOLS = "tools"
OWN_TOOLS = "own-tools"


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of the objects that go to a reader it shows, and to which readers it shows itself.

    An empty list asks for nothing: a topic with only `labels` has every type. It is asked of what goes,
    after redaction, so that being in it tells nothing that the object does not.
    """

    alias: Alias
    title: Text = ""
    description: Text = ""
    types: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()  # at least one of them
    markings: tuple[Label, ...] = ()  # one of these is its TLP
    readers: tuple[str, ...] = (EVERYBODY,)  # names of partners, or one of the words above

    def covers(self, obj: stix.Object) -> bool:
        """Whether this object, in the form in which it goes, belongs to the topic."""
        if self.types and obj.type not in self.types:
            return False
        if self.labels and not self._has_label(obj):
            return False
        return not self.markings or any(TLP_IDS.get(ref) in self.markings for ref in obj.marking_refs)

    def _has_label(self, obj: stix.Object) -> bool:
        labels = obj.properties.get("labels")
        return isinstance(labels, list) and any(label in self.labels for label in labels if isinstance(label, str))

    def is_for(self, partner: Partner) -> bool:
        """Whether this partner may know of the topic."""
        words = {EVERYBODY, NODES if partner.kind == "node" else TOOLS, partner.name}
        return bool((words | ({OWN_TOOLS} if partner.is_own else set())) & set(self.readers))

    def to_json(self) -> bytes:
        """The topic for keeping."""
        return signed.canonical(self)

    @classmethod
    def from_json(cls, document: bytes | str) -> Topic:
        """Reads `to_json`. Raises UnreadableDocumentError."""
        return signed.read(document, cls, what="a topic")
