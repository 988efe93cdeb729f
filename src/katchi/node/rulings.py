"""What people decide about things: that two are one, that they are not, how reliable a source is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from katchi import stix
from katchi.errors import KatchiError
from katchi.node.telling import Telling, classes_on, lists_of, teller, warning_lists
from katchi.node.things import Decisions, Settling, telling_of
from katchi.node.wiring import Node
from katchi.overlap import things
from katchi.overlap.belief import RELIABILITY
from katchi.store import log
from katchi.store import things as rows
from katchi.store.database import Transaction
from katchi.store.log import hash_of

Progress = Callable[[int, int], None]
LONGEST_REASON = 1000


class BadRulingError(KatchiError):
    """These two cannot be joined or split, or a reason is missing."""

    code = "ruling"


def join(node: Node, key: str, other: str, *, person: str, why: str) -> None:
    """From now on `key` is the thing `other`, whatever is rebuilt. Raises BadRulingError."""
    _require(key, other, why)
    with node.store.database.writing() as transaction:
        decisions = Decisions.of(rows.rulings(transaction))
        above, seen = other, {key}
        while above in decisions.same and above not in seen:
            seen.add(above)
            above = decisions.same[above]
        if above == key:
            raise BadRulingError("They are joined already, the other way round.", what=key, found=other)
        _rule(node, transaction, key, other, True, person, why)


def split(node: Node, key: str, other: str, *, person: str, why: str) -> None:
    """From now on `key` is not the thing `other`. Raises BadRulingError."""
    _require(key, other, why)
    with node.store.database.writing() as transaction:
        _rule(node, transaction, key, other, False, person, why)


def withdraw(node: Node, key: str, other: str, *, person: str, why: str) -> None:
    """What was decided of these two no longer counts. Raises BadRulingError."""
    _require(key, other, why)
    with node.store.database.writing() as transaction:
        decisions = Decisions.of(rows.rulings(transaction))
        if decisions.same.get(key) != other and (key, other) not in decisions.apart:
            raise BadRulingError("Nobody decided anything of these two.", what=key, found=other)
        _rule(node, transaction, key, other, None, person, why)


def _require(key: str, other: str, why: str) -> None:
    if key == other:
        raise BadRulingError("A thing is itself.", what=key)
    if things.kind_of(key) != things.kind_of(other):
        raise BadRulingError(
            "Things of different kinds are linked, never one.", what=key, found=other,
            expected="two of one kind, such as two files or two names of actors",
        )  # fmt: skip
    if not why.strip() or len(why) > LONGEST_REASON:
        raise BadRulingError("Whoever reads it later wants to know why.", what="why", expected="a sentence")


def _rule(
    node: Node, transaction: Transaction, key: str, other: str, is_same: bool | None, person: str, why: str
) -> None:
    transaction.run(
        "thing", "rule", key=key, other=other, is_same=None if is_same is None else int(is_same), person=person,
        at=node.clock.now(), why=why.strip(),
    )  # fmt: skip
    telling = telling_of(node, rows.rulings(transaction))
    if ":name:" in key and is_same is not True:
        _refile(transaction, telling, [key, other])
    Settling(node, transaction, teller(telling)).settle_keys({key: "", other: ""})


def _refile(transaction: Transaction, telling: Telling, stands: list[str]) -> None:
    """A name is filed under whom it means: after a split, what was filed under one stands under another."""
    tell = teller(telling)
    said = rows.statements(transaction, [hash_of(stand) for stand in stands])
    entries = log.at(transaction, sorted({each.seq for each in said}))
    log.refile(transaction, [(log.arrive(stix.read(bytes(entry.raw)), tell), entry) for entry in entries])


def grade(node: Node, name: str, letter: str, *, person: str, why: str, progress: Progress | None = None) -> int:
    """Says how reliable a source (an origin, or the id of an identity) is, and weighs anew what rests on it.

    Returns how many things were weighed. Raises BadRulingError.
    """
    if letter not in RELIABILITY:
        raise BadRulingError(
            "This is no letter of the Admiralty scale.",
            what="letter",
            expected=", ".join(RELIABILITY),
            found=letter[:9],
        )
    if not why.strip() or len(why) > LONGEST_REASON:
        raise BadRulingError("Whoever reads it later wants to know why.", what="why", expected="a sentence")
    with node.store.database.writing() as transaction:
        transaction.run(
            "thing", "put_grade", name=name, letter=letter, person=person, at=node.clock.now(), why=why.strip()
        )
    return weigh_anew(node, progress)


def renew_lists(node: Node, progress: Progress | None = None) -> int:
    """Holds every thing against the warning lists, if those have changed since it was; returns how many there were."""
    return _all_of(node, renewing_lists(node), progress)


def renewing_lists(node: Node) -> Iterator[int]:
    """The same, stretch by stretch; yields how many are done."""
    files = lists_of(node.folder)
    mark = hashlib.sha256(repr([Path(each).name for each in files]).encode()).digest()
    with node.store.database.reading() as transaction:
        before = rows.lists_mark(transaction)
    if before == mark:
        return
    lists = warning_lists(files)
    yield from _weighing(node, lambda key: classes_on(lists, key))
    with node.store.database.writing() as transaction:
        rows.put_lists_mark(transaction, mark)


def weigh_anew(node: Node, progress: Progress | None = None) -> int:
    """Weighs every thing again, in stretches that let others write between them; returns how many there were."""
    return _all_of(node, _weighing(node), progress)


def _all_of(node: Node, weighing: Iterator[int], progress: Progress | None) -> int:
    done, total = 0, sum(count for _, count in node.store.things.counts())
    for done in weighing:
        if progress:
            progress(min(done, total), total)
    return done


def _weighing(node: Node, classes: Callable[[str], str] | None = None) -> Iterator[int]:
    """`classes` tells of which warning lists a key is; without it, that stays as it was."""
    done, number = 0, 0
    while True:
        with node.store.database.writing() as transaction:
            found = rows.after(transaction, number, 1000)
            if not found:
                return
            tell = teller(telling_of(node, rows.rulings(transaction)))
            Settling(node, transaction, tell).settle_keys({row.key: "" for row in found}, classes)
        number, done = found[-1].number, done + len(found)
        yield done
