"""Reads the whole node again and names every row that is not what the ledger and the digests say it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from katchi import policy, stix
from katchi.errors import KatchiError
from katchi.node import partnering
from katchi.node.wiring import Node
from katchi.policy.keys import PublicKey
from katchi.policy.ledger import Entry, EntryError, SignedHead
from katchi.policy.partner import Partner
from katchi.store import audit, ledger
from katchi.store.database import Transaction

Progress = Callable[[int, int], None]

_STEP = 500  # rows between two looks at the progress bar


class Tampering(msgspec.Struct, frozen=True):
    """One row that is not as it was written. `code` says how; `row` which one of its table."""

    code: str
    table: str
    row: str
    object_id: str = ""
    partner: str = ""
    expected: str = ""
    found: str = ""


class Verification(msgspec.Struct, frozen=True):
    """What was read again, and what was wrong with it. No tampering: everything is as it was written."""

    objects: int
    entries: int
    releases: int
    heads: int
    root: str  # hex
    tampering: tuple[Tampering, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return not self.tampering


def verify(node: Node, progress: Progress | None = None) -> Verification:
    """Reads everything again, as one moment has it; changes nothing. To cancel, raise from `progress`."""
    with node.store.database.reading() as transaction:
        return _Reading(node, transaction, progress).verify()


_Key = tuple[str, str, str]  # partner, object id, digest (hex)


@dataclass(slots=True)
class _Said:
    """What the ledger's entries say in the end: later entries take the place of earlier ones."""

    withdrawals: dict[_Key, int] = field(default_factory=dict)
    terms: dict[str, str] = field(default_factory=dict)
    every_terms: set[tuple[str, str]] = field(default_factory=set)
    states: dict[str, str] = field(default_factory=dict)

    def hear(self, index: int, entry: Entry) -> None:
        body = {name: str(value) for name, value in entry.body.items()}
        if entry.kind == "withdrawal":
            self.withdrawals[entry.partner, body["object_id"], body["digest"]] = index
        elif entry.kind == "terms":
            self.terms[entry.partner] = body["digest"]
            self.every_terms.add((entry.partner, body["digest"]))
        elif entry.kind == "state":
            self.states[entry.partner] = body["state"]


