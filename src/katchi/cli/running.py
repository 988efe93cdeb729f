"""`katchi init`, `serve` and `demo`: makes a node, runs it, shows two of them."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Annotated, Any

import typer

from katchi.cli.invocation import DEFAULT_FOLDER, Invocation, here, person

if TYPE_CHECKING:
    from katchi.node.settings import Settings


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(init)
    app.command()(serve)
    app.command()(demo)


def init(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="What partners will call this node: a-z, 0-9, hyphens.")] = None,
    title: Annotated[str, typer.Option(help="The organisation's full name, in any script.")] = "",
    url: Annotated[
        str | None, typer.Option(help="The address that partners use: https://…; http only on loopback.")
    ] = None,
    listen: Annotated[str, typer.Option(help="Where the node waits: ADDRESS:PORT.")] = "127.0.0.1:8471",
    database: Annotated[
        str, typer.Option(help="sqlite:///FILE, or postgresql+psycopg://USER@HOST/NAME.")
    ] = "sqlite:///katchi.db",
    folder: Annotated[str | None, typer.Option(help="Where to make the node; the same as --node.")] = None,
    administrator: Annotated[str | None, typer.Option(help="Who administers it; otherwise you.")] = None,
) -> None:
    """Make a new node.

    That is: settings, keys, a database and the first administrator, whose password is shown once.

    Example: katchi init --name kr-cert --title "한국 침해대응센터" --language ko
    """
    from pathlib import Path

    from katchi.node import founding, telling
    from katchi.node.wiring import new_node_id

    invocation = here(context)
    if folder is not None:
        invocation.folder = Path(folder)
    if not telling.are_compiled(invocation.folder):
        invocation.say("lists-compiling")
    found = founding.found(
        invocation.folder,
        _settings(
            name=name or _host_name(),
            node_id=new_node_id(),
            title=title,
            language=invocation.language,
            database=database,
            listen=listen,
            url=url or f"http://{listen}",
        ),
        administrator=administrator or person(),
    )
    invocation.node_language = found.settings.language
    _show_new_node(invocation, found)


def _settings(**values: Any) -> Settings:
    import msgspec

    from katchi.node.settings import Settings, SettingsError

    try:
        return msgspec.convert({key.replace("_", "-"): value for key, value in values.items()}, Settings)
    except msgspec.ValidationError as problem:
        raise SettingsError(
            "A setting cannot be used.",
            found=str(problem),
            remedy="`katchi init --help` says what is expected",
        ) from problem


def _host_name() -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")
    return plain[:63] or "node"


def _show_new_node(invocation: Invocation, found: Any) -> None:
    settings = found.settings
    invocation.answer(
        {
            "folder": str(invocation.folder),
            "name": settings.name,
            "node_id": settings.node_id,
            "url": settings.url,
            "public_key": found.public_key,
            "administrator": found.administrator,
            "password": found.password,
        }
    )
    invocation.say("init-made", name=settings.name, folder=invocation.folder)
    invocation.say("init-key", key=found.public_key)
    invocation.tell(invocation.word("init-person", person=found.administrator))
    invocation.tell(invocation.word("init-password", password=found.password))
    invocation.say("init-next")
    if invocation.folder != DEFAULT_FOLDER:
        invocation.say("init-next-folder", folder=invocation.folder.resolve())
    for step in ("serve", "import", "invite"):
        invocation.say(f"init-next-{step}", url=settings.url)


def serve(context: typer.Context) -> None:
    """Run the node until Ctrl-C.

    It serves the console and TAXII, and exchanges with partners.
    """
    invocation = here(context)
    with invocation.node() as node:
        from katchi.web.serve import serve as run

        run(node, ready=lambda: invocation.say("serve-on", listen=node.settings.listen, url=node.settings.url))


def demo(
    context: typer.Context,
    check: Annotated[bool, typer.Option(help="Exit 0 only if every statement that it made was verified.")] = False,
    wait: Annotated[bool, typer.Option(help="Keep both consoles open at the end, until Ctrl-C.")] = True,
) -> None:
    """See two nodes work together.

    Starts a Korean and an American node here, and tells the story as it happens.
    """
    from katchi.cli import demo as story

    status = story.play(here(context), check=check, wait=wait)
    if status:
        raise typer.Exit(status)
