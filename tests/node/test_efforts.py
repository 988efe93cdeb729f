"""Efforts of two nodes over real HTTP: seen under terms, found to be the same, and done together without loss."""

from __future__ import annotations

import msgspec
import pytest

from katchi import stix
from katchi.node import effort_board, efforts
from katchi.node.effort_board import board
from katchi.node.efforts import history, view
from katchi.node.making import own_id, take_in
from katchi.node.wiring import Node
from katchi.overlap.efforts import carried
from katchi.overlap.efforts.history import BadChangeError, Effort
from katchi.stix.registered import EFFORT
from katchi.store.efforts import UnknownEffortError
from tests.node.test_exchange import hand_in, is_quiet
from tests.nodes import TERMS, Pair, until
from tests.objects import indicator


def now(node: Node, effort: str) -> Effort:
    return view(node.store.efforts.one(effort))


def titles(node: Node, *sides: effort_board.Side) -> list[str]:
    return sorted(each.effort.title for each in board(node).of(*sides))


def wiper(node: Node, title: str = "Wiper at broadcasters", **more: object) -> str:
    lists = {"about": ("domain:wiper.example", f"file:md5:{'a' * 32}"), "techniques": ("T1561",)}
    return efforts.begin(node, title, marking="amber", person="kim", lists=lists, **more).id  # type: ignore[arg-type]


def joint(pair: Pair) -> str:
    """An effort of kr's that us takes part in."""
    effort = wiper(pair.kr)
    efforts.propose(pair.kr, effort, "us-cert", person="kim")
    until(lambda: titles(pair.us, "asked") == ["Wiper at broadcasters"])
    efforts.accept(pair.us, effort, person="park")
    until(lambda: titles(pair.kr, "joint") == titles(pair.us, "joint") == ["Wiper at broadcasters"])
    return effort


def agree(pair: Pair, effort: str) -> Effort:
    """Waits until both nodes have said all; returns what both then say."""
    until(lambda: len(history(pair.kr, effort)) > 1 and is_quiet(pair)
          and shared(pair.kr, effort) == shared(pair.us, effort))  # fmt: skip
    assert now(pair.kr, effort) == now(pair.us, effort)
    return now(pair.us, effort)


def shared(node: Node, effort: str) -> set[tuple[str, int]]:
    own = node.store.efforts.one(effort)
    return {(each.node, each.number) for each in history(node, effort)} - {
        (own.founder, number) for number in range(1, own.shared_from or 1) if own.origin == "own"
    }


def test_an_effort_is_a_grouping_that_any_tool_reads(joined: Pair) -> None:
    kr, us = joined
    effort = wiper(kr, fields={"summary": "Who did it", "due": "2026-12-24", f"alone/{kr.settings.node_id}": "12"})
    grouping = stix.read(bytes(kr.store.log.newest([own_id(kr, "grouping", effort)]).popitem()[1].raw))
    assert stix.check(grouping) == ()
    members = grouping.properties
    assert (members["name"], members["description"], members["context"]) == (
        "Wiper at broadcasters", "Who did it", "suspicious-activity"
    )  # fmt: skip
    assert {each.partition("--")[0] for each in members["object_refs"]} == {"domain-name", "file"}
    until(lambda: titles(us, "partner") == ["Wiper at broadcasters"])
    other = now(us, effort)
    assert (other.about, other.due, other.alone) == (now(kr, effort).about, "2026-12-24", {kr.settings.node_id: 12.0})
    assert other.founder == kr.settings.node_id
    efforts.change(kr, effort, fields={"state": "done"}, said="for us alone", person="kim")
    until(lambda: now(us, effort).state == "done")
    assert history(us, effort) == []  # what was done to it step by step stays with whose it is


