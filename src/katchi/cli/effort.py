"""`katchi effort`: who works on what, here and at partners, and what is done together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import Invocation, here, person
from katchi.cli.printing import moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from katchi.node.effort_board import Seen, Twice
    from katchi.node.wiring import Node
    from katchi.store.efforts import EffortRow

app = typer.Typer(help="Who works on what, and what is done together.", no_args_is_help=True, rich_markup_mode=None)

Effort = Annotated[str, typer.Argument(help="Its id, or how it begins.")]
Kind = Annotated[str | None, typer.Option(help="analysis, hunt, detection, project, other.")]
Summary = Annotated[str | None, typer.Option(help="What it is.")]
Lead = Annotated[str | None, typer.Option(help="Who leads it.")]
Expected = Annotated[str | None, typer.Option(help="What is to come out.")]
Due = Annotated[str | None, typer.Option(help="When, YYYY-MM-DD.")]
Days = Annotated[str | None, typer.Option(help="Person-days that it would cost us alone.")]
About = Annotated[list[str] | None, typer.Option(help="A thing that it is about: a value, a name, a key.")]
Technique = Annotated[list[str] | None, typer.Option(help="An ATT&CK technique, T1566.")]
Sector = Annotated[list[str] | None, typer.Option(help="A sector.")]
Word = Annotated[list[str] | None, typer.Option(help="A word for it.")]
Objects = Annotated[list[str] | None, typer.Option("--object", help="The id of an object of it.")]
Marking = Annotated[str, typer.Option(help="How far word of it may go: a TLP label.")]


@app.command()
def begin(
    context: typer.Context,
    title: Annotated[str, typer.Argument(help="What it is called.")],
    kind: Kind = None, summary: Summary = None, lead: Lead = None, expected: Expected = None, due: Due = None,
    days: Days = None, about: About = None, technique: Technique = None, sector: Sector = None, word: Word = None,
    object_: Objects = None,
    marking: Marking = "red",
) -> None:  # fmt: skip
    """Say that somebody here works on something. It stays here unless its marking and the terms let it go.

    Example: katchi effort begin "Wiper at banks" --kind hunt --about wiper.example --technique T1561 --marking amber
    """
    from katchi.node import efforts
    from katchi.node.effort_wishes import entries

    invocation = here(context)
    given = {"kind": kind, "summary": summary, "lead": lead, "expected": expected, "due": due}
    fields = {name: value for name, value in given.items() if value is not None}
    written = _lists(about, technique, sector, word, object_)
    with invocation.node() as node:
        if days is not None:
            fields[f"alone/{node.settings.node_id}"] = days
        lists = {name: entries(node, name, lines) for name, lines in written.items()}
        row = efforts.begin(node, title, fields=fields, lists=lists, marking=marking, person=person())
        _say(invocation, node, row)


@app.command()
def change(
    context: typer.Context, effort: Effort,
    title: Annotated[str | None, typer.Option(help="Another title.")] = None,
    state: Annotated[str | None, typer.Option(help="planned, running, waiting, done, dropped.")] = None,
    kind: Kind = None, summary: Summary = None, lead: Lead = None, expected: Expected = None, due: Due = None,
    days: Days = None,
    spent: Annotated[str | None, typer.Option(help="Person-days that our share of a joint one cost.")] = None,
    about: About = None, technique: Technique = None, sector: Sector = None, word: Word = None,
    object_: Objects = None,
    without: Annotated[list[str] | None, typer.Option(help="Take this out of whichever list has it.")] = None,
    marking: Annotated[str, typer.Option(help="Another TLP label.")] = "",
) -> None:  # fmt: skip
    """Change an effort of ours, or one that we take part in."""
    from katchi.node import efforts
    from katchi.node.effort_wishes import Wishes, differences, entries
    from katchi.overlap.efforts.history import LISTS

    invocation = here(context)
    given = {
        "title": title, "state": state, "kind": kind, "summary": summary, "lead": lead, "expected": expected,
        "due": due, "alone": days, "spent": spent,
    }  # fmt: skip
    with invocation.node() as node:
        row = node.store.efforts.one(effort)
        now = efforts.view(row)
        wishes = Wishes({name: value for name, value in given.items() if value is not None}, {})
        found = differences(node, now, wishes)
        add = {
            name: entries(node, name, lines)
            for name, lines in _lists(about, technique, sector, word, object_).items()
        }  # fmt: skip
        gone = {*(without or ()), *(_key(node, each) for each in without or ())}
        drop = {name: [each for each in getattr(now, name) if each in gone] for name in LISTS}
        row = efforts.change(
            node, row.id, fields=found.fields, add=add, drop=drop, marking=marking, person=person()
        )  # fmt: skip
        _say(invocation, node, row)


@app.command()
def say(
    context: typer.Context, effort: Effort, text: Annotated[str, typer.Argument(help="What there is to say.")]
) -> None:
    """Say something on an effort's timeline; in a joint one its partners read it."""
    from katchi.node import efforts

    invocation = here(context)
    with invocation.node() as node:
        _say(invocation, node, efforts.change(node, effort, said=text, person=person()))


