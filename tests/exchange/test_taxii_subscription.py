"""Reading a TAXII server until nothing is lost: well-behaved ones, slow writers, and those that break the standard."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi import stix
from katchi.errors import KatchiError
from katchi.exchange.fetching import AnswerError
from katchi.exchange.intake import Choices
from katchi.exchange.subscription import Fetched, MisbehavingServerError, Piece, Place
from katchi.exchange.subscriptions.taxii import EMPTY_PAGES, HOUR, SETTLED, Taxii
from katchi.exchange.subscriptions.taxii_places import CollectionError, choose, look
from tests.taxii_model import COLLECTION, ROOT, SECOND, TAXII, URL, Model

NOW = stix.parse_timestamp("2026-01-02T03:04:05Z")
MINUTE = 60 * SECOND
DISCOVERY = "https://taxii.example/taxii2/"


def choices(now: int = NOW) -> Choices:
    return Choices("identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", "", now)


class Reader:
    """Whoever keeps what comes and how far it has come."""

    def __init__(self, model: Model, url: str = DISCOVERY, **options: str) -> None:
        self.model = model
        self.place = Place(url, options)
        self.bookmark: Mapping[str, object] = {}
        self.held: set[str] = set()
        self.came = 0
        self.remarks: list[str] = []

    def pieces(self) -> Iterator[Piece]:
        return Taxii().read(self.place, self.model.fetch, self.bookmark, choices(self.model.now))

    def read(self, at_most: int = 1_000) -> None:
        """As far as so many pieces: then it is cut off, as by a power cut."""
        for _, piece in zip(range(at_most), self.pieces(), strict=False):
            self.held |= {json.loads(raw)["id"] for raw in piece.objects}
            self.came += len(piece.objects)
            self.remarks += [remark.code for remark in piece.remarks]
            self.bookmark = json.loads(json.dumps(dict(piece.bookmark)))

    @property
    def missing(self) -> set[str]:
        return {json.loads(raw)["id"] for _, raw in self.model.items} - self.held


def grown(count: int, **how: Any) -> Model:
    """A collection that grew long ago, one object a second."""
    model = Model(NOW, **how)
    for number in range(count):
        model.add(number, NOW - HOUR + number * SECOND)
    return model


@pytest.mark.parametrize(
    "url",
    [DISCOVERY, "https://taxii.example", DISCOVERY.rstrip("/"), ROOT, f"{ROOT}collections/", URL, URL.rstrip("/"),
     f"{URL}objects/", f"{URL}objects"],
)  # fmt: skip
def test_everything_is_read_from_wherever_one_begins(url: str) -> None:
    reader = Reader(grown(10), url)
    reader.read()
    assert reader.missing == set()
    assert reader.came == 10


def test_bytes_come_as_they_were_served() -> None:
    raw = b'{"type" : "indicator", "x":1.50,"id":"indicator--1"}'

    def fetch(url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        body = json.dumps(model.about()).encode() if "objects" not in url else b'{"objects": [ ' + raw + b" ]}"
        return Fetched(url, 200, {}, body)

    model = Model(NOW)
    (piece,) = Taxii().read(Place(URL), fetch, {}, choices())
    assert piece.objects == [raw]


def test_a_second_reading_asks_only_for_what_is_new() -> None:
    reader = Reader(grown(10))
    reader.read()
    reader.model.now += HOUR
    reader.model.add(99)
    asked = len(reader.model.asked)
    reader.model.now += 2 * MINUTE
    reader.read()
    assert reader.came == 11
    assert reader.missing == set()
    assert len(reader.model.asked) == asked + 1  # no discovery, one page


def test_filters_go_along() -> None:
    reader = Reader(grown(1), **{"match[type]": "indicator,malware"})
    reader.read()
    assert '"match[type]": "indicator,malware"' in reader.model.asked[-1]


def test_what_a_slow_writer_commits_late_is_not_lost() -> None:
    reader = Reader(grown(4))
    reader.model.add(5)
    reader.read()
    reader.model.add(6, reader.model.now - 30 * SECOND)  # dated before what was read, seen after
    reader.model.now += 15 * MINUTE
    reader.read()
    assert reader.missing == set()
    reader.model.now += 15 * MINUTE
    came = reader.came
    reader.read()
    assert reader.came == came  # and once the minute has passed, nothing is read again


def test_objects_that_share_a_date_are_not_lost_when_it_is_cut_off_between_them() -> None:
    model = Model(NOW, page=2)
    for number in range(7):
        model.add(number, NOW - HOUR)
    model.add(8, NOW - HOUR + SECOND)
    reader = Reader(model)
    reader.read(at_most=1)
    reader.read()
    assert reader.missing == set()


def test_a_collection_that_moved_is_found_again() -> None:
    reader = Reader(grown(2))
    reader.read()
    reader.bookmark = {**reader.bookmark, "url": f"{ROOT}collections/gone/"}
    reader.model.now += HOUR
    reader.model.add(3)
    reader.read()
    assert reader.missing == set()


def test_an_address_on_another_server_is_not_remembered() -> None:
    reader = Reader(grown(2))
    reader.bookmark = {"url": "https://other.example/api/collections/x/"}
    reader.read()
    assert reader.missing == set()
    assert str(reader.bookmark["url"]) == URL


@pytest.mark.parametrize("has_manifest", [True, False])
def test_a_server_without_dates_is_read_by_its_manifest_or_from_the_start(has_manifest: bool) -> None:
    reader = Reader(grown(7, says_dates=False, has_manifest=has_manifest))
    reader.read()
    assert reader.missing == set()
    assert "no-dates" in reader.remarks
    reader.model.now += HOUR
    reader.model.add(50)
    came = reader.came
    reader.model.now += HOUR
    reader.read()
    assert reader.missing == set()
    assert (reader.came - came < 7) is has_manifest


def test_a_server_that_forgets_next_is_read_by_date() -> None:
    reader = Reader(grown(10, says_next=False))
    reader.read()
    assert reader.missing == set()
    assert "more-without-next" in reader.remarks


@pytest.mark.parametrize("offset", [HOUR * 2, -HOUR * 2, 24 * 365 * 10 * HOUR])
def test_a_date_in_the_future_does_not_carry_the_bookmark_away(offset: int) -> None:
    reader = Reader(grown(3))
    reader.model.add(4, NOW + offset)
    reader.read()
    reader.model.now += 10 * MINUTE
    reader.model.add(5)
    reader.model.now += 10 * MINUTE
    reader.read()
    if offset > 0:
        assert reader.missing == set()
        assert "date-in-future" in reader.remarks


def test_a_clock_that_went_back_is_noted_and_the_bookmark_stays() -> None:
    reader = Reader(grown(3))
    reader.read()
    kept = reader.bookmark["added_after"]
    reader.model.now -= 48 * HOUR
    reader.model.add(4)
    reader.read()
    assert reader.bookmark["added_after"] == kept
    assert "clock-went-back" in reader.remarks


def test_a_server_that_does_not_sort_is_read_whole_before_the_bookmark_moves() -> None:
    model = grown(9)

    def backwards(url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        fetched = Model.fetch(model, url, headers=headers)
        if "/objects/" not in url or not json.loads(fetched.body):
            return fetched
        number = len([each for each in model.asked if "/objects/" in each])
        dates = {
            f"x-taxii-date-added-{which}": stix.format_timestamp(NOW - number * MINUTE) for which in ("first", "last")
        }
        return Fetched(fetched.url, 200, {**fetched.headers, **dates}, fetched.body)

    marks = [piece.bookmark.get("added_after") for piece in Taxii().read(Place(DISCOVERY), backwards, {}, choices())]
    assert marks[1] is None
    assert marks[-1] is not None


# ---- a law: whatever is written while it reads, nothing is lost --------------------------------------


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_nothing_is_lost_whatever_happens_between_the_pages(data: st.DataObject) -> None:
    model = Model(NOW, page=data.draw(st.integers(1, 4)))
    numbers = iter(range(10_000))
    latest = 0

    def write() -> None:
        nonlocal latest
        model.now += data.draw(st.sampled_from([0, 1, SECOND, 5 * SECOND, 3 * MINUTE]))
        for _ in range(data.draw(st.integers(0, 3))):
            # Given when the writing began, seen when it is committed: up to 50 seconds later.
            delay = data.draw(st.sampled_from([0, 0, 0, SECOND, 20 * SECOND, 50 * SECOND]))
            model.add(next(numbers), model.now - delay)

    for _ in range(data.draw(st.integers(0, 5))):
        write()
    model.before_page = write
    reader = Reader(model)
    for _ in range(data.draw(st.integers(1, 4))):
        reader.read(at_most=data.draw(st.integers(1, 6)))
        write()
    model.before_page = lambda: None
    reader.read()
    assert reader.missing == set()


# ---- servers that lie --------------------------------------------------------------------------------


def lying(*envelopes: Any, first: Mapping[str, str] | None = None) -> Callable[..., Fetched]:
    """A server that answers with these pages in turn, the last one for ever."""
    model, remaining = Model(NOW), list(envelopes)

    def fetch(url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        if "/objects/" not in url:
            return model.fetch(url, headers=headers)
        page = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        body = page if isinstance(page, bytes) else json.dumps(page() if callable(page) else page).encode()
        return Fetched(url, 200, {"content-type": TAXII, **(first or {})}, body)

    return fetch


class Counting:
    """A page with a `next` that is never the same, and nothing or something in it."""

    def __init__(self, **more: Any) -> None:
        self.count = 0
        self.more = more

    def __call__(self) -> dict[str, Any]:
        self.count += 1
        return {"more": True, "next": str(self.count), **self.more}


ONE = {"type": "x", "id": "x--1"}
TWO = {"type": "x", "id": "x--2"}


@pytest.mark.parametrize(
    ("pages", "pieces"),
    [
        ([{"more": True, "next": "a", "objects": [ONE]}, {"more": True, "next": "a", "objects": [TWO]}], 2),
        (
            [
                {"more": True, "next": "a", "objects": [ONE]},
                {"more": True, "next": "b", "objects": [TWO]},
                {"more": True, "next": "a", "objects": []},
            ],
            2,
        ),
        ([{"more": True, "next": "a", "objects": [ONE]}, {"more": True, "next": "a", "objects": [ONE]}], 1),
        ([{"more": True, "objects": [ONE]}], 1),
        ([{"more": True}], 1),
        ([Counting()], EMPTY_PAGES + 1),
        ([b"<html>maintenance</html>"], 0),
        ([b""], 0),
        ([b"[]"], 0),
        ([b"\xff\xfe{}"], 0),
        ([b'{"objects": {}}'], 0),
        ([b'{"objects": [}'], 0),
        ([b'{"more": "yes", "objects": []}'], 0),
        ([b'{"title": "Internal error", "error_code": "1"}'], 0),
        ([b"[" * 100_000], 0),
        ([b'{"objects":' + b"[" * 100_000], 0),
        ([{"more": True, "next": "a", "objects": [ONE]}, b"cut o"], 1),
    ],
)
def test_a_server_that_lies_is_told_so_and_what_came_before_stays(pages: list[Any], pieces: int) -> None:
    came: list[Piece] = []
    with pytest.raises(MisbehavingServerError):
        came.extend(Taxii().read(Place(DISCOVERY), lying(*pages), {}, choices()))
    assert len(came) == pieces


@pytest.mark.parametrize(
    "page",
    [{}, {"more": False}, {"objects": []}, {"objects": None, "more": None, "next": None}, {"more": False, "next": "x"}],
)
def test_an_empty_page_is_nothing_new(page: Any) -> None:
    (piece,) = Taxii().read(Place(DISCOVERY), lying(page), {}, choices())
    assert piece.objects == []


def test_one_name_for_every_next_page_is_a_session_and_is_followed() -> None:
    pages = [{"more": True, "next": "session", "objects": [{"id": f"x--{n}"}]} for n in range(5)] + [{"objects": [ONE]}]
    pieces = list(Taxii().read(Place(DISCOVERY), lying(*pages), {}, choices()))
    assert sum(len(piece.objects) for piece in pieces) == 6
    assert "next-repeats" in {remark.code for piece in pieces for remark in piece.remarks}


def test_empty_pages_on_the_way_are_walked_through() -> None:
    pages = [{"more": True, "next": str(n)} for n in range(5)] + [{"objects": [ONE]}]
    pieces = list(Taxii().read(Place(DISCOVERY), lying(*pages), {}, choices()))
    assert sum(len(piece.objects) for piece in pieces) == 1


def test_a_wrong_content_type_is_remarked_once_and_read() -> None:
    pages = [{"more": True, "next": "a", "objects": [ONE]}, {"objects": [TWO]}]
    pieces = list(Taxii().read(Place(DISCOVERY), lying(*pages, first={"content-type": "text/html"}), {}, choices()))
    assert [remark.code for piece in pieces for remark in piece.remarks if remark.code == "content-type"] == [
        "content-type"
    ]


def test_a_bundle_instead_of_an_envelope_is_read() -> None:
    bundle = {"type": "bundle", "id": "bundle--1", "spec_version": "2.0", "objects": [ONE]}
    (piece,) = Taxii().read(Place(DISCOVERY), lying(bundle), {}, choices())
    assert len(piece.objects) == 1


def test_a_taxii_2_0_server_is_read_in_ranges() -> None:
    model, ranges = Model(NOW), []

    def fetch(url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        accept = (headers or {})["accept"]
        if "2.0" not in accept:
            problem = AnswerError("no")
            problem.status = 406
            raise problem
        if "/objects/" not in url:
            return model.fetch(url, headers=headers)
        ranges.append((headers or {})["range"])
        start = int(ranges[-1].split()[1].split("-")[0])
        body = json.dumps({"type": "bundle", "id": "bundle--1", "objects": [{"id": f"x--{start}"}]}).encode()
        return Fetched(url, 206, {"content-range": f"items {start}-{start}/3"}, body)

    pieces = list(Taxii().read(Place(DISCOVERY), fetch, {}, choices()))
    assert [len(piece.objects) for piece in pieces] == [1, 1, 1]
    assert [int(each.split()[1].split("-")[0]) for each in ranges] == [0, 0, 1, 2][-len(ranges) :]
    assert pieces[0].total == 3


# ---- which collection, and where ---------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["", COLLECTION, "feed", "Indicators"])
def test_a_collection_has_an_id_an_alias_and_a_title(wanted: str) -> None:
    assert choose(look(DISCOVERY, Model(NOW).fetch), wanted, DISCOVERY).url == URL


@pytest.mark.parametrize("wanted", ["other", "nobody's"])
def test_a_collection_that_cannot_be_read_is_refused_with_those_that_can(wanted: str) -> None:
    with pytest.raises(CollectionError) as caught:
        choose(look(DISCOVERY, Model(NOW).fetch), wanted, DISCOVERY)
    assert COLLECTION in caught.value.expected


def discovery(value: Any) -> Callable[..., Fetched]:
    def fetch(url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        if url == DISCOVERY:
            return Fetched(url, 200, {}, value if isinstance(value, bytes) else json.dumps(value).encode())
        return Model(NOW).fetch(url, headers=headers)

    return fetch


@pytest.mark.parametrize("root", ["/api/", "https://taxii.example/api/", "../api", "http://taxii.example/api/"])
def test_api_roots_may_be_relative_and_need_not_know_of_the_proxy(root: str) -> None:
    assert look(DISCOVERY, discovery({"title": "x", "api_roots": [root]})).collections[0].url == URL


@pytest.mark.parametrize(
    "value",
    [
        {"api_roots": ["https://other.example/api/"]},
        {"api_roots": ["https://taxii.example:8443/api/"]},
        {"api_roots": ["//other.example/api/"]},
        {"api_roots": ["file:///etc/"]},
        {"api_roots": ["https://kim:x@taxii.example/api/"]},
        {"api_roots": "everything"},
        {"api_roots": [1]},
        {"something": "else"},
        b"<html>",
        b"[]",
        b"1",
        b"\xff",
    ],
)
def test_a_discovery_that_leads_elsewhere_or_nowhere_is_refused(value: Any) -> None:
    with pytest.raises(KatchiError):
        look(DISCOVERY, discovery(value))


def test_a_root_that_is_down_does_not_hide_the_others() -> None:
    found = look(DISCOVERY, discovery({"api_roots": ["/down/", "/api/"]}))
    assert len(found.collections) == 2
    assert len(found.problems) == 1


@pytest.mark.parametrize("name", ["../../admin", "a/b", "", ".."])
def test_a_collections_id_is_no_path(name: str) -> None:
    def fetch(url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        return Fetched(url, 200, {}, json.dumps({"collections": [{"id": name, "can_read": True}]}).encode())

    assert look(f"{ROOT}collections/", fetch).collections == []


def test_what_is_read_again_is_a_minute() -> None:
    assert SETTLED == MINUTE
