"""`katchi search` and `katchi show`: what the node holds, and what happened to each object."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from katchi.cli.invocation import Invocation, here
from katchi.cli.printing import moment, safe
from katchi.cli.thing import found_document, tell_found

if TYPE_CHECKING:
    from katchi.node.look import Shown
    from katchi.node.wiring import Node
    from katchi.store.releases import Gone
    from katchi.store.search import Hit, Wanted


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(search)
    app.command()(show)


def search(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORDS", help="Values, a name in any language, an id, a part of either, a query; - is stdin."
        ),
    ] = None,
    type: Annotated[str, typer.Option(help="Only this STIX type.")] = "",
    origin: Annotated[str, typer.Option(help="Only from here: own, or a partner's name.")] = "",
    marking: Annotated[str, typer.Option(help="Only this TLP: clear, green, amber, amber+strict, red.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many, latest first.")] = 50,
) -> None:
    """Find things, and objects that speak of them.

    Example: katchi search 198.51.100.7
    """
    from katchi.node import search as looking
    from katchi.store.search import Wanted

    invocation = here(context)
    text = sys.stdin.read() if words == ["-"] else " ".join(words or ())
    wanted = Wanted(words=text, type=type, origin=origin, marking=marking)
    of_objects = bool(type or origin or marking) or not text
    with invocation.node() as node:
        found = looking.Found(looking.Query(), ()) if of_objects else looking.find(node, text, limit=limit)
        # What is asked by kind, score or age, or as many values, no object has in its text.
        hits = [] if found.values > 1 or found.query.is_narrow else _find(node, wanted, limit + 1)
    has_more = len(hits) > limit
    hits = hits[:limit]
    invocation.answer({**found_document(found), "objects": [_hit(hit) for hit in hits], "more": has_more})
    if not (hits or found.things or found.possible or found.values):
        invocation.say("search-none")
    tell_found(invocation, found)
    invocation.table(
        ("type", "name", "marking", "origin", "version", "id"),
        [
            (
                hit.type,
                _name(invocation, hit),
                hit.marking or "-",
                hit.origin,
                moment(hit.version),
                hit.object_id,
            )
            for hit in hits
        ],
    )
    if has_more:
        invocation.say("search-more", limit=limit)


def _find(node: Node, wanted: Wanted, limit: int) -> list[Hit]:
    """By id, by the thing that a value stands for (defanged or not), or by words."""
    from dataclasses import replace

    from katchi.node import look

    hits: list[Hit] = []
    while True:
        found = look.find(node, wanted)
        hits += [hit for hit in found.hits if _is_wanted(hit, wanted)]
        if found.before is None or len(hits) >= limit:
            return hits[:limit]
        wanted = replace(wanted, before=found.before)


def _is_wanted(hit: Hit, wanted: Wanted) -> bool:
    pairs = ((wanted.type, hit.type), (wanted.origin, hit.origin), (wanted.marking, hit.marking))
    return all(asked in ("", is_) for asked, is_ in pairs)


def _hit(hit: Hit) -> dict[str, object]:
    return {
        "id": hit.object_id,
        "type": hit.type,
        "name": hit.name,
        "origin": hit.origin,
        "marking": hit.marking or None,
        "revoked": hit.is_revoked,
        "version": moment(hit.version),
    }


def _name(invocation: Invocation, hit: Hit) -> str:
    return f"{hit.name} ({invocation.word('revoked')})" if hit.is_revoked else hit.name


def show(
    context: typer.Context,
    object_id: Annotated[str, typer.Argument(metavar="OBJECT", help="The object's id.")],
    raw: Annotated[bool, typer.Option("--raw", help="The newest version's bytes, exactly as they came.")] = False,
) -> None:
    """Show one object.

    Properties, versions, where it came from, to whom it went and to whom not.
    """
    from katchi.node import look
    from katchi.node.terms import UnknownObjectError

    invocation = here(context)
    with invocation.node() as node:
        shown = look.show(node, object_id, invocation.language)
    if shown is None:
        raise UnknownObjectError(
            "No object of this id is held.", where=object_id[:120], remedy="`katchi search WORDS` finds ids"
        )
    if raw:
        sys.stdout.buffer.write(shown.versions[0].raw)
        sys.stdout.flush()
        return
    about = _about(invocation, shown)
    invocation.answer(about)
    if not invocation.as_json:
        _show(invocation, about)


def _about(invocation: Invocation, shown: Shown) -> dict[str, Any]:
    import msgspec

    return {
        "object": msgspec.json.decode(shown.versions[0].raw),
        "origin": shown.hit.origin,
        "versions": [
            {"version": each.version_text, "arrived": moment(each.added), "origin": each.origin, "via": each.via}
            for each in shown.versions
        ],
        "things": shown.things,
        "also_about_them": [_hit(each) for each in shown.same],
        "referred_to_by": [
            {"id": each.from_id, "type": each.type, "name": each.name, "path": each.path} for each in shown.pointed_from
        ],
        "released_to": [_release(each) for each in shown.releases],
        "withheld_from": [
            {"partner": held.partner, "code": held.code, "reason": _reason(invocation, held.code, held.detail)}
            for held in shown.withheld
        ],
        "taken_back_by": [
            {"partner": each.partner, "when": moment(each.noted_at), "digest": each.digest.hex()}
            for each in shown.taken_back
        ],
    }


def _release(gone: Gone) -> dict[str, Any]:
    return {
        "partner": gone.partner,
        "as": gone.object_id,
        "is_copy": gone.is_copy,
        "at": moment(gone.added),
        "rule": gone.rule,
        "receipt": gone.receipt,
        "withdrawn": moment(gone.withdrawn_at) or None,
        "withdrawal_known": gone.told,
    }


def _reason(invocation: Invocation, code: str, detail: str) -> str:
    from katchi.web.language import reason_sentence

    return reason_sentence(code, detail, invocation.language)


def _show(invocation: Invocation, about: dict[str, Any]) -> None:
    width = max(len(name) for name in about["object"])
    for name, value in about["object"].items():
        for number, line in enumerate(_lines(value)):
            invocation.tell(f"{safe(name) if number == 0 else '':<{width}}  {safe(line)}")
    _section(invocation, "versions", ("version", "arrived", "origin", "via"), about["versions"])
    if about["things"]:
        invocation.tell(f"\n{invocation.word('section-things')}: {safe(', '.join(about['things']))}")
    _section(invocation, "same", ("type", "name", "origin", "id"), about["also_about_them"])
    _section(invocation, "referring", ("type", "name", "id"), about["referred_to_by"])
    released = [
        {**each, "when": each["at"], "receipt": each["receipt"] or invocation.word("waiting")}
        | ({"receipt": _withdrawn(invocation, each)} if each["withdrawn"] else {})
        | ({"rule": f"{each['rule']} ({invocation.word('redacted')})"} if each["is_copy"] else {})
        for each in about["released_to"]
    ]
    _section(invocation, "released", ("partner", "when", "rule", "receipt"), released)
    withheld = [{**each, "why": each["reason"]} for each in about["withheld_from"]]
    _section(invocation, "withheld", ("partner", "why"), withheld)
    _section(invocation, "taken-back", ("partner", "when"), about["taken_back_by"])


def _withdrawn(invocation: Invocation, release: dict[str, Any]) -> str:
    return invocation.word("withdrawn-known" if release["withdrawal_known"] else "withdrawn")


def _lines(value: object) -> list[str]:
    """A property's value for people: text as it is, line by line; anything else as JSON."""
    import json

    if isinstance(value, str):
        return value.split("\n")
    return [json.dumps(value, ensure_ascii=False)]


def _section(invocation: Invocation, name: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    table = [[row[column] if row[column] is not None else "-" for column in columns] for row in rows]
    invocation.table(columns, table, title=invocation.word(f"section-{name}"))
