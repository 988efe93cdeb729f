"""Two nodes exchange intelligence under terms, over real HTTP: what went, what did not, and what both can prove."""

from __future__ import annotations

from pathlib import Path

import pytest

from katchi.exchange.channel import RefusedError
from katchi.node import books, heads, partnering
from katchi.node.deliver import link_to
from katchi.node.receive import receive
from katchi.node.wiring import Node
from katchi.policy import ledger, signed
from katchi.policy.invitation import Invitation, read_invitation
from katchi.policy.partner import State
from tests.conftest import a_database
from tests.nodes import Pair, a_node, a_pair, join, until
from tests.objects import bundle, indicator, stix_object


def hand_in(node: Node, *objects: dict[str, object]) -> None:
    account = receive(node, bundle(*objects), via="test", submitter="kim")
    assert account.is_clean, account.problems


def held(node: Node) -> dict[str, str]:
    """What a node holds: id and where it came from."""
    return {entry.object_id: entry.origin for entry in node.store.log.after(0, 10_000)}


def is_quiet(pair: Pair) -> bool:
    """Whether everything that was released has been answered for."""
    return all(flow.waiting == 0 for node in pair for flow in node.store.releases.flows().values())


def reasons(node: Node) -> dict[str, str]:
    return {row.object_id: row.code for row in node.store.releases.latest_withheld(100)}


def test_both_sides_see_the_same_words_before_anything_flows(pair: Pair) -> None:
    invitation = partnering.invite(pair.kr, "us-cert", person="kim")
    partnering.join(pair.us, invitation.to_text(), name="kr-cert", person="park")
    theirs, ours = partnering.one(pair.us, "kr-cert"), partnering.one(pair.kr, "us-cert")
    assert theirs.state is ours.state is State.INTRODUCED
    assert partnering.words(theirs, "en") == partnering.words(ours, "en")
    assert len(partnering.words(ours, "ko")) == 6


def test_what_the_terms_allow_arrives_byte_for_byte_with_a_receipt(joined: Pair) -> None:
    item = indicator(1)
    hand_in(joined.kr, item)
    until(lambda: item["id"] in held(joined.us))
    (ours,) = joined.kr.store.log.versions(item["id"])
    (theirs,) = joined.us.store.log.versions(item["id"])
    assert theirs.raw == ours.raw
    assert theirs.origin == "kr-cert"
    until(lambda: joined.kr.store.releases.of_object(item["id"])[0].receipt == "stored")


def test_a_red_note_and_an_unmarked_one_stay_and_the_reason_is_kept(joined: Pair) -> None:
    red = stix_object("note", 1, tlp="red", content="for our eyes", object_refs=[indicator(9)["id"]])
    bare = indicator(2, tlp=None)
    hand_in(joined.kr, red, bare, indicator(9))
    until(lambda: indicator(9)["id"] in held(joined.us))
    until(lambda: len(reasons(joined.kr)) == 2)
    assert reasons(joined.kr) == {red["id"]: "tlp-too-strict", bare["id"]: "unmarked"}
    assert red["id"] not in held(joined.us)


def test_a_relationship_waits_for_what_it_joins(joined: Pair) -> None:
    malware = stix_object("malware", 1, tlp=None, name="wiper", is_family=True)
    between = stix_object(
        "relationship", 1, relationship_type="indicates", source_ref=indicator(1)["id"], target_ref=malware["id"]
    )
    hand_in(joined.kr, between, malware, indicator(1))
    until(lambda: indicator(1)["id"] in held(joined.us))
    assert reasons(joined.kr)[between["id"]] == "reference-withheld"
    # A new version with a marking lets the malware go, and the relationship with it.
    hand_in(joined.kr, stix_object("malware", 1, second=5, name="wiper", is_family=True))
    until(lambda: between["id"] in held(joined.us))


