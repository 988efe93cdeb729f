"""Makes, confirms, suspends and ends arrangements with partners; each step is a person's and goes on the ledger."""

from __future__ import annotations

import msgspec

from katchi import policy
from katchi.errors import KatchiError
from katchi.exchange import tls
from katchi.node.deliver import link_to, partner_of
from katchi.node.wiring import Node, replace_key
from katchi.policy import signed
from katchi.policy.introduction import Introduction
from katchi.policy.invitation import (
    ENTROPY,
    Invitation,
    InvitationCode,
    JoinAnswer,
    JoinRequest,
    OpenInvitation,
    answer_join,
    ask_to_join,
    conclude_join,
    make_invitation,
    read_invitation,
)
from katchi.policy.key_change import KeyChange, make_key_change
from katchi.policy.keys import NodeKey, PublicKey
from katchi.policy.partner import (
    Event,
    Partner,
    State,
    adopt_key,
    announce_key,
    introduce,
    require_new,
    step,
)
from katchi.policy.words import Language, fingerprint_words
from katchi.store import ledger, partners
from katchi.store.database import Transaction

DAY = 86_400_000_000
INVITATION_LASTS = 7 * DAY
KEY = "/katchi/v1/key"
RETIRED_KEYS = "retired-keys"
JOIN = "/katchi/v1/join"
INTRODUCTION = "/katchi/v1/introduction"


class NameTakenError(KatchiError):
    """We know another partner by this name."""

    code = "name-taken"


class UnknownInvitationError(KatchiError):
    """We made no such invitation."""

    code = "unknown-invitation"


class WrongWordsError(KatchiError):
    """The words that were read out are not the ones shown here."""

    code = "wrong-words"


def introduction(node: Node) -> Introduction:
    """What this node says of itself."""
    settings = node.settings
    return Introduction(
        name=settings.name,
        node_id=settings.node_id,
        url=settings.url.rstrip("/"),
        public_key=node.key.public.to_text(),
        certificate=node.certificate.decode("ascii"),
        title=settings.title,
    )


def known(node: Node) -> list[Partner]:
    """Every partner."""
    return [partner_of(row) for row in node.store.partners.all()]


def one(node: Node, name: str) -> Partner:
    """The partner of this name. Raises UnknownPartnerError."""
    return partner_of(node.store.partners.one(name))


def words(partner: Partner, language: Language) -> tuple[str, ...]:
    """The six words to compare on the telephone; none before the partner has introduced itself."""
    return fingerprint_words(partner.fingerprint, language) if partner.fingerprint else ()


def invite(node: Node, name: str, *, person: str, lasts: int = INVITATION_LASTS) -> Invitation:
    """A one-time invitation for the partner that we will call `name`. Raises NameTakenError."""
    tls.require_secure_url(node.settings.url)
    expires_at = node.clock.now() + lasts
    kept = make_invitation(introduction(node), entropy=node.random(ENTROPY), expires_at=expires_at)
    partner = Partner(name=name, state=State.INVITED, invitation=kept.invitation.id)
    with node.store.database.writing() as transaction:
        _require_free(transaction, name)
        _keep(transaction, node, partner, "invite", person)
        transaction.run(
            "partner", "put_invitation",
            id=kept.invitation.id, partner=name, document=signed.canonical(kept), expires_at=expires_at,
        )  # fmt: skip
    return kept.invitation


def join(node: Node, text: str, *, name: str | None = None, person: str) -> Partner:
    """Follows an invitation; the partner is then introduced, and waits for a person to compare the words.

    Raises an InvitationError, UndeliveredError, RefusedError, NameTakenError or AlreadyPartnerError.
    """
    found = read_invitation(text)
    invitation = _complete(node, found) if isinstance(found, InvitationCode) else found
    inviter = invitation.inviter
    partner = Partner(name=name or inviter.name, state=State.INVITED, invitation=invitation.id)
    with node.store.database.reading() as transaction:
        _require_free(transaction, partner.name)
    require_new(inviter, known(node))
    request = _request_to_join(node, invitation)
    meeting = conclude_join(invitation, request, _send_join(node, inviter, request))
    partner = introduce(partner, meeting)
    with node.store.database.writing() as transaction:
        _require_free(transaction, partner.name)
        _keep(transaction, node, partner, "join", person)
        transaction.run("ledger", "drop_setting", name=_asked(invitation))
    return partner


