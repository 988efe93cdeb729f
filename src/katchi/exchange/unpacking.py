"""Opens what arrives packed (gzip, zstd, zip, tar) in memory, and refuses whatever would not be safe to open.

A packed document is bound by three limits: the bytes that come out of it in total, the number of its
members, and how deep packages lie within packages. Names are only ever shown; nothing is written to disk.
"""

from __future__ import annotations

import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import zstandard

from katchi.errors import KatchiError

MEMBERS: Final = 10_000
LEVELS: Final = 2
"""A package may lie in a package, and no deeper; `.tar.gz` counts as one."""

_LONGEST_NAME = 1000
_PIECE = 1 << 16
_ZSTD_WINDOW = 1 << 25  # what a sender's frame may make us allocate
_ZSTD_PIECE = 512  # a block of 4 bytes can unpack to 128 KiB: small bites keep the overshoot below 16 MiB


class BrokenArchiveError(KatchiError):
    """The package is cut off or damaged."""

    code = "archive-broken"


class ArchiveTooLargeError(KatchiError):
    """More comes out of the package than this node takes: bytes, members or levels."""

    code = "archive-too-large"


class UnsafeArchiveError(KatchiError):
    """The package holds a name or a kind of member that reaches outside of it."""

    code = "archive-unsafe"


class EncryptedArchiveError(KatchiError):
    """The package can only be opened with a password."""

    code = "archive-encrypted"


@dataclass(frozen=True, slots=True)
class Member:
    """One document of a package; `name` is safe to show, and no place on a disk."""

    name: str
    document: bytes


def unpack(document: bytes, *, limit: int, name: str = "") -> Iterator[Member]:
    """The documents within a package; one that is not packed is its own only member.

    `limit` bounds all bytes that come out, intermediate packages included. Everything is opened before
    the first member is handed over, so a package that fails gives nothing.
    Raises: BrokenArchiveError, ArchiveTooLargeError, UnsafeArchiveError, EncryptedArchiveError.
    """
    return iter(_Unpacking(limit).open(Member(name, document), 0))


def is_packed(document: bytes) -> bool:
    """Whether these bytes begin as one of the packages that `unpack` opens."""
    return _kind(document) != ""


