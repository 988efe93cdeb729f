"""`katchi thing`: what all sources together say of one address, file or actor, and what people decided about it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import Invocation, here, person
from katchi.cli.printing import moment

if TYPE_CHECKING:
    from katchi.node.portrait import Portrait
    from katchi.node.search import Found, Scored
    from katchi.node.wiring import Node

app = typer.Typer(
    help="What all sources say of one address, file or actor.", no_args_is_help=True, rich_markup_mode=None
)

Thing = Annotated[str, typer.Argument(metavar="THING", help="A value, a name, or a key such as actor:G0032.")]
Tell = Annotated[
    str,
    typer.Option(
        metavar="TLP", help="Tell partners as an opinion marked so, if terms let it go: clear, green, amber …"
    ),
]
Why = Annotated[str, typer.Option(help="For whoever reads it later.")]


@app.command()
def find(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORDS", help="Values, a name, or kind:domain score:>60 partner:us-cert seen:<7d; - is stdin."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of a list; values that were asked for all come.")] = 50,
) -> None:
    """Look up whatever you have: values (defanged or not), a name in any language, a query.

    Example: katchi thing find - < report.txt
    """
    from katchi.node import search

    invocation = here(context)
    text = sys.stdin.read() if words == ["-"] else " ".join(words or ())
    with invocation.node() as node:
        found = search.find(node, text, limit=limit)
    invocation.answer({**found_document(found), "more": found.before is not None})
    tell_found(invocation, found)
    if not (found.values or found.things or found.possible):
        invocation.say("search-none")
    if found.before is not None:
        invocation.say("search-more", limit=limit)


def found_document(found: Found) -> dict[str, object]:
    """What was looked up, for JSON."""
    return {
        "things": [_scored(each) for each in found.things], "looked_up": found.values, "unknown": list(found.unknown),
        "possible": [{"key": each.key, "title": each.title} for each in found.possible],
    }  # fmt: skip


def tell_found(invocation: Invocation, found: Found) -> None:
    """What was looked up, for people."""
    invocation.table(
        ("score", "kind", "name", "sources", "lists", "last"),
        [
            (each.score, each.row.kind, each.row.name, ", ".join(each.sources), ", ".join(each.warned) or "-",
             moment(each.row.last_at))
            for each in found.things
        ],
    )  # fmt: skip
    if found.possible:
        invocation.say("thing-possible", names=", ".join(f"{each.title} ({each.key})" for each in found.possible))
    if found.values:
        invocation.say("thing-looked-up", count=found.values, known=found.values - len(found.unknown))


def _scored(each: Scored) -> dict[str, object]:
    row = each.row
    return {
        "key": row.key, "kind": row.kind, "name": row.name, "score": each.score, "statements": row.statements,
        "sightings": row.sightings, "sources": each.sources, "lists": each.warned, "first": moment(row.first_at),
        "last": moment(row.last_at),
    }  # fmt: skip


@app.command()
def show(context: typer.Context, thing: Thing) -> None:
    """Show one thing: who says what, what to believe and why, what it is linked to."""
    from katchi.node import portrait

    invocation = here(context)
    with invocation.node() as node:
        shown = portrait.portrait(node, _root(node, thing))
        now = node.clock.now()
    invocation.answer(_document(shown, now))
    invocation.tell(f"{shown.row.name if shown.row else shown.root}   {shown.kind}   {shown.root}")
    if shown.row is None:
        invocation.say("thing-nobody")
    _belief(invocation, shown, now)
    invocation.table(
        ("version", "origin", "stance", "confidence", "type", "name", "id"),
        [
            (moment(each.statement.at), each.hit.origin, invocation.word(f"stance-{each.statement.stance}"),
             each.statement.weight if each.statement.weight >= 0 else "-", each.hit.type, each.hit.name,
             each.hit.object_id)
            for each in shown.said
        ],
    )  # fmt: skip
    _more(invocation, shown)


def _belief(invocation: Invocation, shown: Portrait, now: int) -> None:
    weighed = shown.belief
    invocation.tell(invocation.word("thing-score", score=shown.score))
    for voices, word in ((weighed.voices, "voice"), (weighed.sightings, "sighting"), (weighed.denials, "denial")):
        for voice in voices:
            names = ", ".join(shown.sources.get(each, "?") for each in voice.sources)
            invocation.tell(
                invocation.word(
                    f"thing-{word}", points=round(voice.strength * 100), count=voice.statements, sources=names
                )
            )
    for name, left in weighed.warned:
        invocation.tell(invocation.word("thing-warned", list=name, left=round(left * 100)))
    if weighed.is_expired:
        invocation.tell(invocation.word("thing-expired"))
    invocation.tell(
        invocation.word(
            "thing-age", left=round(weighed.ageing(now) * 100), date=moment(weighed.fresh_at),
            days=weighed.half_life // 86_400_000_000,
        )
    )  # fmt: skip


def _more(invocation: Invocation, shown: Portrait) -> None:
    invocation.table(
        ("relation", "type", "name", "id"),
        [
            (f"{'→' if each.is_outward else '←'} {each.what}", each.other.type, each.other.name, each.other.object_id)
            for each in shown.relations
        ],
    )
    for name, count in (*shown.tally.by_source, *shown.tally.by_place):
        invocation.tell(invocation.word("thing-seen", name=name, count=count))
    for key in shown.keys[1:]:
        invocation.tell(f"= {key}")
    for how, scored, key in shown.linked:
        invocation.tell(f"{how}: {key}" + (f" ({scored.score})" if scored else ""))
    for key, title in shown.possible:
        invocation.say("thing-possible", names=f"{title} ({key})")
    for key, info in shown.lists:
        invocation.tell(f"{key}: {info.title} [{info.category}]")
    for each in shown.advice:
        invocation.tell(
            invocation.word(
                f"advice-{each.is_same}",
                origin=each.origin,
                name=each.other.name,
                id=each.other.object_id,
                why=each.why,
            )
        )
    for ruling in shown.rulings:
        invocation.say(
            "thing-ruling", key=ruling.key, other=ruling.other, person=ruling.person, at=moment(ruling.at),
            why=ruling.why, word=invocation.word(f"ruling-{ruling.is_same}"),
        )  # fmt: skip


def _document(shown: Portrait, now: int) -> dict[str, object]:
    weighed = shown.belief
    return {
        "key": shown.root, "kind": shown.kind, "name": shown.row.name if shown.row else None, "keys": list(shown.keys),
        "score": shown.score, "base": weighed.base, "reported": weighed.reported,
        "voices": [_voice(shown, each) for each in weighed.voices],
        "sightings": [_voice(shown, each) for each in weighed.sightings],
        "denials": [_voice(shown, each) for each in weighed.denials],
        "warned": [{"class": name, "left": left} for name, left in weighed.warned],
        "expired": weighed.is_expired, "age_left": round(weighed.ageing(now), 3), "confirmed": moment(weighed.fresh_at),
        "half_life_days": weighed.half_life // 86_400_000_000,
        "statements": [
            {"id": each.hit.object_id, "type": each.hit.type, "name": each.hit.name, "origin": each.hit.origin,
             "author": each.author or None, "stance": each.statement.stance,
             "confidence": each.statement.weight if each.statement.weight >= 0 else None,
             "at": moment(each.statement.at)}
            for each in shown.said
        ],
        "lists": [
            {"key": key, "list": info.name, "title": info.title, "class": info.category} for key, info in shown.lists
        ],
        "possible": [{"key": key, "title": title} for key, title in shown.possible],
        "linked": [{"how": how, "key": key, "score": each.score if each else None} for how, each, key in shown.linked],
        "relations": [
            {"what": each.what, "outward": each.is_outward, "id": each.other.object_id, "name": each.other.name,
             "thing": each.key or None, "tactics": list(each.tactics)}
            for each in shown.relations
        ],
        "rulings": [
            {"key": each.key, "other": each.other, "same": each.is_same, "person": each.person, "at": moment(each.at),
             "why": each.why}
            for each in shown.rulings
        ],
        "released_to": dict(shown.releases),
        "advice": [
            {"from": each.origin, "same": each.is_same, "other": each.other.object_id, "name": each.other.name,
             "why": each.why}
            for each in shown.advice
        ],
        "sightings_counted": {
            "total": shown.tally.total, "by_source": dict(shown.tally.by_source),
            "by_place": dict(shown.tally.by_place), "by_day": list(shown.tally.by_day),
        },
    }  # fmt: skip


def _voice(shown: Portrait, voice: object) -> dict[str, object]:
    from katchi.overlap.belief import Voice

    assert isinstance(voice, Voice)
    return {
        "strength": round(voice.strength, 3), "statements": voice.statements, "last": moment(voice.last),
        "sources": [shown.sources.get(each, "?") for each in voice.sources],
    }  # fmt: skip


@app.command()
def compare(context: typer.Context, thing: Thing, other: Thing) -> None:
    """Show two things beside each other: what both have, and what only one of them has."""
    from katchi.node import comparing

    invocation = here(context)
    with invocation.node() as node:
        found = comparing.compare(node, _root(node, thing), _root(node, other))
    sides = [
        {"key": each.root, "name": each.row.name if each.row else None, "score": each.score}
        for each in (found.one, found.other)
    ]
    invocation.answer(
        {
            "one": sides[0], "other": sides[1], "same": found.are_one,
            "aspects": [
                {"aspect": line.aspect, "both": list(line.both), "only_one": list(line.only_one),
                 "only_other": list(line.only_other),
                 "likeness": None if line.likeness is None else round(line.likeness, 3)}
                for line in found.lines
            ],
            "objects": [object_id for object_id, _ in found.objects],
        }
    )  # fmt: skip
    for side in sides:
        invocation.tell(f"{side['name'] or side['key']}   {side['key']}   {side['score']}")
    if found.are_one:
        invocation.say("thing-same")
        return
    invocation.table(
        ("aspect", "likeness", "only-one", "both", "only-other"),
        [
            (line.aspect, f"{line.likeness:.0%}", _few(line.only_one), _few(line.both), _few(line.only_other))
            for line in found.lines
            if line.likeness is not None
        ],
    )


def _few(values: Sequence[str]) -> str:
    return ", ".join(values[:5]) + (f" … ({len(values)})" if len(values) > 5 else "")


@app.command()
def join(context: typer.Context, thing: Thing, other: Thing, why: Why, tell: Tell = "") -> None:
    """Decide that two are one thing. It outlives every rebuild."""
    _decide(context, "join", thing, other, why, tell)


@app.command()
def split(context: typer.Context, thing: Thing, other: Thing, why: Why, tell: Tell = "") -> None:
    """Decide that two are not one thing, whatever tables or hashes say."""
    _decide(context, "split", thing, other, why, tell)


@app.command()
def withdraw(context: typer.Context, thing: Thing, other: Thing, why: Why, tell: Tell = "") -> None:
    """Take back what was decided of two."""
    _decide(context, "withdraw", thing, other, why, tell)


def _decide(context: typer.Context, what: str, thing: str, other: str, why: str, marking: str) -> None:
    from katchi.node import advising, rulings

    invocation = here(context)
    act = {"join": rulings.join, "split": rulings.split, "withdraw": rulings.withdraw}[what]
    with invocation.node() as node:
        key, second = _key(node, thing), _key(node, other)
        act(node, key, second, person=person(), why=why)
        is_same = {"join": True, "split": False}.get(what)
        told = advising.tell(node, key, second, is_same=is_same, why=why, marking=marking) if marking else []
    invocation.answer({"key": key, "other": second, "decision": what, "told": told})
    invocation.say(f"thing-{what}", key=key, other=second)


@app.command()
def grade(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="An origin (own, a partner, a subscription), or an identity's id.")],
    letter: Annotated[str, typer.Argument(help="Admiralty scale: A completely reliable … E unreliable, F unknown.")],
    why: Why,
) -> None:
    """Say how reliable a source is; everything that rests on it is weighed anew."""
    from katchi.node import rulings

    invocation = here(context)
    with invocation.node() as node, invocation.progress("grade") as progress:
        count = rulings.grade(node, source, letter, person=person(), why=why, progress=progress)
    invocation.answer({"source": source, "letter": letter, "weighed": count})
    invocation.say("thing-graded", source=source, letter=letter, count=count)


@app.command()
def lists(
    context: typer.Context,
    renew: Annotated[
        bool, typer.Option("--renew", help="Hold every thing against them now, if they changed; else within the hour.")
    ] = False,
) -> None:
    """Show the warning lists, and what is wrong with your own (the folder warning-lists of the node)."""
    from katchi.node import rulings, telling

    invocation = here(context)
    if renew:
        with invocation.node() as node, invocation.progress("grade") as progress:
            count = rulings.renew_lists(node, progress)
        invocation.say("thing-renewed", count=count)
    with invocation.node() as node:
        found = telling.warning_lists(telling.lists_of(node.folder)).lists
        problems = telling.list_problems(node.folder)
    invocation.answer(
        {
            "lists": [
                {"name": each.name, "title": each.title, "class": each.category, "entries": each.entries}
                for each in found
            ],
            "problems": [problem.diagnostic() for problem in problems],
        }
    )  # fmt: skip
    invocation.table(
        ("class", "list", "entries"), [(each.category, each.title, each.entries) for each in found]
    )  # fmt: skip
    for problem in problems:
        invocation.complain(problem.diagnostic())


def _root(node: Node, text: str) -> str:
    from katchi.node import search

    root = search.root_of(node, text)
    return root if root is not None else _unclear(text)


def _key(node: Node, text: str) -> str:
    """A decision is about the very key that was named, not about what it was joined to before."""
    from katchi.node import search

    key = search.key_named(node, text)
    return key if key is not None else _unclear(text)


def _unclear(text: str) -> str:
    from katchi.node.search import BadQueryError

    raise BadQueryError(
        "It is not clear which thing this is.", what="THING", found=text[:80],
        expected="a value, a known name, or a key such as actor:name:lazarus",
        remedy="`katchi thing find` shows keys",
    )  # fmt: skip
