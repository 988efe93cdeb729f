"""`katchi alarm`: what rises faster than its own past explains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import here, person
from katchi.cli.printing import moment

if TYPE_CHECKING:
    from katchi.store.things import Alarm

app = typer.Typer(help="What rises faster than its own past explains.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def look(context: typer.Context) -> None:
    """Judge what was sighted lately, now; a served node does so every hour."""
    from katchi.node import daily, emerging

    invocation = here(context)
    with invocation.node() as node, invocation.progress("alarm") as progress:
        daily.tell(node)
        found = emerging.look(node, progress)
    invocation.answer({"alarms": [_document(each) for each in found]})
    if not found:
        invocation.say("alarm-none")
    _show(context, found)


@app.command("list")
def list_(
    context: typer.Context,
    closed: Annotated[bool, typer.Option("--closed", help="Those that somebody closed too.")] = False,
    days: Annotated[int, typer.Option(min=1, help="Of so many days.")] = 30,
) -> None:
    """Show alarms."""
    from katchi.node import emerging

    invocation = here(context)
    with invocation.node() as node:
        found = emerging.alarms(node, days=days)
    found = [each for each in found if closed or each.closed_at is None]
    invocation.answer({"alarms": [_document(each) for each in found]})
    if not found:
        invocation.say("alarm-none")
    _show(context, found)


@app.command()
def close(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Its number.")],
    why: Annotated[str, typer.Option(help="What it was.")],
) -> None:
    """Say that somebody has looked at an alarm, and what it was."""
    from katchi.node import emerging

    invocation = here(context)
    with invocation.node() as node:
        emerging.close(node, number, person=person(), why=why)
    invocation.answer({"closed": number})
    invocation.say("alarm-closed", number=number)


def _show(context: typer.Context, found: list[Alarm]) -> None:
    here(context).table(
        ("number", "name", "observed", "expected-count", "window", "when", "sources", "id"),
        [
            (each.number, each.name, each.observed, f"{each.expected:.1f}", each.days, moment(each.at),
             ", ".join(f"{name} {count}" for name, count in each.sources.items()), each.key)
            for each in found
        ],
    )  # fmt: skip


def _document(each: Alarm) -> dict[str, object]:
    return {
        "number": each.number, "key": each.key, "name": each.name, "begun": moment(each.begun_at),
        "found": moment(each.at), "observed": each.observed, "expected": round(each.expected, 2), "days": each.days,
        "probability": each.probability, "sources": each.sources, "counts": each.counts,
        "closed": moment(each.closed_at) if each.closed_at else None, "person": each.person, "why": each.why,
    }  # fmt: skip
