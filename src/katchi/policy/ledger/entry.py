"""One line of the ledger: what happened, when, with whom, in bytes that never change."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Literal

import msgspec

from katchi.errors import KatchiError

Kind = Literal["release", "withdrawal", "receipt-sent", "receipt", "terms", "state", "key", "head", "overlap"]
Salt = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]

# Entry's fields are declared in the order of their names, so this is the canonical form of RFC 8785.
_canonical = msgspec.json.Encoder(order="deterministic")


class EntryError(KatchiError):
    """These bytes are not a ledger entry in its canonical form."""

    code = "ledger-entry"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the ledger. `salt` is 16 random bytes.

    A proof shows the hashes of neighbouring entries, which may be about other partners; without the
    salt whoever gets a proof could guess what they say and check the guess.
    """

    at: int
    body: dict[str, str | int]
    kind: Kind
    partner: str
    salt: Salt

    def to_bytes(self) -> bytes:
        """The canonical bytes: what is hashed and kept."""
        return _canonical.encode(self)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Entry:
        """Reads `to_bytes`. Raises EntryError for anything else, also for the same written otherwise."""
        try:
            entry = msgspec.json.decode(raw, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise EntryError("This is not a ledger entry.", found=str(problem)[:200]) from problem
        if entry.to_bytes() != raw:
            raise EntryError("This ledger entry is not in its canonical form.", expected="RFC 8785")
        return entry


def release_entry(
    *,
    partner: str,
    object_id: str,
    version: str,
    digest: str,
    rule: str,
    terms_digest: str,
    at: int,
    salt: bytes,
) -> Entry:
    """One version goes to one partner.

    `object_id` and `digest` (SHA-256, hex) are of what goes: of the copy, if it is redacted.
    """
    body: dict[str, str | int] = {
        "digest": digest, "object_id": object_id, "rule": rule, "terms": terms_digest, "version": version,
    }  # fmt: skip
    return Entry(at, body, "release", partner, salt)


def withdrawal_entry(
    *, partner: str, object_id: str, digest: str, reason: str, terms_digest: str, at: int, salt: bytes
) -> Entry:
    """What was released is withheld from now on, because the rules or the object changed."""
    body: dict[str, str | int] = {
        "digest": digest, "object_id": object_id, "reason": reason, "terms": terms_digest,
    }  # fmt: skip
    return Entry(at, body, "withdrawal", partner, salt)


def receipt_entry(partner: str, digest: str, count: int, *, at: int, salt: bytes) -> Entry:
    """A partner's receipt came: `digest` (SHA-256, hex) of the signed document, for so many objects."""
    return Entry(at, {"count": count, "digest": digest}, "receipt", partner, salt)


def received_entry(partner: str, digest: str, count: int, *, at: int, salt: bytes) -> Entry:
    """We gave a partner our receipt for so many objects; `digest` as in `receipt_entry`."""
    return Entry(at, {"count": count, "digest": digest}, "receipt-sent", partner, salt)


def terms_entry(partner: str, digest: str, person: str, *, at: int, salt: bytes) -> Entry:
    """A person put terms in force."""
    return Entry(at, {"digest": digest, "person": person}, "terms", partner, salt)


def state_entry(partner: str, event: str, state: str, person: str, *, at: int, salt: bytes) -> Entry:
    """A person invited, confirmed, suspended, resumed or ended, and this is the state since."""
    return Entry(at, {"event": event, "person": person, "state": state}, "state", partner, salt)


def key_entry(partner: str, old_key_id: str, new_key_id: str, *, at: int, salt: bytes) -> Entry:
    """A signing key took another's place: a partner's, or our own (`partner` is "")."""
    return Entry(at, {"new": new_key_id, "old": old_key_id}, "key", partner, salt)


def head_entry(partner: str, size: int, root: bytes, *, at: int, salt: bytes) -> Entry:
    """A partner's signed head came: from here on its ledger cannot be rewritten without our noticing."""
    return Entry(at, {"root": root.hex(), "size": size}, "head", partner, salt)


def overlap_entry(
    partner: str, event: str, session: str, person: str, *,
    mode: str, own: int, theirs: int, common: int, at: int, salt: bytes,
) -> Entry:  # fmt: skip
    """A step of a private overlap: how many items each side compared, and how many are common (-1: not known)."""
    body: dict[str, str | int] = {
        "common": common, "event": event, "mode": mode, "own": own, "person": person, "session": session,
        "theirs": theirs,
    }  # fmt: skip
    return Entry(at, body, "overlap", partner, salt)


def digest_of(data: bytes) -> bytes:
    """SHA-256, as the ledger speaks of objects and documents."""
    return sha256(data).digest()
