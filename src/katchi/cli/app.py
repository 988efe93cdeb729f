"""The whole command line: its nouns, the options that every command has, and how it fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from katchi.cli import (
    alarm,
    effort,
    files,
    ledger,
    objects,
    overlap,
    partner,
    playbook,
    response,
    running,
    store,
    subscription,
    terms,
    thing,
    token,
    topic,
    user,
    watch,
)
from katchi.cli.invocation import DEFAULT_FOLDER, Invocation, here
from katchi.cli.words import Language
from katchi.errors import Diagnostic, KatchiError

USAGE, NOT_FOUND, STORE, INTERRUPTED = 2, 3, 5, 130

_FLAGS = ("--json", "--quiet", "-q")
_WITH_VALUE = ("--node", "--language")


def everywhere(arguments: Sequence[str]) -> list[str]:
    """The arguments with the options of every command moved to the front, so that they may stand anywhere.

    After `--` nothing is an option.
    """
    front: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
        elif argument in _WITH_VALUE:
            front += [argument, *islice(remaining, 1)]
        elif argument in _FLAGS or argument.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            front.append(argument)
        else:
            rest.append(argument)
    return front + rest


class Root(TyperGroup):
    """Turns whatever goes wrong into a laid-out error and an exit status."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs the command and ends the process with its status."""
        invocation = Invocation()
        arguments = everywhere(sys.argv[1:] if args is None else args)
        invocation.as_json = "--json" in arguments  # known before a usage error

        def run() -> Any:
            # Not standalone: what goes wrong comes to us, and we lay it out.
            return super(Root, self).main(arguments, prog_name or "katchi", complete_var, False, obj=invocation)

        sys.exit(_status(invocation, run))


def _status(invocation: Invocation, run: Callable[[], Any]) -> int:
    try:
        status = run()
    except KatchiError as problem:
        return invocation.report(problem.diagnostic(), problem.exit_status)
    except typer.TyperException as problem:
        return _usage(invocation, problem)
    except typer.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough; Python would complain again while closing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as problem:
        return _file(invocation, problem)
    except Exception as problem:
        if not type(problem).__module__.startswith("sqlalchemy."):
            raise
        return _store(invocation, problem)
    if status == INTERRUPTED:
        invocation.warn("interrupted")
    return status if isinstance(status, int) else 0


def _usage(invocation: Invocation, problem: typer.TyperException) -> int:
    if not invocation.as_json:
        cast(Any, problem).show()
        return problem.exit_code
    message = problem.format_message()
    return invocation.report(Diagnostic("usage", message, remedy="katchi --help"), problem.exit_code)


def _file(invocation: Invocation, problem: OSError) -> int:
    status = NOT_FOUND if isinstance(problem, FileNotFoundError) else 1
    where = str(problem.filename or "")
    return invocation.report(Diagnostic("file", problem.strerror or type(problem).__name__, where=where), status)


def _store(invocation: Invocation, problem: Exception) -> int:
    # The driver's own words, without the statement and its values: those are foreign data.
    found = str(getattr(problem, "orig", None) or type(problem).__name__)[:200]
    diagnostic = Diagnostic(
        "store", "The database could not do this.", found=found, remedy="is there space, and is it reachable?"
    )
    return invocation.report(diagnostic, STORE)


app = typer.Typer(
    cls=Root,
    name="katchi",
    help="A node for cyber-defence cooperation: exchange threat intelligence under your terms, and prove it.",
    epilog="--node, --json, --quiet and --language may stand anywhere in the line.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help is there in half the time
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"katchi {version('katchi')}")
        raise typer.Exit()


@app.callback()
def root(
    context: typer.Context,
    node: Annotated[
        Path, typer.Option(envvar="KATCHI_NODE", metavar="FOLDER", help="The node's folder.")
    ] = DEFAULT_FOLDER,
    json: Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what was asked for.")] = False,
    language: Annotated[
        Language | None, typer.Option(help="Of messages: en or ko. Otherwise the node's, or the shell's.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Takes the options that every command has."""
    invocation = here(context)
    invocation.folder = node
    invocation.as_json = json
    invocation.is_quiet = quiet
    invocation.asked_language = language


running.register(app)
files.register(app)
objects.register(app)
app.add_typer(partner.app, name="partner")
app.add_typer(subscription.app, name="subscription")
app.add_typer(terms.app, name="terms")
app.add_typer(thing.app, name="thing")
app.add_typer(alarm.app, name="alarm")
app.add_typer(watch.app, name="watch")
app.add_typer(overlap.app, name="overlap")
app.add_typer(effort.app, name="effort")
app.add_typer(playbook.app, name="playbook")
app.add_typer(response.app, name="respond")
app.add_typer(topic.app, name="topic")
app.add_typer(ledger.app, name="ledger")
app.add_typer(store.app, name="store")
app.add_typer(user.app, name="user")
app.add_typer(token.app, name="token")
