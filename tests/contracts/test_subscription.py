"""What every kind of subscription must do. A new one inherits these: name it in `subscriptions/`, add a server here."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi import stix
from katchi.errors import KatchiError
from katchi.exchange import subscriptions
from katchi.exchange.fetching import AnswerError
from katchi.exchange.intake import Choices
from katchi.exchange.subscription import Fetched, Piece, Place, Subscription
from katchi.exchange.subscriptions import UnknownKindError
from tests.exchange.test_misp_events import attribute, event
from tests.objects import bundle, indicator
from tests.taxii_model import Model

NOW = stix.parse_timestamp("2026-01-02T03:04:05Z")
CHOICES = Choices(
    "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", NOW
)
HOUR = 3_600_000_000


class Pages:
    """Addresses and what is there; counts what it is asked."""

    def __init__(self, **bodies: bytes) -> None:
        self.bodies = bodies
        self.asked = 0

    def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        """Answers as a Fetch does."""
        self.asked += 1
        name = url.rpartition("/")[2]
        if name not in self.bodies:
            problem = AnswerError("no")
            problem.status = 404
            raise problem
        return Fetched(url, 200, {}, self.bodies[name])


def _taxii() -> Any:
    model = Model(NOW)
    for number in range(7):
        model.add(number, NOW - HOUR + number)
    return model


def _misp() -> Any:
    names = [f"5a1d7a3e-0c55-4a30-9a3c-7b1f6f2d9d{number}" for number in range(10, 13)]
    bodies = {
        f"{name}.json": json.dumps({"Event": event(attribute(place), uuid=name)}).encode()
        for place, name in enumerate(names)
    }
    listed = {name: {"timestamp": str(1_767_225_600 + place)} for place, name in enumerate(names)}
    return Pages(**{"manifest.json": json.dumps(listed).encode()}, **bodies)


# By kind: a server that has at least two objects, and the address that is subscribed to.
SERVERS: dict[str, Any] = {
    "taxii": (_taxii, Place("https://taxii.example/taxii2/")),
    "misp-feed": (_misp, Place("https://feed.example/feed/")),
    "document": (lambda: Pages(feed=bundle(indicator(1), indicator(2))), Place("https://feed.example/feed")),
}
KINDS = subscriptions.every()


@pytest.fixture(params=sorted(SERVERS))
def kind(request: pytest.FixtureRequest) -> Subscription:
    """Each kind in turn."""
    return KINDS[request.param]


def _read(kind: Subscription, fetch: Any, bookmark: Mapping[str, object] | None = None) -> list[Piece]:
    return list(kind.read(SERVERS[kind.name][1], fetch, bookmark or {}, CHOICES))


def _ids(pieces: list[Piece]) -> list[str]:
    return [stix.read(raw).id for piece in pieces for raw in piece.objects]


def test_every_kind_of_ours_is_tested_here_and_says_what_it_is() -> None:
    assert set(SERVERS) == {each.name for each in subscriptions.OWN}
    for each in KINDS.values():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each.name)
        assert each.title


def test_everything_comes_once_and_breaks_no_rule(kind: Subscription) -> None:
    ids = _ids(_read(kind, SERVERS[kind.name][0]().fetch))
    assert len(ids) == len(set(ids)) >= 2


def test_a_bookmark_is_json_and_after_it_nothing_comes_again(kind: Subscription) -> None:
    server = SERVERS[kind.name][0]()
    pieces = _read(kind, server.fetch)
    bookmark = json.loads(json.dumps(dict(pieces[-1].bookmark)))
    assert _ids(_read(kind, server.fetch, bookmark)) == []


def test_whoever_stops_after_any_piece_misses_nothing(kind: Subscription) -> None:
    whole = set(_ids(_read(kind, SERVERS[kind.name][0]().fetch)))
    count = len(_read(kind, SERVERS[kind.name][0]().fetch))
    for stop in range(count):
        server = SERVERS[kind.name][0]()
        first = [piece for _, piece in zip(range(stop + 1), _iterate(kind, server.fetch), strict=False)]
        rest = _read(kind, server.fetch, first[-1].bookmark)
        assert set(_ids(first)) | set(_ids(rest)) == whole


def _iterate(kind: Subscription, fetch: Any) -> Iterator[Piece]:
    return kind.read(SERVERS[kind.name][1], fetch, {}, CHOICES)


def test_progress_only_grows(kind: Subscription) -> None:
    done = [piece.done for piece in _read(kind, SERVERS[kind.name][0]().fetch)]
    assert done == sorted(done)


def test_an_error_of_the_server_is_passed_on(kind: Subscription) -> None:
    def fetch(url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        raise AnswerError("no")

    with pytest.raises(AnswerError):
        _read(kind, fetch)


_BODIES = st.one_of(
    st.binary(max_size=100),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(["objects", "more", "next", "api_roots", "collections", "id", "can_read", "type"]),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
)


@pytest.mark.parametrize("name", sorted(KINDS))
@given(
    body=_BODIES, mark=st.dictionaries(st.sampled_from(["url", "added_after", "etag", "version"]), st.text(max_size=9))
)
def test_any_answer_is_read_or_refused_in_our_words(name: str, body: bytes, mark: dict[str, object]) -> None:
    asked = 0

    def fetch(url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        nonlocal asked
        asked += 1
        assert asked < 1000, "it asks and asks"
        return Fetched(url, 200, {}, body)

    place = SERVERS[name][1] if name in SERVERS else Place("https://feed.example/feed")
    with contextlib.suppress(KatchiError):
        for piece in KINDS[name].read(place, fetch, mark, CHOICES):
            assert all(isinstance(raw, bytes) for raw in piece.objects)


def test_a_kind_that_nobody_knows_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UnknownKindError) as caught:
        subscriptions.named("stone-tablet")
    assert "taxii" in caught.value.expected