class _Reading:
    """One pass over everything, inside one snapshot."""

    def __init__(self, node: Node, transaction: Transaction, progress: Progress | None) -> None:
        self._node = node
        self._transaction = transaction
        self._progress = progress
        self._ends = audit.ends(transaction)
        self._done = 0
        self._found: list[Tampering] = []
        self._said = _Said()
        # One byte per entry: 1 for a release that no row of the release table has named yet.
        self._unnamed = bytearray(self._ends.entries)

    def verify(self) -> Verification:
        heads = list(self._heads())
        result = policy.ledger.audit(self._entries(), heads)
        self._from_audit(result)
        self._frontier(result)
        self._objects()
        self._releases()
        self._terms()
        self._states()
        self._tick(force=True)
        return Verification(
            self._ends.objects,
            self._ends.entries,
            self._ends.releases,
            len(heads),
            result.root.hex(),
            tuple(self._found),
        )

    def _tick(self, *, force: bool = False) -> None:
        self._done += 0 if force else 1
        if self._progress and (force or self._done % _STEP == 0):
            total = self._ends.objects + self._ends.entries + self._ends.releases
            self._progress(total if force else min(self._done, total), total)

    def _name(self, code: str, table: str, row: object, **more: str) -> None:
        self._found.append(Tampering(code, table, str(row), **more))

    # --- The ledger -----------------------------------------------------------------------------

    def _heads(self) -> Iterator[SignedHead]:
        """Our own heads whose signatures hold; partners' are checked too, but say nothing of our rows."""
        own = {key.id: key for key in (*partnering.own_keys(self._node), self._node.key.public)}
        partners = {row.name: row.document for row in audit.partners(self._transaction)}
        for row in audit.heads(self._transaction):
            key_of = own.get if not row.partner else _keys_of(partners.get(row.partner))
            problem = _head_problem(row, key_of)
            if problem:
                row_name = f"{row.partner or 'own'} at {row.size}"
                self._name("head-changed", "head", row_name, partner=row.partner, found=problem)
            elif not row.partner:
                yield SignedHead.from_json(row.document)

    def _entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        for row in audit.entries(self._transaction):
            self._tick()
            self._read_entry(row)
            yield row.index, row.entry, row.hash

    def _read_entry(self, row: audit.EntryRow) -> None:
        try:
            entry = Entry.from_bytes(row.entry)
        except EntryError:
            if policy.ledger.leaf_hash(row.entry) == row.hash:  # else the audit names it
                self._name("entry-changed", "ledger", row.index, found="not a ledger entry")
            return
        self._said.hear(row.index, entry)
        if entry.kind == "release" and row.index < len(self._unnamed):
            self._unnamed[row.index] = 1
        says = (entry.at, entry.kind, entry.partner, entry.body.get("object_id"))
        columns = (row.at, row.kind, row.partner, row.object_id)
        if says != columns:
            self._name(
                "entry-mislabelled", "ledger", row.index, object_id=str(says[3] or ""), partner=entry.partner,
                expected=_listed(says), found=_listed(columns),
            )  # fmt: skip

    def _from_audit(self, result: policy.ledger.Audit) -> None:
        for fault in result.faults:
            about = self._about(fault.index)
            self._name(
                fault.code,
                "ledger",
                fault.index,
                expected=fault.expected,
                found=fault.found,
                **about,
            )

    def _about(self, index: int) -> dict[str, str]:
        row = self._transaction.run("ledger", "rows", start=index, limit=1).first()
        if row is None or row[0] != index:
            return {}
        return {"object_id": row.object_id or "", "partner": row.partner}

    def _frontier(self, result: policy.ledger.Audit) -> None:
        try:
            kept = ledger.frontier(self._transaction)
        except (KatchiError, TypeError) as problem:  # TypeError: text where bytes were
            self._name("frontier-changed", "setting", "frontier", found=str(problem)[:200])
            return
        if (kept.size, kept.root()) != (result.size, result.root):
            self._name(
                "frontier-changed", "setting", "frontier",
                expected=f"{result.size} entries, root {result.root.hex()}",
                found=f"{kept.size} entries, root {kept.root().hex()}",
            )  # fmt: skip

    # --- The object log -------------------------------------------------------------------------

    def _objects(self) -> None:
        expected = 1
        for row in audit.objects(self._transaction):
            self._tick()
            if row.seq != expected:
                self._name(
                    "object-missing",
                    "object",
                    expected,
                    expected=str(expected),
                    found=str(row.seq),
                )
            expected = row.seq + 1
            digest = hashlib.sha256(row.raw).digest()
            if digest != row.digest:
                self._name(
                    "object-changed", "object", row.seq, object_id=row.object_id,
                    expected=row.digest.hex(), found=digest.hex(),
                )  # fmt: skip
            else:
                self._labels(row)

    def _labels(self, row: audit.ObjectRow) -> None:
        """What the row says about the object is what the object says."""
        item = stix.read(row.raw)
        # An object without a version is kept under the time it was added.
        version = row.version if item.version is None else item.version
        says = (item.id, item.type, item.spec_version, version, item.version_text)
        columns = (
            row.object_id,
            row.type,
            row.spec_version,
            row.version,
            row.version_text,
        )
        if says != columns:
            self._name(
                "object-mislabelled", "object", row.seq, object_id=item.id,
                expected=_listed(says), found=_listed(columns),
            )  # fmt: skip

    # --- Releases -------------------------------------------------------------------------------

    def _releases(self) -> None:
        for row in audit.releases(self._transaction):
            self._tick()
            self._release_body(row)
            self._release_entry(row)
            if 0 <= row.ledger_index < len(self._unnamed):
                self._unnamed[row.ledger_index] = 0
        self._unnamed_releases()

    def _unnamed_releases(self) -> None:
        """Entries that no release names: released again since under a later entry, or the release is gone."""
        index = self._unnamed.find(1)
        while index >= 0:
            self._release_gone(index, audit.entry_at(self._transaction, index))
            index = self._unnamed.find(1, index + 1)

    def _release_body(self, row: audit.ReleaseRow) -> None:
        found = hashlib.sha256(row.raw).digest() if row.raw is not None else None
        if found != row.digest:
            self._name(
                "release-changed", "release", row.position, object_id=row.object_id, partner=row.partner,
                expected=row.digest.hex(), found=found.hex() if found else "nothing",
            )  # fmt: skip

    def _release_entry(self, row: audit.ReleaseRow) -> None:
        about = {"object_id": row.object_id, "partner": row.partner}
        says = _release_in(row.entry)
        if says is None:
            self._name(
                "release-unrecorded",
                "release",
                row.position,
                expected=f"entry {row.ledger_index}",
                **about,
            )
            return
        columns = (
            row.partner,
            row.object_id,
            row.version_text or "",
            row.digest.hex(),
            row.rule,
        )
        if says != columns:
            self._name(
                "release-differs",
                "release",
                row.position,
                expected=_listed(says),
                found=_listed(columns),
                **about,
            )
        is_withdrawn = self._said.withdrawals.get((row.partner, row.object_id, row.digest.hex()), -1) > row.ledger_index
        if is_withdrawn != (row.withdrawn_at is not None):
            self._name(
                "withdrawal-differs", "release", row.position,
                expected="withdrawn" if is_withdrawn else "in force",
                found="in force" if is_withdrawn else "withdrawn", **about,
            )  # fmt: skip

    def _release_gone(self, index: int, raw: bytes) -> None:
        says = _release_in(raw)
        if says is None:  # the audit names the entry
            return
        partner, object_id, _, digest, _ = says
        # Released again later: the row names the later entry.
        if bytes.fromhex(digest) not in audit.digests_released(self._transaction, partner, object_id):
            self._name(
                "release-missing", "release", f"of entry {index}", object_id=object_id, partner=partner,
                expected=digest,
            )  # fmt: skip

    # --- What decides about releases ------------------------------------------------------------

    def _terms(self) -> None:
        for row in audit.terms(self._transaction):
            digest = hashlib.sha256(row.text.encode()).hexdigest()
            name = f"{row.partner}, number {row.epoch}"
            if digest != row.digest:
                self._name(
                    "terms-changed",
                    "terms",
                    name,
                    partner=row.partner,
                    expected=row.digest,
                    found=digest,
                )
            elif (row.partner, digest) not in self._said.every_terms:
                self._name("terms-unrecorded", "terms", name, partner=row.partner, found=digest)
            if row.epoch == row.epoch_in_force and self._said.terms.get(row.partner) != row.digest_in_force:
                self._name(
                    "terms-unrecorded", "partner", row.partner, partner=row.partner,
                    expected=self._said.terms.get(row.partner, ""), found=row.digest_in_force or "",
                )  # fmt: skip

    def _states(self) -> None:
        for row in audit.partners(self._transaction):
            recorded = self._said.states.get(row.name, "")
            if recorded != row.state:
                self._name(
                    "state-unrecorded",
                    "partner",
                    row.name,
                    partner=row.name,
                    expected=recorded,
                    found=row.state,
                )


def _listed(values: tuple[object, ...]) -> str:
    return ", ".join("-" if value is None else str(value) for value in values)


def _release_in(raw: bytes | None) -> tuple[str, str, str, str, str] | None:
    """(partner, object id, version, digest, rule) of a release entry; None where it is none."""
    try:
        entry = Entry.from_bytes(raw or b"")
    except EntryError:
        return None
    if entry.kind != "release":
        return None
    object_id, version, digest, rule = (str(entry.body[name]) for name in ("object_id", "version", "digest", "rule"))
    return entry.partner, object_id, version, digest, rule


def _keys_of(document: bytes | None) -> Callable[[str], PublicKey | None]:
    def key_of(key_id: str) -> PublicKey | None:
        return Partner.from_json(document).key(key_id) if document else None

    return key_of


def _head_problem(row: audit.HeadRow, key_of: Callable[[str], PublicKey | None]) -> str:
    """What is wrong with a kept head; "" for nothing."""
    try:
        head = SignedHead.from_json(row.document)
        key = key_of(head.key_id)
        if key is None:
            return "signed by a key that is not known"
        policy.ledger.verify_head(head, key)
    except KatchiError as problem:
        return problem.sentence
    return "" if head.size == row.size else f"is of {head.size} entries"
