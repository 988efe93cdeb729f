"""People who sign in, their sessions, and nothing else about them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from katchi.errors import KatchiError
from katchi.store.database import Database


class PersonExistsError(KatchiError):
    """Somebody of this name is there already."""

    code = "person-exists"


class UnknownPersonError(KatchiError):
    """Nobody of this name is known here."""

    code = "unknown-person"
    exit_status = 3


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who may sign in. `password` is an argon2id hash, never a password."""

    name: str
    role: str
    password: str
    language: str
    is_active: bool
    created_at: int


class People:
    """Reads and changes who may sign in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, role: str, password_hash: str, language: str, *, at: int) -> None:
        """Adds a person. Raises PersonExistsError."""
        try:
            with self._database.writing() as transaction:
                transaction.run(
                    "people",
                    "put",
                    name=name,
                    role=role,
                    password=password_hash,
                    language=language,
                    at=at,
                )
        except IntegrityError as problem:
            raise PersonExistsError(f"{name} is there already.", what="name") from problem

    def one(self, name: str) -> Person | None:
        """The person of this name, if any."""
        with self._database.reading() as transaction:
            row = transaction.run("people", "one", name=name).first()
        return _person(*row) if row else None

    def all(self) -> list[Person]:
        """Everybody, by name."""
        with self._database.reading() as transaction:
            return [_person(*row) for row in transaction.run("people", "all")]

    def change(
        self,
        name: str,
        *,
        role: str | None = None,
        password_hash: str | None = None,
        language: str | None = None,
        is_active: bool | None = None,
    ) -> None:
        """Changes what is given; a new password, role or a closed account ends all sessions.

        Raises UnknownPersonError.
        """
        with self._database.writing() as transaction:
            if transaction.run("people", "one", name=name).first() is None:
                raise UnknownPersonError(f"Nobody called {name} is known here.", remedy="katchi user list")
            if role is not None:
                transaction.run("people", "set_role", name=name, role=role)
            if password_hash is not None:
                transaction.run("people", "set_password", name=name, password=password_hash)
            if language is not None:
                transaction.run("people", "set_language", name=name, language=language)
            if is_active is not None:
                transaction.run("people", "set_active", name=name, is_active=int(is_active))
            if role is not None or password_hash is not None or is_active is False:
                transaction.run("people", "close_sessions_of", name=name)

    def open_session(self, digest: bytes, person: str, expires_at: int, *, now: int) -> None:
        """Remembers a session by the digest of its secret; old ones go."""
        with self._database.writing() as transaction:
            transaction.run("people", "forget_old_sessions", now=now)
            transaction.run(
                "people",
                "open_session",
                digest=digest,
                person=person,
                expires_at=expires_at,
            )

    def in_session(self, digest: bytes, *, now: int) -> Person | None:
        """Whose session this is, if it has not expired and the person may still sign in."""
        with self._database.reading() as transaction:
            row = transaction.run("people", "session", digest=digest).first()
        if row is None or row.expires_at <= now or not row.is_active:
            return None
        return _person(*row[1:])

    def close_session(self, digest: bytes) -> None:
        """Signs out."""
        with self._database.writing() as transaction:
            transaction.run("people", "close_session", digest=digest)


def _person(name: str, role: str, password: str, language: str, is_active: int, created_at: int) -> Person:
    return Person(name, role, password, language, bool(is_active), created_at)