@app.command()
def task(
    context: typer.Context, effort: Effort,
    title: Annotated[str, typer.Argument(help="What is to be done; the same again changes that task.")],
    who: Annotated[str | None, typer.Option(help="A partner's name, own, or nobody.")] = None,
    state: Annotated[str | None, typer.Option(help="open, doing, done, dropped.")] = None,
) -> None:  # fmt: skip
    """Say who does what in an effort."""
    from katchi.node import efforts
    from katchi.node.effort_board import names_of
    from katchi.node.effort_wishes import member_named, task_named

    invocation = here(context)
    with invocation.node() as node:
        row = node.store.efforts.one(effort)
        known = task_named(efforts.view(row), title)
        number = known.id if known else node.random(4).hex()
        fields = {} if known else {f"task/{number}/title": title, f"task/{number}/state": "open"}
        if who is not None:
            fields[f"task/{number}/who"] = member_named(node, names_of(node), who)
        if state is not None:
            fields[f"task/{number}/state"] = state
        _say(invocation, node, efforts.change(node, row.id, fields=fields, person=person()))


@app.command("list")
def list_(
    context: typer.Context, over: Annotated[bool, typer.Option("--over", help="Those that are over.")] = False
) -> None:
    """Show what is worked on: joint, ours, our partners'."""
    from katchi.node.effort_board import board

    invocation = here(context)
    with invocation.node() as node:
        found = board(node)
    shown = [*found.of("asked", over=over), *found.of("joint", over=over), *found.of("own", over=over),
             *found.of("partner", over=over)]  # fmt: skip
    invocation.answer({"efforts": [_document(each, found.names) for each in shown]})
    invocation.table(
        ("id", "side", "state", "effort", "with", "due", "when"),
        [
            (each.row.id[:8], invocation.word(f"effort-{each.side}"), invocation.word(f"effort-{each.effort.state}"),
             each.effort.title, ", ".join(_others(each, found.names)), each.effort.due, moment(each.row.changed_at))
            for each in shown
        ],
    )  # fmt: skip
    if not shown:
        invocation.say("effort-none")


