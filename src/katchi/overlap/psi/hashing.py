"""From bytes to elements and scalars of the group: RFC 9380 §5.3.1 with SHA-512, RFC 9497 §4.1."""

from __future__ import annotations

import hashlib
from typing import Final

from katchi.overlap.psi.ristretto import Group

_BLOCK: Final = bytes(128)  # of SHA-512
_SIZE: Final = 64


def expand(message: bytes, tag: bytes) -> bytes:
    """expand_message_xmd to 64 bytes. `tag` is the domain separation tag, at most 255 bytes."""
    if len(tag) > 255:
        raise ValueError("a domain separation tag has at most 255 bytes")
    suffix = tag + bytes([len(tag)])
    first = hashlib.sha512(b"".join((_BLOCK, message, _SIZE.to_bytes(2, "big"), b"\0", suffix))).digest()
    return hashlib.sha512(b"".join((first, b"\1", suffix))).digest()


def to_element(group: Group, message: bytes, tag: bytes) -> bytes:
    """An element whose discrete logarithm nobody knows."""
    return group.from_uniform(expand(message, tag))


def to_scalar(group: Group, message: bytes, tag: bytes) -> bytes:
    """A scalar."""
    return group.reduce(expand(message, tag))
