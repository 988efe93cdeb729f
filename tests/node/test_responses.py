"""Responses of two nodes over real HTTP: proposed, answered, done by each for itself, taken back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from katchi import stix
from katchi.node import acting, actuating, bearing, responding, response_news, responses
from katchi.node.making import held, own_id, take_in
from katchi.node.response_log import say
from katchi.node.responses import ResponseStateError, Wish
from katchi.node.wiring import Node
from katchi.policy.keys import BadSignatureError
from katchi.respond import carried, joint
from katchi.respond.actuators import list_file, simulated
from katchi.respond.joint import BadEntryError, Part
from tests.nodes import Pair, a_node, a_pair, join, until
from tests.objects import indicator, stix_object
from tests.respond.playbooks import asking, blocking, name_of, playbook

ADDRESS, NAME = "ipv4:192.0.2.7", "domain:evil.example"
OLD = "2016-02-16T00:00:00Z"
THINGS = {"things": "192.0.2.7, evil.example"}


def equip(node: Node, **settings: Any) -> None:
    """A simulated device for names and addresses."""
    device = simulated.Settings(name="edge", roles=("firewall", "dns"))
    node.settings = msgspec.structs.replace(node.settings, actuator=(device,), **settings)


def blocked(node: Node) -> set[str]:
    path = node.folder / "simulated-edge.json"
    return set(json.loads(path.read_text())) if path.exists() else set()


def add(node: Node, document: dict[str, Any]) -> str:
    return responding.accept(node, json.dumps(document).encode(), person="kim")[0].id


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with a_pair(tmp_path) as made:
        join(made)
        for node in made:
            equip(node)
        yield made


def proposed(pair: Pair, document: dict[str, Any] | None = None, **wish: Any) -> str:
    """A response of kr's that us is asked to take part in."""
    name = add(pair.kr, document or playbook(blocking()))
    wished = Wish(**{"playbook": name, "values": THINGS, "partners": ["us-cert"], "reason": "wiper", **wish})
    response = responses.propose(pair.kr, wished, person="kim").id
    until(lambda: state(pair.us, response) in ("asked", "refused"))
    return response


def state(node: Node, response: str) -> str:
    found = {row.id: row.state for row in node.store.responses.all()}
    return found.get(response, "")


def part(node: Node, of: Node, response: str) -> Part:
    return responses.read(node, response).joint.parts[of.settings.node_id]


def test_two_nodes_block_together_and_let_go_together(pair: Pair) -> None:
    response = proposed(pair)
    plan = responses.dry_run(pair.us, response)
    assert [(each.verdict, set(each.places)) for each in plan] == [("here", {("edge", ADDRESS), ("edge", NAME)})]
    until(lambda: blocked(pair.kr) == {ADDRESS, NAME})
    assert blocked(pair.us) == set()  # nobody there has said yes
    responses.accept(pair.us, response, person="park")
    until(lambda: blocked(pair.us) == {ADDRESS, NAME})
    for node in pair:
        for other in pair:
            until(lambda node=node, other=other: part(node, other, response).state == "in-force")  # type: ignore[misc]
            assert part(node, other, response).count == 2
            assert [status for status, _ in part(node, other, response).steps.values()].count("failed") == 0
    lease = pair.us.store.leases.in_force()[0]
    assert (lease.owner, lease.person, lease.reason, lease.step) == (response, "park", "wiper", "block")
    responses.recall(pair.kr, response, things=[NAME], reason="a customer's", person="kim")
    until(lambda: blocked(pair.us) == blocked(pair.kr) == {ADDRESS})
    responses.recall(pair.kr, response, reason="all wrong", person="kim")
    until(lambda: blocked(pair.us) == blocked(pair.kr) == set())
    for node in pair:
        until(lambda node=node: state(node, response) == "over")  # type: ignore[misc]
        for other in pair:
            until(lambda node=node, other=other: part(node, other, response).state == "lifted")  # type: ignore[misc]
    assert {each.why for each in pair.us.store.leases.of_owner(response)} == {"recalled"}


