"""Makes the redacted copy of an object: a valid object with an id of its own that leads nowhere back."""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

import msgspec

from katchi import stix
from katchi.errors import KatchiError
from katchi.policy import paths, redact
from katchi.policy.decision import Withheld
from katchi.policy.generalise import CannotRedactError, Redaction
from katchi.policy.paths import Path
from katchi.policy.types import COMMON, required
from katchi.policy.verdict import Allowed, Question
from katchi.policy.world import Copy, World
from katchi.stix.registered import SIGNED_WHOLE

_MILLISECOND: Final = 1_000
_KEY_BYTES: Final = 16
_MENDINGS: Final = 4
_item: Final = re.compile(r"([^.\[]+)(?:\[(\d+)\])?", re.ASCII).match


class WeakKeyError(KatchiError):
    """With this key anybody could tell which original a copy belongs to."""

    code: ClassVar[str] = "weak-copy-key"


def copy_id(
    obj: stix.Object,
    allowed: Allowed,
    redaction: Redaction,
    question: Question,
    *,
    points: bool,
    marks: str = "",
) -> str:
    """The id of the copy that this rule makes of this object: the same from release to release.

    Without the node's key nobody can tell which original it belongs to. A copy that points to other
    objects belongs to one recipient, since what it may name depends on who asks; any other is the
    same for every partner with the same recipe. What has no version (a cyber-observable) gets a new
    id with every change: `marks` names what its references became.
    """
    ceiling = str(allowed.ceiling) if "granular_markings" in obj.properties else None
    recipe = redact.recipe(allowed.rule, ceiling, drops=points and allowed.rule.references == "drop")
    parts = [obj.id, recipe.decode(), question.recipient.name if points else ""]
    if "modified" not in obj.properties:
        body = msgspec.json.encode(redact.apply(obj.properties, redaction))
        parts += [hashlib.sha256(body).hexdigest(), marks]
    key = question.world.copy_key
    if len(key) < _KEY_BYTES:
        raise WeakKeyError("The key for copies is too short.", expected=f"at least {_KEY_BYTES} random bytes")
    digest = hmac.digest(key, msgspec.json.encode(parts), "sha256")
    # STIX 2.1 §2.9: a UUIDv4 is expected to be random. One made from the contents, as §2.9 has it for
    # observables, would give away to anybody who guesses the contents which original it is.
    return f"{obj.type}--{uuid.UUID(bytes=digest[:16], version=4)}"


def was_copy(obj: stix.Object, allowed: Allowed, points: bool, question: Question) -> bool:
    """Whether this recipient knows the object as a copy already: then it stays one, even with nothing to hide."""
    rule = allowed.rule
    has_recipe = rule.strip or rule.generalise or "granular_markings" in obj.properties
    if not (has_recipe or (points and rule.references == "drop")) or "modified" not in obj.properties:
        return False
    if not question.world.released_before(obj.id):
        return False
    known_as = copy_id(obj, allowed, Redaction(), question, points=points)
    return any(last.id == known_as for last in question.world.last_released(obj.id))


def make(
    obj: stix.Object,
    new_id: str,
    redaction: Redaction,
    references: Mapping[str, str | None],
    world: World,
) -> Copy | Withheld:
    """The copy of this version of the object under `new_id`, or why no valid one can be made."""
    last = world.copy(new_id)
    if last is not None and _is_older(obj, last):
        return Withheld("superseded")
    hidden = (obj.id, *(old for old, new in references.items() if new != old))
    body = {**_without_signed(redact.apply(obj.properties, redaction, references)), "id": new_id}
    try:
        body = _mended(_without_names(body, obj, hidden), obj)
    except CannotRedactError as error:
        return Withheld("cannot-redact", str(error))
    except _NamesOriginalError as error:
        return Withheld("copy-names-original", str(error))
    raw = _encoded(body, obj, last)
    return Copy(new_id, obj.id, obj.version, stix.read(raw).version, raw)


def _without_signed(body: dict[str, Any]) -> dict[str, Any]:
    """What is signed as a whole says what was cut, and would not hold: a copy is without it."""
    extensions = body.get("extensions")
    found = SIGNED_WHOLE.keys() & extensions.keys() if isinstance(extensions, dict) else set()
    signed: frozenset[Path] = frozenset(("extensions", each, member) for each in found for member in SIGNED_WHOLE[each])
    return redact.apply(body, Redaction(signed)) if signed else body


def _is_older(obj: stix.Object, last: Copy) -> bool:
    return obj.version is not None and last.of_version is not None and obj.version < last.of_version


def _encoded(body: dict[str, Any], obj: stix.Object, last: Copy | None) -> bytes:
    """The copy's bytes, with a `modified` under which no other bytes have gone."""
    if last is None or last.version is None or obj.version is None or "modified" not in body:
        return msgspec.json.encode(body)
    as_before = {**body, "modified": stix.read(last.raw).version_text}
    if last.of_version == obj.version and msgspec.json.encode(as_before) == last.raw:
        return last.raw
    if obj.version <= last.version:
        body["modified"] = stix.format_timestamp(last.version + _MILLISECOND)
    return msgspec.json.encode(body)


class _NamesOriginalError(Exception):
    """A property that the copy needs would give away the original."""


def _without_names(body: dict[str, Any], obj: stix.Object, hidden: Iterable[str]) -> dict[str, Any]:
    """The body without what would still name the original, or what it may not name."""
    needed = COMMON | required(obj.type, obj.spec_version)
    telling = redact.names_any(body, hidden)
    for name in telling:
        if name in needed:
            raise _NamesOriginalError(name)
    return redact.apply(body, Redaction(frozenset((name,) for name in telling))) if telling else body


def _mended(body: dict[str, Any], obj: stix.Object) -> dict[str, Any]:
    """The body as a valid object: what cutting has left broken goes too, if the object can lack it."""
    needed = required(obj.type, obj.spec_version)
    for name in needed:
        if name in obj.properties and name not in body:
            raise CannotRedactError(name)
    for _ in range(_MENDINGS):
        broken = [found.path for found in stix.check(_object(body)) if found.level is stix.Level.MUST]
        if not broken:
            return body
        if "name" in broken and "name" in obj.properties and "name" not in body:
            body["name"] = redact.stand_in(obj)  # STIX 2.1 §4.11: a malware family has a name
            continue
        removed = frozenset(map(_part, broken))
        for path in removed:
            if path[0] in needed | COMMON or not paths.exists(body, path):
                raise CannotRedactError(paths.write_selector(path))
        body = redact.apply(body, Redaction(removed))
    raise CannotRedactError(broken[0])


def _part(path: str) -> Path:
    """The item of a list, or else the property, in which a finding lies: `external_references[0].url`."""
    found = _item(path)
    return (found[1], int(found[2])) if found and found[2] else (found[1] if found else path,)


def _object(body: dict[str, Any]) -> stix.Object:
    return stix.read(msgspec.json.encode(body))