def _kind(document: bytes) -> str:
    if document[:2] == b"\x1f\x8b":
        return "gzip"
    if document[:4] == b"\x28\xb5\x2f\xfd":
        return "zstd"
    if document[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    return "tar" if document[257:262] == b"ustar" else ""


class _Unpacking:
    """One package under way, with what is left of its limits."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit
        self.members = 0

    def open(self, member: Member, level: int) -> list[Member]:
        kind = _kind(member.document)
        if not kind:
            self._count()
            return [member]
        if level >= LEVELS:
            raise ArchiveTooLargeError(
                "There are packages within packages within packages.",
                where=_shown(member.name),
                expected=f"at most {LEVELS} levels",
                remedy="unpack it once and hand in what is inside",
            )
        if kind in ("gzip", "zstd"):
            return self._open_compressed(member, kind, level)
        inner = self._zip(member.document) if kind == "zip" else _tar(member.document)
        return [opened for each in inner for opened in self.open(each, level + 1)]

    def _open_compressed(self, member: Member, kind: str, level: int) -> list[Member]:
        pieces = _gunzip(member.document) if kind == "gzip" else _unzstd(member.document)
        content = self._collected(pieces)
        inner = Member(_without_suffix(member.name), content)
        # A compressed tar is one package in two layers, as everybody sees it.
        return self.open(inner, level if _kind(content) == "tar" else level + 1)

    def _zip(self, document: bytes) -> Iterator[Member]:
        # The directory's own count may lie, and reading it costs 20 times its size: count its entries first.
        if document.count(b"PK\x01\x02") > MEMBERS:
            _refuse_members()
        try:
            with zipfile.ZipFile(io.BytesIO(document)) as archive:
                for info in archive.infolist():
                    _check_zip_member(info)
                    if info.is_dir():
                        continue
                    with archive.open(info) as stream:
                        pieces = iter(lambda: stream.read(_PIECE), b"")
                        yield Member(info.filename, self._collected(pieces))
        except _BROKEN_ZIP as error:
            raise _broken("zip") from error

    def _collected(self, pieces: Iterator[bytes]) -> bytes:
        collected = []
        for piece in pieces:
            self.left -= len(piece)
            if self.left < 0:
                raise ArchiveTooLargeError(
                    "More comes out of this package than is taken at once.",
                    expected=f"at most {self.limit} bytes",
                    remedy="hand it in in smaller parts",
                )
            collected.append(piece)
        return b"".join(collected)

    def _count(self) -> None:
        self.members += 1
        if self.members > MEMBERS:
            _refuse_members()


_BROKEN_ZIP = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, ValueError, RuntimeError, LookupError, OverflowError),
)


def _refuse_members() -> None:
    raise ArchiveTooLargeError(
        "The package has too many members.",
        expected=f"at most {MEMBERS}",
        remedy="hand it in in smaller parts",
    )


def _broken(kind: str) -> BrokenArchiveError:
    return BrokenArchiveError(
        f"This {kind} package is damaged or not complete.",
        remedy="fetch it again, and compare its checksum with the sender's",
    )


# --- Names ---------------------------------------------------------------------------------------


def _check_name(name: str) -> None:
    """Refuse names that mean a place elsewhere, or that would not show as what they are."""
    parts = name.replace("\\", "/").split("/")
    reason = ""
    if not name or len(name) > _LONGEST_NAME:
        reason = "it is empty or too long"
    elif not all(_is_plain(character) for character in name):
        reason = "it holds control characters"
    elif parts[0] == "" or name[1:2] == ":":
        reason = "it is absolute"
    elif ".." in parts:
        reason = "it climbs out of the package"
    if reason:
        raise UnsafeArchiveError(
            f"A name in this package is not safe: {reason}.",
            found=_shown(name),
            remedy="ask the sender for a package with plain names",
        )


def _is_plain(character: str) -> bool:
    # Marks of writing direction turn `fdp.exe` into `exe.pdf` on a screen.
    return character.isprintable() and character not in "\u200e\u200f"


def _shown(name: str) -> str:
    return "".join(character if _is_plain(character) else "\ufffd" for character in name[:80])


def _without_suffix(name: str) -> str:
    lowered = name.lower()
    if lowered.endswith(".tgz"):
        return name[:-3] + "tar"
    for suffix in (".gz", ".zst", ".zstd"):
        if lowered.endswith(suffix):
            return name[: -len(suffix)]
    return name


# --- Compressed streams --------------------------------------------------------------------------


def _gunzip(document: bytes) -> Iterator[bytes]:
    """Streams may follow each other (RFC 1952 §2.2); padding by zeros is what tape drives leave."""
    whole, at, streams = memoryview(document), 0, 0
    while at < len(document) and (document[at] or document[at:].strip(b"\0")):
        streams = _one_more(streams)
        stream = zlib.decompressobj(wbits=31)
        waiting = b""
        try:
            while not stream.eof:
                fed = waiting or whole[at : at + _PIECE]
                at += 0 if waiting else len(fed)
                piece = stream.decompress(fed, _PIECE)
                waiting = stream.unconsumed_tail
                if not piece and not fed:
                    raise _broken("gzip")
                yield piece
        except zlib.error as error:
            raise _broken("gzip") from error
        at -= len(stream.unused_data)


def _unzstd(document: bytes) -> Iterator[bytes]:
    whole, at, frames = memoryview(document), 0, 0
    while at < len(document):
        frames = _one_more(frames)
        frame = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        try:
            while not frame.eof:
                if at >= len(document):
                    raise _broken("zstd")
                fed = whole[at : at + _ZSTD_PIECE]
                at += len(fed)
                yield frame.decompress(fed)
        except zstandard.ZstdError as error:
            raise _broken("zstd") from error
        at -= len(frame.unused_data)


def _one_more(streams: int) -> int:
    if streams >= MEMBERS:  # each costs memory and time of its own, even an empty one
        _refuse_members()
    return streams + 1


# --- Archives ------------------------------------------------------------------------------------


def _check_zip_member(info: zipfile.ZipInfo) -> None:
    _check_name(info.orig_filename)  # `filename` is cut at the first NUL
    if info.flag_bits & 0x2041:  # encrypted, strongly encrypted, directory encrypted
        raise EncryptedArchiveError(
            "This package needs a password.",
            where=_shown(info.filename),
            remedy="unpack it with its password and hand in what is inside",
        )
    if stat.S_ISLNK(info.external_attr >> 16):
        _refuse_link(info.filename)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnsafeArchiveError(
            "A member is compressed in a way that is not read.",
            where=_shown(info.filename),
            expected="stored or deflated",
            remedy="pack it with an ordinary zip program",
        )


def _refuse_link(name: str) -> None:
    raise UnsafeArchiveError(
        "The package holds a link, a device or a sparse file.",
        where=_shown(name),
        expected="files and folders only",
        remedy="pack the files themselves",
    )


_BLOCK = 512


def _tar(document: bytes) -> Iterator[Member]:
    """Regular files of a tar (POSIX ustar and pax, GNU long names).

    Not by `tarfile`: its header parsing has had endless loops and slow patterns in the Pythons we support.
    """
    at, members, long_name, size_in_pax = 0, 0, "", -1
    while True:
        header = document[at : at + _BLOCK]
        if len(header) < _BLOCK:
            raise _broken("tar")
        if not header.strip(b"\0"):
            return
        kind, size = _tar_header(header)
        size = size_in_pax if size_in_pax >= 0 and kind not in "xgLK" else size
        content = document[at + _BLOCK : at + _BLOCK + size]
        if len(content) < size:
            raise _broken("tar")
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
        members += 1
        if members > 3 * MEMBERS:  # a member may have a long name and a pax header before it
            _refuse_members()
        if kind == "L":
            long_name = content.rstrip(b"\0").decode(errors="replace")
        elif kind == "x":
            long_name, size_in_pax = _pax(content)
        elif kind not in "gK":
            name = long_name or _tar_name(header)
            long_name, size_in_pax = "", -1
            _check_name(name)
            if kind in "0\x007":
                yield Member(name, content)
            elif kind != "5":
                _refuse_link(name)


def _tar_header(header: bytes) -> tuple[str, int]:
    """Type and size; a header whose checksum is wrong is none (POSIX pax, ustar interchange format)."""
    expected = sum(header[:148]) + sum(header[156:]) + 8 * ord(" ")
    size = header[124:136]
    try:
        if _octal(header[148:156]) != expected:
            raise _broken("tar")
        length = int.from_bytes(size[1:], "big") if size[0] == 0x80 else _octal(size)
    except ValueError as error:
        raise _broken("tar") from error
    return chr(header[156]), length


def _octal(field: bytes) -> int:
    number = int(field.strip(b"\0 ") or b"0", 8)
    if number < 0:
        raise ValueError("a number below zero")
    return number


def _tar_name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return (prefix + b"/" + name if prefix else name).decode(errors="replace")


def _pax(content: bytes) -> tuple[str, int]:
    """Name and size of the member that follows, where its extended header gives them."""
    name, size, at = "", -1, 0
    while at < len(content):
        digits = content[at : at + 20].partition(b" ")[0]
        if not digits.isdigit() or not len(digits) < int(digits) <= len(content) - at:
            raise _broken("tar")
        key, equals, value = content[at + len(digits) + 1 : at + int(digits) - 1].partition(b"=")
        at += int(digits)
        if key.startswith(b"GNU.sparse"):
            _refuse_link("")
        if key == b"path" and equals:
            name = value.decode(errors="replace")
        elif key == b"size" and value.isdigit() and len(value) < 20:
            size = int(value)
    return name, size
