"""Partners as rows: who they are, which terms are in force, how far each flow has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from katchi.errors import KatchiError
from katchi.store.database import Database, Transaction


class UnknownPartnerError(KatchiError):
    """No partner of this name."""

    code = "unknown-partner"
    exit_status = 3


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """A partner as kept. `document` is the policy's Partner value as JSON; positions say how far flows have come."""

    name: str
    kind: str
    state: str
    document: bytes
    terms_digest: str | None
    epoch: int
    judged_seq: int
    pushed_position: int
    pulled_after: int
    contact_at: int | None
    trouble: str | None
    trouble_at: int | None
    reviewed_epoch: int


@dataclass(frozen=True, slots=True)
class TermsRow:
    """Terms as they were put in force."""

    text: str
    digest: str
    epoch: int
    at: int
    person: str


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation that went out."""

    id: str
    partner: str
    document: bytes
    expires_at: int
    used_at: int | None


@dataclass(frozen=True, slots=True)
class Token:
    """A tool's token; the secret itself is not kept."""

    id: str
    partner: str
    label: str
    created_at: int
    expires_at: int | None


class Partners:
    """Reads partners and small facts about them; changes that need the ledger go through a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[PartnerRow]:
        """Every partner, by name."""
        with self._database.reading() as transaction:
            return [_row(row) for row in transaction.run("partner", "all")]

    def one(self, name: str) -> PartnerRow:
        """The partner of this name. Raises UnknownPartnerError."""
        with self._database.reading() as transaction:
            return one(transaction, name)

    def terms_in_force(self, name: str) -> TermsRow | None:
        """The terms that decide today, if any were put in force."""
        with self._database.reading() as transaction:
            return terms_in_force(transaction, name)

    def terms_history(self, name: str) -> list[tuple[int, str, int, str]]:
        """(epoch, digest, at, person), latest first."""
        with self._database.reading() as transaction:
            rows = transaction.run("partner", "terms_history", partner=name)
            return [(row.epoch, row.digest, row.at, row.person) for row in rows]

    def note_contact(self, name: str, at: int) -> None:
        """The last exchange went well."""
        with self._database.writing() as transaction:
            transaction.run("partner", "contact", name=name, at=at)

    def note_trouble(self, name: str, trouble: str, at: int) -> None:
        """The last exchange failed, and why."""
        with self._database.writing() as transaction:
            transaction.run("partner", "trouble", name=name, trouble=trouble[:500], at=at)

    def note_pushed(self, name: str, position: int) -> None:
        """The partner has answered for everything up to here."""
        with self._database.writing() as transaction:
            transaction.run("partner", "pushed", name=name, position=position)

    def note_pulled(self, name: str, added: int) -> None:
        """We have read the partner's collection up to this date_added."""
        with self._database.writing() as transaction:
            transaction.run("partner", "pulled", name=name, added=added)

    def put_invitation(self, invitation_id: str, partner: str, document: bytes, expires_at: int) -> None:
        """Remembers an invitation that goes out."""
        with self._database.writing() as transaction:
            transaction.run(
                "partner", "put_invitation",
                id=invitation_id, partner=partner, document=document, expires_at=expires_at,
            )  # fmt: skip

    def invitation(self, invitation_id: str) -> InvitationRow | None:
        """The invitation of this id, if we made it."""
        with self._database.reading() as transaction:
            row = transaction.run("partner", "invitation", id=invitation_id).first()
        return InvitationRow(row.id, row.partner, bytes(row.document), row.expires_at, row.used_at) if row else None

    def add_token(self, token: Token, digest: bytes) -> None:
        """Remembers a tool's token by the digest of its secret."""
        with self._database.writing() as transaction:
            transaction.run(
                "partner", "put_token",
                id=token.id, digest=digest, partner=token.partner, label=token.label,
                created_at=token.created_at, expires_at=token.expires_at,
            )  # fmt: skip

    def token(self, digest: bytes) -> Token | None:
        """Whose token has this digest."""
        with self._database.reading() as transaction:
            row = transaction.run("partner", "token", digest=digest).first()
        return Token(*row) if row else None

    def tokens(self) -> list[Token]:
        """All tokens, oldest first, without secrets."""
        with self._database.reading() as transaction:
            return [Token(*row) for row in transaction.run("partner", "tokens")]

    def drop_token(self, token_id: str) -> bool:
        """Takes a token back; False if there is none of this id."""
        with self._database.writing() as transaction:
            return transaction.run("partner", "drop_token", id=token_id).rowcount > 0

    def first_time(self, jti: str, expires_at: int, *, now: int) -> bool:
        """Whether this request token is seen for the first time; remembers it until it expires."""
        with self._database.writing() as transaction:
            transaction.run("partner", "forget_seen_tokens", now=now)
            return transaction.run("partner", "see_token", jti=jti, expires_at=expires_at).rowcount > 0


def one(transaction: Transaction, name: str) -> PartnerRow:
    """The partner of this name. Raises UnknownPartnerError."""
    row = transaction.run("partner", "one", name=name).first()
    if row is None:
        raise UnknownPartnerError(
            f"There is no partner called {name}.",
            remedy="`katchi partner list` shows the names",
        )
    return _row(row)


def put(transaction: Transaction, name: str, kind: str, state: str, document: bytes) -> None:
    """Adds a partner, or replaces who it is and its state."""
    transaction.run("partner", "put", name=name, kind=kind, state=state, document=document)


def terms_in_force(transaction: Transaction, name: str) -> TermsRow | None:
    """The terms that decide today, if any."""
    row = transaction.run("partner", "terms_in_force", partner=name).first()
    return TermsRow(*row) if row else None


def enforce_terms(transaction: Transaction, name: str, text: str, digest: str, *, at: int, person: str) -> int:
    """Puts terms in force and returns their epoch; releases made before must be reviewed."""
    epoch = one(transaction, name).epoch + 1
    transaction.run(
        "partner",
        "put_terms",
        partner=name,
        epoch=epoch,
        digest=digest,
        text=text,
        at=at,
        person=person,
    )
    transaction.run("partner", "enforce_terms", partner=name, digest=digest, epoch=epoch)
    return epoch


def use_invitation(transaction: Transaction, invitation_id: str, at: int, used_by: str) -> None:
    """Marks an invitation as used, by the request of this digest."""
    transaction.run("partner", "use_invitation", id=invitation_id, at=at, used_by=used_by)


def _row(row: Sequence[Any]) -> PartnerRow:
    name, kind, state, document, *rest = row
    return PartnerRow(name, kind, state, bytes(document), *rest)
