"""`katchi store`: the node's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import Invocation, here

if TYPE_CHECKING:
    from katchi.node.wiring import Node

app = typer.Typer(help="The node's database.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def upgrade(context: typer.Context) -> None:
    """Bring the database to this version.

    Back it up first.
    """
    from katchi.node.settings import read_settings
    from katchi.node.wiring import database_url
    from katchi.store import Store, migrate

    invocation = here(context)
    settings = read_settings(invocation.folder)
    invocation.node_language = settings.language
    store = Store(database_url(invocation.folder, settings))
    try:
        before = migrate.revision(store.database)
        migrate.upgrade(store.database)
        after = migrate.revision(store.database)
        is_behind = migrate.needs_rebuild(store.database)
    finally:
        store.close()
    if is_behind:
        _rebuild(invocation)
    invocation.answer({"before": before, "after": after})
    invocation.say("store-upgraded", revision=after)


@app.command()
def rebuild(context: typer.Context) -> None:
    """Make derived tables anew.

    From the object log; interrupted, it changes nothing.
    """
    invocation = here(context)
    count = _rebuild(invocation)
    invocation.answer({"versions": count})
    invocation.say("store-rebuilt", count=count)


def _rebuild(invocation: Invocation) -> int:
    from katchi.node import things
    from katchi.node.wiring import open_node

    count = 0
    with open_node(invocation.folder, to_rebuild=True) as node, invocation.progress("rebuild") as progress:
        for done, total in things.rebuild(node):
            count = total
            if progress:
                progress(done, total)
    return count


@app.command()
def info(
    context: typer.Context,
    types: Annotated[bool, typer.Option("--types", help="How many objects of each type.")] = False,
) -> None:
    """Show what the node is and what it holds."""
    from katchi.store.migrate import NEWEST

    invocation = here(context)
    with invocation.node() as node:
        by_type, by_origin = node.store.search.counts_by_type(), node.store.search.counts_by_origin()
        versions, _ = node.store.log.end()
        size, root = node.store.ledger.root()
        about = {
            "name": node.settings.name,
            "node_id": node.settings.node_id,
            "url": node.settings.url,
            "public_key": node.key.public.to_text(),
            "database": node.store.database.url.render_as_string(hide_password=True),
            "bytes": _size(node),
            "schema": NEWEST,
            "versions": versions,
            "objects": sum(count for _, count in by_type),
            "ledger_entries": size,
            "ledger_root": root.hex(),
        }
    invocation.answer({**about, "types": dict(by_type), "origins": dict(by_origin)})
    for name, value in about.items():
        invocation.tell(f"{name + ':':<16}{value}")
    invocation.table(("origin", "count"), by_origin)
    if types:
        invocation.table(("type", "count"), by_type)


def _size(node: Node) -> int | None:
    """How large a SQLite file and its log are; None for PostgreSQL, which knows best itself."""
    from pathlib import Path

    if not node.store.database.is_sqlite or not node.store.database.url.database:
        return None
    path = Path(node.store.database.url.database)
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))
