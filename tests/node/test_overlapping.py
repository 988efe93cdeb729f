"""Private overlap between two nodes over real HTTP: a number, then, with both persons' word, the items."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from katchi.errors import KatchiError
from katchi.exchange.channel import RefusedError as RefusedByPartnerError
from katchi.exchange.channel import UndeliveredError
from katchi.exchange.channels.link import Link
from katchi.node import overlap_answers, overlap_lead, overlapping, watching
from katchi.node.deliver import link_to, partner_of
from katchi.node.overlapping import StateError
from katchi.node.search import BadQueryError
from katchi.node.terms import put_terms
from katchi.node.wiring import Node
from katchi.overlap.psi import guard, messages
from katchi.overlap.psi.guard import GuardError
from katchi.overlap.psi.party import Reveal
from katchi.overlap.psi.side import Core, Hello, RefusedError
from katchi.policy.ledger import Entry
from katchi.store.overlaps import OverlapRow, UnknownOverlapError
from katchi.store.watches import UnknownWatchError
from tests.node.test_exchange import hand_in
from tests.nodes import TERMS, Pair, until
from tests.objects import indicator


def urls(node: Node, *numbers: int, tlp: str = "amber", first: int = 0, **more: Any) -> None:
    hand_in(
        node,
        *(
            indicator(first + number, pattern=f"[url:value = 'https://e{number}.example/a']", tlp=tlp, **more)
            for number in numbers
        ),
    )


def state(node: Node, session: str) -> str:
    return node.store.overlaps.one(session).state


def go_on(pair: Pair, session: str) -> OverlapRow:
    with link_to(pair.kr, partner_of(pair.kr.store.partners.one("us-cert"))) as link:
        return overlap_lead.advance(pair.kr, session, link)


@pytest.fixture
def quiet(joined: Pair, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Nobody advances a session but the test."""
    monkeypatch.setattr("katchi.node.worker.COMPARE_EVERY", 1 << 60)
    monkeypatch.setattr("katchi.node.worker.Worker._compare", lambda *_: None)
    return joined


def test_two_nodes_learn_a_number_and_then_with_both_words_the_items(joined: Pair) -> None:
    kr, us = joined
    urls(kr, *range(40))
    urls(us, *range(25, 70), first=1000)
    session = overlapping.propose(kr, "us-cert", "url", person="kim").id
    until(lambda: [row.state for row in us.store.overlaps.all()] == ["asked"])
    overlapping.accept(us, session, person="park")
    until(lambda: state(kr, session) == state(us, session) == "counted")
    for node in joined:
        assert node.store.overlaps.one(session).common == 15
        assert overlapping.found(node.store.overlaps.one(session)) == []
    overlapping.agree(kr, session, person="kim")
    with pytest.raises(StateError):
        overlapping.agree(kr, session, person="kim")
    overlapping.agree(us, session, person="park")
    until(lambda: state(kr, session) == state(us, session) == "revealed")
    expected = sorted(f"url:https://e{number}.example/a" for number in range(25, 40))
    for node in joined:
        until(lambda node=node: node.store.overlaps.one(session).key is None)  # type: ignore[misc]
        row = node.store.overlaps.one(session)
        assert (overlapping.found(row), row.items) == (expected, None)
    assert events(kr) == ["proposed", "accepted", "counted", "agreed", "revealed"]
    assert events(us) == ["asked", "accepted", "counted", "agreed", "revealed"]


def events(node: Node) -> list[str]:
    entries = [row.entry for row in node.store.ledger.rows() if row.kind == "overlap"]
    return [str(Entry.from_bytes(entry).body["event"]) for entry in entries]


def test_what_may_not_be_told_is_not_compared(quiet: Pair) -> None:
    kr, _ = quiet
    urls(kr, *range(20))
    urls(kr, *range(20, 30), tlp="red", first=100)
    urls(kr, *range(30, 40), tlp="amber+strict", first=200)
    row = overlapping.propose(kr, "us-cert", "url", person="kim")
    assert row.own == 20