def test_what_is_private_stays_and_terms_decide_over_the_rest(joined: Pair) -> None:
    kr, us = joined
    private = efforts.begin(kr, "Nobody else's", person="kim").id
    amber = wiper(kr)
    until(lambda: titles(us, "partner") == ["Wiper at broadcasters"])
    with pytest.raises(UnknownEffortError):
        us.store.efforts.one(private)
    with pytest.raises(BadChangeError):
        efforts.propose(kr, private, "us-cert", person="kim")
    efforts.change(kr, private, marking="green", person="kim")
    until(lambda: "Nobody else's" in titles(us, "partner"))
    with pytest.raises(BadChangeError):  # theirs to change
        efforts.change(us, amber, fields={"state": "dropped"}, person="park")


def test_both_work_on_the_same_and_go_on_together(joined: Pair) -> None:
    kr, us = joined
    ours = wiper(kr, fields={f"alone/{kr.settings.node_id}": "10"})
    theirs = wiper(us, "방송사 와이퍼 분석", fields={f"alone/{us.settings.node_id}": "8"})
    until(lambda: len(board(us).twice) == len(board(kr).twice) == 1)
    pair = board(us).twice[0]
    assert (pair.own.row.id, pair.other.row.id) == (theirs, ours)
    assert {each.what for each in pair.reasons} == {"thing", "technique", "title"}
    efforts.propose(kr, ours, "us-cert", person="kim")
    until(lambda: titles(us, "asked") == ["Wiper at broadcasters"])
    efforts.accept(us, ours, own=theirs, person="park")
    until(lambda: now(kr, theirs).state == "merged" and now(kr, ours).partners == sorted_nodes(kr, us))
    assert now(us, theirs).into == ours
    assert (board(kr).twice, board(us).twice) == ([], [])
    for node, spent in ((kr, "4"), (us, "3.5")):
        efforts.change(node, ours, fields={f"spent/{node.settings.node_id}": spent}, person="kim")
    efforts.change(kr, ours, fields={"state": "done"}, person="kim")
    assert agree(joined, ours).saved == 10.5
    for node in joined:
        found = board(node)
        assert (found.saved, [each.days for each in found.savings]) == (10.5, [10.5])


def sorted_nodes(first: Node, other: Node) -> list[str]:
    return [first.settings.node_id, other.settings.node_id]


