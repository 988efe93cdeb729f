"""Reads what people hand in as files: packed or not, STIX or a report, and shows what is in it before it is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from katchi import stix
from katchi.errors import KatchiError
from katchi.exchange import intakes, unpacking
from katchi.exchange.intake import Choices, Found, Intake
from katchi.exchange.intakes.misp_json import INDEX
from katchi.node.preview import preview
from katchi.node.receive import Account, Progress, receive
from katchi.node.wiring import OWN, Node
from katchi.stix.markings import TLP_2_IDS

STIX = "stix-json"
TLP_LABELS = tuple(TLP_2_IDS.values())


class UnmarkedError(KatchiError):
    """Nobody has said how far what a document tells may go."""

    code = "unmarked"
    exit_status = 2


class NothingFoundError(KatchiError):
    """A document that could be read, but tells nothing that a node keeps."""

    code = "nothing-found"


class UnconfirmedError(KatchiError):
    """Something was guessed, and nobody has looked at it."""

    code = "unconfirmed"
    exit_status = 2


@dataclass(frozen=True, slots=True)
class Opened:
    """One document of a file. `found` is None for STIX, which is taken byte for byte."""

    name: str
    kind: str
    title: str
    document: bytes
    found: Found | None = None
    known: int = 0  # objects that are held already and were left out of `found`

    @property
    def needs_confirmation(self) -> bool:
        """Whether a person should look at it first: something in it was guessed."""
        return self.found is not None and self.found.needs_confirmation

    @property
    def content(self) -> bytes:
        """What goes through the front door."""
        return self.document if self.found is None else b"[" + b",".join(self.found.objects) + b"]"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person says of a file. `kind` is an intake's name; `mapping` says which column is what."""

    kind: str = ""
    marking: str = ""  # a TLP 2.0 label
    mapping: Mapping[str, str] | None = None


def open_document(node: Node, document: bytes, name: str, wishes: Wishes) -> Iterator[Opened]:
    """The documents in a file, one after the other; nothing is stored yet.

    Raises KatchiError where a document cannot be read. Each is read when it is asked for.
    """
    for member in unpacking.unpack(document, limit=node.settings.limits.max_document, name=name):
        intake = intakes.named(wishes.kind) if wishes.kind else intakes.recognised(member.document, member.name)
        if intake.name == INDEX:
            continue  # it tells of the events that lie beside it
        if intake.name == STIX:
            yield Opened(member.name, STIX, intake.title, member.document)
        else:
            yield _read(node, intake, member, wishes)


def take(
    node: Node, opened: Opened, *, submitter: str, origin: str = OWN, is_preview: bool = False,
    progress: Progress | None = None,
) -> Account:  # fmt: skip
    """Takes one of these documents in, or only says what would become of it."""
    how = preview if is_preview else receive
    return how(node, opened.content, origin=origin, via=opened.name, submitter=submitter, progress=progress)


def require_marked(opened: Opened, wishes: Wishes) -> None:
    """Raises UnmarkedError where the objects would be made here and nobody said how far they may go."""
    if opened.found is not None and opened.found.objects and not wishes.marking:
        raise UnmarkedError(
            "Nobody has said how far what this document tells may go.",
            where=opened.name, what="--marking", expected=", ".join(TLP_LABELS),
            remedy="give the TLP label of the document; `red` goes to nobody",
        )  # fmt: skip


def _read(node: Node, intake: Intake, member: unpacking.Member, wishes: Wishes) -> Opened:
    choices = Choices(
        created_by_ref=node.settings.node_id,
        marking=marking_id(wishes.marking or "red"),
        now=node.clock.now(),
        mapping=wishes.mapping or {},
    )
    found = intake.read(member.document, choices)
    if not found.objects:
        raise NothingFoundError(
            "Nothing that can be taken in was found in this document.",
            where=member.name,
            expected="addresses, domains, URLs, hashes, CVE numbers or STIX objects",
            found=f"{intake.title}, of which {len(found.remarks)} words were left out",
            remedy="if it is of another kind, say which with --kind",
        )
    if not found.is_made:
        return Opened(member.name, intake.name, intake.title, member.document, found)
    # The ids say who told what: a report that is read again tells nothing new.
    ids = [stix.read(raw).id for raw in found.objects]
    held = node.store.log.newest(ids) if ids else {}
    fresh = [raw for object_id, raw in zip(ids, found.objects, strict=True) if object_id not in held]
    kept = Found(fresh, found.remarks, found.sources, found.needs_confirmation, found.mapping)
    return Opened(member.name, intake.name, intake.title, member.document, kept, len(ids) - len(fresh))


def marking_id(label: str) -> str:
    """The marking-definition of a TLP 2.0 label. Raises UnmarkedError for another word."""
    for found, known in TLP_2_IDS.items():
        if known == label:
            return found
    raise UnmarkedError(
        "There is no such TLP label.", what="--marking", expected=", ".join(TLP_LABELS), found=label[:40]
    )
