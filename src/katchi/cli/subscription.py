"""`katchi subscription`: what is read from other servers, and how it goes."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.files import SHOWN
from katchi.cli.invocation import Invocation, here
from katchi.cli.printing import moment
from katchi.errors import Diagnostic

if TYPE_CHECKING:
    from katchi.node.subscribing import Secret, Wanted
    from katchi.node.subscriptions import Health, Outcome
    from katchi.node.wiring import Node

app = typer.Typer(help="Servers that are read: TAXII, documents, feeds.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What you call it; terms speak of it by this name.")]
Url = Annotated[str, typer.Argument(metavar="URL", help="Of TAXII: its discovery, an API root, or a collection.")]
User = Annotated[str, typer.Option(help="Sign in with Basic as this user; the password is asked for.")]
PasswordFile = Annotated[str, typer.Option(metavar="FILE", help="… or is the first line of a file; - is stdin.")]
TokenFile = Annotated[str, typer.Option(metavar="FILE", help="Sign in with a bearer token.")]
ApiKeyFile = Annotated[str, typer.Option(metavar="FILE", help="Sign in with a key in a header.")]
ApiKeyHeader = Annotated[str, typer.Option(metavar="HEADER", help="Which header.")]
Certificate = Annotated[Path | None, typer.Option(metavar="PEM", help="Sign in with a client certificate.")]
Key = Annotated[Path | None, typer.Option(metavar="PEM", help="Its key, where it is in a file of its own.")]
Ca = Annotated[Path | None, typer.Option(metavar="FILE", help="Trust only this authority (PEM).")]
AllowPrivate = Annotated[
    bool, typer.Option("--allow-private", help="The server is inside: addresses that are not public are fine.")
]

_duration = re.compile(r"([1-9][0-9]{0,6})([smhd])").fullmatch
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class _SigningIn:
    """The options that say how to sign in."""

    user: str
    password_file: str
    token_file: str
    api_key_file: str
    api_key_header: str
    certificate: Path | None
    key: Path | None

    def read(self, invocation: Invocation) -> tuple[dict[str, object], Secret]:
        """What may be kept in the open, and what may not."""
        from katchi.node.subscribing import Secret

        chosen = [name for name in ("user", "token_file", "api_key_file") if getattr(self, name)]
        if len(chosen) > 1 or (self.password_file and not self.user):
            raise typer.BadParameter("give --user, or --token-file, or --api-key-file")
        if self.key and not self.certificate:
            raise typer.BadParameter("--client-key needs --client-certificate")
        how = {"user": "basic", "token_file": "bearer", "api_key_file": "api-key"}[chosen[0]] if chosen else ""
        source = self.password_file or self.token_file or self.api_key_file
        value = _secret(invocation, source) if how else ""
        pem = b"\n".join(path.read_bytes() for path in (self.certificate, self.key) if path)
        about = {"how": how, "user": self.user, "header": self.api_key_header, "has_certificate": bool(pem)}
        return about, Secret(value, pem)


def _secret(invocation: Invocation, source: str) -> str:
    if source and source != "-":
        with Path(source).open(encoding="utf-8") as file:
            return file.readline().strip("\r\n")
    if sys.stdin.isatty():
        return str(typer.prompt(invocation.word("subscription-secret"), hide_input=True, err=True))
    return sys.stdin.readline().strip("\r\n")


@app.command()
def add(
    context: typer.Context,
    name: Name,
    url: Url,
    kind: Annotated[str, typer.Option(help="What is there: taxii, document, misp-feed …")] = "taxii",
    collection: Annotated[str, typer.Option(metavar="ID-OR-ALIAS", help="Which collection, if it has several.")] = "",
    match: Annotated[
        list[str] | None, typer.Option("--match", metavar="FIELD=VALUE", help="Only these: type=indicator,malware")
    ] = None,
    as_: Annotated[str, typer.Option("--as", metavar="KIND", help="What the document is: text, csv, html …")] = "",
    every: Annotated[str, typer.Option(metavar="15m", help="How often it is read: s, m, h, d.")] = "15m",
    marking: Annotated[str, typer.Option(help="TLP label for what is made out of what is not STIX.")] = "",
    user: User = "",
    password_file: PasswordFile = "",
    token_file: TokenFile = "",
    api_key_file: ApiKeyFile = "",
    api_key_header: ApiKeyHeader = "X-Api-Key",
    client_certificate: Certificate = None,
    client_key: Key = None,
    ca: Ca = None,
    allow_private: AllowPrivate = False,
) -> None:
    """Subscribe to a server.

    It is read at once, and then again and again while the node runs. `try` shows first what would come.

    Example: katchi subscription add isac https://isac.example/taxii2/ --collection feed --user kr-cert
    """
    from katchi.node import subscribing, subscriptions

    invocation = here(context)
    signing_in = _SigningIn(
        user, password_file, token_file, api_key_file, api_key_header, client_certificate, client_key
    )
    about, secret = signing_in.read(invocation)
    wanted = _wanted(
        url=url, options=_options(collection, match or [], as_), every=_seconds(every), marking=marking,
        ca=ca.read_text(encoding="ascii") if ca else "", allows_private=allow_private, **about,
    )  # fmt: skip
    with invocation.node() as node:
        subscribing.add(node, name, kind, wanted, secret)
        health = subscriptions.health_of(node.store.subscriptions.one(name))
    invocation.answer(_as_document(health))
    invocation.say("subscription-added", name=name)


def _wanted(**values: object) -> Wanted:
    from katchi.node.subscribing import Wanted

    return Wanted(**values)  # type: ignore[arg-type]


def _options(collection: str, matches: list[str], as_: str) -> dict[str, str]:
    options = {name: value for name, value in (("collection", collection), ("as", as_)) if value}
    for each in matches:
        field, equals, value = each.partition("=")
        if not equals or field not in ("type", "id", "version", "spec_version"):
            raise typer.BadParameter("give FIELD=VALUE with type, id, version or spec_version", param_hint="--match")
        options[f"match[{field}]"] = value
    return options


def _seconds(text: str) -> int:
    found = _duration(text)
    if not found:
        raise typer.BadParameter("give a number and s, m, h or d, such as 15m", param_hint="--every")
    return int(found[1]) * _SECONDS[found[2]]


@app.command()
def collections(
    context: typer.Context,
    url: Url,
    user: User = "",
    password_file: PasswordFile = "",
    token_file: TokenFile = "",
    api_key_file: ApiKeyFile = "",
    api_key_header: ApiKeyHeader = "X-Api-Key",
    client_certificate: Certificate = None,
    client_key: Key = None,
    ca: Ca = None,
    allow_private: AllowPrivate = False,
) -> None:
    """Show what may be read at a TAXII server.

    Nothing is kept.
    """
    from katchi.node import subscribing

    invocation = here(context)
    signing_in = _SigningIn(
        user, password_file, token_file, api_key_file, api_key_header, client_certificate, client_key
    )
    about, secret = signing_in.read(invocation)
    trusted = ca.read_text(encoding="ascii") if ca else ""
    with invocation.node() as node:
        found = subscribing.discover(node, _wanted(url=url, ca=trusted, allows_private=allow_private, **about), secret)
    invocation.answer(
        {"collections": found.collections, "problems": [problem.diagnostic() for problem in found.problems]}
    )
    if not found.collections:
        invocation.say("subscription-no-collections")
    yes, no = invocation.word("subscription-yes"), invocation.word("subscription-no")
    invocation.table(
        ("id", "alias", "title", "readable"),
        [(each.id, each.alias, each.title, yes if each.can_read else no) for each in found.collections],
    )
    for problem in found.problems:
        invocation.complain(problem.diagnostic())


@app.command("try")
def try_(context: typer.Context, name: Name) -> None:
    """Say what a reading would bring; store nothing.

    Exits 1 if something would be refused.
    """
    from katchi.node import subscriptions

    invocation = here(context)
    with invocation.node() as node, invocation.progress(name) as progress:
        outcome = subscriptions.rehearse(node, name, progress=progress)
    _show_outcome(invocation, outcome, is_rehearsal=True)


@app.command()
def pull(
    context: typer.Context,
    name: Name,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Read all of it again, as when the server mended what was refused.")
    ] = False,
) -> None:
    """Read it now.

    What came before an error stays, and the next reading goes on after it. Exits 1 if something was refused.
    """
    from katchi.node import subscriptions

    invocation = here(context)
    with invocation.node() as node, invocation.progress(name) as progress:
        outcome = subscriptions.pull(node, name, progress=progress, from_start=from_start)
    _show_outcome(invocation, outcome, is_rehearsal=False)


def _show_outcome(invocation: Invocation, outcome: Outcome, *, is_rehearsal: bool) -> None:
    counts = {"stored": outcome.counts.stored, "held": outcome.counts.held, "refused": outcome.counts.refused}
    invocation.answer(
        {
            "name": outcome.name,
            "preview": is_rehearsal,
            "whole": outcome.is_whole,
            **counts,
            "first": outcome.first,
            "problems": outcome.problems,
            "remarks": dict(outcome.remarks),
        }
    )
    invocation.table(("type", "name", "id"), [(each.type, each.name, each.id) for each in outcome.first])
    invocation.tell(invocation.word("subscription-came", name=outcome.name, **counts))
    if outcome.remarks:
        invocation.say("subscription-remarks", codes=_counted(outcome.remarks))
    for problem in outcome.problems[:SHOWN]:
        where = f"{problem.object_id} {problem.version}".strip() or invocation.word("unreadable-object")
        invocation.complain(
            Diagnostic(problem.code, problem.message, where, problem.what, problem.expected, remedy=problem.remedy)
        )
    if len(outcome.problems) > SHOWN:
        invocation.warn("import-refused-more", count=len(outcome.problems) - SHOWN)
    if not outcome.is_whole:
        invocation.say("subscription-more")
    if is_rehearsal:
        invocation.say("import-preview")
    if outcome.counts.refused:
        raise typer.Exit(1)


def _counted(codes: Mapping[str, int]) -> str:
    return ", ".join(f"{code} ({count})" for code, count in sorted(codes.items()))


@app.command("list")
def list_(context: typer.Context) -> None:
    """Show all subscriptions and how each does."""
    from katchi.node import subscriptions

    invocation = here(context)
    with invocation.node() as node:
        found = subscriptions.health(node)
    invocation.answer({"subscriptions": [_as_document(each) for each in found]})
    if not found:
        invocation.say("subscription-none")
    invocation.table(
        ("name", "kind", "state", "when", "new", "refused", "next"), [_cells(invocation, e) for e in found]
    )
    for each in found:
        if each.trouble:
            invocation.warn("subscription-trouble", name=each.row.name)
            invocation.complain(each.trouble, indent="  ")


def _cells(invocation: Invocation, each: Health) -> tuple[object, ...]:
    row = each.row
    state = invocation.word(f"subscription-state-{each.state}")
    following = "" if row.is_paused else moment(row.next_due)
    return row.name, row.kind, state, moment(row.last_at), row.stored_total, row.refused_total, following


@app.command()
def pause(context: typer.Context, name: Name) -> None:
    """Do not read it by itself any more."""
    from katchi.node import subscribing

    _done(here(context), name, "paused", subscribing.pause)


@app.command()
def resume(context: typer.Context, name: Name) -> None:
    """Read it again, at once.

    After a pause, and after a server did not let us in.
    """
    from katchi.node import subscribing

    _done(here(context), name, "resumed", subscribing.resume)


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """End it.

    What it brought stays; what it signed in with is deleted.
    """
    from katchi.node import subscribing

    _done(here(context), name, "removed", subscribing.remove)


def _done(invocation: Invocation, name: str, what: str, act: Callable[[Node, str], None]) -> None:
    with invocation.node() as node:
        act(node, name)
    invocation.answer({what: name})
    invocation.say(f"subscription-{what}", name=name)


def _as_document(health: Health) -> dict[str, object]:
    row, wanted = health.row, health.wanted
    return {
        "name": row.name,
        "kind": row.kind,
        "url": health.url,
        "options": wanted.options,
        "every": wanted.every,
        "marking": wanted.marking or None,
        "signs_in": wanted.how or ("certificate" if wanted.has_certificate else None),
        "allows_private": wanted.allows_private,
        "state": health.state,
        "last": moment(row.last_at) or None,
        "last_good": moment(row.last_ok_at) or None,
        "next": None if row.is_paused else moment(row.next_due) or None,
        "stored": row.stored,
        "held": row.held,
        "refused": row.refused,
        "stored_total": row.stored_total,
        "refused_total": row.refused_total,
        "failures": row.failures,
        "remarks": health.remarks,
        "trouble": health.trouble,
        "trouble_since": moment(row.trouble_at) or None,
    }
