"""How two nodes meet: a one-time invitation, a request to join, an answer, and words to compare."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal
from urllib.parse import parse_qs, urlencode

import msgspec

from katchi.errors import KatchiError
from katchi.policy import signed
from katchi.policy.introduction import DigestText, Introduction, Url, certificate_digest
from katchi.policy.keys import BadSignatureError, NodeKey, encode, verify
from katchi.policy.words import session_fingerprint

ENTROPY = 48  # bytes: 16 of secret, 32 to reveal

_BEGIN, _END = "-----BEGIN KATCHI INVITATION-----", "-----END KATCHI INVITATION-----"
_QR = "katchi:join?"

Moment = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Secret = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Number = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]


class InvitationError(KatchiError):
    """An invitation cannot be followed."""

    code: ClassVar[str] = "invitation"


class InvitationUnreadableError(InvitationError):
    """This is not an invitation, or it was damaged on the way."""

    code = "invitation-unreadable"


class InvitationExpiredError(InvitationError):
    """The invitation's time is over."""

    code = "invitation-expired"


class InvitationUsedError(InvitationError):
    """Somebody has followed this invitation already. If it was not the one invited: it was intercepted."""

    code = "invitation-used"


class InvitationMismatchError(InvitationError):
    """What the other side says does not belong to this invitation, or was changed on the way."""

    code = "invitation-mismatch"


class Invitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the one invited is handed, by a way that both trust. Whoever has it can ask to join, once."""

    id: DigestText
    secret: Secret
    inviter: Introduction
    expires_at: Moment
    invitation: Literal["katchi/invitation/1"] = "katchi/invitation/1"

    def to_text(self) -> str:
        """The invitation as a file: a few lines for people, then the whole in base64."""
        body = base64.b64encode(signed.canonical(self)).decode()
        expires = datetime.fromtimestamp(self.expires_at // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return "\n".join(
            (
                _BEGIN,
                f"From: {self.inviter.name}",
                f"Address: {self.inviter.url}",
                f"Expires: {expires}",
                "Note: valid once; whoever holds it can ask to join",
                "",
                *textwrap.wrap(body, 64),
                _END,
                "",
            )
        )

    def to_qr(self) -> str:
        """The invitation as text for a QR code: digests stand for what can be fetched."""
        told = {
            "u": self.inviter.url,
            "i": self.id,
            "s": encode(self.secret),
            "d": self.inviter.digest,
            "c": certificate_digest(self.inviter.certificate),
            "x": str(self.expires_at // 1_000_000),
        }
        return _QR + urlencode(told, safe=":/")

    def __repr__(self) -> str:
        return f"Invitation(id={self.id!r}, inviter={self.inviter.name!r}, expires_at={self.expires_at})"


class InvitationCode(msgspec.Struct, frozen=True):
    """An invitation read from a QR code: enough to find the inviter and to know it is the right one."""

    url: Url
    id: DigestText
    secret: Secret
    introduction_digest: DigestText
    certificate_digest: DigestText
    expires_at: Moment

    def complete(self, inviter: Introduction) -> Invitation:
        """The whole invitation, with the introduction fetched from `url`. Raises InvitationMismatchError."""
        _same("introduction", self.introduction_digest, inviter.digest)
        return Invitation(self.id, self.secret, inviter, self.expires_at)

    def __repr__(self) -> str:
        return f"InvitationCode(id={self.id!r}, url={self.url!r}, expires_at={self.expires_at})"


class OpenInvitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An invitation as the inviter keeps it. `reveal` is told only in answer to a request to join."""

    invitation: Invitation
    reveal: Number

    def __repr__(self) -> str:
        return f"OpenInvitation({self.invitation!r})"


class JoinRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The joiner's word: who it is, to whom it believes to speak, and proof that it holds the invitation."""

    invitation: DigestText
    joiner: Introduction
    inviter_digest: DigestText
    nonce: Number
    mac: Number
    signature: Signature

    @property
    def digest(self) -> str:
        """Names the request, so that the same one sent again is known as such."""
        return encode(hashlib.sha256(signed.payload("join-request", self)).digest())


class JoinAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The inviter's word: it made this invitation, and this is the request it answers."""

    invitation: DigestText
    request: DigestText
    reveal: Number
    mac: Number
    signature: Signature


@dataclass(frozen=True, slots=True)
class Meeting:
    """How a join went, for either side: who the other says it is, and what the words are made from."""

    other: Introduction
    fingerprint: bytes


def make_invitation(inviter: Introduction, *, entropy: bytes, expires_at: int) -> OpenInvitation:
    """A new invitation from 48 random bytes."""
    if len(entropy) != ENTROPY:
        raise InvitationError("An invitation is made from 48 random bytes.", found=f"{len(entropy)} bytes")
    secret, reveal = entropy[:16], entropy[16:]
    return OpenInvitation(Invitation(_commitment(reveal), secret, inviter, expires_at), reveal)


def read_invitation(text: str) -> Invitation | InvitationCode:
    """Reads an invitation's file or QR code. Raises InvitationUnreadableError."""
    text = text.strip()
    return _read_code(text) if text.startswith(_QR) else _read_file(text)


def ask_to_join(invitation: Invitation, joiner: Introduction, key: NodeKey, *, nonce: bytes, now: int) -> JoinRequest:
    """The joiner's first step.

    Raises InvitationExpiredError, or InvitationMismatchError for one's own invitation.
    """
    _must_be_valid(invitation, now)
    _must_be_two(invitation.inviter, joiner)
    request = JoinRequest(invitation.id, joiner, invitation.inviter.digest, nonce, bytes(32), bytes(64))
    mac = _mac(invitation.secret, signed.payload("join-request", request, "mac", "signature"))
    request = msgspec.structs.replace(request, mac=mac)
    return msgspec.structs.replace(request, signature=key.sign(signed.payload("join-request", request, "signature")))


def answer_join(
    kept: OpenInvitation, request: JoinRequest, key: NodeKey, *, now: int, used_by: str | None = None
) -> tuple[JoinAnswer, Meeting]:
    """The inviter's step. `used_by` is the digest of the request that used the invitation up, if one did.

    The same request again gets the same answer, since the first may have been lost on its way.
    Raises InvitationMismatchError, InvitationUsedError or InvitationExpiredError.
    """
    invitation = kept.invitation
    _check_request(invitation, request)
    if used_by is None:
        _must_be_valid(invitation, now)
    elif used_by != request.digest:
        raise InvitationUsedError(
            "This invitation was used before.",
            where=invitation.id,
            remedy="ask the one you invited; if it was not them, end what was joined. Then invite again",
        )
    answer = JoinAnswer(invitation.id, request.digest, kept.reveal, bytes(32), bytes(64))
    mac = _mac(invitation.secret, signed.payload("join-answer", answer, "mac", "signature"))
    answer = msgspec.structs.replace(answer, mac=mac)
    signature = key.sign(signed.payload("join-answer", answer, "signature"))
    return msgspec.structs.replace(answer, signature=signature), _meeting(
        invitation, request, kept.reveal, request.joiner
    )


def conclude_join(invitation: Invitation, request: JoinRequest, answer: JoinAnswer) -> Meeting:
    """The joiner's last step. Raises InvitationMismatchError."""
    _same("invitation", invitation.id, answer.invitation)
    _same("request", request.digest, answer.request)
    _same("reveal", invitation.id, _commitment(answer.reveal))
    _check_mac(invitation, answer.mac, signed.payload("join-answer", answer, "mac", "signature"))
    try:
        verify(invitation.inviter.key, answer.signature, signed.payload("join-answer", answer, "signature"))
    except BadSignatureError as problem:
        raise _mismatch("signature") from problem
    return _meeting(invitation, request, answer.reveal, invitation.inviter)


