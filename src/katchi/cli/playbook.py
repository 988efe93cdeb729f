"""`katchi playbook`: CACAO playbooks that may be run here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import Invocation, here, person
from katchi.cli.printing import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from katchi.node.playbooks import Looked, Signature
    from katchi.node.wiring import Node
    from katchi.respond.cacao import Command, Finding, Step

app = typer.Typer(help="Playbooks that may be run here.", no_args_is_help=True, rich_markup_mode=None)

File = Annotated[Path, typer.Argument(help="A CACAO 2.0 playbook.", exists=True, dir_okay=False)]
Name = Annotated[str, typer.Argument(help="Its id or name, or how one begins.")]
Version = Annotated[str, typer.Option(help="Not the newest, but this version, as `list` names it.")]


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


@app.command()
def show(context: typer.Context, name: Name, version: Version = "") -> None:
    """Show one playbook: its steps, who signed it, what is odd about it."""
    from katchi.node.localising import in_order

    invocation = here(context)
    with invocation.node() as node:
        found = _looked(node, name, version)
    steps = [(found.numbers[key], key, step) for key, step in in_order(found.playbook) if key in found.numbers]
    agents = found.playbook.agent_definitions
    invocation.answer(
        {
            "id": found.row.id, "version": found.row.version, "name": found.row.name, "marking": found.marking,
            "description": found.playbook.description, "sha256": found.row.digest.hex(),
            "versions": [each.version for each in found.versions],
            "steps": [
                {"number": number, "id": key, "type": step.type, "name": step.name,
                 "agent": agents.get(step.agent, {}).get("name"),
                 "commands": [{"type": each.type, "command": _text(each)} for each in step.commands],
                 "condition": step.condition or step.switch, "goes_on": dict([*step.branches, *step.follows])}
                for number, key, step in steps
            ],
            "signatures": [_signature(each) for each in found.signatures], "findings": _documents(found.findings),
        }
    )  # fmt: skip
    invocation.say("playbook-shown", name=found.row.name, version=found.row.version, id=found.row.id)
    invocation.table(
        ("number", "step", "type", "agent", "command", "next"),
        [
            (number, step.name, step.type, agents.get(step.agent, {}).get("name", ""),
             _summary(step),
             ", ".join(dict.fromkeys(str(found.numbers.get(to, "·")) for _, to in (*step.branches, *step.follows))))
            for number, _, step in steps
        ],
    )  # fmt: skip
    for each in found.signatures:
        invocation.say(f"playbook-signed-{_verdict(each)}", signee=each.signee, at=each.at, whose=each.whose)
    if not found.signatures:
        invocation.say("playbook-unsigned")
    _tell(invocation, found.findings)


@app.command()
def export(
    context: typer.Context, name: Name, version: Version = "",
    out: Annotated[str, typer.Option(metavar="FILE", help="Where to; - is stdout.")] = "-",
) -> None:  # fmt: skip
    """Write a playbook into a file, byte for byte as it was accepted.

    Example: katchi playbook export "Block and watch" --out block.json
    """
    invocation = here(context)
    if invocation.as_json and out == "-":
        raise typer.BadParameter("--json needs --out FILE: stdout cannot hold two documents")
    with invocation.node() as node:
        row = _looked(node, name, version).row
    if out == "-":
        sys.stdout.buffer.write(row.document)
        sys.stdout.flush()
        return
    Path(out).write_bytes(row.document)
    invocation.answer({"id": row.id, "version": row.version, "out": out, "sha256": row.digest.hex()})
    invocation.say("playbook-written", name=row.name, out=out)


@app.command()
def picture(
    context: typer.Context, name: Name, out: Annotated[Path, typer.Option(metavar="FILE", help="Where to.")],
    version: Version = "",
) -> None:  # fmt: skip
    """Draw a playbook's workflow as SVG.

    Example: katchi playbook picture "Block and watch" --out block.svg
    """
    from katchi.web.pages.workflow import svg_file

    invocation = here(context)
    with invocation.node() as node:
        found = _looked(node, name, version)
    out.write_text(svg_file(found.playbook, invocation.language), encoding="utf-8")
    invocation.answer({"id": found.row.id, "version": found.row.version, "out": str(out)})
    invocation.say("playbook-written", name=found.row.name, out=str(out))


def _looked(node: Node, name: str, version: str) -> Looked:
    from katchi.node import playbooks, responding

    return playbooks.look(node, responding.playbook_named(node, name).id, version)


def _text(command: Command) -> str:
    return command.command or command.content or command.description


def _summary(step: Step) -> str:
    commands = " | ".join(_text(each)[:80] for each in step.commands)
    return commands or step.condition or step.switch or step.playbook_id


def _verdict(signature: Signature) -> str:
    if signature.problem:
        return "badly"
    return {"": "unknown", "own": "own"}.get(signature.whose, "partner")


def _signature(each: Signature) -> dict[str, object]:
    return {
        "signee": each.signee, "at": each.at, "algorithm": each.algorithm, "holds": not each.problem,
        "problem": each.problem, "key_of": each.whose,
    }  # fmt: skip


@app.command()
def compare(
    context: typer.Context,
    playbook: Annotated[str, typer.Argument(metavar="PLAYBOOK", help="Its name or id, or how one begins.")],
    since: Annotated[str, typer.Option("--from", metavar="VERSION", help="From which version.")] = "",
    to: Annotated[str, typer.Option("--to", metavar="VERSION", help="To which version; the newest if not said.")] = "",
    file: Annotated[
        Path | None, typer.Option("--file", help="To a file, from the newest version.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Say what changed between two versions of a playbook, or between one and a file.

    Example: katchi playbook compare "Block and watch"; katchi playbook compare wiper --file theirs.json
    """
    from katchi.node import playbook_writing, responding
    from katchi.respond.cacao import comparing, editing

    invocation = here(context)
    if file and to:
        raise typer.BadParameter("either --to or --file")
    with invocation.node() as node:
        versions = playbook_writing.versions(node, responding.playbook_named(node, playbook).id)
        after = playbook_writing.version_of(versions, to)
        older = versions if file else versions[versions.index(after) + 1 :]
        before = playbook_writing.version_of(versions, since) if since else (older or [after])[0]
        document = file.read_bytes() if file else after.document
        found = comparing.compare(editing.opened(before.document), editing.opened(document))
    name = str(file) if file else after.version
    invocation.answer({"id": after.id, "from": before.version, "to": name, "differences": found})
    if not file and before is after and not since:
        invocation.say("playbook-one-version")
        return
    invocation.say("playbook-compared", name=after.name, before=before.version, after=name)
    invocation.table(
        ("part", "name", "change", "member", "before", "after"),
        [
            (invocation.word(f"part-{each.part}"), each.name, invocation.word(f"change-{each.change}"), each.member,
             each.before, each.after)
            for each in found
        ],
    )  # fmt: skip
    if not found:
        invocation.say("playbook-same")


def _documents(found: Sequence[Finding]) -> list[dict[str, object]]:
    return [
        {"code": each.code, "where": each.where, "message": each.message, "is_error": each.is_error} for each in found
    ]


def _tell(invocation: Invocation, found: Sequence[Finding]) -> None:
    for each in found:
        key = "playbook-error" if each.is_error else "playbook-odd"
        invocation.warn(key, code=each.code, where=each.where, message=each.message)
