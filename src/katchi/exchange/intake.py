"""The socket for what people hand in as files: a report, a list or a table becomes STIX objects to confirm.

To write a plug, make a class in `intakes/` with the attributes and methods below, name it in
`intakes/__init__.py` (in a package of your own: as an entry point of the group `katchi.intakes`), and add
its samples to `tests/contracts/test_intake.py`. An intake never guesses in silence: what it leaves out it
remarks, and where it had to guess it asks for confirmation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from katchi.errors import KatchiError


class UnknownDocumentError(KatchiError):
    """No intake can tell what kind of document this is."""

    code = "unknown-document"


class UnreadableDocumentError(KatchiError):
    """The document is not what it seemed to be, or is damaged."""

    code = "document-unreadable"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the person who hands in decides, and the document does not say."""

    created_by_ref: str  # the own identity
    marking: str  # a TLP marking-definition, by id
    now: int  # for objects whose source has no date
    mapping: Mapping[str, str] = field(default_factory=dict)  # of a table: column -> role


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that was left out, or read in a way one should know of. `text` is what stands there."""

    line: int  # from 1; 0 where lines mean nothing
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a document holds. `sources` gives, by object id, the sentence or row it came from."""

    objects: list[bytes]
    remarks: list[Remark]
    sources: dict[str, str]
    needs_confirmation: bool
    mapping: dict[str, str] = field(default_factory=dict)
    # Whether the objects are made here, under ids that say who told what: then one that is held tells nothing new.
    is_made: bool = True


class Intake(Protocol):
    """One kind of document."""

    name: str
    title: str

    def recognise(self, document: bytes, name: str) -> int:
        """How sure it is that this is such a document, from 0 to 100. Never raises."""

    def read(self, document: bytes, choices: Choices) -> Found:
        """The objects in it. The same document and choices give the same. Raises a KatchiError, nothing else."""