def _check_request(invitation: Invitation, request: JoinRequest) -> None:
    _same("invitation", invitation.id, request.invitation)
    # The secret first: whoever lacks it learns nothing else about the invitation.
    _check_mac(invitation, request.mac, signed.payload("join-request", request, "mac", "signature"))
    _same("inviter_digest", invitation.inviter.digest, request.inviter_digest)
    _must_be_two(invitation.inviter, request.joiner)
    try:
        verify(request.joiner.key, request.signature, signed.payload("join-request", request, "signature"))
    except BadSignatureError as problem:
        raise _mismatch("signature") from problem


def _meeting(invitation: Invitation, request: JoinRequest, reveal: bytes, other: Introduction) -> Meeting:
    fingerprint = session_fingerprint(
        invitation.inviter, request.joiner, invitation_id=invitation.id, nonce=request.nonce, reveal=reveal
    )
    return Meeting(other, fingerprint)


def _commitment(reveal: bytes) -> str:
    return encode(hashlib.sha256(b"katchi/invitation/1\n" + reveal).digest())


def _mac(secret: bytes, payload: bytes) -> bytes:
    return hmac.digest(secret, payload, "sha256")


def _check_mac(invitation: Invitation, mac: bytes, payload: bytes) -> None:
    if not hmac.compare_digest(mac, _mac(invitation.secret, payload)):
        raise _mismatch("mac")


def _must_be_valid(invitation: Invitation, now: int) -> None:
    if now >= invitation.expires_at:
        raise InvitationExpiredError(
            "This invitation has expired.",
            where=invitation.id,
            remedy="ask for a new one: `katchi partner invite`",
        )


def _must_be_two(inviter: Introduction, joiner: Introduction) -> None:
    for what in ("node_id", "public_key"):
        if getattr(inviter, what) == getattr(joiner, what):
            raise InvitationMismatchError(
                "A node does not join itself.", what=what, found=getattr(joiner, what),
                remedy="take the invitation to the other node",
            )  # fmt: skip


def _same(what: str, expected: str, found: str) -> None:
    if not hmac.compare_digest(expected, found):
        raise _mismatch(what, expected, found)


def _mismatch(what: str, expected: str = "", found: str = "") -> InvitationMismatchError:
    return InvitationMismatchError(
        "This does not belong to the invitation, or was changed on the way.",
        what=what, expected=expected, found=found,
        remedy="invite again, and hand the invitation over by a way that both trust",
    )  # fmt: skip


def _read_file(text: str) -> Invitation:
    found = re.search(f"^{_BEGIN}$(.*?)^{_END}$", text.replace("\r", ""), re.DOTALL | re.MULTILINE)
    if found is None or len(text) > 50_000:
        raise InvitationUnreadableError("This is not an invitation.", expected=_BEGIN)
    # Only what follows the empty line counts; the lines before it are for people.
    body = "".join(found[1].strip().partition("\n\n")[2].split())
    try:
        return signed.read(base64.b64decode(body, validate=True), Invitation, what="an invitation")
    except (ValueError, KatchiError) as problem:
        raise InvitationUnreadableError("The invitation was damaged.", remedy="have it sent again") from problem


def _read_code(text: str) -> InvitationCode:
    try:
        told = {name: value for name, (value,) in parse_qs(text[len(_QR) :], strict_parsing=True).items()}
        return msgspec.convert(
            {
                "url": told["u"],
                "id": told["i"],
                "secret": base64.urlsafe_b64decode(told["s"] + "=="),
                "introduction_digest": told["d"],
                "certificate_digest": told["c"],
                "expires_at": int(told["x"]) * 1_000_000,
            },
            InvitationCode,
        )
    except (KeyError, ValueError) as problem:  # binascii.Error and ValidationError are ValueErrors
        raise InvitationUnreadableError("This is not an invitation's code.", expected=_QR + "...") from problem
