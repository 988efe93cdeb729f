"""Who may sign in to the console, and how a password is made, kept and checked."""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING

from katchi.errors import KatchiError
from katchi.node.wiring import Node
from katchi.store.people import Person

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# Each role has the rights of those before it.
ROLES = ("reader", "analyst", "releaser", "administrator")
SHORTEST = 12  # characters of a password that a person chose


class WeakPasswordError(KatchiError):
    """The password is too short to be one."""

    code = "weak-password"


class UnknownRoleError(KatchiError):
    """There is no such role."""

    code = "unknown-role"


class LastAdministratorError(KatchiError):
    """Nobody would be left to administer the node."""

    code = "last-administrator"


def add(node: Node, name: str, role: str, language: str, password: str | None = None) -> str:
    """Lets somebody sign in and returns the password, generated unless one is given.

    Raises PersonExistsError, UnknownRoleError or WeakPasswordError.
    """
    _require_role(role)
    chosen = _require_long(password) if password is not None else generated(node)
    node.store.people.add(name, role, _hasher().hash(chosen), language, at=node.clock.now())
    return chosen


def set_password(node: Node, name: str, password: str | None = None) -> str:
    """A new password, generated unless one is given; ends all sessions.

    Raises UnknownPersonError or WeakPasswordError.
    """
    chosen = _require_long(password) if password is not None else generated(node)
    node.store.people.change(name, password_hash=_hasher().hash(chosen))
    return chosen


def set_role(node: Node, name: str, role: str) -> None:
    """Changes what somebody may do. Raises UnknownRoleError, UnknownPersonError or LastAdministratorError."""
    _require_role(role)
    if role != "administrator":
        _require_another_administrator(node, name)
    node.store.people.change(name, role=role)


def close(node: Node, name: str) -> None:
    """Lets somebody sign in no longer. Raises UnknownPersonError or LastAdministratorError."""
    _require_another_administrator(node, name)
    node.store.people.change(name, is_active=False)


def check_password(node: Node, name: str, password: str) -> Person | None:
    """The person, if the password is right and the account open. An unknown name costs the same work."""
    from argon2.exceptions import InvalidHashError, VerificationError

    person = node.store.people.one(name)
    kept = person.password if person is not None else _nobodys_password()
    try:
        _hasher().verify(kept, password)
    except (VerificationError, InvalidHashError):
        return None
    if person is None or not person.is_active:
        return None
    if _hasher().check_needs_rehash(kept):
        # Not through `change`: the password is the same, so no session ends.
        with node.store.database.writing() as transaction:
            transaction.run("people", "set_password", name=name, password=_hasher().hash(password))
    return person


def may(person: Person, role: str) -> bool:
    """Whether somebody has at least the rights of this role."""
    return person.role in ROLES and ROLES.index(person.role) >= ROLES.index(role)


def generated(node: Node) -> str:
    """A password of 100 random bits in groups that can be read out."""
    letters = base64.b32encode(node.random(13)).decode().lower().rstrip("=")[:20]
    return "-".join(letters[start : start + 5] for start in range(0, 20, 5))


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()  # argon2id with the parameters of RFC 9106 §4, second choice


@cache
def _nobodys_password() -> str:
    return _hasher().hash("nobody has this password")


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise UnknownRoleError("There is no such role.", what="role", expected=", ".join(ROLES), found=role[:40])


def _require_long(password: str) -> str:
    if len(password) < SHORTEST:
        raise WeakPasswordError(
            "The password is too short.", what="password", expected=f"at least {SHORTEST} characters",
            remedy="choose a longer one, or leave it out to have one generated",
        )  # fmt: skip
    return password


def _require_another_administrator(node: Node, name: str) -> None:
    others = [
        each
        for each in node.store.people.all()
        if each.is_active and each.role == "administrator" and each.name != name
    ]
    this = node.store.people.one(name)
    if this is not None and this.role == "administrator" and not others:
        raise LastAdministratorError(
            "Nobody would be left to administer the node.", where=name, remedy="make somebody else administrator first"
        )
