"""Another organisation that we have an arrangement with: who it is, how far we trust it, what may follow."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from katchi.errors import KatchiError
from katchi.policy import signed
from katchi.policy.introduction import Introduction, KeyText, Name, NodeId, Url
from katchi.policy.invitation import Meeting
from katchi.policy.key_change import KeyChange, KeyChangeMismatchError, check_key_change
from katchi.policy.keys import PublicKey


class State(StrEnum):
    """How far an arrangement has come, as we see it. The partner has a view of its own."""

    INVITED = "invited"  # an invitation is out
    INTRODUCED = "introduced"  # it was followed; nobody here has compared the words yet
    ACTIVE = "active"  # a person here confirmed
    SUSPENDED = "suspended"  # a person here stopped all flow, for now
    ENDED = "ended"  # for good


class Event(StrEnum):
    """What can happen to an arrangement."""

    INTRODUCE = "introduce"
    CONFIRM = "confirm"
    SUSPEND = "suspend"
    RESUME = "resume"
    END = "end"


# Everything that may follow something; what is not here is refused.
TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.INVITED, Event.INTRODUCE): State.INTRODUCED,
    (State.INVITED, Event.END): State.ENDED,
    (State.INTRODUCED, Event.CONFIRM): State.ACTIVE,
    (State.INTRODUCED, Event.END): State.ENDED,
    (State.ACTIVE, Event.SUSPEND): State.SUSPENDED,
    (State.ACTIVE, Event.END): State.ENDED,
    (State.SUSPENDED, Event.RESUME): State.ACTIVE,
    (State.SUSPENDED, Event.END): State.ENDED,
}


class OutOfOrderError(KatchiError):
    """This cannot happen to an arrangement in this state."""

    code = "out-of-order"


class NotActiveError(KatchiError):
    """Nothing goes to or comes from a partner that we have not confirmed, or have suspended."""

    code = "partner-not-active"


class UnknownKeyError(KatchiError):
    """The partner never had a key of this id."""

    code = "unknown-key"


class AlreadyPartnerError(KatchiError):
    """Another partner is known by this node id or key: two would pass for one."""

    code = "already-partner"


class Contact(msgspec.Struct, frozen=True):
    """A person at the partner to reach, on the telephone if need be."""

    name: str
    role: str = ""
    email: str = ""
    telephone: str = ""


class RetiredKey(msgspec.Struct, frozen=True):
    """A key that signed once: old heads, receipts and proofs still need it."""

    key: KeyText
    until: int


class Partner(msgspec.Struct, frozen=True):
    """A partner as we know it. `name` is what we call it. A tool has tokens instead of keys."""

    name: Name
    kind: Literal["node", "tool"] = "node"
    state: State = State.INVITED
    is_own: bool = False  # a tool of our own organisation, such as its SIEM
    title: Annotated[str, msgspec.Meta(max_length=200)] = ""
    node_id: NodeId | None = None
    url: Url | None = None
    current_key: KeyText | None = None
    next_key: KeyText | None = None  # announced, not used yet
    announced_at: int = 0  # when, by the partner's clock; an older announcement is a replay
    retired_keys: tuple[RetiredKey, ...] = ()
    certificate: str | None = None  # PEM
    next_certificate: str | None = None
    contacts: tuple[Contact, ...] = ()
    invitation: str | None = None  # the id of the invitation by which we met
    fingerprint: bytes | None = None  # what the words are made from

    @property
    def is_active(self) -> bool:
        """Whether anything may go or come."""
        return self.state is State.ACTIVE

    @property
    def request_keys(self) -> tuple[PublicKey, ...]:
        """The keys that may sign requests now."""
        return tuple(PublicKey.from_text(text) for text in (self.current_key, self.next_key) if text)

    @property
    def certificates(self) -> tuple[str, ...]:
        """The certificates that its address may answer with now."""
        return tuple(pem for pem in (self.certificate, self.next_certificate) if pem)

    def key(self, key_id: str) -> PublicKey:
        """The key of this id, also a retired one: for records, never for requests. Raises UnknownKeyError."""
        retired = (PublicKey.from_text(old.key) for old in self.retired_keys)
        for key in (*self.request_keys, *retired):
            if key.id == key_id:
                return key
        raise UnknownKeyError("The partner never had this key.", where=self.name, what="key_id", found=key_id[:60])

    def to_json(self) -> bytes:
        """The partner for keeping."""
        return signed.canonical(self)

    @classmethod
    def from_json(cls, document: bytes | str) -> Partner:
        """Reads `to_json`. Raises UnreadableDocumentError."""
        return signed.read(document, cls, what="a partner")


def require_active(partner: Partner) -> None:
    """Returns if something may go to or come from the partner. Raises NotActiveError."""
    if not partner.is_active:
        raise NotActiveError(
            "The arrangement with this partner is not active on our side.",
            where=partner.name, what="state", expected=State.ACTIVE, found=partner.state,
            remedy=_REMEDIES[partner.state],
        )  # fmt: skip


def step(partner: Partner, event: Event) -> Partner:
    """The partner after a person's decision. Raises OutOfOrderError; for INTRODUCE see `introduce`."""
    if event is Event.INTRODUCE:
        raise OutOfOrderError("A partner introduces itself by joining.", where=partner.name, what="event")
    return msgspec.structs.replace(partner, state=_after(partner, event))


