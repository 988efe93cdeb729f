"""Writes the observable that a key names: what other tools read where we say a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from katchi.stix.ids import deterministic_id

_VALUES: Final = {
    "ipv4": ("ipv4-addr", "value"), "ipv6": ("ipv6-addr", "value"), "domain": ("domain-name", "value"),
    "url": ("url", "value"), "email": ("email-addr", "value"), "mac": ("mac-addr", "value"),
    "mutex": ("mutex", "name"), "registry": ("windows-registry-key", "key"), "path": ("directory", "path"),
}  # fmt: skip
# The hash algorithms of STIX 2.1 §10.6 (hash-algorithm-ov), by their names in keys.
_ALGORITHMS: Final = {
    "md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512", "sha3-256": "SHA3-256",
    "sha3-512": "SHA3-512",
}  # fmt: skip


def _hashed(kind: str) -> Callable[[str], dict[str, Any] | None]:
    def made(value: str) -> dict[str, Any] | None:
        algorithm, _, digits = value.partition(":")
        known = _ALGORITHMS.get(algorithm)
        return None if known is None else {"type": kind, "hashes": {known: digits}}

    return made


def _system(value: str) -> dict[str, Any] | None:
    return {"type": "autonomous-system", "number": int(value)} if value.isascii() and value.isdigit() else None


_OTHERS: Final = {"file": _hashed("file"), "certificate": _hashed("x509-certificate"), "as": _system}


def observable_of(key: str) -> dict[str, Any] | None:
    """A STIX 2.1 observable of which this is the key, with the id that it computes; None for the name of somebody."""
    kind, _, value = key.partition(":")
    if not value:
        return None
    if kind in _VALUES:
        name, member = _VALUES[kind]
        made: dict[str, Any] | None = {"type": name, member: value}
    else:
        of_kind = _OTHERS.get(kind)
        made = of_kind(value) if of_kind is not None else None
    if made is None:
        return None
    members = {name: item for name, item in made.items() if name != "type"}
    return {**made, "spec_version": "2.1", "id": deterministic_id(made["type"], members)}
