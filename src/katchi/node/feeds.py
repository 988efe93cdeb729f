"""Lists for devices: what is released to whoever polls, in the format that it loads, and whether it has changed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from katchi import policy
from katchi.errors import KatchiError
from katchi.exchange import feed, feeds
from katchi.exchange.entries import VALUES, Entry
from katchi.exchange.feed import Document, Wishes
from katchi.exchange.taxii import errors
from katchi.exchange.warned import is_never_blocked
from katchi.node import collections, polled
from katchi.node.release import recipient_of
from katchi.node.telling import lists_of, warning_lists
from katchi.node.wiring import Node, no_cycles_sought
from katchi.store.partners import PartnerRow
from katchi.store.releases import Matching

PAGE = 2000
EVERYTHING = "all"
HOUR = 3_600_000_000
_HASHES = frozenset({"md5", "sha1", "sha256", "sha512"})


class NotSettledError(KatchiError):
    """The terms changed and what went before is still being held against them.

    Half a list would open what the other half kept shut, so nobody gets one.
    """

    code = "not-settled"


class BusyError(KatchiError):
    """As many lists are being written as this node writes at once."""

    code = "busy"


@dataclass(frozen=True, slots=True)
class Polled:
    """A feed that somebody asks for. `mark` changes whenever its content may have."""

    partner: PartnerRow
    name: str
    topic: int
    wishes: Wishes
    mark: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device polls a list, and what loads it there."""

    url: str
    format: str
    loaded_by: str
    collection: str


def addresses(node: Node, partner: PartnerRow) -> list[Address]:
    """Every list that this partner can poll, of all that it may have and of each of its topics."""
    known = collections.collections_of(node, partner)
    names = [EVERYTHING, *(each.alias for each in known if each.can_read and each.alias not in collections.RESERVED)]
    kinds = [*((kind, feeds.new(kind).title) for kind in feeds.names()), ("misp", "MISP, as a feed")]
    root = f"{node.settings.url.rstrip('/')}/feeds"
    made = [Address(f"{root}/{name}/{kind}", kind, title, name) for name in names for kind, title in kinds]
    return made + [
        Address(url, form, f"{name} ({form})", "blocked") for name, form, url in polled.addresses(node, partner)
    ]


# Each writes at the speed of one processor: more at once would keep everybody else waiting.
_at_once = threading.BoundedSemaphore(2)


def poll(node: Node, partner: PartnerRow, name: str, collection: str, wishes: Wishes) -> Polled:
    """What a device asks for, before anything is written.

    Raises NotAllowedError, NotFoundError, UnknownFeedError or NotSettledError.
    """
    collections.require_flowing(partner)
    topic = 0 if collection == EVERYTHING else collections.collection(node, partner, collection, to="read").topic
    feeds.new(name)
    if partner.reviewed_epoch != partner.epoch:
        raise NotSettledError(
            "The terms have changed, and what was released before is still being looked at.",
            where=partner.name, remedy="keep what you have and ask again in a minute",
        )  # fmt: skip
    return Polled(partner, name, topic, wishes, _mark(node, partner, name, topic, wishes))


def _mark(node: Node, partner: PartnerRow, name: str, topic: int, wishes: Wishes) -> str:
    # Validity ends without anybody's doing anything: a list is new every hour at the latest.
    hour = node.clock.now() // HOUR
    parts = (partner.name, partner.epoch, name, topic, wishes, hour, *node.store.releases.state_of(partner.name))
    return hashlib.blake2b(repr(parts).encode(), digest_size=12, key=node.copy_key).hexdigest()


def write(node: Node, polled: Polled, progress: Callable[[int], None] | None = None) -> Document:
    """The document. Raises NotAllowedError when the arrangement or its terms change meanwhile, or BusyError."""
    if not _at_once.acquire(timeout=30):
        raise BusyError("Other lists are being written.", remedy="ask again in a minute")
    try:
        with no_cycles_sought:
            return feed.write(
                feeds.new(polled.name), _pages(node, polled), now=node.clock.now(),
                title=node.settings.title or node.settings.name, recipient=polled.partner.name,
                wishes=polled.wishes, stops=stopping(node.folder, node.settings.never_block), progress=progress,
            )  # fmt: skip
    finally:
        _at_once.release()


def stopping(folder: Path, classes: Iterable[str]) -> Callable[[Entry], bool]:
    """Tells whether a person must decide before an entry is blocked: too wide, nobody's, or on a list of a class."""
    wanted = frozenset(classes)
    lists = warning_lists(lists_of(folder))

    def stops(entry: Entry) -> bool:
        if is_never_blocked(entry):
            return True
        key = f"file:{entry.kind}:{entry.value}" if entry.kind in _HASHES else f"{entry.kind}:{entry.value}"
        return any(info.category in wanted for info in lists.struck(key))

    return stops


def _pages(node: Node, polled: Polled) -> Iterator[policy.ReleasedPage]:
    position: int | None = 0
    while position is not None:
        partner = node.store.partners.one(polled.partner.name)
        collections.require_flowing(partner)
        if partner.epoch != polled.partner.epoch:
            raise errors.NotAllowedError("The terms changed while this list was written.", remedy="ask again")
        rows, position = node.store.releases.page_rows(
            partner.name, partner.epoch, position=position, added=0, limit=PAGE,
            matching=Matching(topic=polled.topic),
        )  # fmt: skip
        yield policy.reopen_page(rows, recipient_of(partner))


def kinds_of(text: str) -> frozenset[str] | None:
    """The kinds of values that a request names, with commas; None for all. Raises BadFilterError."""
    asked = frozenset(part.strip() for part in text.split(",") if part.strip())
    unknown = asked - VALUES
    if unknown:
        raise errors.BadFilterError(
            "There are no such values.", what="kinds", expected=", ".join(sorted(VALUES)),
            found=", ".join(sorted(unknown))[:80],
        )  # fmt: skip
    return asked or None
