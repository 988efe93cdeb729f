"""What an effort is, as the sum of all changes to it, whoever made them and in whatever order they came.

Each change is one node's word: it has the node's next number, and how many of each other node's changes the node knew
of when it was made. So of two changes one is *before* the other, or they are *concurrent*. From that follows, on every
node that has the same changes, the same effort:

- **A field** (title, state, what a task is called …) has the value of the change that no other change of it comes
  after. Of concurrent ones the later by its clock counts, then the one of the greater node id; what the others said is
  kept and shown as a conflict until somebody sets the field again.
- **A list** (things, techniques, words …) has an entry that was added by a change, unless that change is before one
  that took the entry out. So an entry that one side adds while the other takes it out stays.
- **What belongs to one node** (whether it takes part, what its share costs) only that node says; others can ask it to
  take part.
- **Changes by a node** count if the node founded the effort, or was asked by somebody whose changes count.
- **Remarks** are all kept, in an order that no clock can turn round against what the writer had read.

Observed-remove sets and multi-value registers (Shapiro, Preguiça, Baquero, Zawirski 2011) over version vectors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from katchi.errors import KatchiError

KINDS: Final = ("analysis", "hunt", "detection", "project", "other")
STATES: Final = ("planned", "running", "waiting", "done", "dropped", "merged")
"""`merged` is over too: its work goes on in the effort that `into` names."""
OVER: Final = frozenset({"done", "dropped", "merged"})
TASK_STATES: Final = ("open", "doing", "done", "dropped")
LISTS: Final = ("about", "techniques", "sectors", "words", "objects")
MEMBER_STATES: Final = ("asked", "joined", "declined", "left")

MOST_CHANGES: Final = 2000  # of one node
MOST_ENTRIES: Final = 500  # that one change adds to, or takes out of, a list

Text = Annotated[str, msgspec.Meta(max_length=4000)]
Entry = Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]
Entries = Annotated[tuple[Entry, ...], msgspec.Meta(max_length=MOST_ENTRIES)]
NodeId = Annotated[str, msgspec.Meta(pattern=r"^identity--[0-9a-f-]{36}$")]
EffortId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$")]
Number = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]

_FREE: Final = frozenset({"title", "summary", "lead", "expected", "into"})
_TASK: Final = re.compile(r"task/[0-9a-f]{8}/(title|who|state)")
_OF_NODE: Final = re.compile(r"(member|alone|spent)/(identity--[0-9a-f-]{36})")
_DATE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})?")


class BadChangeError(KatchiError):
    """This cannot be done to an effort."""

    code = "bad-change"


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one person did to an effort at once. `at` is RFC 3339 in UTC; `seen` says what its node knew of others."""

    effort: EffortId
    node: NodeId
    number: Number
    at: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$")]
    person: Annotated[str, msgspec.Meta(max_length=200)] = ""
    seen: dict[NodeId, Number] = {}
    fields: Annotated[dict[str, Text], msgspec.Meta(max_length=200)] = {}
    add: dict[str, Entries] = {}
    drop: dict[str, Entries] = {}
    said: Text = ""

    def is_before(self, other: Change) -> bool:
        """Whether whoever made the other one knew of this one."""
        if self.node == other.node:
            return self.number < other.number
        return other.seen.get(self.node, 0) >= self.number


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the work. `who` is a node's id, or empty."""

    id: str
    title: str = ""
    who: str = ""
    state: str = "open"


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody else set a field to at the same time; what counts is in the effort."""

    field: str
    value: str
    node: str
    at: str


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's work in progress. Costs are person-days, by node: alone, and of its share of a joint one."""

    id: str
    founder: str
    title: str = ""
    summary: str = ""
    kind: str = "other"
    state: str = "planned"
    lead: str = ""
    expected: str = ""
    due: str = ""
    into: str = ""
    about: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    members: dict[str, str] = {}
    alone: dict[str, float] = {}
    spent: dict[str, float] = {}
    tasks: tuple[Task, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nobody works on it any more."""
        return self.state in OVER

    @property
    def is_joint(self) -> bool:
        """Whether another node takes part."""
        return len(self.partners) > 1

    @property
    def partners(self) -> list[str]:
        """The nodes that take part, the founder first."""
        others = sorted(node for node, state in self.members.items() if state == "joined" and node != self.founder)
        return [self.founder, *others]

    @property
    def saved(self) -> float | None:
        """Person-days not spent twice, as those who took part say; None before it is done, or unless all say."""
        if self.state != "done" or not self.is_joint:
            return None
        if not all(node in self.alone and node in self.spent for node in self.partners):
            return None
        return sum(self.alone[node] - self.spent[node] for node in self.partners)


# ---- what may be said ------------------------------------------------------------------------------------


def require_good(change: Change) -> None:
    """That each field and list is one there is, with a value that it can have. Raises BadChangeError."""
    for name, value in change.fields.items():
        expected = _expected(name, change.node)
        if expected is None:
            raise BadChangeError("There is no such field.", what=name[:80], expected="one of docs/guides/efforts.md")
        if not expected.allows(value):
            raise BadChangeError("This field cannot have that value.", what=name, found=value[:80],
                                 expected=expected.words)  # fmt: skip
    for name in (*change.add, *change.drop):
        if name not in LISTS:
            raise BadChangeError("There is no such list.", what=name[:80], expected=", ".join(LISTS))


@dataclass(frozen=True, slots=True)
class _Expected:
    """What a field may hold: one of some words, or text of a form."""

    words: str
    among: Sequence[str] = ()
    form: re.Pattern[str] | None = None

    def allows(self, value: str) -> bool:
        if self.among and value not in self.among:
            return False
        return self.form is None or self.form.fullmatch(value) is not None


def _one_of(words: Sequence[str]) -> _Expected:
    return _Expected(", ".join(words), words)


_DAYS: Final = _Expected("person-days, such as 12 or 0.5", form=re.compile(r"\d{1,5}(\.\d{1,2})?"))
_ANY: Final = _Expected("text")
_KNOWN: Final[Mapping[str, _Expected]] = {
    **dict.fromkeys(_FREE, _ANY),
    "kind": _one_of(KINDS), "state": _one_of(STATES), "due": _Expected("YYYY-MM-DD", form=_DATE),
}  # fmt: skip
_OF_TASKS: Final = {"title": _ANY, "who": _ANY, "state": _one_of(TASK_STATES)}


def _expected(name: str, by: str) -> _Expected | None:
    """What a field may hold if this node sets it; None where it may not."""
    if name in _KNOWN:
        return _KNOWN[name]
    if (task := _TASK.fullmatch(name)) is not None:
        return _OF_TASKS[task[1]]
    if (own := _OF_NODE.fullmatch(name)) is None:
        return None
    if own[2] != by:
        return _one_of(MEMBER_STATES[:1]) if own[1] == "member" else None
    return _one_of(MEMBER_STATES[1:]) if own[1] == "member" else _DAYS


# ---- the sum --------------------------------------------------------------------------------------------


def merge(effort: str, founder: str, changes: Iterable[Change]) -> Effort:
    """What an effort is. The same for the same changes, whatever their order, and if some come twice."""
    counted = counting(founder, changes)
    fields, conflicts = _fields(counted)
    values = {name: value for name, value in fields.items() if name in _KNOWN}
    lists = {name: _list(counted, name) for name in LISTS}
    of_nodes: dict[str, dict[str, str]] = {"member": {}, "alone": {}, "spent": {}}
    tasks: dict[str, dict[str, str]] = {}
    for name, value in sorted(fields.items()):
        if (own := _OF_NODE.fullmatch(name)) is not None:
            of_nodes[own[1]][own[2]] = value
        elif _TASK.fullmatch(name) is not None:
            _, task, part = name.split("/")
            tasks.setdefault(task, {})[part] = value
    return msgspec.convert(
        {
            "id": effort, "founder": founder, **values, **lists, "members": of_nodes["member"],
            "alone": of_nodes["alone"], "spent": of_nodes["spent"], "conflicts": conflicts,
            "tasks": [{"id": task, **parts} for task, parts in tasks.items() if parts.get("state") != "dropped"],
        },
        Effort, strict=False,
    )  # fmt: skip


def counting(founder: str, changes: Iterable[Change]) -> list[Change]:
    """Those changes that count, each once, in the order of `timeline`: by the founder, and by who was asked."""
    known: dict[tuple[str, int], Change] = {}
    for change in changes:
        known.setdefault((change.node, change.number), change)
    may, asked = {founder}, {founder}
    while asked:
        by_them = [change for change in known.values() if change.node in asked]
        found = {
            own[2] for change in by_them for name in change.fields
            if (own := _OF_NODE.fullmatch(name)) is not None and own[1] == "member"
        }  # fmt: skip
        asked = found - may
        may |= found
    return timeline([change for change in known.values() if change.node in may])


def timeline(changes: Sequence[Change]) -> list[Change]:
    """In the order in which they were made: by their clocks, but never before what their writers knew."""
    waiting = sorted(changes, key=lambda each: (each.at, each.node, each.number))
    last = {each.node: each.number for each in sorted(changes, key=lambda each: each.number)}
    done: dict[str, int] = dict.fromkeys(last, 0)
    following = _following(changes)
    ordered: list[Change] = []
    while waiting:
        ready = next((each for each in waiting if _is_ready(each, done, last, following)), waiting[0])
        waiting.remove(ready)
        done[ready.node] = max(done[ready.node], ready.number)
        ordered.append(ready)
    return ordered


def _following(changes: Sequence[Change]) -> dict[tuple[str, int], int]:
    """For each change, the number of the one before it by its node; they need not be without gaps."""
    found: dict[tuple[str, int], int] = {}
    last: dict[str, int] = {}
    for each in sorted(changes, key=lambda each: (each.node, each.number)):
        found[each.node, each.number] = last.get(each.node, 0)
        last[each.node] = each.number
    return found


def _is_ready(
    change: Change, done: Mapping[str, int], last: Mapping[str, int], following: Mapping[tuple[str, int], int]
) -> bool:
    if done[change.node] < following[change.node, change.number]:
        return False
    return all(done[node] >= min(number, last[node]) for node, number in change.seen.items() if node in done)


def _fields(changes: Sequence[Change]) -> tuple[dict[str, str], list[Conflict]]:
    setting: dict[str, list[Change]] = {}
    for change in changes:
        for name, value in change.fields.items():
            expected = _expected(name, change.node)
            if expected is not None and expected.allows(value):
                setting.setdefault(name, []).append(change)
    fields: dict[str, str] = {}
    conflicts: list[Conflict] = []
    for name, those in sorted(setting.items()):
        last: list[Change] = []
        for each in those:  # in an order in which none comes before what it knew
            last = [*(other for other in last if not other.is_before(each)), each]
        if name.startswith("member/"):  # its own word counts, whoever asks it again meanwhile
            last.sort(key=lambda each: each.node != name.removeprefix("member/"), reverse=True)
        else:
            last.sort(key=lambda each: (each.at, each.node))
        fields[name] = last[-1].fields[name]
        conflicts += [
            Conflict(field=name, value=each.fields[name], node=each.node, at=each.at)
            for each in last[:-1]
            if each.fields[name] != fields[name] and not name.startswith("member/")
        ]
    return fields, conflicts


def _list(changes: Sequence[Change], name: str) -> list[str]:
    adding: dict[str, list[Change]] = {}
    for change in changes:
        for entry in (*change.drop.get(name, ()), *change.add.get(name, ())):
            adding[entry] = [each for each in adding.get(entry, ()) if not each.is_before(change)]
        for entry in change.add.get(name, ()):
            adding[entry].append(change)
    return sorted(entry for entry, by in adding.items() if by)


def known_numbers(changes: Iterable[Change], *, but: str) -> dict[str, int]:
    """The last number of each other node: what the next change of ours will have seen."""
    found: dict[str, int] = {}
    for change in changes:
        if change.node != but:
            found[change.node] = max(found.get(change.node, 0), change.number)
    return found


def require_sane(changes: Sequence[Change], *, effort: str, node: str) -> None:
    """That all are this node's, of this effort, not too many, each number once, none worse. Raises BadChangeError."""
    if len(changes) > MOST_CHANGES:
        raise BadChangeError("An effort has too many changes.", found=str(len(changes)), expected=str(MOST_CHANGES))
    numbers: set[int] = set()
    for change in changes:
        if change.effort != effort or change.node != node or change.number in numbers:
            raise BadChangeError("A change is another effort's, another node's, or there twice.",
                                 what=f"change {change.number}")  # fmt: skip
        numbers.add(change.number)
        require_good(change)
