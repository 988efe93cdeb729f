"""Kim invites, Park joins, both read the same words; Choi, in between or outside, gets nowhere."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from katchi.policy import signed
from katchi.policy.invitation import (
    Invitation,
    InvitationCode,
    InvitationError,
    InvitationExpiredError,
    InvitationMismatchError,
    InvitationUnreadableError,
    InvitationUsedError,
    JoinAnswer,
    JoinRequest,
    OpenInvitation,
    answer_join,
    ask_to_join,
    conclude_join,
    make_invitation,
    read_invitation,
)
from katchi.policy.words import fingerprint_words
from tests.policy.two_nodes import CHOI, DAY, KIM, NOW, PARK, TestNode

EXPIRES = NOW + 7 * DAY
NONCE = b"n" * 32


def invited(by: TestNode = KIM, *, seed: bytes = b"k") -> OpenInvitation:
    return make_invitation(by.introduction, entropy=b"secret of " + seed * 6 + seed.upper() * 32, expires_at=EXPIRES)


KEPT = invited()
SENT = KEPT.invitation


def asked(who: TestNode = PARK, invitation: Invitation = SENT, nonce: bytes = NONCE) -> JoinRequest:
    return ask_to_join(invitation, who.introduction, who.key, nonce=nonce, now=NOW)


def test_both_sides_know_each_other_and_read_the_same_words() -> None:
    request = asked()
    answer, at_kim = answer_join(KEPT, request, KIM.key, now=NOW)
    at_park = conclude_join(SENT, request, answer)
    assert (at_kim.other, at_park.other) == (PARK.introduction, KIM.introduction)
    assert fingerprint_words(at_kim.fingerprint, "en") == fingerprint_words(at_park.fingerprint, "en")


def test_documents_survive_the_wire() -> None:
    request = asked()
    answer, _ = answer_join(KEPT, request, KIM.key, now=NOW)
    again = signed.read(signed.canonical(request), JoinRequest, what="a request to join")
    assert again == request
    assert again.digest == request.digest
    assert signed.read(signed.canonical(answer), JoinAnswer, what="an answer") == answer
    assert signed.read(signed.canonical(KEPT), OpenInvitation, what="an invitation") == KEPT


def test_the_secret_never_crosses_the_wire() -> None:
    request = asked()
    answer, _ = answer_join(KEPT, request, KIM.key, now=NOW)
    secret = KEPT.invitation.secret
    for document in (signed.canonical(request), signed.canonical(answer)):
        for form in (
            secret,
            secret.hex().encode(),
            base64.b64encode(secret)[:20],
            base64.urlsafe_b64encode(secret)[:20],
        ):
            assert form not in document


def test_a_secret_does_not_show_itself() -> None:
    code = read_invitation(SENT.to_qr())
    for value in (KEPT, SENT, code):
        assert repr(SENT.secret) not in repr(value)
        assert repr(KEPT.reveal) not in repr(value)


# ---- the invitation on paper -------------------------------------------------------------------


def test_a_file_is_read_as_it_was_written() -> None:
    text = SENT.to_text()
    assert read_invitation(text) == SENT
    assert text.startswith("-----BEGIN KATCHI INVITATION-----\nFrom: kr-node\nAddress: https://192.0.2.1:8471\n")
    assert max(map(len, text.splitlines())) <= 76


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "Dear Park,\n\n" + text + "\nYours, Kim",
        lambda text: text.replace("From: kr-node", "From: choi"),  # for people only: it is not read
        lambda text: text.strip(),
    ],
)
def test_a_file_survives_the_post(damage: Callable[[str], str]) -> None:
    assert read_invitation(damage(SENT.to_text())) == SENT


LINES = SENT.to_text().splitlines()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "\n".join(LINES[1:]),
        "\n".join(LINES[:-1]),
        "\n".join(LINES[:6] + LINES[7:]),
        "\n".join([*LINES[:6], "*" + LINES[6][1:], *LINES[7:]]),
        "\n".join([*LINES[:6], "한" + LINES[6][1:], *LINES[7:]]),
        "\n".join([*LINES[:6], LINES[-1]]),
        SENT.to_text() + "x" * 50_000,
        SENT.to_qr()[:-30],
        SENT.to_qr().replace("&s=", "&t="),
        SENT.to_qr() + "&x=1",
        SENT.to_qr().replace("&x=1", "&x=a"),
        SENT.to_qr().replace("&s=", "&s=AAAA"),
        SENT.to_qr().replace("u=https", "u=gopher"),
        "katchi:join?",
    ],
)
def test_a_damaged_invitation_is_refused(text: str) -> None:
    with pytest.raises(InvitationUnreadableError):
        read_invitation(text)


def test_a_qr_code_is_small_and_completes_to_the_same_invitation() -> None:
    text = SENT.to_qr()
    assert len(text) <= 300
    assert segno.make(text, error="m").version <= 15  # type: ignore[operator]
    code = read_invitation(text)
    assert isinstance(code, InvitationCode)
    assert code.url == KIM.introduction.url
    assert code.complete(KIM.introduction) == SENT


def test_a_qr_code_is_not_completed_by_somebody_else() -> None:
    code = read_invitation(SENT.to_qr())
    assert isinstance(code, InvitationCode)
    for other in (CHOI.introduction, msgspec.structs.replace(KIM.introduction, url="https://192.0.2.9")):
        with pytest.raises(InvitationMismatchError):
            code.complete(other)


def test_a_join_by_qr_code_ends_like_one_by_file() -> None:
    code = read_invitation(SENT.to_qr())
    assert isinstance(code, InvitationCode)
    assert asked(invitation=code.complete(KIM.introduction)) == asked()


@pytest.mark.parametrize("entropy", [b"", bytes(16), bytes(47), bytes(49)])
def test_an_invitation_needs_its_randomness(entropy: bytes) -> None:
    with pytest.raises(InvitationError):
        make_invitation(KIM.introduction, entropy=entropy, expires_at=EXPIRES)


# ---- time and use ------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [0, 1, DAY])
def test_an_expired_invitation_is_refused_by_both_sides(late: int) -> None:
    with pytest.raises(InvitationExpiredError):
        ask_to_join(SENT, PARK.introduction, PARK.key, nonce=NONCE, now=EXPIRES + late)
    with pytest.raises(InvitationExpiredError):
        answer_join(KEPT, asked(), KIM.key, now=EXPIRES + late)


def test_an_invitation_works_until_the_last_moment() -> None:
    answer_join(KEPT, asked(), KIM.key, now=EXPIRES - 1)


def test_an_invitation_used_by_another_is_refused() -> None:
    first = asked(CHOI)
    with pytest.raises(InvitationUsedError):
        answer_join(KEPT, asked(), KIM.key, now=NOW, used_by=first.digest)


def test_the_same_request_again_gets_the_same_answer_even_late() -> None:
    request = asked()
    first = answer_join(KEPT, request, KIM.key, now=NOW)
    again = answer_join(KEPT, request, KIM.key, now=EXPIRES + DAY, used_by=request.digest)
    assert again == first


def test_a_node_does_not_join_itself() -> None:
    with pytest.raises(InvitationMismatchError):
        asked(KIM)


@pytest.mark.parametrize("what", ["node_id", "public_key"])
def test_a_joiner_with_the_inviters_name_or_key_is_refused(what: str) -> None:
    copied = msgspec.structs.replace(PARK.introduction, **{what: getattr(KIM.introduction, what)})
    with pytest.raises(InvitationMismatchError):
        ask_to_join(SENT, copied, PARK.key, nonce=NONCE, now=NOW)


# ---- whoever changes something on the way ------------------------------------------------------


REQUEST_CHANGES: dict[str, dict[str, Any]] = {
    "invitation": {"invitation": invited(seed=b"x").invitation.id},
    "joiner": {"joiner": CHOI.introduction},
    "joiner's address": {"joiner": msgspec.structs.replace(PARK.introduction, url="https://192.0.2.99")},
    "joiner's certificate": {
        "joiner": msgspec.structs.replace(PARK.introduction, certificate=CHOI.introduction.certificate)
    },
    "inviter": {"inviter_digest": CHOI.introduction.digest},
    "nonce": {"nonce": b"x" * 32},
    "mac": {"mac": b"x" * 32},
    "signature": {"signature": b"x" * 64},
}


@pytest.mark.parametrize("change", REQUEST_CHANGES.values(), ids=REQUEST_CHANGES.keys())
def test_a_request_changed_on_the_way_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvitationMismatchError):
        answer_join(KEPT, msgspec.structs.replace(asked(), **change), KIM.key, now=NOW)


ANSWER_CHANGES: dict[str, dict[str, Any]] = {
    "invitation": {"invitation": invited(seed=b"x").invitation.id},
    "request": {"request": asked(CHOI).digest},
    "reveal": {"reveal": b"x" * 32},
    "mac": {"mac": b"x" * 32},
    "signature": {"signature": b"x" * 64},
}


@pytest.mark.parametrize("change", ANSWER_CHANGES.values(), ids=ANSWER_CHANGES.keys())
def test_an_answer_changed_on_the_way_is_refused(change: dict[str, Any]) -> None:
    request = asked()
    answer, _ = answer_join(KEPT, request, KIM.key, now=NOW)
    with pytest.raises(InvitationMismatchError):
        conclude_join(SENT, request, msgspec.structs.replace(answer, **change))


def test_choi_without_the_invitation_cannot_join() -> None:
    guessed = msgspec.structs.replace(SENT, secret=b"g" * 16)
    with pytest.raises(InvitationMismatchError):
        answer_join(KEPT, asked(CHOI, guessed), KIM.key, now=NOW)


def test_choi_cannot_answer_for_kim_even_with_the_invitation() -> None:
    request = asked()
    answer, _ = answer_join(KEPT, request, CHOI.key, now=NOW)
    with pytest.raises(InvitationMismatchError):
        conclude_join(SENT, request, answer)


def test_an_answer_to_another_request_is_refused() -> None:
    answer, _ = answer_join(KEPT, asked(nonce=b"m" * 32), KIM.key, now=NOW)
    with pytest.raises(InvitationMismatchError):
        conclude_join(SENT, asked(), answer)


def test_an_inviter_whose_key_changed_since_is_noticed() -> None:
    moved = msgspec.structs.replace(SENT, inviter=msgspec.structs.replace(KIM.introduction, url="https://192.0.2.7"))
    request = ask_to_join(moved, PARK.introduction, PARK.key, nonce=NONCE, now=NOW)
    with pytest.raises(InvitationMismatchError) as caught:
        answer_join(KEPT, request, KIM.key, now=NOW)
    assert caught.value.what == "inviter_digest"


@given(nonce=st.binary(min_size=32, max_size=32))
def test_choi_in_the_middle_with_the_stolen_invitation_is_heard_in_the_words(nonce: bytes) -> None:
    """Choi holds Kim's invitation, hands Park one of his own, and speaks to each as the other."""
    false = invited(CHOI, seed=b"c")
    to_choi = asked(PARK, false.invitation, nonce)
    answer, _ = answer_join(false, to_choi, CHOI.key, now=NOW)
    at_park = conclude_join(false.invitation, to_choi, answer)
    _, at_kim = answer_join(KEPT, asked(CHOI, SENT, nonce), KIM.key, now=NOW)
    assert fingerprint_words(at_kim.fingerprint, "en") != fingerprint_words(at_park.fingerprint, "en")


def test_choi_cannot_choose_his_numbers_after_seeing_the_others() -> None:
    """The id commits the inviter's number; the request commits the joiner's before that number is told."""
    other = msgspec.structs.replace(KEPT, reveal=b"z" * 32)
    answer, _ = answer_join(other, asked(), KIM.key, now=NOW)
    with pytest.raises(InvitationMismatchError):
        conclude_join(SENT, asked(), answer)
    first, second = (answer_join(KEPT, asked(nonce=nonce), KIM.key, now=NOW)[1] for nonce in (NONCE, b"m" * 32))
    assert first.fingerprint != second.fingerprint
