"""The socket for formats: how objects become a document, and a document becomes objects again.

To write a plug, make a class in `formats/` with the attributes and methods below, name it in
`formats/__init__.py` (in a package of your own: as an entry point of the group `katchi.formats`), and
add its samples to `tests/contracts/test_format.py`. A format writes what it is given, in that order,
and never looks into it, filters it or changes what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from katchi.errors import KatchiError
from katchi.policy import Released


class UnknownFormatError(KatchiError):
    """No format goes by this name."""

    code = "unknown-format"
    exit_status = 2


@dataclass(frozen=True, slots=True)
class UnsafeBackup:
    """One object of the owner's own backup, exactly as held: nobody decided that it may leave.

    Only `katchi export --everything-unsafe` makes these. No channel takes them, and a test keeps it so.
    """

    raw: bytes


class Format(Protocol):
    """One kind of document."""

    name: str  # as `--format` has it
    media_type: str
    extension: str  # with its dot

    def write(self, objects: Iterable[Released | UnsafeBackup], *, document_id: str) -> Iterator[bytes]:
        """The document in pieces; `document_id` is a fresh UUID for formats that name their documents."""

    def read(self, document: bytes) -> list[bytes]:
        """The objects of such a document, byte for byte. Raises a KatchiError for anything else."""
