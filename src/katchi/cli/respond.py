"""`katchi respond`: runs of playbooks, and what people are asked to do in them; see `response` for the rest of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import Invocation, here, person
from katchi.cli.printing import moment

if TYPE_CHECKING:
    from katchi.node.responding import Asked
    from katchi.store.runs import RunRow

app = typer.Typer(help="Responses: playbooks run, here and with partners.", no_args_is_help=True, rich_markup_mode=None)

Run = Annotated[str, typer.Argument(help="Its id, or how it begins.")]
Order = Annotated[str, typer.Argument(help="Its key, or how that begins.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A variable; as often as needed.")]
Say = Annotated[str, typer.Option(help="What there is to say of it.")]
Why = Annotated[str, typer.Option(help="Why.")]


@app.command()
def begin(
    context: typer.Context, playbook: Annotated[str, typer.Argument(help="Its id or name, or how one begins.")],
    set_: Set = None,
) -> None:  # fmt: skip
    """Begin a run of a playbook here.

    Example: katchi respond begin "Block and watch" --set address=192.0.2.7
    """
    from katchi.node import responding

    invocation = here(context)
    with invocation.node() as node:
        _say(invocation, responding.begin(node, playbook, values(set_), person=person()))


@app.command()
def waiting(context: typer.Context) -> None:
    """Show what people are asked to do now, the oldest first."""
    from katchi.node import responding

    invocation = here(context)
    with invocation.node() as node:
        found = responding.waiting(node)
    invocation.answer({"waiting": [_document(each) for each in found]})
    _table(invocation, found)
    if not found:
        invocation.say("respond-nothing")


@app.command()
def done(context: typer.Context, order: Order, set_: Set = None, say: Say = "") -> None:
    """Say that what was asked is done."""
    _answer(context, order, set_, say, is_good=True)


@app.command()
def failed(context: typer.Context, order: Order, say: Say = "") -> None:
    """Say that what was asked cannot be done."""
    _answer(context, order, None, say, is_good=False)


def _answer(context: typer.Context, order: str, given: list[str] | None, say: str, *, is_good: bool) -> None:
    from katchi.node import responding

    invocation = here(context)
    with invocation.node() as node:
        row = responding.answer(node, order, is_good=is_good, out=values(given), reason=say, person=person())
        _say(invocation, row)


@app.command()
def cancel(context: typer.Context, run: Run, why: Annotated[str, typer.Option(help="Why.")] = "") -> None:
    """End a run; nothing more of it is done."""
    from katchi.node import responding

    invocation = here(context)
    with invocation.node() as node:
        _say(invocation, responding.cancel(node, run, reason=why))


@app.command("list")
def list_(context: typer.Context) -> None:
    """Show runs, the latest first."""
    invocation = here(context)
    with invocation.node() as node:
        found = node.store.runs.all()
        names = {row.id: row.name for row in node.store.runs.playbooks()}
    invocation.answer({"runs": [_run(row) for row in found]})
    invocation.table(
        ("id", "name", "state", "person", "when"),
        [
            (row.id[:8], names.get(row.playbook_id, row.playbook_id), invocation.word(f"run-{row.status}"), row.person,
             moment(row.changed_at))
            for row in found
        ],
    )  # fmt: skip
    if not found:
        invocation.say("respond-none")


@app.command()
def show(context: typer.Context, run: Run) -> None:
    """Show one run: what was asked of whom, and what happened when."""
    from katchi.node import responding

    invocation = here(context)
    with invocation.node() as node:
        found = responding.show(node, run)
    invocation.answer(
        {
            **_run(found.row), "name": found.name, "orders": [_document(each) for each in found.orders],
            "timeline": [
                {"at": moment(each.at), "step": found.steps.get(each.step, each.step), "what": each.what,
                 "reason": each.reason}
                for each in found.notes
            ],
        }
    )  # fmt: skip
    _say(invocation, found.row)
    _table(invocation, list(found.orders))
    invocation.table(
        ("when", "step", "state", "reason"),
        [
            (moment(each.at), found.steps.get(each.step, each.step), invocation.word(f"run-{each.what}"), each.reason)
            for each in found.notes
        ],
    )


def values(given: list[str] | None) -> dict[str, str]:
    """What was written as NAME=VALUE. Raises BadParameter."""
    pairs = [each.partition("=") for each in given or ()]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise typer.BadParameter("write NAME=VALUE", param_hint="--set")
    return {name: value for name, _, value in pairs}


def _say(invocation: Invocation, row: RunRow) -> None:
    invocation.answer(_run(row))
    invocation.say("run-stands", id=row.id[:8], state=invocation.word(f"run-{row.status}"), reason=row.reason or "-")


def _run(row: RunRow) -> dict[str, object]:
    return {
        "id": row.id, "playbook": row.playbook_id, "version": row.version, "status": row.status, "reason": row.reason,
        "person": row.person, "begun": moment(row.made_at), "changed": moment(row.changed_at),
    }  # fmt: skip


def _document(each: Asked) -> dict[str, object]:
    return {
        "key": each.row.key, "run": each.row.run, "playbook": each.playbook, "step": each.order.name,
        "command": each.order.command.command or each.order.command.description, "type": each.order.command.type,
        "agent": each.order.agent.get("name"), "target": (each.order.target or {}).get("name"),
        "phase": each.row.phase, "person": each.row.person, "reason": each.row.reason, "at": moment(each.row.at),
    }  # fmt: skip


def _table(invocation: Invocation, found: list[Asked]) -> None:
    invocation.table(
        ("id", "run", "step", "command", "agent", "state", "when"),
        [
            (each.row.key[:8], each.row.run[:8], each.order.name,
             (each.order.command.command or each.order.command.description)[:60], str(each.order.agent.get("name")),
             invocation.word(f"order-{each.row.phase}"), moment(each.row.at))
            for each in found
        ],
    )  # fmt: skip
