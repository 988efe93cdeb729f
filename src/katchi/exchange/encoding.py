"""Content codings of HTTP (RFC 9110 §8.4): gzip, and zstd as RFC 8878 has it; both ways, with a limit on what comes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, Literal, Protocol

import zstandard

from katchi.errors import KatchiError

Coding = Literal["zstd", "gzip"]

# The quickest level: over a wire of a gigabit, packing must not be slower than sending.
_LEVEL: Final = 1
_GZIP: Final = 31  # zlib's window of 32 KiB, with gzip's header
_WINDOW: Final = 8 << 20  # bytes a zstd stream may make us remember (RFC 8878 §3.1.1.1.2 wants at least 8 MB)


class UnreadableBodyError(KatchiError):
    """A packed body that cannot be unpacked."""

    code = "unreadable-body"


class UnknownCodingError(KatchiError):
    """A body packed in a way that is not known here."""

    code = "unknown-coding"


class UnpacksTooLargeError(KatchiError):
    """A packed body that holds more than may come."""

    code = "unpacks-too-large"


class Packer(Protocol):
    """One body under way. `flush` ends it."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def chosen(accept_encoding: str | None) -> Coding | None:
    """The best coding that a client takes, by its Accept-Encoding (RFC 9110 §12.5.3); None for none."""
    weights = dict(_weights(accept_encoding or ""))
    best: Coding | None = None
    weight = 0.0
    for coding in ("zstd", "gzip"):
        said = weights.get(coding, weights.get("*", 0.0))
        if said > weight:
            best, weight = coding, said
    return best


def packer(coding: Coding) -> Packer:
    """Packs one body."""
    return _ZstdPacker() if coding == "zstd" else zlib.compressobj(_LEVEL, wbits=_GZIP)


class _ZstdPacker:
    def __init__(self) -> None:
        self._packing = zstandard.ZstdCompressor(level=_LEVEL).compressobj()

    def compress(self, data: bytes, /) -> bytes:
        return self._packing.compress(data)

    def flush(self) -> bytes:
        return self._packing.flush()


def unpacked(body: bytes, coding: str | None, *, limit: int) -> bytes:
    """A body as it was before it was packed, at most `limit` bytes.

    Raises UnknownCodingError, UnreadableBodyError or UnpacksTooLargeError.
    """
    name = (coding or "identity").strip().lower()
    if name == "identity":
        return body
    if name not in ("gzip", "x-gzip", "zstd"):
        raise UnknownCodingError(
            "The body is packed in a way that is not known here.",
            what="Content-Encoding", expected="gzip, zstd or none", found=name[:40],
        )  # fmt: skip
    try:
        found = _from_zstd(body, limit) if name == "zstd" else _from_gzip(body, limit)
    except (zlib.error, zstandard.ZstdError) as problem:
        raise _unreadable(name) from problem
    if len(found) > limit:
        raise UnpacksTooLargeError(
            "The body holds more than this node takes.",
            what="Content-Encoding", expected=f"at most {limit} bytes unpacked", remedy="send less at once",
        )  # fmt: skip
    return found


def _from_gzip(body: bytes, limit: int) -> bytes:
    unpacking = zlib.decompressobj(wbits=_GZIP)
    found = unpacking.decompress(body, limit + 1)
    if len(found) <= limit and (not unpacking.eof or unpacking.unused_data):
        raise _unreadable("gzip")
    return found


def _from_zstd(body: bytes, limit: int) -> bytes:
    how = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    # The one reader knows a limit but not a stream that was cut off, the other the reverse.
    found = how.stream_reader(body).read(limit + 1)
    if len(found) > limit:
        return found
    unpacking = how.decompressobj()
    found = unpacking.decompress(body)
    if not unpacking.eof or unpacking.unused_data:
        raise _unreadable("zstd")
    return found


def _unreadable(name: str) -> UnreadableBodyError:
    return UnreadableBodyError(
        "The packed body cannot be unpacked.", what="Content-Encoding", expected=f"one whole {name} stream"
    )


def _weights(accept: str) -> Iterator[tuple[str, float]]:
    for choice in accept.split(","):
        name, _, parameters = choice.partition(";")
        weight = 1.0
        for parameter in parameters.split(";"):
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        yield name.strip().lower(), weight