def test_concurrent_edits_on_both_sides_lose_nothing(joined: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    kr, us = joined
    effort = joint(joined)
    for node in joined:  # nothing comes through for a while
        partner = "us-cert" if node is kr else "kr-cert"
        node.store.partners.note_contact(partner, node.clock.now())
    with monkeypatch.context() as cut:
        cut.setattr("katchi.node.worker.Worker._exchange", lambda *_: None)
        task = "task/0000000a/"
        efforts.change(
            kr, effort, fields={"title": "Wiper, ours", f"{task}title": "samples"}, said="한국", person="kim"
        )
        efforts.change(us, effort, fields={"title": "Wiper, theirs", "due": "2027-01-01"}, said="US", person="park",
                       add={"about": ("domain:new.example",)}, drop={"techniques": ("T1561",)})  # fmt: skip
        efforts.change(kr, effort, add={"techniques": ("T1561",)}, person="kim")
    merged = agree(joined, effort)
    assert {merged.title, *(each.value for each in merged.conflicts)} == {"Wiper, ours", "Wiper, theirs"}
    assert (merged.due, [each.title for each in merged.tasks]) == ("2027-01-01", ["samples"])
    assert "domain:new.example" in merged.about
    assert merged.techniques == ("T1561",)  # put in while the other took it out
    for node in joined:
        assert {"한국", "US"} <= {each.said for each in effort_board.portrait(node, effort).timeline}
    efforts.change(us, effort, fields={"title": "Wiper, both's"}, person="park")
    until(lambda: now(kr, effort).title == "Wiper, both's")
    assert agree(joined, effort).conflicts == ()


def test_what_was_said_before_a_partner_was_asked_stays_here(joined: Pair) -> None:
    kr, us = joined
    lists = {"about": ("domain:wiper.example",), "techniques": ("T1561",)}
    effort = efforts.begin(kr, "Draft", lists=lists, person="kim").id
    efforts.change(kr, effort, said="between us", person="kim")
    efforts.change(kr, effort, fields={"title": "Wiper at broadcasters"}, drop={"techniques": ("T1561",)}, person="kim")
    efforts.change(kr, effort, marking="amber", person="kim")
    efforts.propose(kr, effort, "us-cert", person="kim")
    until(lambda: titles(us, "asked") == ["Wiper at broadcasters"])
    assert (now(us, effort).techniques, now(us, effort).about) == ((), now(kr, effort).about)
    everything = b"".join(bytes(entry.raw) for entry in us.store.log.after(0, 1000))
    assert b"between us" not in everything
    assert b"Draft" not in everything


def test_a_partner_may_decline_and_say_why(joined: Pair) -> None:
    kr, us = joined
    effort = wiper(kr)
    efforts.propose(kr, effort, "us-cert", person="kim")
    until(lambda: titles(us, "asked") == ["Wiper at broadcasters"])
    efforts.decline(us, effort, why="no time", person="park")
    until(lambda: now(kr, effort).members == {us.settings.node_id: "declined"})
    assert "no time" in {each.said for each in history(kr, effort)}
    with pytest.raises(BadChangeError):
        efforts.accept(us, effort, person="park")


def test_a_suggestion_that_was_put_aside_does_not_come_back(joined: Pair) -> None:
    kr, us = joined
    ours, theirs = wiper(kr), wiper(us)
    until(lambda: len(board(kr).twice) == 1)
    kr.store.efforts.put_apart(ours, theirs, person="kim", at=kr.clock.now())
    assert board(kr).twice == []
    assert len(board(us).twice) == 1 or titles(us, "partner") == []


def test_what_everybody_meets_is_no_sign_of_the_same_work(joined: Pair) -> None:
    kr, us = joined
    hand_in(kr, indicator(1, pattern="[ipv4-addr:value = '8.8.8.8']"))
    for node, title in ((kr, "Router flaws"), (us, "전력 사고")):
        efforts.begin(node, title, marking="amber", lists={"about": ("ipv4:8.8.8.8",)}, person="kim")
    until(lambda: titles(kr, "partner") == ["전력 사고"])
    assert board(kr).twice == []


def test_strip_takes_the_signed_history_too(joined: Pair) -> None:
    """What terms cut from a grouping would else stand in its changes."""
    from katchi.node import terms

    kr, us = joined
    terms.put_terms(kr, "us-cert", TERMS.format(partner="us-cert") + 'strip = ["description"]\n', person="kim")
    effort = efforts.begin(kr, "Shown", fields={"summary": "hidden words"}, marking="amber", person="kim").id
    efforts.propose(kr, effort, "us-cert", person="kim")
    until(lambda: titles(us, "partner") == ["Shown"])
    assert b"hidden words" not in b"".join(bytes(entry.raw) for entry in us.store.log.after(0, 1000))
    assert history(us, effort) == []


def test_a_crash_between_a_change_and_its_telling_loses_nothing(joined: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    kr, us = joined
    effort = joint(joined)
    with monkeypatch.context() as crash:
        crash.setattr("katchi.node.efforts.take_in", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            efforts.change(kr, effort, said="nearly lost", person="kim")
    assert efforts.publish_untold(kr) == 1
    assert efforts.publish_untold(kr) == 0
    until(lambda: "nearly lost" in {each.said for each in history(us, effort)})


# ---- partners that lie -----------------------------------------------------------------------------------


def forged(us: Node, effort: str, founder: str, changes: list[dict[str, object]], name: str = "x") -> None:
    """A grouping of us's own making."""
    extension = {"extension_type": "property-extension", "effort": effort, "founder": founder, "changes": changes}
    take_in(us, [{
        "type": "grouping", "spec_version": "2.1", "id": own_id(us, "grouping", name), "name": "Forged",
        "created": "2026-11-24T00:00:00Z", "modified": "2026-11-24T00:00:00Z", "context": "unspecified",
        "created_by_ref": us.settings.node_id, "object_refs": [us.settings.node_id], "extensions": {EFFORT: extension},
        "object_marking_refs": ["marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"],
    }], via="test")  # fmt: skip


def sent(node: Node, effort: str) -> list[dict[str, object]]:
    """What a node's grouping says, change by change."""
    entry = node.store.log.newest([own_id(node, "grouping", effort)]).popitem()[1]
    found = carried.read(stix.read(bytes(entry.raw)))
    assert found is not None
    return [msgspec.to_builtins(each) for each in found.changes]


def test_nobody_founds_or_changes_an_effort_of_ours(joined: Pair) -> None:
    kr, us = joined
    ours = wiper(kr)
    before = kr.store.efforts.one(ours)
    forged(us, ours, us.settings.node_id, [], "a")
    forged(us, ours, kr.settings.node_id, [], "b")
    forged(us, "f" * 32, kr.settings.node_id, [], "c")
    forged(us, "e" * 32, us.settings.node_id, [], "d")
    until(lambda: titles(kr, "partner") == ["Forged"])
    assert kr.store.efforts.one(ours) == before
    with pytest.raises(UnknownEffortError):
        kr.store.efforts.one("f" * 32)


@pytest.mark.parametrize("lie", ["another node's", "another signature", "changed since", "said otherwise before"])
def test_a_change_that_is_not_the_partners_own_is_refused_and_said(joined: Pair, lie: str) -> None:
    kr, us = joined
    effort = joint(joined)
    changes = sent(us, effort)
    changed = msgspec.json.decode(msgspec.json.encode(changes[0]))
    if lie == "another node's":
        changed["change"]["node"] = kr.settings.node_id
    elif lie == "another signature":
        changed["change"]["number"], changed["signature"] = 2, "A" * 86
    elif lie == "changed since":
        changed["change"]["said"] = "something else"
    else:
        row = us.store.efforts.changes(effort)
        mine = next(each for each in row if each.node == us.settings.node_id)
        from katchi.node.effort_news import SIGNED_AS
        from katchi.overlap.efforts.history import Change
        from katchi.policy import keys, signed

        other = msgspec.structs.replace(msgspec.json.decode(mine.body, type=Change), said="never said")
        changed = {"change": msgspec.to_builtins(other), "key": us.key.public.id,
                   "signature": keys.encode(us.key.sign(signed.payload(SIGNED_AS, other)))}  # fmt: skip
    before = history(kr, effort)
    forged(us, effort, kr.settings.node_id, [changed], "lie")
    until(lambda: kr.store.efforts.one(effort).trouble is not None)
    assert history(kr, effort) == before


def test_a_grouping_whose_effort_cannot_be_read_is_kept_as_an_object(joined: Pair) -> None:
    kr, us = joined
    forged(us, "not an id", us.settings.node_id, [])
    name = own_id(us, "grouping", "x")
    until(lambda: name in kr.store.log.newest([name]))
    assert board(kr).efforts == []


def test_who_was_not_asked_is_not_heard(joined: Pair) -> None:
    kr, us = joined
    effort = wiper(kr)
    until(lambda: titles(us, "partner") == ["Wiper at broadcasters"])
    from katchi.node.effort_news import SIGNED_AS
    from katchi.overlap.efforts.history import Change
    from katchi.policy import keys, signed

    intruder = us.settings.node_id
    made = Change(effort=effort, node=intruder, number=1, at="2026-11-24T00:00:00Z",
                  fields={"title": "Mine", f"member/{intruder}": "joined"})  # fmt: skip
    signature = keys.encode(us.key.sign(signed.payload(SIGNED_AS, made)))
    said = {"change": msgspec.to_builtins(made), "key": us.key.public.id, "signature": signature}
    forged(us, effort, kr.settings.node_id, [said])
    until(lambda: len(history(kr, effort)) == 2)
    assert (now(kr, effort).title, now(kr, effort).members) == ("Wiper at broadcasters", {})