def test_silence_holds_up_nobody_and_a_no_is_told_with_its_reason(pair: Pair) -> None:
    response = proposed(pair)
    until(lambda: state(pair.kr, response) == "in-force")
    responses.defer(pair.us, response, reason="after the change window", person="park")
    until(lambda: part(pair.kr, pair.us, response).state == "deferred")
    responses.decline(pair.us, response, reason="our customers need it", person="park")
    until(lambda: part(pair.kr, pair.us, response).state == "declined")
    assert part(pair.kr, pair.us, response).reason == "our customers need it"
    with pytest.raises(ResponseStateError):
        responses.accept(pair.us, response, person="park")
    assert blocked(pair.us) == set()


def test_a_quorum_waits_until_enough_have_accepted(pair: Pair) -> None:
    response = proposed(pair, quorum=2)
    assert state(pair.kr, response) == "accepted"
    assert blocked(pair.kr) == set()
    responses.accept(pair.us, response, person="park")
    until(lambda: blocked(pair.kr) == blocked(pair.us) == {ADDRESS, NAME})


def test_a_time_is_kept_and_who_is_late_does_not_act(pair: Pair) -> None:
    now = pair.kr.clock.now()
    response = proposed(pair, begins_at=now + 3_600_000_000)
    responses.accept(pair.us, response, person="park")
    until(lambda: part(pair.kr, pair.us, response).state == "accepted")
    assert state(pair.us, response) == state(pair.kr, response) == "accepted"
    assert blocked(pair.kr) == blocked(pair.us) == set()
    row = pair.us.store.responses.one(response)
    assert row.due_at is not None
    assert row.due_at > now


def test_four_eyes_are_two_people(pair: Pair) -> None:
    equip(pair.us, approvals=2)
    response = proposed(pair)
    responses.accept(pair.us, response, person="park")
    responses.accept(pair.us, response, person="park")
    assert state(pair.us, response) == "approving"
    assert blocked(pair.us) == set()
    responses.accept(pair.us, response, without=[next(iter(playbook(blocking())["workflow"]))], person="lee")
    assert state(pair.us, response) == "approving"  # not to the same
    responses.accept(pair.us, response, person="lee")
    until(lambda: blocked(pair.us) == {ADDRESS, NAME})
    add(pair.us, playbook(blocking(), name="Alone"))
    with pytest.raises(responding.PlaybookError):
        responding.begin(pair.us, "Alone", THINGS, person="park")


def test_each_does_its_own_part_and_none_another_s(pair: Pair) -> None:
    theirs = name_of("organization", "x").replace(
        name_of("organization", "x").partition("--")[2], pair.us.settings.node_id.partition("--")[2]
    )
    ours = theirs.replace(theirs.partition("--")[2], pair.kr.settings.node_id.partition("--")[2])
    agents = {each: {"type": "organization", "name": each[-4:]} for each in (ours, theirs)}
    document = playbook(
        asking("call the broadcasters", ours, "call"),
        asking("call the banks", theirs, "banks"),
        blocking(),
        agents=agents,
    )
    response = proposed(pair, document)
    assert [each.verdict for each in responses.dry_run(pair.us, response)] == ["elsewhere", "people", "here"]
    responses.accept(pair.us, response, person="park")
    for node, step in ((pair.kr, "call"), (pair.us, "banks")):
        until(lambda node=node: len(responding.waiting(node)) == 1)  # type: ignore[misc]
        (asked,) = responding.waiting(node)
        assert asked.order.name == step
        responding.answer(node, asked.row.key, is_good=True, out={}, reason="", person="kim")
    until(lambda: blocked(pair.kr) == blocked(pair.us) == {ADDRESS, NAME})


