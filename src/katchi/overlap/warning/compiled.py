"""The compiled form of warning lists: sorted arrays that lie in a file and are looked through where they lie.

Two and a half million entries take 25 MB, shared by every process that maps the file. A file begins with MAGIC and the
length of a header (MessagePack); the arrays follow in the machine's own byte order.
"""

from __future__ import annotations

import mmap
import struct
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

MAGIC: Final = b"KWL1"
_LENGTH: Final = struct.Struct("=Q")


class ListInfo(msgspec.Struct, frozen=True):
    """One warning list, without its entries.

    `name` is that of its folder; `kinds` are the kinds of thing keys that it speaks of; `form` is string, hostname,
    substring, cidr or regex, as MISP's format has them; `category` is the class of values that it holds.
    """

    name: str
    title: str
    category: str
    form: str
    kinds: frozenset[str]
    entries: int


class Header(msgspec.Struct):
    """What the file says before its arrays. Groups are sets of lists, by their numbers."""

    digest: str  # of what it was compiled from
    lists: list[ListInfo]
    groups: list[tuple[int, ...]]
    names: int  # entries of the array of names
    ranges: int  # entries of the array of IPv4 ranges
    ranges6: list[tuple[bytes, int]]  # IPv6: where a range begins (16 bytes), and its group
    parts: list[tuple[str, int]]  # substrings, and the list of each
    expressions: list[tuple[str, int]]  # regular expressions, and the list of each


class Compiled:
    """Warning lists as they lie in memory: `names` are hashes in order, `starts` where ranges of IPv4 begin."""

    def __init__(
        self, header: Header, names: Sequence[int], of: Sequence[int], starts: Sequence[int], at: Sequence[int]
    ):
        self.header = header
        self.names = names
        self.group_of_name = of
        self.starts = starts
        self.group_of_range = at

    @classmethod
    def from_bytes(cls, document: bytes | mmap.mmap) -> Compiled:
        """Reads `to_bytes`. Raises ValueError when it is something else."""
        whole = memoryview(document)
        if len(whole) < 12 or bytes(whole[:4]) != MAGIC:
            raise ValueError("these are no compiled warning lists")
        (length,) = _LENGTH.unpack(whole[4:12])
        header = msgspec.msgpack.decode(whole[12 : 12 + length], type=Header)
        place = _aligned(12 + length)
        arrays: list[Sequence[int]] = []
        for number, count in enumerate((header.names, header.names, header.ranges, header.ranges)):
            size = count * (4 if number % 2 else 8)
            if place + size > len(whole):
                raise ValueError("the file is cut off")
            piece = whole[place : place + size]
            arrays.append(piece.cast("I") if number % 2 else piece.cast("Q"))
            place = _aligned(place + size)
        return cls(header, *arrays)

    @classmethod
    def from_file(cls, path: Path) -> Compiled:
        """Maps a file. Raises OSError or ValueError."""
        with open(path, "rb") as file:
            return cls.from_bytes(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def to_bytes(header: Header, arrays: Sequence[array[int]]) -> bytes:
    """The file. `arrays` are names, their groups, starts, their groups: "Q", "I", "Q", "I"."""
    encoded = msgspec.msgpack.encode(header)
    out = bytearray(MAGIC + _LENGTH.pack(len(encoded)) + encoded)
    for each in arrays:
        out += bytes(_aligned(len(out)) - len(out))
        out += each.tobytes()
    return bytes(out)


def _aligned(place: int) -> int:
    return (place + 7) & ~7
