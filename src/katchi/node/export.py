"""Writes what may leave into a file: for a partner what its terms release, for the owner a whole backup."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from katchi.errors import KatchiError
from katchi.exchange.feed import Heading, Wishes
from katchi.exchange.format import Format, UnsafeBackup
from katchi.exchange.misp_events import is_uuid
from katchi.node import collections, feeds, misp, terms
from katchi.node.release import judge
from katchi.node.wiring import Node
from katchi.policy import Released

Progress = Callable[[int, int], None]
PAGE = 1000


class PartnerNotActiveError(KatchiError):
    """Nothing goes to a partner that is not active, on a stick as little as over the wire."""

    code = "partner-not-active"


@dataclass(frozen=True, slots=True)
class Exported:
    """What went into the document."""

    objects: int
    size: int  # bytes
    digest: str  # SHA-256 of the document, hex


def export_for(
    node: Node,
    partner: str,
    how: Format,
    out: BinaryIO,
    progress: Progress | None = None,
) -> Exported:
    """Writes what is released to a partner, each release on the ledger before its bytes are written.

    That is the partner's whole view: what went before is in the document too. A partner whose
    arrangement or terms change meanwhile gets no further objects.
    Raises UnknownPartnerError, NoTermsError, PartnerNotActiveError or policy.NotReleasedError.
    """
    _settle(node, partner)
    writing = _Writing(_released_count(node, partner), progress)
    return writing.write(how, _released(node, partner), _document_id(node), out)


def export_feed(
    node: Node, partner: str, name: str, out: BinaryIO, wishes: Wishes, *,
    collection: str = feeds.EVERYTHING, progress: Progress | None = None,
) -> tuple[Exported, Heading]:  # fmt: skip
    """Writes a feed for devices of what is released to a partner, and says what was left out.

    Raises what `export_for` does, and UnknownFeedError or NotFoundError.
    """
    _settle(node, partner)
    total = _released_count(node, partner)
    polled = feeds.poll(node, node.store.partners.one(partner), name, collection, wishes)
    document = feeds.write(node, polled, None if progress is None else lambda done: progress(done, max(done, total)))
    digest = hashlib.sha256()
    for piece in document.pieces():
        out.write(piece)
        digest.update(piece)
    return Exported(document.heading.entries, document.size, digest.hexdigest()), document.heading


def export_misp(
    node: Node, partner: str, folder: Path, *,
    collection: str = feeds.EVERYTHING, is_signed: bool = False, progress: Progress | None = None,
) -> tuple[int, int]:  # fmt: skip
    """Writes a MISP feed into a folder, which a web server may be serving; returns (events, of these written anew).

    Events that have not changed since the folder's manifest are left alone; the manifest comes last, so that whoever
    reads it finds what it names. Raises what `export_for` does, and NotFoundError.
    """
    _settle(node, partner)
    row = node.store.partners.one(partner)
    topic = feeds.poll(node, row, "list", collection, Wishes()).topic
    folder.mkdir(parents=True, exist_ok=True)
    manifest = misp.manifest(node, row, topic)
    before, listed = _manifest_of(folder), msgspec.json.decode(manifest, type=dict[str, Any])

    def put(name: str, document: bytes) -> None:
        _replace(folder / name, document)
        signature = folder / (name + misp.SIGNATURE)
        if is_signed:
            _replace(signature, node.key.sign(document))
        else:
            signature.unlink(missing_ok=True)  # of what stood here before

    written = 0
    for number, (name, headline) in enumerate(listed.items(), 1):
        kept = [folder / f"{name}.json", *([folder / f"{name}.json{misp.SIGNATURE}"] if is_signed else [])]
        if before.get(name) != headline or not all(path.exists() for path in kept):
            collections.require_flowing(node.store.partners.one(partner))
            put(f"{name}.json", misp.document(node, row, topic, f"{name}.json"))
            written += 1
        if progress:
            progress(number, len(listed))
    if is_signed:
        _replace(folder / misp.KEY, misp.document(node, row, topic, misp.KEY))
    put(misp.HASHES, misp.document(node, row, topic, misp.HASHES))
    put(misp.MANIFEST, manifest)
    for name in before.keys() - listed.keys():
        for path in (folder / f"{name}.json", folder / f"{name}.json{misp.SIGNATURE}"):
            path.unlink(missing_ok=True)
    return len(listed), written


def _manifest_of(folder: Path) -> dict[str, Any]:
    """What the folder says that it holds. Only names that are UUIDs: nothing else of ours is there to be removed."""
    try:
        found = msgspec.json.decode((folder / misp.MANIFEST).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}
    return {name: headline for name, headline in found.items() if is_uuid(name)}


def _replace(path: Path, document: bytes) -> None:
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_bytes(document)
    unfinished.replace(path)


def _settle(node: Node, partner: str) -> None:
    terms.in_force(node, partner)
    row = node.store.partners.one(partner)
    if row.state != "active":
        raise PartnerNotActiveError(
            "The arrangement with this partner is not active, so nothing goes to it.",
            where=partner,
            expected="active",
            found=row.state,
            remedy=f"`katchi partner confirm {partner}` or `katchi partner resume {partner}`",
        )
    while judge(node, partner):
        pass


def unsafe_export_everything(node: Node, how: Format, out: BinaryIO, progress: Progress | None = None) -> Exported:
    """Writes the owner's own backup: the newest version of every object held, whatever its markings.

    Nothing is asked of the terms and nothing is put on the ledger: the file must not leave the owner's hands.
    """
    total = sum(count for _, count in node.store.search.counts_by_type())
    return _Writing(total, progress).write(how, _everything(node), _document_id(node), out)


def _released(node: Node, partner: str) -> Iterator[Released]:
    position = 0
    while True:
        # Read anew for each page: a suspension stops the next one.
        row = node.store.partners.one(partner)
        collections.require_flowing(row)
        page = node.store.releases.page(partner, row.epoch, position=position, added=0, limit=PAGE)
        yield from collections.admit(row, page.rows)
        if page.goes_on_after is None:
            return
        position = page.goes_on_after


def _released_count(node: Node, partner: str) -> int:
    flow = node.store.releases.flows().get(partner)
    return flow.released - flow.withdrawn if flow else 0


def _everything(node: Node) -> Iterator[UnsafeBackup]:
    after = 0
    while entries := node.store.log.after(after, PAGE):
        newest = node.store.log.newest([entry.object_id for entry in entries])
        yield from (UnsafeBackup(entry.raw) for entry in entries if newest[entry.object_id].seq == entry.seq)
        after = entries[-1].seq


@dataclass(slots=True)
class _Writing:
    """One document under way: counts what goes in."""

    total: int
    progress: Progress | None
    count: int = 0

    def counted(self, objects: Iterable[Released | UnsafeBackup]) -> Iterator[Released | UnsafeBackup]:
        """The same objects; each is counted as it passes."""
        for item in objects:
            yield item
            self.count += 1
            if self.progress and (self.count % PAGE == 0 or self.count == self.total):
                self.progress(self.count, max(self.count, self.total))

    def write(
        self,
        how: Format,
        objects: Iterable[Released | UnsafeBackup],
        document_id: str,
        out: BinaryIO,
    ) -> Exported:
        """Writes the document piece by piece, so that its size does not matter."""
        size, digest = 0, hashlib.sha256()
        for piece in how.write(self.counted(objects), document_id=document_id):
            out.write(piece)
            size += len(piece)
            digest.update(piece)
        return Exported(self.count, size, digest.hexdigest())


def _document_id(node: Node) -> str:
    return str(uuid.UUID(bytes=node.random(16), version=4))