def test_sets_are_chosen_by_queries_saved_searches_and_what_went_before(quiet: Pair) -> None:
    kr, _ = quiet
    urls(kr, *range(20), labels=["case"])
    urls(kr, *range(20, 30), first=100)
    until(lambda: overlapping.choose(kr, "url", "unshared:yes", "us-cert") == [])
    values = " ".join(f"https://e{number}.example/a" for number in range(15, 40))
    watching.add(kr, "our case", "score:>=0 list:none", person="kim")
    watching.add(kr, "our values", values, person="kim")
    for query, expected in (
        ("", 30), ("tag:case", 20), ("watch:our case", 30), ("watch:our values", 15), (values, 15), ("unshared:yes", 0),
        ("unshared:yes tag:case", 0),
    ):  # fmt: skip
        assert (query[:20], len(overlapping.choose(kr, "url", query, "us-cert"))) == (query[:20], expected)
    put_terms(kr, "us-cert", TERMS.format(partner="us-cert").replace('"amber"', '"green"'), person="kim")
    urls(kr, *range(50, 60), first=300)
    until(lambda: len(overlapping.choose(kr, "url", "unshared:yes", "us-cert")) == 40)
    with pytest.raises(BadQueryError):
        overlapping.choose(kr, "url", "words of no use", "us-cert")
    with pytest.raises(UnknownWatchError):
        overlapping.choose(kr, "url", "watch:nobody's", "us-cert")


@pytest.mark.parametrize("crash", ["before", "after the elements", "after the number", "of both after the number"])
def test_it_goes_on_after_a_crash_of_either_side(quiet: Pair, crash: str) -> None:
    kr, us = quiet
    urls(kr, *range(30))
    urls(us, *range(20, 50), first=1000)
    session = overlapping.propose(kr, "us-cert", "url", person="kim").id
    assert go_on(quiet, session).state == "proposed"
    overlapping.accept(us, session, person="park")
    if crash == "before":
        us.desk.forget(session)
    if crash == "after the elements":
        party = kr.desk
        assert go_on(quiet, session).state == "counted"
        party.forget(session)
        us.desk.forget(session)
    assert go_on(quiet, session).state == "counted"
    if crash == "after the number":
        us.desk.forget(session)
    if crash == "of both after the number":
        us.desk.forget(session)
        kr.desk.forget(session)
    for node, person in ((kr, "kim"), (us, "park")):
        overlapping.agree(node, session, person=person)
    until(lambda: go_on(quiet, session).state == "revealed")
    assert overlapping.found(us.store.overlaps.one(session)) == overlapping.found(kr.store.overlaps.one(session))


class Accident:
    """A link on which something goes wrong at one message: the answer is lost, or a side forgets what it had."""

    def __init__(self, pair: Pair, link: Link, session: str, kind: str, at: int) -> None:
        self.pair, self.link, self.session, self.kind, self.left = pair, link, session, kind, at

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        self.left -= 1
        if self.left == 0 and "responder" in self.kind:
            self.pair.us.desk.forget(self.session)
        answer = self.link.ask(method, path, **more)
        if self.left == 0 and "initiator" in self.kind:
            self.pair.kr.desk.forget(self.session)
        if self.left == 0 and "answer" in self.kind:
            raise UndeliveredError("The partner's node did not answer.")
        return answer


@pytest.mark.parametrize(
    "kind", ["the answer is lost", "responder crashes", "initiator crashes and the answer is lost"]
)
def test_whatever_is_lost_at_any_message_it_goes_on(quiet: Pair, kind: str) -> None:
    kr, us = quiet
    urls(kr, *range(30))
    urls(us, *range(20, 50), first=1000)
    with link_to(kr, partner_of(kr.store.partners.one("us-cert"))) as link:
        for at in range(1, 12):
            session = overlapping.propose(kr, "us-cert", "url", person="kim").id
            go_on(quiet, session)
            overlapping.accept(us, session, person="park")
            accident = Accident(quiet, link, session, kind, at)
            for _ in range(6):
                with contextlib.suppress(UndeliveredError):
                    overlap_lead.advance(kr, session, accident)  # type: ignore[arg-type]
                for node in quiet:
                    if state(node, session) == "counted":
                        overlapping.agree(node, session, person="kim")
            for node in quiet:
                row = node.store.overlaps.one(session)
                assert (at, row.state, len(overlapping.found(row)), row.key) == (at, "revealed", 10, None), row.trouble


