"""`katchi watch`: saved searches that notify."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from katchi.cli.invocation import here, person
from katchi.cli.printing import moment

app = typer.Typer(help="Saved searches that notify.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="What it is called.")]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORDS", help="As for `katchi thing find`: values, a name, a query; - is stdin."),
    ],
) -> None:
    """From now on, tell what comes to match.

    Example: katchi watch add "our addresses" - < addresses.txt
    """
    from katchi.node import watching

    invocation = here(context)
    text = sys.stdin.read() if words == ["-"] else " ".join(words)
    with invocation.node() as node:
        watching.add(node, name, text, person=person())
    invocation.answer({"watch": name})
    invocation.say("watch-added", name=name)


@app.command("list")
def list_(context: typer.Context) -> None:
    """Show what is watched, and how much news there is."""
    invocation = here(context)
    with invocation.node() as node:
        found = node.store.watches.all()
    invocation.answer(
        {
            "watches": [
                {"name": each.name, "text": each.text, "person": each.person, "made": moment(each.made_at),
                 "looked": moment(each.looked_at), "news": each.news}
                for each in found
            ]
        }
    )  # fmt: skip
    invocation.table(
        ("name", "news", "person", "query"),
        [(each.name, each.news, each.person, " ".join(each.text.split())[:60]) for each in found],
    )
    if not found:
        invocation.say("watch-none")


@app.command()
def news(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Of this watch alone.")] = None,
    looked: Annotated[bool, typer.Option("--looked", help="After that it is no longer news.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many of each.")] = 1000,
) -> None:
    """Show what came to match since somebody looked. Exits 1 when there is nothing, for scripts."""
    from katchi.node import watching

    invocation = here(context)
    with invocation.node() as node:
        asked = [node.store.watches.one(name)] if name else node.store.watches.all()
        found = [(each, node.store.watches.news(each, limit)) for each in asked]
        if looked:
            for each, hits in found:
                if hits:
                    watching.looked(node, each.name)
    rows = [(watch, hit) for watch, hits in found for hit in hits]
    invocation.answer(
        {
            "news": [
                {"watch": watch.name, "key": hit.key, "name": hit.name, "sources": hit.sources.strip(",").split(","),
                 "at": moment(hit.at)}
                for watch, hit in rows
            ]
        }
    )  # fmt: skip
    invocation.table(
        ("watch", "name", "sources", "when", "id"),
        [(watch.name, hit.name, hit.sources.strip(","), moment(hit.at), hit.key) for watch, hit in rows],
    )
    if not rows:
        invocation.say("watch-no-news")
        raise typer.Exit(1)


@app.command()
def drop(context: typer.Context, name: Name) -> None:
    """No longer watch."""
    invocation = here(context)
    with invocation.node() as node:
        node.store.watches.drop(name)
    invocation.answer({"dropped": name})
    invocation.say("watch-dropped", name=name)
