"""What an owner takes back leaves its partner's view, is told to whoever has it, and goes no further."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable

import pytest

from katchi.node import books, partnering, terms, tokens, withdrawals
from katchi.node.deliver import link_to, partner_of
from katchi.node.wiring import Node
from katchi.policy.keys import BadSignatureError
from katchi.policy.ledger import Notice, Withdrawn, sign_notice
from katchi.store.releases import Gone
from tests.node.test_exchange import hand_in, held, reasons
from tests.nodes import TERMS, Pair, until
from tests.objects import indicator, stix_object

FORWARDING = TERMS.replace('sources = ["own"]', 'sources = ["any"]\nforward-up-to = "amber"')


def gone(node: Node, object_id: str) -> Gone:
    return node.store.releases.of_object(object_id)[0]


def held_there(joined: Pair, *numbers: int) -> Callable[[], bool]:
    return lambda: all(indicator(number)["id"] in held(joined.us) for number in numbers)


def a_siem(node: Node, text: str = FORWARDING) -> str:
    """A tool that reads from a node over TAXII, and its token."""
    partnering.add_tool(node, "siem", person="kim")
    terms.put_terms(node, "siem", text.format(partner="siem"), person="kim")
    return tokens.create(node, "siem")[1]


def withdrawn_for(node: Node, token: str, path: str = "/katchi/v1/withdrawn") -> dict[str, object]:
    request = urllib.request.Request(node.settings.url + path, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as answer:
        return dict(json.load(answer))


def test_a_stricter_marking_takes_back_what_went_and_the_partner_says_that_it_knows(joined: Pair) -> None:
    hand_in(joined.kr, indicator(1))
    until(held_there(joined, 1))
    hand_in(joined.kr, indicator(1, second=5, tlp="red"))
    until(lambda: gone(joined.kr, indicator(1)["id"]).told)
    assert gone(joined.kr, indicator(1)["id"]).withdrawn_at is not None
    assert reasons(joined.kr) == {indicator(1)["id"]: "tlp-too-strict"}
    (taken_back,) = joined.us.store.withdrawals.of_object(indicator(1)["id"])
    assert taken_back.partner == "kr-cert"
    # The stricter version never left, and the first one is kept there: what came is not undone.
    assert len(joined.us.store.log.versions(indicator(1)["id"])) == 1


def test_what_points_to_it_is_taken_back_too(joined: Pair) -> None:
    malware = stix_object("malware", 1, name="wiper", is_family=True)
    between = stix_object(
        "relationship", 1, relationship_type="indicates", source_ref=indicator(1)["id"], target_ref=malware["id"]
    )
    terms.put_terms(joined.kr, "us-cert", TERMS.format(partner="us-cert").replace("drop", "withhold"), person="kim")
    hand_in(joined.kr, indicator(1), malware, between)
    until(lambda: between["id"] in held(joined.us))
    hand_in(joined.kr, stix_object("malware", 1, second=5, tlp="red", name="wiper", is_family=True))
    until(lambda: gone(joined.kr, between["id"]).told and gone(joined.kr, malware["id"]).told)
    assert gone(joined.kr, indicator(1)["id"]).withdrawn_at is None
    assert reasons(joined.kr)[between["id"]] == "reference-withheld"


def test_terms_that_let_less_go_are_told_and_terms_that_let_it_go_again_undo_it(joined: Pair) -> None:
    hand_in(joined.kr, indicator(1))
    until(held_there(joined, 1))
    narrow, wide = TERMS.format(partner="us-cert").replace('"amber"', '"clear"'), TERMS.format(partner="us-cert")
    terms.put_terms(joined.kr, "us-cert", narrow, person="kim")
    joined.kr.bell.ring()
    until(lambda: bool(joined.us.store.withdrawals.of_object(indicator(1)["id"])))
    terms.put_terms(joined.kr, "us-cert", wide, person="kim")
    joined.kr.bell.ring()
    until(lambda: not joined.us.store.withdrawals.of_object(indicator(1)["id"]))
    until(lambda: gone(joined.kr, indicator(1)["id"]).receipt == "already-held")
    with link_to(joined.kr, partner_of(joined.kr.store.partners.one("us-cert"))) as link:
        assert books.compare(joined.kr, "us-cert", link, grace=0).is_clean


def test_whoever_has_it_from_the_partner_is_told_in_turn(joined: Pair) -> None:
    token = a_siem(joined.us)
    hand_in(joined.kr, indicator(1))
    until(held_there(joined, 1))
    until(lambda: any(row.partner == "siem" for row in joined.us.store.releases.of_object(indicator(1)["id"])))
    hand_in(joined.kr, indicator(1, second=5, tlp="red"))
    until(lambda: bool(withdrawn_for(joined.us, token)["withdrawn"]))
    assert withdrawn_for(joined.us, token)["withdrawn"][0]["object_id"] == indicator(1)["id"]  # type: ignore[index]
    assert reasons(joined.us) == {indicator(1)["id"]: "taken-back"}


def test_a_tool_reads_the_list_page_by_page(joined: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(withdrawals, "AT_ONCE", 2)
    token = a_siem(joined.us)
    hand_in(joined.us, *(indicator(number) for number in range(5)))
    until(lambda: len(joined.us.store.releases.latest(10, "siem")) == 5)
    hand_in(joined.us, *(indicator(number, second=5, tlp="red") for number in range(5)))
    until(lambda: len(joined.us.store.releases.latest_withheld(10, "siem")) == 5)
    seen, place = [], ""
    while True:
        page = withdrawn_for(joined.us, token, f"/katchi/v1/withdrawn?next={place}")
        seen += [each["object_id"] for each in page["withdrawn"]]  # type: ignore[attr-defined]
        place = str(page["next"])
        if not place:
            break
    assert sorted(seen) == sorted(indicator(number)["id"] for number in range(5))


def test_a_page_from_before_the_withdrawal_undoes_nothing(joined: Pair) -> None:
    from katchi.node.receive import receive_with_fates

    hand_in(joined.kr, indicator(1))
    until(held_there(joined, 1))
    (entry,) = joined.us.store.log.versions(indicator(1)["id"])
    added = gone(joined.kr, indicator(1)["id"]).added
    hand_in(joined.kr, indicator(1, second=5, tlp="red"))
    until(lambda: bool(joined.us.store.withdrawals.of_object(indicator(1)["id"])))
    receive_with_fates(joined.us, bytes(entry.raw), partner="kr-cert", via="pull", as_of=added)
    assert joined.us.store.withdrawals.of_object(indicator(1)["id"])


def test_a_partner_that_cannot_be_called_asks_for_itself(joined: Pair) -> None:
    hand_in(joined.kr, indicator(1))
    until(held_there(joined, 1))
    with link_to(joined.us, partner_of(joined.us.store.partners.one("kr-cert"))) as link:
        assert withdrawals.ask(joined.us, "kr-cert", link) == 0
        hand_in(joined.kr, indicator(1, second=5, tlp="red"))
        until(lambda: bool(gone(joined.kr, indicator(1)["id"]).withdrawn_at))
        withdrawals.ask(joined.us, "kr-cert", link)
    assert joined.us.store.withdrawals.of_object(indicator(1)["id"])
    assert gone(joined.kr, indicator(1)["id"]).told


def test_nobody_takes_back_what_another_released(joined: Pair) -> None:
    """A partner's word is about what came from it: the same bytes of our own, or of others, go on."""
    hand_in(joined.us, indicator(2))
    until(lambda: indicator(2)["id"] in held(joined.kr))
    (entry,) = joined.us.store.log.versions(indicator(2)["id"])
    notice = sign_notice(
        joined.kr.key, owner=joined.kr.settings.node_id, partner=joined.us.settings.node_id, at=1,
        entries=[Withdrawn(entry.object_id, entry.version_text or "", entry.digest.hex(), 1)],
    )  # fmt: skip
    withdrawals.take(joined.us, partner_of(joined.us.store.partners.one("kr-cert")), notice.to_json())
    joined.us.bell.ring()
    hand_in(joined.us, indicator(3))
    until(lambda: indicator(3)["id"] in held(joined.kr))
    assert gone(joined.us, indicator(2)["id"]).withdrawn_at is None


def test_a_notice_that_the_partner_did_not_sign_changes_nothing(joined: Pair) -> None:
    notice = sign_notice(
        joined.us.key, owner=joined.kr.settings.node_id, partner=joined.us.settings.node_id, at=1,
        entries=[Withdrawn(indicator(1)["id"], "", "0" * 64, 1)],
    )  # fmt: skip
    with pytest.raises(BadSignatureError):
        withdrawals.take(
            joined.us,
            partner_of(joined.us.store.partners.one("kr-cert")),
            Notice.from_json(
                notice.to_json().replace(notice.key_id.encode(), joined.kr.key.public.id.encode())
            ).to_json(),
        )
    assert not joined.us.store.withdrawals.of_object(indicator(1)["id"])
