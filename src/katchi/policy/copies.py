"""Makes the redacted copy of an object: a valid object with an id of its own that leads nowhere back."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from katchi import stix
from katchi.policy import redact
from katchi.policy.decision import Withheld
from katchi.policy.generalise import Redaction
from katchi.policy.types import COMMON, required
from katchi.policy.verdict import Allowed, Question
from katchi.policy.world import Copy, World

_MILLISECOND = 1_000


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
    digest = hmac.digest(question.world.copy_key, msgspec.json.encode(parts), "sha256")
    # STIX 2.1 §2.9: a random-looking id is a UUIDv4; §3.? of an SCO's deterministic id does not bind copies.
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
    body = redact.apply(obj.properties, redaction, references)
    body["id"] = new_id
    for name in required(obj.type, obj.spec_version):
        if name in obj.properties and name not in body:
            return Withheld("cannot-redact", name)
    refused = _forget(body, obj, (obj.id, *(old for old, new in references.items() if new != old)))
    if refused is not None:
        return refused
    last = world.copy(new_id)
    if last is not None and _is_older(obj, last):
        return Withheld("superseded")
    raw = _encoded(body, obj, last)
    copied = stix.read(raw)
    broken = [found for found in stix.check(copied) if found.level is stix.Level.MUST]
    if broken:
        return Withheld("cannot-redact", broken[0].path)
    return Copy(new_id, obj.id, obj.version, copied.version, raw)


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


def _forget(body: dict[str, Any], obj: stix.Object, hidden: Iterable[str]) -> Withheld | None:
    """Cuts what would still name the original or what it may not name; a reason when that is needed."""
    needed = COMMON | required(obj.type, obj.spec_version)
    for name in redact.names_any(body, hidden):
        if name in needed:
            return Withheld("copy-names-original", name)
        del body[name]
    return None
