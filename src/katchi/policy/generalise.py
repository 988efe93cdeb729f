"""Says less precisely what an object says: a sector for a name, a country for an address, a day for an instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from katchi import stix
from katchi.policy.paths import Path
from katchi.policy.types import COMMON, words


@dataclass(frozen=True, slots=True)
class Redaction:
    """What to cut out of an object and what to put in another's place, by path in the original."""

    removed: frozenset[Path] = frozenset()
    changed: Mapping[Path, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether the object stays as it is."""
        return not self.removed and not self.changed

    def __or__(self, other: Redaction) -> Redaction:
        return Redaction(self.removed | other.removed, {**self.changed, **other.changed})


class CannotRedactError(Exception):
    """Without this property the object would be no valid object; nothing could stand in its place."""


NOTHING: Final = Redaction()

_COPIED: Final = COMMON | {"created_by_ref", "confidence"}
_IDENTITY: Final = _COPIED | {"name", "identity_class", "sectors"}
_LOCATION: Final = _COPIED | {"country", "region"}

_NOUNS: Final = {
    "individual": "person",
    "group": "group",
    "system": "system",
}
_TIMES: Final = (
    "first_seen",
    "last_seen",
    "first_observed",
    "last_observed",
    "start_time",
    "stop_time",
    "submitted",
    "analysis_started",
    "analysis_ended",
    "start",
    "end",
)
_DAY: Final = 86_400_000_000


def identities(obj: stix.Object, public_names: frozenset[str]) -> Redaction:
    """An identity's name becomes what it is and its first sector; only class and sectors stay beside it."""
    properties = obj.properties
    if obj.type != "identity" or properties.get("identity_class") == "class":
        return NOTHING
    if obj.id in public_names or properties.get("name") in public_names:
        return NOTHING
    redaction = _only(properties, _IDENTITY) | _within_vocabularies(obj)
    name = generic_name(properties)
    return redaction if properties.get("name") == name else redaction | Redaction(changed={("name",): name})


def _within_vocabularies(obj: stix.Object) -> Redaction:
    # The words of the vocabularies name nobody; what stands in their place might.
    removed: set[Path] = set()
    changed: dict[Path, Any] = {}
    identity_class, sectors = obj.properties.get("identity_class"), obj.properties.get("sectors")
    if identity_class is not None and not _is_word(identity_class, _CLASSES):
        if obj.spec_version == "2.0":
            changed["identity_class",] = "unknown"  # STIX 2.0 part 2 §2.5 cannot do without one
        else:
            removed.add(("identity_class",))
    if isinstance(sectors, list):
        removed |= {("sectors", index) for index, each in enumerate(sectors) if not _is_word(each, _SECTORS)}
    elif sectors is not None:
        removed.add(("sectors",))
    return Redaction(frozenset(removed), changed)


def _is_word(value: Any, vocabulary: frozenset[str]) -> bool:
    return isinstance(value, str) and value in vocabulary


def generic_name(properties: dict[str, Any]) -> str:
    """What an identity is, without saying who: "A financial-services organisation"."""
    identity_class, sectors = properties.get("identity_class"), properties.get("sectors")
    noun = _NOUNS.get(identity_class, "organisation") if isinstance(identity_class, str) else "organisation"
    known = [each for each in sectors if _is_word(each, _SECTORS)] if isinstance(sectors, list) else []
    phrase = f"{known[0]} {noun}" if known else noun
    return f"{'An' if phrase[0] in 'aeio' else 'A'} {phrase}"


_CLASSES: Final = words("individual group system organization class unspecified unknown")
_SECTORS: Final = words(
    # STIX 2.1 §10.9, industry-sector-ov
    "agriculture aerospace automotive chemical commercial communications construction defense education "
    "energy entertainment financial-services government emergency-services government-local "
    "government-national government-public-services government-regional healthcare hospitality-leisure "
    "infrastructure dams nuclear water insurance manufacturing mining non-profit pharmaceuticals retail "
    "technology telecommunications transportation utilities"
)


def locations(obj: stix.Object, public_names: frozenset[str]) -> Redaction:
    """Of a place, only country and region stay."""
    if obj.type != "location":
        return NOTHING
    if "country" not in obj.properties and "region" not in obj.properties:
        raise CannotRedactError("country")
    return _only(obj.properties, _LOCATION)


def times(obj: stix.Object, public_names: frozenset[str]) -> Redaction:
    """When something was seen or done becomes the day on which it was; versions keep their instants."""
    changed: dict[Path, str] = {}
    for name in _TIMES:
        text = obj.properties.get(name)
        if isinstance(text, str):
            try:
                instant = stix.parse_timestamp(text)
            except stix.TimestampError:
                raise CannotRedactError(name) from None
            if instant % _DAY:
                changed[name,] = _midnight(instant)
    _keep_apart(obj, changed)
    return Redaction(changed=changed) if changed else NOTHING


def _midnight(instant: int) -> str:
    return stix.format_timestamp(instant - instant % _DAY)[:19] + "Z"


def _keep_apart(obj: stix.Object, changed: dict[Path, str]) -> None:
    # STIX 2.1 §5.1: a relationship's stop_time is later than its start_time.
    if obj.type != "relationship" or not {"start_time", "stop_time"} <= obj.properties.keys():
        return
    start = changed.get(("start_time",), obj.properties["start_time"])
    stop = changed.get(("stop_time",), obj.properties["stop_time"])
    if stix.parse_timestamp(stop) <= stix.parse_timestamp(start):
        changed["stop_time",] = _midnight(stix.parse_timestamp(start) + _DAY)


def _only(properties: dict[str, Any], kept: frozenset[str]) -> Redaction:
    return Redaction(frozenset((name,) for name in properties if name not in kept))


GENERALISERS: Final[dict[str, Callable[[stix.Object, frozenset[str]], Redaction]]] = {
    "identities": identities,
    "locations": locations,
    "times": times,
}
"""What `generalise` in terms can name."""