def introduce(partner: Partner, meeting: Meeting) -> Partner:
    """The partner after a join, for either side: known by what it says, trusted with nothing yet.

    Raises OutOfOrderError.
    """
    if partner.kind == "tool":
        raise OutOfOrderError("A tool does not join; it gets a token.", where=partner.name, what="kind")
    other = meeting.other
    return msgspec.structs.replace(
        partner,
        state=_after(partner, Event.INTRODUCE),
        title=other.title,
        node_id=other.node_id,
        url=other.url,
        current_key=other.public_key,
        certificate=other.certificate,
        fingerprint=meeting.fingerprint,
    )


def require_new(introduction: Introduction, partners: Iterable[Partner]) -> None:
    """Returns if no partner of ours goes by this node id or key. Raises AlreadyPartnerError.

    A node id is only a claim: without this check one partner could join again as another.
    """
    for partner in partners:
        if partner.state is State.ENDED:
            continue
        if introduction.node_id == partner.node_id or introduction.key in partner.request_keys:
            raise AlreadyPartnerError(
                "Another partner goes by this node id or key.",
                where=partner.name, found=introduction.node_id,
                remedy="end the old arrangement first, if this is the same node",
            )  # fmt: skip


def announce_key(partner: Partner, change: KeyChange) -> Partner:
    """The partner with its next key accepted beside the current one.

    The same announcement again changes nothing. Raises KeyChangeMismatchError, BadSignatureError, or
    OutOfOrderError where there is no key to change.
    """
    if partner.node_id is None or partner.current_key is None or partner.state is State.ENDED:
        raise OutOfOrderError(
            "There is no key of this partner to change.",
            where=partner.name,
            what="state",
            found=partner.state,
        )
    if change.new == partner.current_key:
        return partner
    check_key_change(change, node_id=partner.node_id, known=PublicKey.from_text(partner.current_key))
    if change.at < partner.announced_at:
        raise KeyChangeMismatchError("A later change of keys is known.", where=partner.name, what="at")
    return msgspec.structs.replace(
        partner, next_key=change.new, next_certificate=change.certificate, announced_at=change.at
    )


def adopt_key(partner: Partner, at: int) -> Partner:
    """The partner once its next key signed a request: the old one signs no more. Raises OutOfOrderError."""
    if partner.current_key is None or partner.next_key is None:
        raise OutOfOrderError("No key was announced.", where=partner.name, what="next_key")
    return msgspec.structs.replace(
        partner,
        current_key=partner.next_key,
        next_key=None,
        retired_keys=(*partner.retired_keys, RetiredKey(partner.current_key, at)),
        certificate=partner.next_certificate or partner.certificate,
        next_certificate=None,
    )


_REMEDIES = {
    State.INVITED: "wait until the partner has joined, or invite again",
    State.INTRODUCED: "compare the words on the telephone, then `katchi partner confirm`",
    State.ACTIVE: "nothing: it is active",
    State.SUSPENDED: "`katchi partner resume`, when it may flow again",
    State.ENDED: "invite again: an arrangement that ended does not come back",
}


def _after(partner: Partner, event: Event) -> State:
    after = TRANSITIONS.get((partner.state, event))
    if after is None:
        possible = ", ".join(event for state, event in TRANSITIONS if state is partner.state)
        raise OutOfOrderError(
            f"A partner that is {partner.state} cannot {event}.",
            where=partner.name, what="state", expected=possible or "nothing more", found=event,
            remedy=_REMEDIES[partner.state],
        )  # fmt: skip
    return after