@app.command()
def show(context: typer.Context, effort: Effort) -> None:
    """Show one effort: what it is about, who does what, and all that was done to it."""
    from katchi.node.effort_board import portrait

    invocation = here(context)
    with invocation.node() as node:
        found = portrait(node, effort)
    timeline = [
        {"at": each.at, "who": found.names.get(each.node, each.node), "person": each.person, "said": each.said,
         "fields": each.fields, "add": each.add, "drop": each.drop}
        for each in found.timeline
    ]  # fmt: skip
    invocation.answer({**_document(found.seen, found.names), "timeline": timeline})
    _tell(invocation, found.seen, found.names)
    seen = found.seen.effort
    for name in ("summary", "lead", "expected", "due"):
        if value := getattr(seen, name):
            invocation.say("effort-line", name=invocation.word(f"col-{name}"), value=value)
    for name in ("about", "techniques", "sectors", "words", "objects"):
        for value in getattr(seen, name):
            invocation.say("effort-line", name=invocation.word(f"col-{name}"), value=value)
    invocation.table(
        ("task", "who", "state"),
        [
            (each.title, found.names.get(each.who, each.who), invocation.word(f"effort-{each.state}"))
            for each in seen.tasks
        ],
    )
    for each in seen.conflicts:
        invocation.say("effort-conflict", field=each.field, value=each.value, who=found.names.get(each.node, each.node))
    invocation.table(
        ("when", "who", "person", "done"),
        [(each.at[:16].replace("T", " "), found.names.get(each.node, each.node), each.person,
          _done(each.said, each.fields)) for each in found.timeline],
    )  # fmt: skip
    if found.seen.row.trouble:
        invocation.warn("effort-trouble", trouble=found.seen.row.trouble)


@app.command()
def twice(context: typer.Context) -> None:
    """Show which of ours and of our partners' may be the same work, and why."""
    from katchi.node.effort_board import board

    invocation = here(context)
    with invocation.node() as node:
        found = board(node)
    invocation.answer({"twice": [_pair(each, found.names) for each in found.twice]})
    for each in found.twice:
        invocation.say("effort-twice", own=each.own.row.id[:8], title=each.own.effort.title,
                       other=each.other.row.id[:8], theirs=each.other.effort.title,
                       partner=each.other.row.origin)  # fmt: skip
        for reason in each.reasons:
            invocation.say("effort-reason", what=invocation.word(f"effort-why-{reason.what}"), value=reason.value)
    if not found.twice:
        invocation.say("effort-no-twice")


@app.command()
def apart(
    context: typer.Context, effort: Effort, other: Annotated[str, typer.Argument(help="The partner's effort.")]
) -> None:
    """Put a suggestion aside: these two are not the same work."""
    invocation = here(context)
    with invocation.node() as node:
        own, theirs = node.store.efforts.one(effort), node.store.efforts.one(other)
        node.store.efforts.put_apart(own.id, theirs.id, person=person(), at=node.clock.now())
    invocation.answer({"own": own.id, "other": theirs.id})
    invocation.say("effort-apart", own=own.id[:8], other=theirs.id[:8])


@app.command()
def propose(
    context: typer.Context, effort: Effort, partner: Annotated[str, typer.Argument(help="Whom to ask.")]
) -> None:
    """Ask a partner to work on it together with us. From then on it gets all that is said of it."""
    from katchi.node import efforts

    invocation = here(context)
    with invocation.node() as node:
        row = efforts.propose(node, effort, partner, person=person())
        _say(invocation, node, row)
        _warn_if_kept(invocation, node, row, partner)


@app.command()
def accept(
    context: typer.Context, effort: Effort,
    own: Annotated[str, typer.Option(help="An effort of ours that goes on in it.")] = "",
    days: Days = None, marking: Marking = "amber",
) -> None:  # fmt: skip
    """Take part in an effort that a partner asked us to."""
    from katchi.node import efforts

    invocation = here(context)
    with invocation.node() as node:
        fields = {} if days is None else {f"alone/{node.settings.node_id}": days}
        row = efforts.accept(node, effort, own=own, marking=marking, fields=fields, person=person())
        _say(invocation, node, row)
        _warn_if_kept(invocation, node, row, row.origin)


@app.command()
def decline(
    context: typer.Context, effort: Effort, why: Annotated[str, typer.Option(help="The partner reads it.")] = ""
) -> None:
    """Do not take part; the partner is told."""
    from katchi.node import efforts

    invocation = here(context)
    with invocation.node() as node:
        _say(invocation, node, efforts.decline(node, effort, why=why, person=person()))


