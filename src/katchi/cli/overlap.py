"""`katchi overlap`: find out what a partner and we both hold, before either shows the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import Invocation, here, person
from katchi.cli.printing import moment

if TYPE_CHECKING:
    from katchi.overlap.psi.side import Core, Mode
    from katchi.store.overlaps import OverlapRow

app = typer.Typer(
    help="What a partner and we both hold, privately.", no_args_is_help=True,
    rich_markup_mode=None,
)  # fmt: skip

Session = Annotated[str, typer.Argument(help="Its id, or how it begins.")]
Query = Annotated[
    str, typer.Option(help="Which: seen:<90d score:>60 unshared:yes tag:x list:none, or watch:NAME. Otherwise all.")
]


@app.command()
def propose(
    context: typer.Context,
    partner: Annotated[str, typer.Argument(help="With whom.")],
    kind: Annotated[str, typer.Argument(help="Of things: file, url, certificate, mutex, path, registry.")],
    query: Query = "",
    lookup: Annotated[
        bool, typer.Option("--lookup", help="Only we learn which of ours they hold, if they accept; up to a million.")
    ] = False,
) -> None:
    """Propose to compare what both hold. First the number; the items only when a person on each side agrees.

    Example: katchi overlap propose us-cert file --query "seen:<90d"
    """
    from katchi.node import overlapping

    invocation = here(context)
    mode: Mode = "lookup" if lookup else "mutual"
    with invocation.node() as node:
        row = overlapping.propose(node, partner, kind, query=query, mode=mode, person=person())
    _say(invocation, row)


@app.command()
def accept(context: typer.Context, session: Session, query: Query = "") -> None:
    """Let a partner's proposal go on, with what we hold of that kind."""
    from katchi.node import overlapping

    invocation = here(context)
    with invocation.node() as node:
        row = overlapping.accept(node, session, query=query, person=person())
    _say(invocation, row)


@app.command()
def agree(context: typer.Context, session: Session) -> None:
    """Agree to reveal to each other which items both have, once the number is known."""
    from katchi.node import overlapping

    invocation = here(context)
    with invocation.node() as node:
        row = overlapping.agree(node, session, person=person())
    _say(invocation, row)


@app.command()
def decline(context: typer.Context, session: Session) -> None:
    """End a session; nothing more is said in it."""
    from katchi.node import overlapping

    invocation = here(context)
    with invocation.node() as node:
        row = overlapping.decline(node, session, person=person())
    _say(invocation, row)


@app.command()
def run(context: typer.Context, session: Session) -> None:
    """Go on with a session that we lead, now; a served node does it by itself."""
    from katchi.node import overlap_lead
    from katchi.node.deliver import link_to, partner_of

    invocation = here(context)
    with invocation.node() as node, invocation.progress("overlap") as progress:
        row = node.store.overlaps.one(session)
        with link_to(node, partner_of(node.store.partners.one(row.partner))) as link:
            row = overlap_lead.advance(node, row.id, link, progress=progress)
    _say(invocation, row)


@app.command("list")
def list_(context: typer.Context) -> None:
    """Show sessions, the latest first."""
    invocation = here(context)
    with invocation.node() as node:
        found = node.store.overlaps.all()
    invocation.answer({"sessions": [_document(row) for row in found]})
    invocation.table(
        ("id", "partner", "kind", "state", "own-items", "their-items", "common", "when"),
        [
            (row.id, row.partner, _kind(row), invocation.word(f"overlap-{row.state}"), row.own, row.theirs,
             "-" if row.common is None else row.common, moment(row.changed_at))
            for row in found
        ],
    )  # fmt: skip
    if not found:
        invocation.say("overlap-none")


@app.command()
def show(context: typer.Context, session: Session) -> None:
    """Show one session, and the items that both have once they are revealed."""
    from katchi.node import overlapping

    invocation = here(context)
    with invocation.node() as node:
        row = node.store.overlaps.one(session)
    items = overlapping.found(row)
    invocation.answer({**_document(row), "found": items})
    _tell(invocation, row)
    for key in items:
        invocation.tell(key)


@app.command()
def tell(
    context: typer.Context, session: Session,
    put: Annotated[bool, typer.Option("--put", help="Put the terms in force; otherwise only show them.")] = False,
) -> None:  # fmt: skip
    """After a reveal: let the partner have what we say of the things that both have, by a rule in its terms."""
    from katchi.node import overlap_after

    invocation = here(context)
    with invocation.node() as node:
        made = overlap_after.telling(node, session)
        if put:
            overlap_after.tell(node, session, person=person())
    goes = made.outlook.would_go.count
    invocation.answer({"partner": made.partner, "objects": list(made.object_ids), "would_go": goes, "in_force": put})
    if put:
        invocation.say("overlap-told", count=len(made.object_ids), partner=made.partner)
    else:
        invocation.tell(made.text)
        invocation.say("overlap-telling", count=len(made.object_ids), partner=made.partner, goes=goes)


@app.command()
def together(
    context: typer.Context, session: Session,
    title: Annotated[str, typer.Option(help="Of a new effort; otherwise one of ours that is about it goes on.")] = "",
) -> None:  # fmt: skip
    """After a reveal: ask the partner to work on what both have together with us."""
    from katchi.node import efforts, overlap_after

    invocation = here(context)
    with invocation.node() as node:
        row = overlap_after.together(node, session, title, person=person())
        effort = efforts.view(row)
    invocation.answer({"effort": row.id, "title": effort.title})
    invocation.say("effort-line", name=row.id[:8], value=effort.title)


def _say(invocation: Invocation, row: OverlapRow) -> None:
    invocation.answer(_document(row))
    _tell(invocation, row)


def _tell(invocation: Invocation, row: OverlapRow) -> None:
    invocation.say(
        "overlap-stands", id=row.id, partner=row.partner, kind=_kind(row),
        state=invocation.word(f"overlap-{row.state}"), own=row.own, theirs=row.theirs or "?",
        common="?" if row.common is None else row.common,
    )  # fmt: skip
    if row.trouble:
        invocation.tell(row.trouble)


def _kind(row: OverlapRow) -> str:
    return _core(row).kind


def _core(row: OverlapRow) -> Core:
    from katchi.overlap.psi.side import Core

    return Core.from_bytes(row.core)


def _document(row: OverlapRow) -> dict[str, object]:
    return {
        "id": row.id, "partner": row.partner, "role": row.role, "kind": _kind(row),
        "mode": _core(row).mode, "state": row.state, "own": row.own,
        "theirs": row.theirs, "common": row.common, "query": row.query, "person": row.person,
        "agreed_by": row.agreed_by, "made": moment(row.made_at), "changed": moment(row.changed_at),
        "trouble": row.trouble,
    }  # fmt: skip
