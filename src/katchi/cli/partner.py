"""`katchi partner`: begins, confirms, stops and ends arrangements."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import Invocation, here, person
from katchi.cli.printing import moment, safe

if TYPE_CHECKING:
    from katchi.node.wiring import Node
    from katchi.policy.partner import Partner

app = typer.Typer(help="Arrangements with partners.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What you call the partner.")]


@app.command()
def invite(
    context: typer.Context,
    name: Name,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the invitation into this file.")] = None,
    qr: Annotated[bool, typer.Option("--qr", help="Show it as a QR code too.")] = False,
) -> None:
    """Make a one-time invitation.

    Hand it over by a way that both sides trust.
    """
    from katchi.node import partnering

    invocation = here(context)
    with invocation.node() as node:
        invitation = partnering.invite(node, name, person=person())
    if out:
        _write_secret(out, invitation.to_text())
    invocation.answer(
        {
            "partner": name,
            "id": invitation.id,
            "expires": moment(invitation.expires_at),
            "out": str(out) if out else None,
            "invitation": None if out else invitation.to_text(),
            "qr": invitation.to_qr() if qr else None,
        }
    )
    invocation.say("partner-invited", partner=name, expires=moment(invitation.expires_at))
    if out:
        invocation.say("partner-invitation-in", out=out)
    else:
        invocation.tell(invitation.to_text())
    if qr:
        _show_qr(invocation, invitation.to_qr())


def _write_secret(path: Path, text: str) -> None:
    # Whoever holds it can ask to join.
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _show_qr(invocation: Invocation, text: str) -> None:
    import io

    import segno

    drawing = io.StringIO()
    segno.make(text, error="l").terminal(drawing, compact=True)
    invocation.tell(drawing.getvalue())


@app.command()
def join(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The invitation, or a file with its QR text; - is stdin.")
    ],
    name: Annotated[str | None, typer.Option(help="What you will call the partner; otherwise its own name.")] = None,
) -> None:
    """Follow an invitation.

    Introduces both nodes to one another, and shows the words to compare on the telephone.
    """
    from katchi.node import partnering

    invocation = here(context)
    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8", errors="replace")
    with invocation.node() as node:
        partner = partnering.join(node, text, name=name, person=person())
    invocation.answer(partnering.describe(partner))
    invocation.say("partner-joined", partner=partner.name)
    _show_words(invocation, partner)
    invocation.say("partner-confirm-next", partner=partner.name)


def _show_words(invocation: Invocation, partner: Partner) -> None:
    from katchi.node import partnering

    invocation.say("partner-words", partner=partner.name)
    for language in ("ko", "en") if invocation.language == "ko" else ("en", "ko"):
        invocation.tell("  " + " ".join(partnering.words(partner, language)))


@app.command()
def confirm(
    context: typer.Context,
    name: Name,
    words: Annotated[str | None, typer.Option(help="The words as the partner read them out, to check them.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="You have compared the words: do not ask.")] = False,
) -> None:
    """Say that both sides see the same words.

    From here on your side sends and accepts.
    """
    from katchi.node import partnering

    invocation = here(context)
    with invocation.node() as node:
        partner = partnering.one(node, name)
        if words is None and not yes and partner.state == "introduced":
            _ask_about_words(invocation, partner)
        partner = partnering.confirm(node, name, person=person(), read_out=words)
        has_terms = node.store.partners.terms_in_force(name) is not None
    _show_state(invocation, partner)
    if not has_terms:
        invocation.say("partner-no-terms", partner=name)


def _ask_about_words(invocation: Invocation, partner: Partner) -> None:
    if invocation.as_json or not sys.stdin.isatty():
        raise typer.BadParameter("nobody is here to compare the words: give --words or --yes")
    _show_words(invocation, partner)
    if not typer.confirm(invocation.word("partner-agree")):
        invocation.warn("partner-not-confirmed")
        raise typer.Exit(1)


def _show_state(invocation: Invocation, partner: Partner) -> None:
    from katchi.node import partnering

    invocation.answer(partnering.describe(partner))
    invocation.say("partner-now", partner=partner.name, state=invocation.word(f"state-{partner.state}"))


@app.command("list")
def list_(context: typer.Context) -> None:
    """Show every partner."""
    invocation = here(context)
    with invocation.node() as node:
        rows = [(partner, _status(node, partner)) for partner in _known(node)]
    invocation.answer({"partners": [status for _, status in rows]})
    if not rows:
        invocation.say("partner-none")
    invocation.table(
        ("name", "kind", "state", "terms", "url", "trouble"),
        [
            (
                partner.name,
                partner.kind,
                invocation.word(f"state-{partner.state}"),
                str(status["terms"] or "-")[:12],
                partner.url or "-",
                status["trouble"] or "",
            )
            for partner, status in rows
        ],
    )


def _known(node: Node) -> list[Partner]:
    from katchi.node import partnering

    return partnering.known(node)


def _status(node: Node, partner: Partner) -> dict[str, object]:
    """A partner as a document: who it is, and how the exchange with it goes."""
    from katchi.node import partnering

    row = node.store.partners.one(partner.name)
    flow = node.store.releases.flows().get(partner.name)
    return {
        **partnering.describe(partner),
        "terms": row.terms_digest,
        "terms_number": row.epoch,
        "last_contact": moment(row.contact_at) or None,
        "trouble": row.trouble,
        "released": flow.released if flow else 0,
        "waiting": flow.waiting if flow else 0,
        "withdrawn": flow.withdrawn if flow else 0,
    }


_FOR_SCRIPTS = ("words", "announced_at", "invitation")


@app.command()
def show(context: typer.Context, name: Name) -> None:
    """Show one partner.

    Keys, words, terms, and how the exchange goes.
    """
    from katchi.node import partnering

    invocation = here(context)
    with invocation.node() as node:
        partner = partnering.one(node, name)
        status = _status(node, partner)
    invocation.answer(status)
    for key, value in status.items():
        if key not in _FOR_SCRIPTS and value not in (None, "", [], ()):
            invocation.tell(f"{key + ':':<18}{safe(value)}")
    if partner.fingerprint:
        _show_words(invocation, partner)


@app.command()
def suspend(context: typer.Context, name: Name) -> None:
    """Stop all flow, at once, both ways."""
    from katchi.node import partnering

    invocation = here(context)
    with invocation.node() as node:
        _show_state(invocation, partnering.suspend(node, name, person=person()))


@app.command()
def resume(context: typer.Context, name: Name) -> None:
    """Let it flow again."""
    from katchi.node import partnering

    invocation = here(context)
    with invocation.node() as node:
        _show_state(invocation, partnering.resume(node, name, person=person()))


@app.command()
def end(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End an arrangement for good.

    To stop for a while, suspend.
    """
    from katchi.node import partnering

    invocation = here(context)
    with invocation.node() as node:
        partner = partnering.one(node, name)
        if not yes:
            if invocation.as_json or not sys.stdin.isatty():
                raise typer.BadParameter("nobody is here to ask: give --yes")
            typer.confirm(f"{partner.name}: end?", abort=True)
        _show_state(invocation, partnering.end(node, name, person=person()))


@app.command("rotate-key")
def rotate_key(context: typer.Context) -> None:
    """Give this node a new signing key.

    Every active partner hears of it first; if one does not, the old key stays.
    """
    from katchi.node import partnering

    invocation = here(context)
    with invocation.node() as node:
        told = partnering.rotate_key(node, person=person())
        key = node.key.public.to_text()
    invocation.answer({"public_key": key, "told": told})
    invocation.say("key-rotated", key=key, told=", ".join(told) or invocation.word("nobody"))


@app.command("add-tool")
def add_tool(
    context: typer.Context,
    name: Name,
    title: Annotated[str, typer.Option(help="What it is, in full.")] = "",
    own: Annotated[bool, typer.Option("--own", help="A tool of your own organisation, such as its SIEM.")] = False,
) -> None:
    """Add a tool that has no node.

    A TAXII or MISP tool: it gets a token and terms.
    """
    from katchi.node import partnering

    invocation = here(context)
    with invocation.node() as node:
        partner = partnering.add_tool(node, name, person=person(), title=title, is_own=own)
    _show_state(invocation, partner)
    invocation.say("partner-token-next", partner=name)
    invocation.say("partner-no-terms", partner=name)
