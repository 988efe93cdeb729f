"""The ids that STIX computes from what an observable is (STIX 2.1 §2.9)."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Final

from katchi.errors import KatchiError
from katchi.stix.json_form import canonical_json

NAMESPACE: Final = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")

# STIX 2.1 §6: the "ID Contributing Properties" of each observable; a process has none.
CONTRIBUTING: Final[dict[str, tuple[str, ...]]] = {
    "artifact": ("hashes", "payload_bin"),
    "autonomous-system": ("number",),
    "directory": ("path",),
    "domain-name": ("value",),
    "email-addr": ("value",),
    "email-message": ("from_ref", "subject", "body"),
    "file": ("hashes", "name", "parent_directory_ref", "extensions"),
    "ipv4-addr": ("value",),
    "ipv6-addr": ("value",),
    "mac-addr": ("value",),
    "mutex": ("name",),
    "network-traffic": (*("start", "end", "src_ref", "dst_ref", "src_port", "dst_port", "protocols", "extensions"),),
    "software": ("name", "cpe", "swid", "vendor", "version"),
    "url": ("value",),
    "user-account": ("account_type", "user_id", "account_login"),
    "windows-registry-key": ("key", "values"),
    "x509-certificate": ("hashes", "serial_number"),
}
_PREFERRED = ("MD5", "SHA-1", "SHA-256", "SHA-512")


class NoDeterministicIdError(KatchiError):
    """Nothing in this object contributes to its id, so its id must be random."""

    code: ClassVar[str] = "no-deterministic-id"


def deterministic_id(type: str, properties: dict[str, Any]) -> str:
    """The id of an observable with these properties: `type--` and a UUID of version 5.

    Raises: NoDeterministicIdError for a type, or properties, from which no id can be computed.
    """
    names = CONTRIBUTING.get(type, ())
    contributing = {name: properties[name] for name in names if name in properties}
    hashes = contributing.get("hashes")
    if isinstance(hashes, dict) and hashes:
        contributing["hashes"] = _one_hash(hashes)
    if not contributing:
        raise NoDeterministicIdError(
            "No id can be computed for this object.",
            where=type,
            expected=f"one of {', '.join(names)}" if names else "an observable other than a process",
            remedy="give it a random UUID (version 4)",
        )
    return f"{type}--{uuid.uuid5(NAMESPACE, canonical_json(contributing))}"


def _one_hash(hashes: dict[str, Any]) -> dict[str, Any]:
    """STIX 2.1 §2.9: one hash contributes, the first of a fixed order, else the first by name."""
    name = next((name for name in _PREFERRED if name in hashes), min(hashes))
    return {name: hashes[name]}
