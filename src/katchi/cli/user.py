"""`katchi user`: who may sign in to the console."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from katchi.cli.invocation import Invocation, here
from katchi.cli.printing import moment

app = typer.Typer(help="People who sign in.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME")]
Role = Literal["reader", "analyst", "releaser", "administrator"]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Option(help="What the person may do.")] = "reader",
) -> None:
    """Let somebody sign in.

    The generated password is shown once. --language sets the person's language.
    """
    from katchi.node import people

    invocation = here(context)
    with invocation.node() as node:
        password = people.add(node, name, role, invocation.language)
    invocation.answer({"name": name, "role": role, "password": password})
    invocation.say("user-added", person=name, role=role)
    _show_password(invocation, name, password)


def _show_password(invocation: Invocation, name: str, password: str) -> None:
    invocation.tell(invocation.word("user-password", person=name, password=password))


@app.command("list")
def list_(context: typer.Context) -> None:
    """Show everybody."""
    invocation = here(context)
    with invocation.node() as node:
        people = node.store.people.all()
    invocation.answer(
        {
            "people": [
                {
                    "name": each.name,
                    "role": each.role,
                    "language": each.language,
                    "is_active": each.is_active,
                    "since": moment(each.created_at),
                }
                for each in people
            ]
        }
    )
    closed = invocation.word("user-closed-already")
    invocation.table(
        ("name", "role", "language", "when"),
        [
            (each.name, each.role if each.is_active else closed, each.language, moment(each.created_at))
            for each in people
        ],
    )


@app.command()
def role(context: typer.Context, name: Name, role: Annotated[Role, typer.Argument(metavar="ROLE")]) -> None:
    """Change what somebody may do.

    Roles: reader, analyst, releaser, administrator.
    """
    from katchi.node import people

    invocation = here(context)
    with invocation.node() as node:
        people.set_role(node, name, role)
    invocation.answer({"name": name, "role": role})
    invocation.say("user-role", person=name, role=role)


@app.command()
def password(
    context: typer.Context,
    name: Name,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the new password from standard input.")] = False,
) -> None:
    """Give somebody a new password.

    Generated and shown once, or read from standard input.
    """
    from katchi.node import people

    invocation = here(context)
    given = sys.stdin.readline().rstrip("\n") if stdin else None
    with invocation.node() as node:
        new = people.set_password(node, name, given)
    invocation.answer({"name": name, "password": None if stdin else new})
    if not stdin:
        _show_password(invocation, name, new)


@app.command()
def close(context: typer.Context, name: Name) -> None:
    """Let somebody sign in no longer."""
    from katchi.node import people

    invocation = here(context)
    with invocation.node() as node:
        people.close(node, name)
    invocation.answer({"name": name, "is_active": False})
    invocation.say("user-closed", person=name)