def test_somebody_can_say_yes_without_a_step_and_for_a_shorter_time(pair: Pair) -> None:
    document = playbook(asking("tell the press", name_of("security-category", "defence"), "press"), blocking())
    response = proposed(pair, document)
    step = next(each.step for each in responses.dry_run(pair.us, response) if each.name == "press")
    ends = pair.us.clock.now() + 600_000_000
    with pytest.raises(ResponseStateError):
        responses.accept(pair.us, response, without=["action--none"], person="park")
    responses.accept(pair.us, response, without=[step], until=ends, person="park")
    until(lambda: blocked(pair.us) == {ADDRESS, NAME})
    assert responding.waiting(pair.us) == []
    assert {each.until // 1000 for each in pair.us.store.leases.in_force()} == {ends // 1000}
    assert part(pair.us, pair.us, response).left_out == (step,)


def test_what_is_never_blocked_is_not_and_the_step_fails(pair: Pair) -> None:
    equip(pair.us, own=("192.0.2.0/24",))
    response = proposed(pair)
    (plan,) = responses.dry_run(pair.us, response)
    assert plan.verdict == "cannot"
    assert "own" in plan.reason
    responses.accept(pair.us, response, person="park")
    until(lambda: state(pair.us, response) == "failed")
    assert blocked(pair.us) == set()
    until(lambda: part(pair.kr, pair.us, response).state == "failed")


def test_an_exercise_reaches_simulated_devices_only(pair: Pair, tmp_path: Path) -> None:
    real = list_file.Settings(name="real", path="list", format="plain", roles=("firewall", "dns"))
    pair.us.settings = msgspec.structs.replace(pair.us.settings, actuator=(*pair.us.settings.actuator, real))
    response = proposed(pair, exercise="kapshida-2026")
    responses.accept(pair.us, response, person="park")
    until(lambda: blocked(pair.us) == {ADDRESS, NAME})
    assert not (pair.us.folder / "list").exists()


def test_what_is_renewed_lasts_longer_here_and_ends_there_as_agreed(pair: Pair) -> None:
    response = proposed(pair)
    responses.accept(pair.us, response, person="park")
    until(lambda: state(pair.us, response) == "in-force" and state(pair.kr, response) == "in-force")
    before = {each.until for each in pair.us.store.leases.in_force()}
    later = pair.kr.clock.now() + 5 * 24 * 3_600_000_000
    responses.renew(pair.kr, response, until=later, person="kim")
    until(lambda: responses.read(pair.us, response).joint.until > responses.read(pair.us, response).proposal.until)
    assert {each.until for each in pair.kr.store.leases.in_force()} == {later}
    assert {each.until for each in pair.us.store.leases.in_force()} == before
    with pytest.raises(ResponseStateError):
        responses.renew(pair.us, response, until=later, person="park")


def test_one_thing_of_two_responses_stays_until_both_let_go(pair: Pair) -> None:
    first, second = proposed(pair), proposed(pair, reason="another")
    until(lambda: state(pair.kr, first) == state(pair.kr, second) == "in-force")
    responses.recall(pair.kr, first, reason="one of them", person="kim")
    until(lambda: state(pair.kr, first) == "over")
    assert blocked(pair.kr) == {ADDRESS, NAME}
    responses.recall(pair.kr, second, reason="the other", person="kim")
    until(lambda: blocked(pair.kr) == set())


def test_a_node_alone_responds_too(tmp_path: Path) -> None:
    with a_node(tmp_path / "kr", "kr-cert") as node:
        equip(node)
        wish = Wish(add(node, playbook(blocking())), THINGS, reason="wiper")
        responses.propose(node, wish, person="kim")
        while acting.work(node):
            pass
        assert blocked(node) == {ADDRESS, NAME}
        with pytest.raises(ResponseStateError):
            responses.propose(node, replace(wish, quorum=2), person="kim")


def test_whose_indicator_is_revoked_is_let_go_at_both(pair: Pair) -> None:
    bad = indicator(1, pattern="[ipv4-addr:value = '192.0.2.7']")
    take_in(pair.kr, [bad], via="test")
    response = proposed(pair)
    responses.accept(pair.us, response, person="park")
    until(lambda: blocked(pair.us) == blocked(pair.kr) == {ADDRESS, NAME})
    take_in(pair.us, [indicator(2, pattern="[domain-name:value = 'evil.example']", revoked=True)], via="test")
    take_in(pair.kr, [bad | {"modified": stix.format_timestamp(pair.kr.clock.now()), "revoked": True}], via="test")
    until(lambda: blocked(pair.us) == blocked(pair.kr) == {NAME})  # us did not propose it, and cannot revoke it
    assert {each.why for each in pair.kr.store.leases.of_owner(response)} == {"revoked", None}


def test_several_who_tell_at_the_same_moment_lose_nothing(pair: Pair) -> None:
    response = proposed(pair, begins_at=pair.kr.clock.now() + 3_600_000_000)

    def speak(number: int) -> None:
        with pair.kr.store.database.writing() as transaction:
            say(pair.kr, transaction, response, "recalled", reason=str(number), things=("ipv4:203.0.113.1",))
        responses.publish(pair.kr, response)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(speak, range(24)))
    until(lambda: len(responses.read(pair.us, response).joint.recalls) == 24)