def test_in_a_lookup_only_who_asks_learns_which(quiet: Pair) -> None:
    kr, us = quiet
    urls(kr, *range(4))
    urls(us, *range(2, 50), first=1000)
    session = overlapping.propose(kr, "us-cert", "url", mode="lookup", person="kim").id
    assert go_on(quiet, session).state == "proposed"
    overlapping.accept(us, session, person="park")
    assert us.store.overlaps.one(session).agreed_by == "park"
    row = go_on(quiet, session)
    assert (row.state, row.common, row.theirs) == ("revealed", 2, 48)
    assert overlapping.found(row) == ["url:https://e2.example/a", "url:https://e3.example/a"]
    other = us.store.overlaps.one(session)
    assert (other.state, other.common, other.found, other.key, other.items) == ("revealed", None, None, None, None)
    assert (events(kr), events(us)) == (["proposed", "accepted", "revealed"], ["asked", "accepted", "revealed"])


@pytest.mark.parametrize(
    "kind", ["the answer is lost", "responder crashes", "initiator crashes and the answer is lost"]
)
def test_a_lookup_goes_on_whatever_is_lost(quiet: Pair, kind: str) -> None:
    kr, us = quiet
    urls(kr, *range(4))
    urls(us, *range(2, 50), first=1000)
    with link_to(kr, partner_of(kr.store.partners.one("us-cert"))) as link:
        for at in range(1, 8):
            session = overlapping.propose(kr, "us-cert", "url", mode="lookup", person="kim").id
            go_on(quiet, session)
            overlapping.accept(us, session, person="park")
            accident = Accident(quiet, link, session, kind, at)
            for _ in range(4):
                with contextlib.suppress(UndeliveredError):
                    overlap_lead.advance(kr, session, accident)  # type: ignore[arg-type]
            row = kr.store.overlaps.one(session)
            assert (at, row.state, len(overlapping.found(row)), row.key) == (at, "revealed", 2, None), row.trouble
            assert us.store.overlaps.one(session).state == "revealed"


def test_their_guesses_in_lookups_count_and_ours_do_not(quiet: Pair) -> None:
    kr, us = quiet
    for node in quiet:
        node.settings = msgspec.structs.replace(node.settings, overlap_budget=60)
    urls(kr, *range(30))
    urls(us, *range(100), first=1000)
    for expected in ("revealed", "revealed", "failed"):
        session = overlapping.propose(kr, "us-cert", "url", mode="lookup", person="kim").id
        go_on(quiet, session)
        if expected == "revealed":
            overlapping.accept(us, session, person="park")
        assert go_on(quiet, session).state == expected
    assert "overlap-guard" in (kr.store.overlaps.one(session).trouble or "")


def test_what_has_no_place_in_a_lookup_is_refused(quiet: Pair) -> None:
    kr, us = quiet
    urls(kr, *range(4))
    urls(us, *range(2, 50), first=1000)
    session = overlapping.propose(kr, "us-cert", "url", mode="lookup", person="kim").id
    go_on(quiet, session)
    overlapping.accept(us, session, person="park")
    core, hello = Core.from_bytes(us.store.overlaps.one(session).core), us.store.overlaps.one(session).hello
    assert hello is not None

    def say(message: messages.Message) -> messages.Answer:
        return messages.read_answer(overlap_answers.answer(us, "kr-cert", messages.written(message)))

    first = messages.Propose(core, msgspec.msgpack.decode(hello, type=Hello))
    until(lambda: isinstance(said := say(first), messages.Status) and said.hello is not None)
    for message in (
        messages.Put(session, "tags", 0, b""), messages.Get(session, "tags", 0), messages.Get(session, "everything", 0),
        messages.Agree(session), messages.Show(session, Reveal((), b"", ())),
    ):  # fmt: skip
        with pytest.raises(RefusedError):
            say(message)
    changed = msgspec.structs.replace(core, mode="mutual")
    with pytest.raises(RefusedError):
        say(messages.Propose(changed, msgspec.msgpack.decode(hello, type=Hello)))
    assert go_on(quiet, session).state == "revealed"


