"""Subscribes to a collection of a TAXII server: page by page, from the last date on, whatever the server gets wrong.

How far we have read is a date_added. It is kept only as far as it is sure that nothing can appear before
it any more: a page shows what its server had committed, and slow writers commit objects with a
date_added from before. So the last minute, by the server's own clock, is read again; the log recognises
what it holds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlencode, urljoin

import msgspec

from katchi import stix
from katchi.exchange.fetching import AnswerError, shown
from katchi.exchange.intake import Choices, Remark
from katchi.exchange.subscription import Fetch, Fetched, MisbehavingServerError, Piece, Place
from katchi.exchange.subscriptions.taxii_places import TAXII_21, Readable, choose, decoded, is_same_server, look

LIMIT = 1000  # objects of a page; servers may give fewer
SETTLED = 60_000_000  # after so long, µs, nobody is still committing
HOUR = 3_600_000_000
PAGES = 100_000  # of one run; the next goes on
EMPTY_PAGES = 100  # in a row, each promising more
_STIX_20 = "application/vnd.oasis.stix+json; version=2.0"
_range = re.compile(r"items (\d{1,12})-(\d{1,12})/(\d{1,12})\Z").match


class Taxii:
    """TAXII 2.1, and 2.0 where a server knows no better.

    Options: `collection` (id, alias or title) and filters such as `match[type]`.
    """

    name = "taxii"
    title = "TAXII"

    def read(self, place: Place, fetch: Fetch, bookmark: Mapping[str, object], choices: Choices) -> Iterator[Piece]:
        """What was added since the bookmark."""
        matches = {name: text for name, text in place.options.items() if name.startswith("match[")}
        known, version = str(bookmark.get("url", "")), str(bookmark.get("version", "2.1"))
        after = _micros(str(bookmark.get("added_after", "")))
        if known and is_same_server(known, place.url):
            run = _Run(known, version, matches, fetch, after, choices.now)
            try:
                yield from run.pieces()
                return
            except AnswerError as problem:
                if problem.status != 404 or run.has_read:
                    raise
        found = collection_at(place, fetch)  # also where its address has changed
        yield from _Run(found.url, found.version, matches, fetch, after, choices.now).pieces()


def collection_at(place: Place, fetch: Fetch) -> Readable:
    """The collection that a place means. Raises CollectionError, or what the fetching raises."""
    return choose(look(place.url, fetch), place.options.get("collection", ""), place.url)


class _Envelope(msgspec.Struct, frozen=True):
    """An envelope (TAXII 2.1 §3.7), or the bundle that TAXII 2.0 sends."""

    objects: list[msgspec.Raw] | None = None
    more: bool | None = None
    next: str | int | None = None
    id: str = ""


class _ManifestRecord(msgspec.Struct, frozen=True):
    date_added: str = ""


class _Manifest(msgspec.Struct, frozen=True):
    objects: list[_ManifestRecord] | None = None
    more: bool | None = None
    next: str | int | None = None


@dataclass(frozen=True, slots=True)
class _Page:
    objects: list[bytes]
    more: bool
    following: str  # the server's `next`; of TAXII 2.0, where the next range begins
    first: int | None  # date_added of the first and the last object, where the server says them
    last: int | None
    total: int
    digest: bytes


class _Run:
    """One reading of one collection."""

    def __init__(
        self, url: str, version: str, matches: Mapping[str, str], fetch: Fetch, after: int | None, now: int
    ) -> None:
        self.url = url
        self.version = version
        self.matches = matches
        self.fetch = fetch
        self.now = now
        self.start = after  # where the bookmark was
        self.safe = after  # before this, nothing can appear any more
        self.latest: int | None = None  # the last date_added seen
        self.at = now  # the server's time, as of the last page
        self.began_at: int | None = None
        self.has_read = False
        self.is_frozen = False  # a page reached into the last minute: `safe` stays
        self.is_ordered = True
        self.is_dated = True
        self.remarks: list[Remark] = []  # those that no piece has taken along yet
        self.remarked: set[str] = set()
        self.seen: set[bytes] = set()
        self.done = 0

    def pieces(self) -> Iterator[Piece]:
        """Page by page. Raises MisbehavingServerError, or what the fetching raises."""
        asked, following, empty = self.start, "", 0
        for _ in range(PAGES):
            page = self._page(asked, following)
            if not self.has_read and page.objects and page.last is None:
                page = self._without_dates(page, asked)
            self.has_read = True
            self._require_progress(page)
            self._note_dates(page)
            self.done += len(page.objects)
            yield self._piece(page)
            if not page.more:
                return
            empty = 0 if page.objects else empty + 1
            if empty > EMPTY_PAGES:
                raise self._misbehaves("The server promises more and more, and sends nothing.", "more")
            asked, following = self._go_on(page, asked)

    # ---- one page -------------------------------------------------------------------------------

    def _page(self, after: int | None, following: str) -> _Page:
        if self.version == "2.0":
            return self._page_20(after, int(following or 0))
        fetched = self.fetch(self._address("objects/", after, following), headers={"accept": TAXII_21})
        self._look_at_type(fetched, "application/taxii+json")
        envelope = decoded(fetched, _Envelope)
        if envelope.objects is None and envelope.more is None and not envelope.id:
            _require_empty(fetched)
        following = "" if envelope.next is None else str(envelope.next)
        return self._as_page(fetched, envelope, bool(envelope.more), following, 0)

    def _page_20(self, after: int | None, start: int) -> _Page:
        headers = {"accept": _STIX_20, "range": f"items {start}-{start + LIMIT - 1}"}
        fetched = self.fetch(self._address("objects/", after, ""), headers=headers)
        envelope = decoded(fetched, _Envelope)
        ranged = _range(fetched.headers.get("content-range", ""))
        if fetched.status != 206 or not ranged:
            return self._as_page(fetched, envelope, more=False, following="", total=0)
        end, total = int(ranged[2]) + 1, int(ranged[3])
        return self._as_page(fetched, envelope, more=end < total, following=str(end), total=total)

    def _as_page(self, fetched: Fetched, envelope: _Envelope, more: bool, following: str, total: int) -> _Page:
        self.at = min(_http_date(fetched.headers.get("date", "")) or self.now, self.now + HOUR)
        if self.began_at is None:
            self.began_at = self.at
        first, last = (
            self._date(fetched.headers.get(f"x-taxii-date-added-{which}", "")) for which in ("first", "last")
        )
        objects = [bytes(raw) for raw in envelope.objects or ()]
        return _Page(objects, more, following, first, last, total, hashlib.sha256(fetched.body).digest())

    def _address(self, leaf: str, after: int | None, following: str) -> str:
        asked: dict[str, str] = {} if self.version == "2.0" else {"limit": str(LIMIT)}
        if after is not None:
            asked["added_after"] = stix.format_timestamp(after)
        if following:
            asked["next"] = following
        return f"{urljoin(self.url, leaf)}?{urlencode({**asked, **self.matches}, safe='[]:', quote_via=quote)}"

    def _look_at_type(self, fetched: Fetched, expected: str) -> None:
        found = fetched.headers.get("content-type", "")
        if not found.strip().lower().startswith(expected):
            self._remark("content-type", found)

    def _date(self, text: str) -> int | None:
        found = _micros(text)
        if text and found is None:
            self._remark("unreadable-date", text)
        return found

    # ---- what the server may get wrong ----------------------------------------------------------

    def _require_progress(self, page: _Page) -> None:
        if page.objects:
            if page.digest in self.seen:
                raise self._misbehaves("The server sends the same page again instead of the next.", "objects")
            self.seen.add(page.digest)
        if page.more and page.following:
            step = hashlib.sha256(page.following.encode()).digest()
            if step in self.seen:
                # medallion's `next` names a session, the same for each of its pages: what comes must differ then.
                if not page.objects:
                    raise self._misbehaves("The server leads from a page back to an earlier one.", "next")
                self._remark("next-repeats", page.following)
            self.seen.add(step)

    def _go_on(self, page: _Page, asked: int | None) -> tuple[int | None, str]:
        if page.following:
            return asked, page.following
        # `more` without `next` breaks §3.7. By date we can go on; objects that share the last date are asked for again.
        self._remark("more-without-next", "")
        if page.last is not None:
            several = page.first is not None and page.first < page.last
            following = page.last - 1 if several else page.last
            if asked is None or following > asked:
                return following, ""
        raise self._misbehaves("The server promises more, and does not say how to ask for it.", "next")

    def _misbehaves(self, sentence: str, what: str) -> MisbehavingServerError:
        return MisbehavingServerError(
            sentence, where=shown(self.url), what=what, expected="TAXII 2.1 §3.5 and §3.7",
            remedy="what came before is kept; tell whoever runs the server",
        )  # fmt: skip

    def _without_dates(self, page: _Page, asked: int | None) -> _Page:
        """For a server without dates in its headers: the manifest says how far the reading that now begins will go."""
        self._remark("no-dates", "")
        self.is_dated = False
        self.safe = self._newest_in_manifest(asked)
        if self.safe is None:
            return page
        # What came between the page and the manifest must be in what is read: so once more.
        return self._page(asked, "")

    def _newest_in_manifest(self, asked: int | None) -> int | None:
        newest, following = asked, ""
        before: set[str] = set()
        for _ in range(PAGES):
            try:
                fetched = self.fetch(self._address("manifest/", asked, following), headers={"accept": TAXII_21})
            except AnswerError:  # then it is read from the start each time
                return asked
            manifest = decoded(fetched, _Manifest)
            dates = [_micros(record.date_added) for record in manifest.objects or ()]
            newest = max((date for date in [newest, *dates] if date is not None), default=None)
            following = "" if manifest.next is None else str(manifest.next)
            if not manifest.more or not following or following in before:
                return newest
            before.add(following)
        return asked

    # ---- how far we have come -------------------------------------------------------------------

    def _note_dates(self, page: _Page) -> None:
        if self.start is not None and self.start > self.at + HOUR:
            self._remark("clock-went-back", stix.format_timestamp(self.start))
        if page.last is None or not self.is_dated:
            return
        if page.last > self.at + HOUR:
            self._remark("date-in-future", stix.format_timestamp(page.last))
        first = page.last if page.first is None else page.first
        if first > page.last or (self.latest is not None and first < self.latest):
            self.is_ordered = False
            self._remark("not-in-order", stix.format_timestamp(first))
        self.latest = max(first, page.last, self.latest or 0)
        if not self.is_frozen:
            # Objects that share the last date may be on the next page.
            read_up_to = page.last - 1 if page.more else page.last
            self.safe = max(min(read_up_to, self.at - SETTLED), self.start or 0)
            self.is_frozen = page.last > self.at - SETTLED

    def _piece(self, page: _Page) -> Piece:
        mark: dict[str, object] = {"url": self.url, "version": self.version}
        reached = self._reached(page)
        if reached:
            mark["added_after"] = stix.format_timestamp(reached)
        remarks, self.remarks = tuple(self.remarks), []
        return Piece(page.objects, mark, remarks, self.done, page.total)

    def _reached(self, page: _Page) -> int | None:
        if self.is_dated and self.is_ordered:
            return self.safe
        # Only the whole of it is sure to hold all that came before any date.
        latest = self.latest if self.is_dated else self.safe
        if page.more or latest is None:
            return self.start
        return max(min(latest, (self.began_at or self.at) - SETTLED), self.start or 0)

    def _remark(self, code: str, text: str) -> None:
        if code not in self.remarked:  # once in a run
            self.remarked.add(code)
            self.remarks.append(Remark(0, code, text[:200]))


def _require_empty(fetched: Fetched) -> None:
    members = decoded(fetched, _Anything)
    if members.title or members.error_code or members.collections is not None or members.api_roots is not None:
        raise MisbehavingServerError(
            "This is an answer, but not a page of objects.", where=shown(fetched.url), expected="an envelope",
            found=members.title[:100], remedy="tell whoever runs the server; it is tried again by itself",
        )  # fmt: skip


class _Anything(msgspec.Struct, frozen=True):
    title: str = ""
    error_code: str = ""
    collections: msgspec.Raw | None = None
    api_roots: msgspec.Raw | None = None


def _micros(text: str) -> int | None:
    if not text:
        return None
    try:
        return stix.parse_timestamp(text.strip().replace("+00:00", "Z"))
    except stix.TimestampError:
        return None


def _http_date(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 1_000_000
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