def take_join(node: Node, document: bytes) -> bytes:
    """Answers a request to join. The same request again gets the same answer.

    Raises UnknownInvitationError, an InvitationError or AlreadyPartnerError.
    """
    request = signed.read(document, JoinRequest, what="a request to join")
    now = node.clock.now()
    with node.store.database.writing() as transaction:
        row = transaction.run("partner", "invitation", id=request.invitation).first()
        if row is None:
            raise UnknownInvitationError("This invitation is not known here.", remedy="ask for a new one")
        kept = signed.read(bytes(row.document), OpenInvitation, what="an invitation")
        answer, meeting = answer_join(kept, request, node.key, now=now, used_by=row.used_by)
        if row.used_by is None:
            partner = partner_of(partners.one(transaction, row.partner))
            require_new(
                meeting.other,
                [other for other in _all(transaction) if other.name != partner.name],
            )
            _keep(transaction, node, introduce(partner, meeting), "introduce", "")
            partners.use_invitation(transaction, row.id, now, request.digest)
    return signed.canonical(answer)


def confirm(node: Node, name: str, *, person: str, read_out: str | None = None) -> Partner:
    """A person says that the words agree. From here on our side sends and accepts.

    `read_out`: the words as heard, in either language, if they are to be checked here too.
    Raises OutOfOrderError or WrongWordsError.
    """
    if read_out is not None:
        _require_words(one(node, name), read_out)
    partner = _decide(node, name, Event.CONFIRM, person)
    if partner.invitation is not None:
        with node.store.database.writing() as transaction:
            # Its secret has done its work; what is not kept cannot be stolen.
            transaction.run("partner", "drop_invitation", id=partner.invitation)
    return partner


def suspend(node: Node, name: str, *, person: str) -> Partner:
    """Stops all flow with a partner, at once and for both directions. Raises OutOfOrderError."""
    return _decide(node, name, Event.SUSPEND, person)


def resume(node: Node, name: str, *, person: str) -> Partner:
    """Lets it flow again; what was held up goes now. Raises OutOfOrderError."""
    return _decide(node, name, Event.RESUME, person)


def end(node: Node, name: str, *, person: str) -> Partner:
    """Ends an arrangement for good. Raises OutOfOrderError."""
    return _decide(node, name, Event.END, person)


def add_tool(node: Node, name: str, *, person: str, title: str = "", is_own: bool = False) -> Partner:
    """A partner, or a system of our own, that has no node: it gets tokens and terms. Raises NameTakenError."""
    partner = Partner(name=name, kind="tool", state=State.ACTIVE, title=title, is_own=is_own)
    with node.store.database.writing() as transaction:
        _require_free(transaction, name)
        _keep(transaction, node, partner, "add-tool", person)
    return partner


def rotate_key(node: Node, *, person: str) -> list[str]:
    """Gives this node a new signing key: announced to every partner first, then put in place.

    Returns the names that heard of it. Raises UndeliveredError or RefusedError, with the old key still
    in place, if one does not: a partner that missed the change would take us for a stranger.
    """
    new = NodeKey.generate(node.random(32))
    now = node.clock.now()
    change = make_key_change(node.key, new, node_id=node.settings.node_id, at=now).to_json()
    # A suspended partner hears of it too, or it would take us for a stranger when it flows again.
    told = [
        partner
        for partner in known(node)
        if partner.kind == "node" and partner.state in (State.ACTIVE, State.SUSPENDED)
    ]
    for partner in told:
        with link_to(node, partner) as link:
            link.ask("POST", KEY, body=change)
    with node.store.database.writing() as transaction:
        retired = [*own_keys(node), node.key.public]
        entry = policy.ledger.key_entry("", node.key.public.id, new.public.id, at=now, salt=node.random(16))
        ledger.append(transaction, [entry])
        value = msgspec.json.encode([key.to_text() for key in retired])
        transaction.run("ledger", "put_setting", name=RETIRED_KEYS, value=value)
    replace_key(node, new)
    return [partner.name for partner in told]


def own_keys(node: Node) -> list[PublicKey]:
    """The keys that this node signed with before, oldest first: old heads and receipts still need them."""
    with node.store.database.reading() as transaction:
        row = transaction.run("ledger", "setting", name=RETIRED_KEYS).first()
    texts = msgspec.json.decode(bytes(row.value), type=list[str]) if row else []
    return [PublicKey.from_text(text) for text in texts]


def take_key_change(node: Node, name: str, document: bytes) -> None:
    """Accepts a partner's announcement of its next key. Raises KeyChangeMismatchError or BadSignatureError."""
    change = KeyChange.from_json(document)
    with node.store.database.writing() as transaction:
        partner = announce_key(partner_of(partners.one(transaction, name)), change)
        partners.put(transaction, name, partner.kind, partner.state, partner.to_json())


