"""An arrangement goes through its states in order, and nothing flows before a person here confirmed it."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.policy.invitation import Meeting
from katchi.policy.key_change import KeyChangeMismatchError, make_key_change
from katchi.policy.keys import BadSignatureError, NodeKey
from katchi.policy.partner import (
    TRANSITIONS,
    AlreadyPartnerError,
    Contact,
    Event,
    NotActiveError,
    OutOfOrderError,
    Partner,
    State,
    UnknownKeyError,
    adopt_key,
    announce_key,
    introduce,
    require_active,
    require_new,
    step,
)
from katchi.policy.signed import UnreadableDocumentError
from tests.policy.two_nodes import CHOI, KIM, NOW, PARK

MEETING = Meeting(PARK.introduction, b"f" * 32)
PARTNER = introduce(Partner(name="us", invitation="i"), MEETING)
NEXT, AFTER = NodeKey.generate(b"x" * 32), NodeKey.generate(b"y" * 32)
CHANGE = make_key_change(PARK.key, NEXT, node_id=PARK.introduction.node_id, at=NOW)


def partner(state: State) -> Partner:
    return msgspec.structs.replace(PARTNER, state=state)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_what_is_not_in_the_table_cannot_happen(state: State, event: Event) -> None:
    def happen() -> Partner:
        return introduce(partner(state), MEETING) if event is Event.INTRODUCE else step(partner(state), event)

    if (state, event) in TRANSITIONS:
        assert happen().state is TRANSITIONS[state, event]
    else:
        with pytest.raises(OutOfOrderError):
            happen()


def test_the_table_says_what_it_should() -> None:
    assert {f"{state} {event}": str(after) for (state, event), after in TRANSITIONS.items()} == {
        "invited introduce": "introduced",
        "introduced confirm": "active",
        "active suspend": "suspended",
        "suspended resume": "active",
        "invited end": "ended",
        "introduced end": "ended",
        "active end": "ended",
        "suspended end": "ended",
    }


def test_a_partner_introduces_itself_only_by_joining() -> None:
    with pytest.raises(OutOfOrderError):
        step(Partner(name="us"), Event.INTRODUCE)


def test_a_tool_does_not_join() -> None:
    with pytest.raises(OutOfOrderError):
        introduce(Partner(name="misp", kind="tool"), MEETING)


@given(events=st.lists(st.sampled_from(Event)))
def test_nothing_flows_before_a_person_confirmed_and_none_after_the_end(events: list[Event]) -> None:
    current, happened = Partner(name="us"), []
    for event in events:
        try:
            current = introduce(current, MEETING) if event is Event.INTRODUCE else step(current, event)
        except OutOfOrderError:
            continue
        happened.append(event)
    if current.is_active:
        assert Event.CONFIRM in happened
        assert Event.END not in happened
        assert happened.count(Event.SUSPEND) == happened.count(Event.RESUME)


@pytest.mark.parametrize("state", State)
def test_only_an_active_partner_may_send_or_be_sent_to(state: State) -> None:
    if state is State.ACTIVE:
        require_active(partner(state))
    else:
        with pytest.raises(NotActiveError) as caught:
            require_active(partner(state))
        assert caught.value.remedy


def test_a_partner_is_known_by_what_it_said() -> None:
    assert PARTNER.node_id == PARK.introduction.node_id
    assert PARTNER.url == PARK.introduction.url
    assert PARTNER.request_keys == (PARK.key.public,)
    assert PARTNER.certificates == (PARK.introduction.certificate,)
    assert PARTNER.fingerprint == MEETING.fingerprint
    assert PARTNER.name == "us"  # what we call it stays


def test_a_partner_survives_being_kept() -> None:
    kept = msgspec.structs.replace(PARTNER, contacts=(Contact("Park", telephone="+1 202 555 0100"),))
    assert Partner.from_json(kept.to_json()) == kept


@pytest.mark.parametrize("document", [b"{}", b'{"name":"US"}', b'{"name":"us","state":"trusted"}'])
def test_what_is_no_partner_is_refused(document: bytes) -> None:
    with pytest.raises(UnreadableDocumentError):
        Partner.from_json(document)


# ---- nobody passes for another -----------------------------------------------------------------


def test_a_new_node_may_be_introduced() -> None:
    require_new(CHOI.introduction, [PARTNER, Partner(name="other")])


@pytest.mark.parametrize("what", ["node_id", "public_key"])
def test_nobody_joins_as_a_partner_that_we_have(what: str) -> None:
    claimed = msgspec.structs.replace(CHOI.introduction, **{what: getattr(PARK.introduction, what)})
    with pytest.raises(AlreadyPartnerError):
        require_new(claimed, [PARTNER])


def test_an_ended_arrangement_leaves_room_for_a_new_one() -> None:
    require_new(PARK.introduction, [partner(State.ENDED)])


# ---- keys --------------------------------------------------------------------------------------


def test_a_key_is_announced_then_adopted_and_the_old_one_kept_for_the_records() -> None:
    announced = announce_key(PARTNER, CHANGE)
    assert announced.request_keys == (PARK.key.public, NEXT.public)
    adopted = adopt_key(announced, NOW + 1)
    assert adopted.request_keys == (NEXT.public,)
    assert adopted.key(PARK.key.public.id) == PARK.key.public
    assert adopted.retired_keys[0].until == NOW + 1


def test_a_certificate_changes_with_the_key() -> None:
    change = make_key_change(
        PARK.key, NEXT, node_id=PARK.introduction.node_id, at=NOW, certificate=CHOI.introduction.certificate
    )
    announced = announce_key(PARTNER, change)
    assert announced.certificates == (PARK.introduction.certificate, CHOI.introduction.certificate)
    assert adopt_key(announced, NOW).certificates == (CHOI.introduction.certificate,)
    assert adopt_key(announce_key(PARTNER, CHANGE), NOW).certificates == (PARK.introduction.certificate,)


def test_the_same_announcement_again_changes_nothing() -> None:
    announced = announce_key(PARTNER, CHANGE)
    assert announce_key(announced, CHANGE) == announced
    adopted = adopt_key(announced, NOW)
    assert announce_key(adopted, CHANGE) == adopted


def test_a_later_announcement_replaces_one_that_was_not_used_and_stays() -> None:
    later = make_key_change(PARK.key, AFTER, node_id=PARK.introduction.node_id, at=NOW + 1)
    replaced = announce_key(announce_key(PARTNER, CHANGE), later)
    assert replaced.request_keys == (PARK.key.public, AFTER.public)
    with pytest.raises(KeyChangeMismatchError):
        announce_key(replaced, CHANGE)


def test_a_key_that_choi_announces_is_refused() -> None:
    forged = msgspec.structs.replace(CHANGE, old_signature=CHOI.key.sign(b"?"))
    with pytest.raises(BadSignatureError):
        announce_key(PARTNER, forged)


@pytest.mark.parametrize(
    "who", [Partner(name="us"), Partner(name="misp", kind="tool", state=State.ACTIVE), partner(State.ENDED)]
)
def test_where_there_is_no_key_none_is_changed(who: Partner) -> None:
    with pytest.raises(OutOfOrderError):
        announce_key(who, CHANGE)


def test_a_key_that_was_not_announced_is_not_adopted() -> None:
    with pytest.raises(OutOfOrderError):
        adopt_key(PARTNER, NOW)


def test_a_key_that_the_partner_never_had_is_unknown() -> None:
    with pytest.raises(UnknownKeyError):
        PARTNER.key(KIM.key.public.id)
