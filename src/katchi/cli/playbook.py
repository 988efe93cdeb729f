"""`katchi playbook`: CACAO playbooks that may be run here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import Invocation, here, person
from katchi.cli.printing import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from katchi.respond.cacao import Finding

app = typer.Typer(help="Playbooks that may be run here.", no_args_is_help=True, rich_markup_mode=None)

File = Annotated[Path, typer.Argument(help="A CACAO 2.0 playbook.", exists=True, dir_okay=False)]


@app.command()
def check(context: typer.Context, file: File) -> None:
    """Say everything that is wrong or odd about a playbook; exits 1 if it would be refused."""
    from katchi.node import responding

    invocation = here(context)
    playbook, found = responding.check(file.read_bytes())
    is_good = playbook is not None and not any(each.is_error for each in found)
    invocation.answer({"accepted": is_good, "findings": _documents(found)})
    _tell(invocation, found)
    invocation.say("playbook-good" if is_good else "playbook-bad", name=playbook.name if playbook else file.name)
    if not is_good:
        raise typer.Exit(1)


@app.command()
def library(context: typer.Context) -> None:
    """Show the playbooks that come along."""
    import msgspec

    from katchi.respond import library

    invocation = here(context)
    found = {name: msgspec.json.decode(library.document(name)) for name in library.names()}
    invocation.answer(
        {
            "library": [
                {"name": name, "title": each["name"], "about": each["description"]} for name, each in found.items()
            ]
        }
    )
    invocation.table(
        ("name", "title", "about"), [(name, each["name"], each["description"]) for name, each in found.items()]
    )


@app.command()
def add(
    context: typer.Context,
    playbook: Annotated[
        str, typer.Argument(metavar="FILE|NAME", help="A CACAO 2.0 playbook, or one that comes along.")
    ],
) -> None:  # fmt: skip
    """Accept a playbook: from now on it may be run here.

    Example: katchi playbook add block.json; katchi playbook add block-and-watch
    """
    from katchi.node import responding
    from katchi.respond import library
    from katchi.respond.cacao import RefusedPlaybookError

    invocation = here(context)
    file = Path(playbook)
    document = file.read_bytes() if file.is_file() else library.document(playbook)
    with invocation.node() as node:
        try:
            row, found = responding.accept(node, document, person=person())
        except RefusedPlaybookError as refused:
            _tell(invocation, refused.findings)
            raise
    invocation.answer({"id": row.id, "version": row.version, "findings": _documents(found)})
    _tell(invocation, found)
    invocation.say("playbook-added", name=row.name, id=row.id, version=row.version)


@app.command("list")
def list_(context: typer.Context) -> None:
    """Show the playbooks that may be run here."""
    invocation = here(context)
    with invocation.node() as node:
        found = node.store.runs.playbooks()
    invocation.answer(
        {
            "playbooks": [
                {"id": row.id, "version": row.version, "name": row.name, "person": row.person, "at": moment(row.at),
                 "sha256": row.digest.hex()}
                for row in found
            ]
        }
    )  # fmt: skip
    invocation.table(
        ("id", "name", "version", "person", "when"),
        [(row.id.removeprefix("playbook--")[:8], row.name, row.version, row.person, moment(row.at)) for row in found],
    )
    if not found:
        invocation.say("playbook-none")


def _documents(found: Sequence[Finding]) -> list[dict[str, object]]:
    return [
        {"code": each.code, "where": each.where, "message": each.message, "is_error": each.is_error} for each in found
    ]


def _tell(invocation: Invocation, found: Sequence[Finding]) -> None:
    for each in found:
        key = "playbook-error" if each.is_error else "playbook-odd"
        invocation.warn(key, code=each.code, where=each.where, message=each.message)
