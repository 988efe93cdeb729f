"""`katchi topic`: parts of what is released, as TAXII collections of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import here

if TYPE_CHECKING:
    from katchi.store.topics import TopicRow

app = typer.Typer(
    help="Parts of what is released, as collections of their own.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def add(
    context: typer.Context,
    alias: Annotated[str, typer.Argument(help="How readers ask for it: small letters, digits, hyphens.")],
    title: Annotated[str, typer.Option(help="For people.")] = "",
    description: Annotated[str, typer.Option(help="For people.")] = "",
    type_: Annotated[list[str] | None, typer.Option("--type", help="A STIX type that belongs to it.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="A label; objects with one of them belong to it.")] = None,
    marking: Annotated[list[str] | None, typer.Option(help="A TLP label: clear, green, amber, …")] = None,
    reader: Annotated[list[str] | None, typer.Option(help="A partner, or everybody, nodes, tools, own-tools.")] = None,
) -> None:
    """Make a collection of a part of what is released.

    Terms decide what goes; a topic only sorts it. All options may stand more than once.
    """
    from katchi.node import topics
    from katchi.policy.topic import EVERYBODY, Topic

    invocation = here(context)
    topic = Topic(
        alias, title, description, tuple(type_ or ()), tuple(label or ()),
        tuple(marking or ()), tuple(reader or (EVERYBODY,)),  # type: ignore[arg-type]  # checked by `topics.add`
    )  # fmt: skip
    with invocation.node() as node, invocation.progress("topic") as progress:
        row = topics.add(node, topic, progress)
        count = node.store.topics.counts().get(row.number, 0)
    invocation.answer({**_as_document(row), "is_ready": True, "releases": count})
    invocation.say("topic-made", alias=alias, count=count)


@app.command()
def fill(context: typer.Context, alias: str) -> None:
    """Go on filling a topic whose making was interrupted."""
    from katchi.node import topics

    invocation = here(context)
    with invocation.node() as node, invocation.progress("topic") as progress:
        topics.fill(node, alias, progress)
    invocation.answer({"filled": alias})
    invocation.say("topic-filled", alias=alias)


@app.command("list")
def list_(context: typer.Context) -> None:
    """Show all topics."""
    invocation = here(context)
    with invocation.node() as node:
        rows, counts = node.store.topics.all(), node.store.topics.counts()
    invocation.answer({"topics": [{**_as_document(row), "releases": counts.get(row.number, 0)} for row in rows]})
    if not rows:
        invocation.say("topic-none")
    invocation.table(
        ("topic", "belongs", "readers", "count"),
        [
            (
                row.topic.alias if row.is_ready else f"{row.topic.alias} ({invocation.word('topic-filling')})",
                ", ".join((*row.topic.types, *row.topic.labels, *(f"TLP:{each}" for each in row.topic.markings))),
                ", ".join(row.topic.readers),
                counts.get(row.number, 0),
            )
            for row in rows
        ],
    )


@app.command()
def remove(context: typer.Context, alias: str) -> None:
    """Take a topic away.

    What was in it stays released.
    """
    from katchi.node import topics

    invocation = here(context)
    with invocation.node() as node:
        topics.drop(node, alias)
    invocation.answer({"removed": alias})
    invocation.say("topic-removed", alias=alias)


def _as_document(row: TopicRow) -> dict[str, object]:
    topic = row.topic
    return {
        "topic": topic.alias,
        "title": topic.title,
        "description": topic.description,
        "types": topic.types,
        "labels": topic.labels,
        "markings": topic.markings,
        "readers": topic.readers,
        "is_ready": row.is_ready,
    }