@app.command()
def saved(context: typer.Context) -> None:
    """Show what joint efforts saved, by what the partners say themselves, and the list behind the number."""
    from katchi.node.effort_board import board

    invocation = here(context)
    with invocation.node() as node:
        found = board(node)
    invocation.answer(
        {
            "person_days": found.saved,
            "efforts": [{**_document(each.seen, found.names), "saved": each.days} for each in found.savings],
        }
    )
    invocation.say("effort-saved", days=f"{found.saved:g}", count=sum(each.days is not None for each in found.savings))
    invocation.table(
        ("id", "effort", "with", "alone", "spent", "saved"),
        [
            (each.seen.row.id[:8], each.seen.effort.title, ", ".join(_others(each.seen, found.names)),
             _costs(each.seen.effort.alone, found.names), _costs(each.seen.effort.spent, found.names),
             "?" if each.days is None else f"{each.days:g}")
            for each in found.savings
        ],
    )  # fmt: skip


def _lists(
    about: list[str] | None, technique: list[str] | None, sector: list[str] | None, word: list[str] | None,
    objects: list[str] | None,
) -> dict[str, list[str]]:  # fmt: skip
    given = {"about": about, "techniques": technique, "sectors": sector, "words": word, "objects": objects}
    return {name: lines for name, lines in given.items() if lines}


def _key(node: Node, text: str) -> str:
    from katchi.node import search

    return search.key_named(node, text) or text


def _say(invocation: Invocation, node: Node, row: EffortRow) -> None:
    from katchi.node.effort_board import names_of, seen_of

    names = names_of(node)
    seen = seen_of(node, row)
    invocation.answer(_document(seen, names))
    _tell(invocation, seen, names)


def _tell(invocation: Invocation, seen: Seen, names: Mapping[str, str]) -> None:
    invocation.say(
        "effort-stands", id=seen.row.id[:8], title=seen.effort.title,
        state=invocation.word(f"effort-{seen.effort.state}"),
        side=invocation.word(f"effort-{seen.side}"), marking=seen.row.marking or "-",
        others=", ".join(_others(seen, names)) or "-",
    )  # fmt: skip


def _warn_if_kept(invocation: Invocation, node: Node, row: EffortRow, partner: str) -> None:
    from katchi.node.effort_board import kept_from

    reason = kept_from(node, row, partner)
    if reason:
        invocation.warn("effort-kept", partner=partner, reason=reason)


def _others(seen: Seen, names: Mapping[str, str]) -> list[str]:
    found = [node for node in seen.effort.partners if names.get(node) != "own"]
    found += [node for node, state in seen.effort.members.items() if state == "asked" and names.get(node) != "own"]
    return [names.get(node, node) for node in dict.fromkeys(found)]


def _costs(costs: Mapping[str, float], names: Mapping[str, str]) -> str:
    return ", ".join(f"{names.get(node, node)} {days:g}" for node, days in sorted(costs.items()))


def _done(said: str, fields: Mapping[str, str]) -> str:
    return said or ", ".join(f"{name.partition('/')[0]}: {value}" for name, value in fields.items())[:200]


def _document(seen: Seen, names: Mapping[str, str]) -> dict[str, object]:
    import msgspec

    effort: dict[str, object] = msgspec.to_builtins(seen.effort)
    return {
        **effort, "side": seen.side, "marking": seen.row.marking, "origin": seen.row.origin,
        "with": _others(seen, names), "changed": moment(seen.row.changed_at), "trouble": seen.row.trouble,
    }  # fmt: skip


def _pair(each: Twice, names: Mapping[str, str]) -> dict[str, object]:
    reasons: Sequence[dict[str, object]] = [
        {"what": reason.what, "value": reason.value, "weight": reason.weight} for reason in each.reasons
    ]
    return {"own": _document(each.own, names), "other": _document(each.other, names), "reasons": reasons}