def test_what_a_person_ended_stays_ended(quiet: Pair) -> None:
    kr, us = quiet
    urls(kr, *range(30))
    urls(us, *range(20, 50), first=1000)
    session = overlapping.propose(kr, "us-cert", "url", person="kim").id
    go_on(quiet, session)
    stale = us.store.overlaps.one(session)
    overlapping.decline(us, session, person="park")
    with pytest.raises(StateError):
        overlapping.keep(us, replace(stale, state="counted", common=3), "counted", "park")
    assert state(us, session) == "declined"


def test_without_the_other_persons_word_nothing_is_revealed(quiet: Pair) -> None:
    kr, us = quiet
    urls(kr, *range(30))
    urls(us, *range(20, 50), first=1000)
    session = overlapping.propose(kr, "us-cert", "url", person="kim").id
    go_on(quiet, session)
    overlapping.accept(us, session, person="park")
    go_on(quiet, session)
    overlapping.agree(kr, session, person="kim")
    assert go_on(quiet, session).state == "agreed"
    assert state(us, session) == "counted"
    overlapping.decline(us, session, person="park")
    assert go_on(quiet, session).state == "declined"
    for node in quiet:
        row = node.store.overlaps.one(session)
        assert (row.key, row.items, row.found) == (None, None, None)
    with pytest.raises(StateError):
        overlapping.decline(us, session, person="park")


def test_what_protects_nothing_or_is_too_much_is_refused_before_any_work(
    quiet: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    kr, us = quiet
    hand_in(kr, *(indicator(number) for number in range(20)))
    with pytest.raises(GuardError, match="protect"):
        overlapping.propose(kr, "us-cert", "ipv4", person="kim")
    urls(kr, *range(5), first=500)
    with pytest.raises(GuardError):
        overlapping.propose(kr, "us-cert", "url", person="kim")
    with pytest.raises(KatchiError):
        overlapping.propose(kr, "us-cert", "url", query="word", person="kim")
    with pytest.raises(KatchiError):
        overlapping.propose(kr, "nobody", "url", person="kim")
    assert kr.store.overlaps.all() == []
    urls(kr, *range(5, 30), first=500)
    monkeypatch.setattr(us, "settings", msgspec.structs.replace(us.settings, overlap_budget=50))
    first = overlapping.propose(kr, "us-cert", "url", person="kim").id
    assert go_on(quiet, first).state == "proposed"
    second = overlapping.propose(kr, "us-cert", "url", person="kim").id
    ended = go_on(quiet, second)
    assert ended.state == "failed"
    assert "overlap-guard" in (ended.trouble or "")
    assert [row.id for row in us.store.overlaps.all()] == [first]


def test_a_partner_cannot_fill_the_list_of_what_waits(quiet: Pair) -> None:
    for number in range(guard.MOST_OPEN):
        message = messages.Propose(core_of(quiet, session=f"{number:032x}"), HELLO)
        overlap_answers.answer(quiet.us, "kr-cert", messages.written(message))
    one_more = messages.written(messages.Propose(core_of(quiet, session="f" * 32), HELLO))
    with pytest.raises(GuardError, match="as may wait"):
        overlap_answers.answer(quiet.us, "kr-cert", one_more)
    overlapping.decline(quiet.us, f"{3:032x}", person="park")
    overlap_answers.answer(quiet.us, "kr-cert", one_more)


def core_of(pair: Pair, **changes: Any) -> Core:
    made = Core("a" * 32, pair.kr.settings.node_id, pair.us.settings.node_id, "katchi-keys-1", "url")
    return msgspec.structs.replace(made, **changes)


GOOD = bytes.fromhex("6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919")
HELLO = Hello(20, GOOD, (b"d" * 32,))
PROPOSALS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another version": ({"version": 2}, {}), "another suite": ({"suite": "x"}, {}),
    "another profile": ({"profile": "katchi-keys-2"}, {}), "another addressee": ({"responder": "identity--x"}, {}),
    "another sender": ({"initiator": "identity--x"}, {}), "a kind that can be listed": ({"kind": "ipv4"}, {}),
    "no kind": ({"kind": ""}, {}), "a short session": ({"session": "a"}, {}),
    "a strange session": ({"session": "/" * 32}, {}),
    "too few": ({}, {"count": 9}), "too many": ({}, {"count": 100_001}), "a bad key": ({}, {"public": bytes(32)}),
}  # fmt: skip