# ---- hostile partners ------------------------------------------------------------------------------------


def test_a_partner_that_speaks_for_another_or_rewrites_its_log_is_not_heard(pair: Pair) -> None:
    response = proposed(pair)
    until(lambda: part(pair.us, pair.kr, response).state == "in-force")
    partner = response_news._sender(pair.us, "kr-cert")
    name = own_id(pair.kr, "course-of-action", response)
    with pair.kr.store.database.reading() as transaction:
        said = carried.read(held(transaction, [name])[name])
    assert said is not None
    kept = pair.us.store.responses.entries(response)
    theirs = [each for each in kept if each.node == pair.kr.settings.node_id]
    node_id, now = pair.kr.settings.node_id, pair.us.clock.now()

    def changed(place: int, **members: Any) -> carried.Carried:
        entries = list(said.entries)
        entry = msgspec.structs.replace(entries[place].entry, **members)
        entries[place] = joint.Signed(entry, entries[place].key, entries[place].signature)
        return carried.Carried(said.response, tuple(entries), said.playbooks)

    assert response_news._good(said, theirs, partner, node_id, now) == []  # replayed: nothing new
    for bad in (
        changed(0, node=pair.us.settings.node_id), changed(0, response="0" * 32), changed(1, number=5),
        changed(0, reason="another"), changed(1, previous="0" * 64), changed(1, kind="fly"),
    ):  # fmt: skip
        with pytest.raises(BadEntryError):
            response_news._good(bad, theirs, partner, node_id, now)
    unsigned = joint.Signed(said.entries[0].entry, said.entries[0].key, "A" * 86)
    with pytest.raises(BadSignatureError):
        response_news._good(carried.Carried(said.response, (unsigned,), said.playbooks), [], partner, node_id, now)


CASES = {
    "stripped": ("not signed by who proposes", lambda members: members.pop("signatures")),
    "changed after signing": ("does not hold", lambda members: members.update(description="another")),
    "unknown command": ("unsupported-command|not run", lambda members: _commands(members).update(type="bash")),
    "no workflow": ("playbook-refused|refused", lambda members: members.update(workflow={})),
}  # fmt: skip


def _commands(members: dict[str, Any]) -> dict[str, Any]:
    step = next(each for each in members["workflow"].values() if each["type"] == "action")
    found: dict[str, Any] = step["commands"][0]
    return found


@pytest.mark.parametrize(("reason", "change"), CASES.values(), ids=CASES)
def test_a_playbook_that_does_not_hold_is_refused_with_the_reason(pair: Pair, reason: str, change: Any) -> None:
    response = proposed(pair)
    partner = response_news._sender(pair.us, "kr-cert")
    proposal = responses.read(pair.us, response).proposal
    name = own_id(pair.kr, "course-of-action", response)
    with pair.kr.store.database.reading() as transaction:
        said = carried.read(held(transaction, [name])[name])
    assert said is not None
    members = json.loads(said.playbooks[0])
    change(members)
    with pytest.raises(Exception, match=r".") as refusal:
        response_news.require_good_playbooks([json.dumps(members).encode()], proposal, partner, now=pair.us.clock.now())
    assert re.search(reason, str(refusal.value)), str(refusal.value)


def test_a_bad_proposal_is_answered_with_a_refusal_and_nothing_is_done(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses, "_signed", lambda _node, document, _now: document)
    response = proposed(pair)
    assert state(pair.us, response) == "refused"
    assert "not signed" in (pair.us.store.responses.one(response).trouble or "")
    until(lambda: part(pair.kr, pair.us, response).state == "refused")
    assert "not signed" in part(pair.kr, pair.us, response).reason
    with pytest.raises(ResponseStateError):
        responses.accept(pair.us, response, person="park")
    assert blocked(pair.us) == set()