def test_a_recall_follows_the_object(joined: Pair) -> None:
    hand_in(joined.kr, indicator(1))
    until(lambda: indicator(1)["id"] in held(joined.us))
    hand_in(joined.kr, indicator(1, second=9, revoked=True))
    until(lambda: joined.us.store.search.by_id(indicator(1)["id"]).is_revoked)  # type: ignore[union-attr]


def test_a_suspension_stops_the_flow_both_ways_and_a_resume_lets_it_go_on(joined: Pair) -> None:
    partnering.suspend(joined.kr, "us-cert", person="lee")
    hand_in(joined.kr, indicator(1))
    hand_in(joined.us, indicator(2))
    until(lambda: joined.us.store.partners.one("kr-cert").trouble is not None)
    assert indicator(1)["id"] not in held(joined.us)
    assert indicator(2)["id"] not in held(joined.kr)
    partnering.resume(joined.kr, "us-cert", person="lee")
    until(lambda: indicator(1)["id"] in held(joined.us) and indicator(2)["id"] in held(joined.kr))


def test_both_ledgers_reconcile_and_a_release_can_be_proven(joined: Pair) -> None:
    hand_in(joined.kr, *(indicator(number) for number in range(5)))
    hand_in(joined.us, *(indicator(number) for number in range(10, 13)))
    until(lambda: len(held(joined.us)) == 8 and len(held(joined.kr)) == 8)
    until(lambda: is_quiet(joined))
    with link_to(joined.kr, partnering.one(joined.kr, "us-cert")) as link:
        both = books.compare(joined.kr, "us-cert", link, grace=0)
        head = heads.fetch(joined.kr, partnering.one(joined.kr, "us-cert"), link)
    assert both.is_clean
    assert (len(both.outgoing.agreed), len(both.incoming.agreed)) == (5, 3)
    ledger.verify_head(head, joined.us.key.public)


def test_what_came_from_a_partner_is_not_sent_back(joined: Pair) -> None:
    hand_in(joined.kr, indicator(1))
    until(lambda: indicator(1)["id"] in held(joined.us))
    hand_in(joined.us, indicator(2))
    until(lambda: indicator(2)["id"] in held(joined.kr))
    assert [gone.of_id for gone in joined.us.store.releases.latest(10)] == [indicator(2)["id"]]
    assert reasons(joined.us) == {}  # it is no news, so nobody is bothered with it


def test_after_an_outage_the_partner_catches_up_exactly_once(joined: Pair) -> None:
    """The push fails while the partner is away; what it missed comes later, and once."""
    row = joined.kr.store.partners.one("us-cert")
    partnering.suspend(joined.us, "kr-cert", person="park")  # the American side refuses for a while
    hand_in(joined.kr, *(indicator(number) for number in range(20)))
    until(lambda: joined.kr.store.partners.one("us-cert").trouble is not None)
    partnering.resume(joined.us, "kr-cert", person="park")
    until(lambda: len(held(joined.us)) == 20)
    assert len(joined.us.store.log.after(0, 100)) == 20
    assert joined.kr.store.partners.one("us-cert").pushed_position >= row.pushed_position


def test_a_new_key_takes_the_old_ones_place_without_an_interruption(joined: Pair) -> None:
    old = joined.kr.key.public
    assert partnering.rotate_key(joined.kr, person="lee") == ["us-cert"]
    hand_in(joined.kr, indicator(1))
    until(lambda: indicator(1)["id"] in held(joined.us))
    new = joined.kr.key.public.to_text()
    assert new != old.to_text()
    until(lambda: partnering.one(joined.us, "kr-cert").current_key == new)
    assert partnering.own_keys(joined.kr) == [old]


def test_two_nodes_meet_over_tls_with_each_others_certificate_pinned(tmp_path: Path) -> None:
    with a_pair(tmp_path, secure=True) as pair:
        join(pair)
        hand_in(pair.kr, indicator(1))
        until(lambda: indicator(1)["id"] in held(pair.us))


