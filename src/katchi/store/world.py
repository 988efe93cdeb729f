"""What a decision may ask about the rest of the node, answered inside one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from katchi import policy, stix
from katchi.store import log, withdrawals
from katchi.store.database import Transaction


class StoreWorld:
    """The policy's `World` for one partner. Remembers what it was asked, so that a batch asks once."""

    def __init__(self, transaction: Transaction, partner: str, copy_key: bytes) -> None:
        self._transaction = transaction
        self._partner = partner
        self.copy_key = copy_key
        self._entries: dict[str, log.Entry | None] = {}
        self._objects: dict[str, stix.Object] = {}
        self._gone: dict[str, bool] = {}
        self._bodies: dict[str, dict[str, bytes]] = {}
        self._copies: dict[str, policy.Copy | None] = {}
        self._is_any_taken_back: bool | None = None

    def prefetch(self, object_ids: Iterable[str]) -> None:
        """Looks these up together; asking one by one would cost a query each."""
        wanted = set(object_ids)
        unread = wanted - self._entries.keys()
        if unread:
            found = log.newest(self._transaction, list(unread))
            self._entries.update({object_id: found.get(object_id) for object_id in unread})
        unsure = wanted - self._gone.keys()
        if unsure:
            hashes = log.hashes_of(self._transaction, unsure)
            rows = self._transaction.run("release", "gone_to", partner=self._partner, hashes=hashes)
            gone = {row.of_id for row in rows}
            self._gone.update({object_id: object_id in gone for object_id in unsure})

    def entry(self, object_id: str) -> log.Entry | None:
        """The newest version held, as the log has it."""
        if object_id not in self._entries:
            self.prefetch([object_id])
        return self._entries[object_id]

    def object(self, object_id: str) -> stix.Object | None:
        """The newest version held."""
        known = self._objects.get(object_id)
        if known is not None:
            return known
        entry = self.entry(object_id)
        if entry is None:
            return None
        return self._objects.setdefault(object_id, stix.read(bytes(entry.raw)))

    def object_of(self, entry: log.Entry) -> stix.Object:
        """The version in a log entry, read once."""
        known = self._objects.get(entry.object_id)
        if known is not None and known.raw == entry.raw:
            return known
        item = stix.read(bytes(entry.raw))
        newest = self.entry(entry.object_id)
        if newest is not None and newest.seq == entry.seq:
            self._objects[entry.object_id] = item
        return item

    def origin(self, object_id: str) -> str | None:
        """Who brought the newest version: "own" or a partner's name."""
        entry = self.entry(object_id)
        return entry.origin if entry else None

    def added_at(self, object_id: str) -> int | None:
        """When the newest version was added."""
        entry = self.entry(object_id)
        return entry.added if entry else None

    def last_released(self, object_id: str) -> list[stix.Object]:
        """The last body that went to this partner under each id that stands for this object, oldest first."""
        rows = self._transaction.run(
            "release", "last_bodies", partner=self._partner, of_hash=log.hash_of(object_id), of_id=object_id
        )
        bodies = {row.object_id: bytes(row.raw) for row in rows} | self._bodies.get(object_id, {})
        return [stix.read(raw) for raw in bodies.values()]

    def released_before(self, object_id: str) -> bool:
        """Whether some version of it has gone to this partner."""
        if object_id not in self._gone:
            self.prefetch([object_id])
        return self._gone.get(object_id, False)

    def is_taken_back(self, obj: stix.Object, origin: str) -> bool:
        """Whether the partner that brought this version took it back."""
        if self._is_any_taken_back is None:
            self._is_any_taken_back = withdrawals.is_any(self._transaction)
        if not self._is_any_taken_back:
            return False
        return withdrawals.is_taken_back(self._transaction, origin, obj.id, hashlib.sha256(obj.raw).digest())

    def note_released(self, object_id: str, released: policy.Released) -> None:
        """A version of it goes now, in a transaction whose rows are not written yet."""
        self._gone[object_id] = True
        self._bodies.setdefault(object_id, {})[released.object_id] = released.raw

    def copy(self, copy_id: str) -> policy.Copy | None:
        """The last redacted body under this id."""
        if copy_id not in self._copies:
            row = self._transaction.run("release", "copy", copy_id=copy_id).first()
            self._copies[copy_id] = msgspec.json.decode(row.document, type=policy.Copy) if row else None
        return self._copies[copy_id]

    def keep_copy(self, copy: policy.Copy) -> None:
        """Remembers the redacted body that goes now."""
        self._copies[copy.copy_id] = copy
        self._transaction.run(
            "release",
            "put_copy",
            copy_id=copy.copy_id,
            of_id=copy.of_id,
            document=msgspec.json.encode(copy),
        )