def note_key(node: Node, name: str, key: PublicKey) -> None:
    """A request was signed with this key: if it is the one announced, it takes the old one's place."""
    if one(node, name).next_key != key.to_text():
        return
    now = node.clock.now()
    with node.store.database.writing() as transaction:
        partner = partner_of(partners.one(transaction, name))
        if partner.next_key != key.to_text():
            return
        changed = adopt_key(partner, now)
        old = PublicKey.from_text(partner.current_key or "")
        entry = policy.ledger.key_entry(name, old.id, key.id, at=now, salt=node.random(16))
        partners.put(transaction, name, changed.kind, changed.state, changed.to_json())
        ledger.append(transaction, [entry])


def _decide(node: Node, name: str, event: Event, person: str) -> Partner:
    with node.store.database.writing() as transaction:
        partner = step(partner_of(partners.one(transaction, name)), event)
        _keep(transaction, node, partner, event, person)
    node.bell.ring()
    return partner


def _keep(transaction: Transaction, node: Node, partner: Partner, event: str, person: str) -> None:
    now = node.clock.now()
    partners.put(transaction, partner.name, partner.kind, partner.state, partner.to_json())
    entry = policy.ledger.state_entry(partner.name, event, partner.state, person, at=now, salt=node.random(16))
    ledger.append(transaction, [entry])


def _all(transaction: Transaction) -> list[Partner]:
    return [Partner.from_json(bytes(row.document)) for row in transaction.run("partner", "all")]


def _require_free(transaction: Transaction, name: str) -> None:
    if transaction.run("partner", "one", name=name).first() is not None:
        raise NameTakenError(
            f"There is a partner called {name} already.",
            what="name",
            remedy="choose another name",
        )
    if transaction.run("subscription", "one", name=name).first() is not None:
        # Terms speak of both by name, and must not take one for the other.
        raise NameTakenError(
            f"There is a subscription called {name} already.", what="name", remedy="choose another name"
        )


def _require_words(partner: Partner, read_out: str) -> None:
    heard = tuple(read_out.lower().split())
    if heard not in (words(partner, "en"), words(partner, "ko")):
        raise WrongWordsError(
            "The words do not agree. Somebody may stand between the two nodes.",
            where=partner.name,
            remedy="do not confirm; end this arrangement and invite again by a way that you trust",
        )


def _stranger(introduced: Introduction) -> Partner:
    """Enough of a partner for a link to a node that is not one yet."""
    return Partner(
        name=introduced.name,
        node_id=introduced.node_id,
        url=introduced.url,
        current_key=introduced.public_key,
        certificate=introduced.certificate,
    )


def _asked(invitation: Invitation) -> str:
    return f"asked-to-join/{invitation.id}"


def _request_to_join(node: Node, invitation: Invitation) -> JoinRequest:
    """The request that was sent before, if its answer was lost: an invitation answers only one."""
    with node.store.database.writing() as transaction:
        row = transaction.run("ledger", "setting", name=_asked(invitation)).first()
        if row is not None:
            return signed.read(bytes(row.value), JoinRequest, what="a request to join")
        request = ask_to_join(invitation, introduction(node), node.key, nonce=node.random(32), now=node.clock.now())
        transaction.run("ledger", "put_setting", name=_asked(invitation), value=signed.canonical(request))
    return request


def _send_join(node: Node, inviter: Introduction, request: JoinRequest) -> JoinAnswer:
    with link_to(node, _stranger(inviter)) as link:
        response = link.ask("POST", JOIN, body=signed.canonical(request))
    return signed.read(response.content, JoinAnswer, what="an answer to a request to join")


def _complete(node: Node, code: InvitationCode) -> Invitation:
    """Fetches what a QR code has no room for, from the address and under the certificate that it names."""
    url = tls.require_secure_url(code.url)
    certificate = None
    if url.scheme == "https":
        certificate = tls.fetch_certificate(code.url, code.certificate_digest)
    nobody = Partner(
        name="inviter",
        node_id=node.settings.node_id,
        url=code.url,
        certificate=certificate,
    )
    with link_to(node, nobody) as link:
        return code.complete(Introduction.from_json(link.ask("GET", INTRODUCTION).content))


def describe(partner: Partner) -> dict[str, object]:
    """A partner as a JSON document for scripts, without what only the node needs."""
    kept = msgspec.to_builtins(partner)
    for name in ("fingerprint", "certificate", "next_certificate"):
        kept.pop(name)
    return {**kept, "words": {"en": words(partner, "en"), "ko": words(partner, "ko")}}
