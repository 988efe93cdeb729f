"""What a person reads of an object at a glance, and what a search reads of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from katchi.stix.objects import Object

LONGEST_NAME: Final = 200
LONGEST_TEXT: Final = 4000

# The first of these that an object has says most about it.
_TELLING = (
    *("name", "value", "path", "key", "pattern", "abstract", "subject", "account_login", "user_id"),
    *("display_name", "command_line", "product", "opinion", "content", "context", "number"),
    *("serial_number", "city", "country", "region", "title", "description", "definition_type"),
)


def display_name(obj: Object) -> str:
    """A short title for the object: its name, else its value, pattern, path; at last its id."""
    special = _SPECIAL.get(obj.type)
    title = special(obj.properties) if special else ""
    return _squeezed(title or _telling(obj.properties) or obj.id)


def _telling(members: dict[str, Any]) -> str:
    for name in _TELLING:
        value = members.get(name)
        if value.__class__ is str and value.strip():
            return str(value)
        if value.__class__ is int:
            return str(value)
    hashes = members.get("hashes")
    return _first_text(hashes) if isinstance(hashes, dict) else ""


def _first_text(members: dict[str, Any]) -> str:
    return next((value for value in members.values() if isinstance(value, str)), "")


def _squeezed(text: str) -> str:
    """One printable line of limited length."""
    line = " ".join(text[: LONGEST_NAME * 4].split())
    if not line.isprintable():
        line = "".join(mark if mark.isprintable() else "�" for mark in line)
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"


def _relation(members: dict[str, Any]) -> str:
    source, target = members.get("source_ref"), members.get("target_ref")
    return f"{_kind(source)} {members.get('relationship_type', '')} {_kind(target)}"


def _kind(reference: Any) -> str:
    return reference.partition("--")[0] if isinstance(reference, str) else "?"


def _sighting(members: dict[str, Any]) -> str:
    return f"sighting of {_kind(members.get('sighting_of_ref'))}"


def _observation(members: dict[str, Any]) -> str:
    objects = members.get("objects")
    if isinstance(objects, dict):
        for value in objects.values():
            title = _telling(value) if isinstance(value, dict) else ""
            if title:
                return title
    observed = members.get("object_refs")
    kinds = dict.fromkeys(map(_kind, observed)) if isinstance(observed, list) else {}
    return f"observed {', '.join(kinds)}" if kinds else ""


def _marking(members: dict[str, Any]) -> str:
    if isinstance(members.get("name"), str):
        return str(members["name"])
    definition = members.get("definition")
    text = _first_text(definition) if isinstance(definition, dict) else ""
    return f"TLP:{text.upper()}" if members.get("definition_type") == "tlp" and text else text


_SPECIAL = {
    "marking-definition": _marking,
    "observed-data": _observation,
    "relationship": _relation,
    "sighting": _sighting,
}

# What a search reads, the most telling first: a long description must not crowd out the rest.
_SEARCHED = (
    *("name", "value", "aliases", "x_mitre_aliases", "labels", "pattern", "path", "key", "hashes"),
    *("external_references", "subject", "abstract", "account_login", "user_id", "display_name"),
    *("relationship_type", "malware_types", "indicator_types", "threat_actor_types", "tool_types"),
    *("report_types", "infrastructure_types", "sectors", "country", "region", "city", "definition"),
    *("product", "result_name", "context", "opinion", "serial_number", "issuer", "command_line"),
    *("description", "content", "explanation", "objective", "goals", "contents", "body", "objects"),
)


def search_text(obj: Object) -> str:
    """What a search looks through, lower-case and NFKC, at most 4,000 characters."""
    parts: list[str] = []
    length = 0
    members = obj.properties
    for name in _SEARCHED:
        if name in members:
            for text in _texts(members[name], name):
                parts.append(text[:LONGEST_TEXT])
                length += len(text) + 1
            if length > LONGEST_TEXT:
                break
    text = " ".join(parts)[:LONGEST_TEXT]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return text.lower()[:LONGEST_TEXT]


def _texts(value: Any, name: str, depth: int = 4) -> Iterator[str]:
    """The texts within a property; of external references, the ids and sources only."""
    if value.__class__ is str:
        yield value
    elif depth and value.__class__ is list:
        for item in value:
            if name == "external_references":
                yield from _reference_texts(item)
            else:
                yield from _texts(item, name, depth - 1)
    elif depth and value.__class__ is dict:
        for item in value.values():
            yield from _texts(item, name, depth - 1)


def _reference_texts(item: Any) -> Iterator[str]:
    number = item.get("external_id") if isinstance(item, dict) else None
    if isinstance(number, str):
        yield number