def test_a_join_whose_answer_was_lost_can_be_tried_again(pair: Pair) -> None:
    text = partnering.invite(pair.kr, "us-cert", person="kim").to_text()
    invitation = read_invitation(text)
    assert isinstance(invitation, Invitation)
    request = partnering._request_to_join(pair.us, invitation)
    partnering.take_join(pair.kr, signed.canonical(request))  # the answer never arrives
    assert partnering.join(pair.us, text, name="kr-cert", person="park").state is State.INTRODUCED


def test_an_invitation_works_once(pair: Pair, tmp_path: Path) -> None:
    text = partnering.invite(pair.kr, "us-cert", person="kim").to_text()
    partnering.join(pair.us, text, name="kr-cert", person="park")
    with a_node(tmp_path / "choi", "choi") as choi, pytest.raises(RefusedError, match="invitation-used"):
        partnering.join(choi, text, name="kr-cert", person="choi")


def test_a_partner_that_suspended_us_still_hears_of_our_new_key(joined: Pair) -> None:
    partnering.suspend(joined.us, "kr-cert", person="park")
    assert partnering.rotate_key(joined.kr, person="lee") == ["us-cert"]
    partnering.resume(joined.us, "kr-cert", person="park")
    hand_in(joined.kr, indicator(1))
    until(lambda: indicator(1)["id"] in held(joined.us))


def test_a_report_gets_its_reference_back_when_what_it_names_may_go(joined: Pair) -> None:
    hidden = stix_object("malware", 1, tlp=None, name="wiper", is_family=True)
    report = stix_object(
        "report", 1, name="A wiper", published="2016-02-15T00:00:00Z", object_refs=[hidden["id"], indicator(1)["id"]]
    )
    hand_in(joined.kr, report, hidden, indicator(1))
    until(lambda: any(held_id.startswith("report--") for held_id in held(joined.us)))
    (copy_id,) = [held_id for held_id in held(joined.us) if held_id.startswith("report--")]
    assert copy_id != report["id"]
    assert hidden["id"].encode() not in joined.us.store.log.versions(copy_id)[0].raw
    hand_in(joined.kr, stix_object("malware", 1, second=5, name="wiper", is_family=True))
    until(lambda: hidden["id"].encode() in joined.us.store.log.versions(copy_id)[0].raw)


def test_a_recall_of_what_came_in_the_same_moment_goes_too(joined: Pair) -> None:
    """The revoking version is too strict for the terms: the smallest body goes, under the id that the partner knows."""
    first, revoked = indicator(1), indicator(1, second=9, tlp="red", revoked=True, name="why we were wrong")
    hand_in(joined.kr, first, revoked)
    until(lambda: joined.us.store.search.by_id(first["id"]) is not None)
    until(lambda: joined.us.store.search.by_id(first["id"]).is_revoked)  # type: ignore[union-attr]
    assert b"why we were wrong" not in joined.us.store.log.versions(first["id"])[0].raw


@pytest.mark.postgres
def test_two_nodes_on_postgresql_exchange_as_well(tmp_path: Path, postgresql: str) -> None:
    databases = (a_database(postgresql), a_database(postgresql))
    with a_pair(tmp_path, databases=databases) as pair:
        join(pair)
        hand_in(pair.kr, indicator(1))
        hand_in(pair.us, indicator(2))
        until(lambda: len(held(pair.us)) == 2 and len(held(pair.kr)) == 2)
        hand_in(pair.kr, indicator(1, second=9, revoked=True))
        until(lambda: pair.us.store.search.by_id(indicator(1)["id"]).is_revoked)  # type: ignore[union-attr]
        until(lambda: is_quiet(pair))
        with link_to(pair.kr, partnering.one(pair.kr, "us-cert")) as link:
            assert books.compare(pair.kr, "us-cert", link, grace=0).is_clean