def test_an_approver_sees_what_is_believed_of_a_thing_and_whether_anybody_here_met_it(tmp_path: Path) -> None:
    with a_node(tmp_path / "kr", "kr-cert") as node:
        now = stix.format_timestamp(node.clock.now())
        reported = indicator(7, pattern="[ipv4-addr:value = '192.0.2.7']")
        old = stix_object(
            "sighting", 2, sighting_of_ref=reported["id"], count=50, first_seen=OLD, last_seen=OLD, tlp="red"
        )
        seen = stix_object("sighting", 1, sighting_of_ref=reported["id"], count=3, last_seen=now, tlp="red")
        take_in(node, [reported, seen, old], via="test")
        met, unknown = bearing.known_of(node, [NAME, ADDRESS, NAME])
        assert (met.thing, met.seen, list(met.sources)) == (ADDRESS, 3, ["own"])
        assert met.score is not None
        assert (unknown.thing, unknown.seen, unknown.score) == (NAME, 0, None)
        assert bearing.known_of(node, []) == []


def test_what_is_taken_back_before_its_step_is_not_blocked_at_all(pair: Pair) -> None:
    response = proposed(pair, quorum=2)
    responses.recall(pair.kr, response, things=[NAME], reason="", person="kim")
    until(lambda: len(responses.read(pair.us, response).joint.recalls) == 1)
    responses.accept(pair.us, response, person="park")
    until(lambda: blocked(pair.kr) == blocked(pair.us) == {ADDRESS})
    assert {each.thing for node in pair for each in node.store.leases.of_owner(response)} == {ADDRESS}


def test_a_renewal_goes_no_further_than_what_people_said_yes_to(pair: Pair) -> None:
    response = proposed(pair)
    until(lambda: state(pair.kr, response) == "in-force")
    later = pair.kr.clock.now() + 24 * 3_600_000_000
    for settings, reason in (({"approvals": 2}, "alone"), ({"own": ("192.0.2.0/24",)}, "never blocked")):
        kept = pair.kr.settings
        pair.kr.settings = msgspec.structs.replace(kept, **settings)
        with pytest.raises(ResponseStateError, match=reason):
            responses.renew(pair.kr, response, until=later, person="kim")
        pair.kr.settings = kept
    responses.renew(pair.kr, response, until=later, person="kim")


def test_no_playbook_of_people_s_steps_calls_devices_past_four_eyes(tmp_path: Path) -> None:
    with a_node(tmp_path / "kr", "kr-cert") as node:
        equip(node, approvals=2)
        inner = playbook(blocking(), name="Inner", playbook_variables={"__things__": {"type": "string", "value": NAME}})
        add(node, inner)
        outer = playbook(name="Outer", playbook_variables={})
        start, end = outer["workflow_start"], name_of("end", "Outer")
        calls = name_of("playbook-action", "Outer")
        outer["workflow"] = {
            start: {"type": "start", "on_completion": calls}, end: {"type": "end"},
            calls: {"type": "playbook-action", "playbook_id": inner["id"], "on_completion": end},
        }  # fmt: skip
        add(node, outer)
        run = responding.begin(node, "Outer", {}, person="kim").id
        while acting.work(node):
            pass
        assert node.store.runs.one(run).status == "failed"
        assert "no-mandate" in node.store.runs.notes(run)[-1].reason
        assert blocked(node) == set()


HIDDEN = (
    "url:https://203.0.113.5:8443/a", "ipv6:64:ff9b::cb00:7105", "ipv6:2002:cb00:7105::/48", "url:http://10.0.0.1/",
    "url:http://localhost/", "domain:mail.ours.example", "url:https://a.ours.example/b", "domain:example",
)  # fmt: skip


@pytest.mark.parametrize("key", HIDDEN)
def test_what_is_ours_is_never_blocked_however_it_is_written(tmp_path: Path, key: str) -> None:
    with a_node(tmp_path / "kr", "kr-cert") as node:
        node.settings = msgspec.structs.replace(node.settings, own=("203.0.113.0/24", "ours.example"))
        stops = actuating.never_block(node)
        assert stops(key)
        assert stops("url:https://evil.example/a") == stops("ipv6:2001:db9::1") == stops("domain:notours.example") == ""
