"""A MISP feed of what is released to whoever subscribes: which events there are, and each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from katchi import policy
from katchi.exchange import misp_feed
from katchi.exchange.misp_feed import Chapter, Publisher, Share
from katchi.exchange.taxii import errors
from katchi.node.feeds import NotSettledError
from katchi.node.release import recipient_of
from katchi.node.wiring import Node
from katchi.store.partners import PartnerRow

STRETCH = 10_000  # positions of one event: MISP does not like events of more than some ten thousand attributes

MANIFEST, HASHES, KEY = "manifest.json", "hashes.csv", "key.pem"
SIGNATURE = ".sig"


@dataclass(frozen=True, slots=True)
class Book:
    """A feed as it is now."""

    publisher: Publisher
    topic: int
    chapters: list[Chapter]

    @property
    def changed(self) -> int:
        """When any of its events changed, as it is told to MISP (µs); 0 for none."""
        return max((chapter.changed for chapter in self.chapters), default=0)

    def chapter(self, name: str) -> Chapter:
        """The event of this UUID. Raises NotFoundError."""
        for chapter in self.chapters:
            if misp_feed.event_uuid(self.publisher, chapter.number) == name:
                return chapter
        raise errors.NotFoundError("There is no such event in this feed.", where=name[:80])


def book(node: Node, partner: PartnerRow, topic: int) -> Book:
    """The feed's events. Raises NotSettledError while new terms are held against what was released before."""
    if partner.reviewed_epoch != partner.epoch:
        raise NotSettledError(
            "The terms have changed, and what was released before is still being looked at.",
            where=partner.name, remedy="ask again in a minute",
        )  # fmt: skip
    title = node.settings.title or node.settings.name
    publisher = Publisher(node.settings.node_id, title, partner.name, topic)
    # MISP counts in seconds and fetches what grew: of the second that is not over yet, the next poll must hear again.
    settled = node.clock.now() // misp_feed.SECOND * misp_feed.SECOND - 1
    chapters = [Chapter(*row) for row in node.store.releases.stretches(partner.name, topic, STRETCH)]
    return Book(publisher, topic, [replace(each, changed=min(each.changed, settled)) for each in chapters])


def manifest(node: Node, partner: PartnerRow, topic: int) -> bytes:
    """`manifest.json`."""
    whole = book(node, partner, topic)
    return misp_feed.manifest(whole.publisher, whole.chapters, "")


def document(node: Node, partner: PartnerRow, topic: int, name: str) -> bytes:
    """A file of the feed by its name; with `.sig` behind it, our signature over it. Raises NotFoundError.

    The signature is 64 bytes, plain Ed25519 (RFC 8032) over the file as it is, so that openssl can check it. No other
    thing that we sign begins as these files do (policy.signed names its kind first).
    """
    if name.endswith(SIGNATURE):
        return node.key.sign(_file(node, partner, topic, name.removesuffix(SIGNATURE)))
    return node.key.public.to_pem() if name == KEY else _file(node, partner, topic, name)


def _file(node: Node, partner: PartnerRow, topic: int, name: str) -> bytes:
    if name == MANIFEST:
        return manifest(node, partner, topic)
    if name == HASHES:
        return b"".join(hashes(node, partner, topic))
    return event(node, partner, topic, name.removesuffix(".json"))


def event(node: Node, partner: PartnerRow, topic: int, name: str) -> bytes:
    """`UUID.json`. Raises NotFoundError."""
    whole = book(node, partner, topic)
    chapter = whole.chapter(name)
    return misp_feed.event(whole.publisher, chapter, _shares(node, partner, topic, chapter), now=node.clock.now())


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events somebody asks for: by name, by time of change (seconds), so many from one on."""

    names: frozenset[str] | None = None
    since: int | None = None
    until: int | None = None
    first: int = 0
    limit: int | None = None


def chosen(whole: Book, wanted: Wanted) -> list[Chapter]:
    """The events of a feed that are asked for, in the feed's order."""
    found = [chapter for chapter in whole.chapters if _is_wanted(whole, chapter, wanted)]
    return found[wanted.first :][: wanted.limit]


def _is_wanted(whole: Book, chapter: Chapter, wanted: Wanted) -> bool:
    changed = chapter.changed // misp_feed.SECOND
    if (wanted.since is not None and changed < wanted.since) or (wanted.until is not None and changed > wanted.until):
        return False
    names = wanted.names
    return (
        names is None or number_of(chapter) in names or misp_feed.event_uuid(whole.publisher, chapter.number) in names
    )


def number_of(chapter: Chapter) -> str:
    """By what number MISP's own tools may ask for an event, from 1."""
    return str(chapter.number + 1)


def hashes(node: Node, partner: PartnerRow, topic: int) -> Iterator[bytes]:
    """The lines of `hashes.csv`."""
    whole = book(node, partner, topic)
    now = node.clock.now()
    for chapter in whole.chapters:
        yield from misp_feed.hashes(whole.publisher, chapter, _shares(node, partner, topic, chapter), now=now)


def _shares(node: Node, partner: PartnerRow, topic: int, chapter: Chapter) -> Iterator[Share]:
    """What stands in a stretch: releases in force as the policy lets them out, and of the others the id alone."""
    recipient = recipient_of(partner)
    for row in node.store.releases.stretch(partner.name, topic, chapter.number * STRETCH, STRETCH):
        if row.withdrawn_at is not None:
            yield Share(row.added, row.object_id, None, row.withdrawn_at)
        elif row.is_last:
            yield Share(row.added, row.object_id, policy.reopen(row.release, recipient).raw)
