"""Follows an object's references: what it points to must be releasable too, and may go as a copy.

Two questions spread through references, and both are answered for everything in reach at once, so
that cycles have one answer whatever the order: what may not go takes with it whatever cannot do
without it; what goes as a copy makes copies of whatever names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace
from typing import Any, Final

from katchi import stix
from katchi.policy import copies, paths, redact
from katchi.policy.decision import Delayed, Withheld
from katchi.policy.generalise import NOTHING, CannotRedactError, Redaction
from katchi.policy.types import required
from katchi.policy.verdict import Allowed, Question, verdict

MAX_REACH: Final = 50_000
"""How many objects one decision follows before it gives up and withholds."""

_ANY_UUID: Final = "00000000-0000-4000-8000-000000000000"


@dataclass(slots=True)
class Standing:
    """How one object in reach stands."""

    obj: stix.Object
    verdict: Allowed | Withheld | Delayed
    redaction: Redaction = NOTHING
    references: tuple[tuple[str, str], ...] = ()  # (top-level property, id)
    is_copy: bool = False
    dropped: set[str] = field(default_factory=set)
    copied: set[str] = field(default_factory=set)  # references that go as copies

    @property
    def is_allowed(self) -> bool:
        return self.verdict.__class__ is Allowed


def standing(obj: stix.Object, origin: str, added_at: int, question: Question) -> Standing:
    """How an object stands by itself."""
    found = verdict(obj, origin, added_at, question)
    if not isinstance(found, Allowed):
        return Standing(obj, found)
    try:
        redaction = redact.plan(obj, found.rule, found.cut)
    except CannotRedactError as error:
        return Standing(obj, Withheld("cannot-redact", str(error), found.rule.name))
    if redaction.is_empty:
        references = tuple((_top(each.path), each.id) for each in stix.references(obj))
    else:
        tried = copies.make(obj, f"{obj.type}--{_ANY_UUID}", redaction, {}, question.world)
        if isinstance(tried, Withheld):
            return Standing(obj, replace(tried, rule=found.rule.name))
        rest = redact.apply(obj.properties, redaction)
        references = tuple((str(path[0]), object_id) for path, object_id in paths.references(rest))
    is_copy = not redaction.is_empty or copies.was_copy(obj, found, bool(references), question)
    return Standing(obj, found, redaction, references, is_copy)


def _top(path: str) -> str:
    return path.partition("[")[0].partition(".")[0]


def reach(root: Standing, question: Question) -> dict[str, Standing]:
    """Every object that `root` leads to, settled; `root` itself is changed to how it stands in the end."""
    known = {root.obj.id: root}
    theirs: set[str] = set()
    waiting = [root]
    while waiting:
        current = waiting.pop()
        for _, object_id in current.references if current.is_allowed else ():
            if object_id in known or object_id in theirs:
                continue
            held = question.world.object(object_id)
            if held is None:
                continue
            if _is_theirs(object_id, question):
                theirs.add(object_id)
                continue
            found = _held(held, question)
            known[object_id] = found
            waiting.append(found)
        if len(known) > MAX_REACH:
            root.verdict = Withheld("references-too-many", str(MAX_REACH), _rule(root))
            return known
    _settle(known, theirs)
    return known


def _is_theirs(object_id: str, question: Question) -> bool:
    """Whether the recipient gave it to us: it does not go back, but a sighting of it may name it."""
    return not question.terms.echo and question.world.origin(object_id) == question.recipient.name


def _held(obj: stix.Object, question: Question) -> Standing:
    world = question.world
    added_at = world.added_at(obj.id)
    quiet = Question(question.recipient, question.terms, world, question.now)
    return standing(
        obj,
        world.origin(obj.id) or "",
        question.now if added_at is None else added_at,
        quiet,
    )


def _settle(known: dict[str, Standing], theirs: Set[str]) -> None:
    users: dict[str, list[str]] = {}
    for object_id, each in known.items():
        for _, target in dict.fromkeys(each.references):
            users.setdefault(target, []).append(object_id)
    _take_away(known, users, theirs)
    copied = [object_id for object_id, each in known.items() if each.is_allowed and (each.is_copy or each.dropped)]
    while copied:
        target = copied.pop()
        known[target].is_copy = True
        for user in map(known.__getitem__, users.get(target, ())):
            if user.is_allowed and target not in user.dropped:
                user.copied.add(target)
                if not user.is_copy:
                    user.is_copy = True
                    copied.append(user.obj.id)


def _take_away(known: dict[str, Standing], users: dict[str, list[str]], theirs: Set[str]) -> None:
    """Spreads what may not go to whatever cannot do without it."""
    for each in list(known.values()):
        for target in _unknown(each, known.keys() | theirs):
            _lose(each, target, Withheld("reference-unknown", target, _rule(each), target))
    lost = [object_id for object_id, each in known.items() if not each.is_allowed]
    while lost:
        target = lost.pop()
        reason = known[target].verdict
        for user in map(known.__getitem__, users.get(target, ())):
            if not user.is_allowed or target in user.dropped:
                continue
            if isinstance(reason, Delayed):
                # Left out now, it would have to come back when the delay ends; the whole waits instead.
                user.verdict = Delayed(reason.until, _rule(user))
            else:
                _lose(
                    user,
                    target,
                    Withheld("reference-withheld", target, _rule(user), target),
                )
            if not user.is_allowed:
                lost.append(user.obj.id)


def _unknown(each: Standing, known: Set[str]) -> Iterator[str]:
    if isinstance(each.verdict, Allowed) and each.verdict.rule.unknown_references == "withhold":
        yield from {target for _, target in each.references if target not in known}


def _lose(user: Standing, target: str, reason: Withheld) -> None:
    """`user` may not name `target`: it does without, if its rule and its type let it; else it stays."""
    found = user.verdict
    if not isinstance(found, Allowed):
        return
    if found.rule.references == "drop" and _can_lack(user, target):
        user.dropped.add(target)
    else:
        user.verdict = reason


def _can_lack(user: Standing, target: str) -> bool:
    needed = required(user.obj.type, user.obj.spec_version)
    without = user.dropped | {target}
    for name in {name for name, object_id in user.references if object_id == target}:
        if name not in needed:
            continue
        value: Any = user.obj.properties.get(name)
        if isinstance(value, str) or all(item in without for item in value):
            return False
    return True


def _rule(each: Standing) -> str:
    return each.verdict.rule.name if isinstance(each.verdict, Allowed) else each.verdict.rule or ""