@pytest.mark.parametrize(("core", "hello"), PROPOSALS.values(), ids=PROPOSALS)
def test_a_proposal_that_cannot_be_leaves_no_trace(quiet: Pair, core: dict[str, Any], hello: dict[str, Any]) -> None:
    message = messages.Propose(core_of(quiet, **core), msgspec.structs.replace(HELLO, **hello))
    with pytest.raises((RefusedError, GuardError)):
        overlap_answers.answer(quiet.us, "kr-cert", msgspec.msgpack.encode(message))
    assert quiet.us.store.overlaps.all() == []
    assert events(quiet.us) == []


@pytest.mark.parametrize("body", [b"", b"{}", b"\xc1", msgspec.msgpack.encode({"type": "Nothing"}), b"\x81" * 1000])
def test_what_is_no_message_is_refused(quiet: Pair, body: bytes) -> None:
    with pytest.raises(RefusedError):
        overlap_answers.answer(quiet.us, "kr-cert", body)
    with (
        link_to(quiet.kr, partner_of(quiet.kr.store.partners.one("us-cert"))) as link,
        pytest.raises(RefusedByPartnerError, match="overlap-refused"),
    ):
        link.ask("POST", overlapping.PATH, body=body or b"x", content_type=overlapping.MEDIA)


def test_a_session_belongs_to_its_partner_and_to_its_words(quiet: Pair) -> None:
    _, us = quiet
    overlap_answers.answer(us, "kr-cert", msgspec.msgpack.encode(messages.Propose(core_of(quiet), HELLO)))
    with pytest.raises(UnknownOverlapError):
        overlap_answers.answer(us, "somebody", msgspec.msgpack.encode(messages.Agree("a" * 32)))
    other = msgspec.msgpack.encode(messages.Propose(core_of(quiet, kind="file"), HELLO))
    with pytest.raises(RefusedError):
        overlap_answers.answer(us, "kr-cert", other)
    urls(us, *range(20))
    overlapping.accept(us, "a" * 32, person="park")
    changed = msgspec.msgpack.encode(messages.Propose(core_of(quiet), msgspec.structs.replace(HELLO, count=21)))
    with pytest.raises(RefusedError):
        overlap_answers.answer(us, "kr-cert", changed)


@pytest.mark.shared
def test_real_partners_find_exactly_what_the_truth_says(quiet: Pair, shared_data: Path) -> None:
    held = {}
    names = ((quiet.kr, 0, "partner_a_eset.csv"), (quiet.us, 1_000_000, "partner_b_qianxin.csv.gz"))
    for node, first, name in names:
        raw = (shared_data / "iocs" / "normalised" / name).read_bytes()
        text = gzip.decompress(raw).decode() if name.endswith(".gz") else raw.decode()
        md5 = sorted({row["value"].lower() for row in csv.DictReader(io.StringIO(text)) if row["type"] == "md5"})
        made = [
            indicator(number, pattern=f"[file:hashes.MD5 = '{each}']", tlp="amber")
            for number, each in enumerate(md5, first)
        ]
        hand_in(node, *made)
        held[name] = set(md5)
    session = overlapping.propose(quiet.kr, "us-cert", "file", person="kim").id
    go_on(quiet, session)
    overlapping.accept(quiet.us, session, person="park")
    until(lambda: go_on(quiet, session).state == "counted", within=60)
    for node in quiet:
        overlapping.agree(node, session, person="kim")
    assert go_on(quiet, session).state == "revealed"
    one, other = held.values()
    found = overlapping.found(quiet.us.store.overlaps.one(session))
    assert found == sorted(f"file:md5:{each}" for each in one & other)
    assert len(found) == 673
