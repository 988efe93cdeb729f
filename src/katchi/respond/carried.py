"""Responses as STIX: a course of action (STIX 2.1 §4.3), with the playbook and a node's signed log in an extension.

Any tool reads its name and description. Each node that takes part has one of its own for a response; that of who
proposes has the playbooks too, as bytes in base64, the one to be run first.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from katchi import stix
from katchi.respond.joint import BadEntryError, ResponseId, Signed
from katchi.stix.registered import RESPONSE

MOST_PLAYBOOKS: Final = 20
_LARGEST: Final = 1_500_000  # characters of one


class _Extension(msgspec.Struct, frozen=True, kw_only=True):
    response: ResponseId
    entries: Annotated[tuple[Signed, ...], msgspec.Meta(min_length=1, max_length=5000)]
    playbooks: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=_LARGEST)], ...], msgspec.Meta(max_length=MOST_PLAYBOOKS)
    ] = ()


class Carried(msgspec.Struct, frozen=True):
    """What a course of action says of a response: its id, the log of the node that sent it, playbooks."""

    response: str
    entries: tuple[Signed, ...]
    playbooks: tuple[bytes, ...]


def course_of_action(
    draft: dict[str, Any], response: str, *, name: str, reason: str, nodes: Sequence[str], entries: Sequence[Signed],
    playbooks: Sequence[bytes] = (),
) -> dict[str, Any]:  # fmt: skip
    """The members of a course of action. `draft` has those of any object; `nodes` are for whom it is."""
    extension: dict[str, Any] = {
        "extension_type": "property-extension", "response": response, "nodes": sorted(nodes),
        "entries": [msgspec.to_builtins(each) for each in entries],
    }  # fmt: skip
    if playbooks:
        extension["playbooks"] = [base64.b64encode(each).decode() for each in playbooks]
    made = {**draft, "name": name[:200], "extensions": {RESPONSE: extension}}
    return {**made, "description": reason} if reason else made


def read(obj: stix.Object) -> Carried | None:
    """What an object says of a response; None where it is no course of action in one. Raises BadEntryError."""
    extensions = obj.properties.get("extensions")
    if obj.type != "course-of-action" or not isinstance(extensions, dict) or RESPONSE not in extensions:
        return None
    try:
        found = msgspec.convert(extensions[RESPONSE], _Extension)
        playbooks = tuple(base64.b64decode(each, validate=True) for each in found.playbooks)
    except (msgspec.ValidationError, binascii.Error, ValueError) as problem:
        raise BadEntryError(
            "The response in this object cannot be read.", what=obj.id, found=str(problem)[:200]
        ) from None
    return Carried(found.response, found.entries, playbooks)
