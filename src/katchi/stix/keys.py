"""Names the things that an object speaks of, by canonical keys such as `domain:a.example`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from katchi.stix import canonical
from katchi.stix.objects import Object
from katchi.stix.patterns import Comparison, Constant, parse_pattern

_LONGEST_KEY = canonical.LONGEST * 4  # as percent signs make a URL longer
Members = dict[str, Any]
Keys = Iterator[str | None]


def thing_keys(obj: Object) -> tuple[str, ...]:
    """The keys of all things that the object itself names, each once, in order; never raises.

    Observables and STIX patterns name addresses, domains, URLs, files and their like; other objects
    name actors, malware, tools, campaigns, vulnerabilities and techniques.
    """
    keys_of = _KEYS.get(obj.type)
    if keys_of is None:
        return ()
    return tuple(dict.fromkeys(key for key in keys_of(obj.properties) if key and len(key) <= _LONGEST_KEY))


# --- Observables ---------------------------------------------------------------------------------


def _of_text(property_name: str, canonicalise: Callable[[str], str | None]) -> Callable[[Members], Keys]:
    def keys(members: Members) -> Keys:
        value = members.get(property_name)
        if isinstance(value, str):
            yield canonicalise(value)

    return keys


def _of_hashes(thing: str) -> Callable[[Members], Keys]:
    def keys(members: Members) -> Keys:
        hashes = members.get("hashes")
        for algorithm, value in hashes.items() if isinstance(hashes, dict) else ():
            if isinstance(value, str):
                yield canonical.content_hash(algorithm, value, thing)

    return keys


def _system_number(value: object) -> str | None:
    return f"as:{value}" if value.__class__ is int else None


def _of_system(members: Members) -> Keys:
    yield _system_number(members.get("number"))


def _mutex(text: str) -> str | None:
    return f"mutex:{text}" if text else None


_OBSERVABLES: dict[str, Callable[[Members], Keys]] = {
    "artifact": _of_hashes("file"),
    "autonomous-system": _of_system,
    "directory": _of_text("path", canonical.path),
    "domain-name": _of_text("value", canonical.domain),
    "email-addr": _of_text("value", canonical.email),
    "file": _of_hashes("file"),
    "ipv4-addr": _of_text("value", canonical.address),
    "ipv6-addr": _of_text("value", canonical.address),
    "mac-addr": _of_text("value", canonical.mac_address),
    "mutex": _of_text("name", _mutex),
    "url": _of_text("value", canonical.url),
    "windows-registry-key": _of_text("key", canonical.registry_key),
    "x509-certificate": _of_hashes("certificate"),
}


def _of_embedded(members: Members) -> Keys:
    """STIX 2.0: the observables that an observed-data holds within itself."""
    objects = members.get("objects")
    for value in objects.values() if isinstance(objects, dict) else ():
        kind = value.get("type") if isinstance(value, dict) else None
        keys_of = _OBSERVABLES.get(kind) if isinstance(kind, str) else None
        if keys_of is not None:
            yield from keys_of(value)


# --- Patterns ------------------------------------------------------------------------------------


def _of_pattern(members: Members) -> Keys:
    pattern = members.get("pattern")
    if isinstance(pattern, str) and members.get("pattern_type", "stix") == "stix":
        for comparison in parse_pattern(pattern).comparisons:
            yield from _of_comparison(comparison)


def _of_comparison(comparison: Comparison) -> Keys:
    """Only what a pattern looks for, not what it excludes or only resembles."""
    if comparison.is_negated or comparison.operator not in ("=", "IN", "ISSUBSET"):
        return
    key_of = _key_of(comparison.type, comparison.path)
    if key_of is not None:
        for value in comparison.values:
            yield key_of(value)


def _key_of(kind: str, path: tuple[str, ...]) -> Callable[[Constant], str | None] | None:
    """What turns a constant, compared with the property at this path, into a key."""
    last = path[-1]
    if len(path) == 1:
        canonicalise = _COMPARED.get((kind, last))
        if canonicalise is not None:
            return lambda value: canonicalise(value) if isinstance(value, str) else None
        return _system_number if (kind, last) == ("autonomous-system", "number") else None
    owner = path[-2]
    if owner == "hashes" and (len(path) == 2 or _is_reference(path[-3])):
        thing = "certificate" if kind == "x509-certificate" and len(path) == 2 else "file"
        return lambda value: canonical.content_hash(last, value, thing) if isinstance(value, str) else None
    if last == "value" and (_is_reference(owner) or (len(path) > 2 and _is_reference(path[-3]))):
        return lambda value: _whatever(value) if isinstance(value, str) else None
    return None


def _is_reference(step: str) -> bool:
    return step.endswith(("_ref", "_refs"))


def _whatever(text: str) -> str | None:
    """The value of something referred to: an e-mail address, an IP address or a domain."""
    if "@" in text or "[at]" in text:
        return canonical.email(text)
    return canonical.address(text) or canonical.domain(text)


_COMPARED: dict[tuple[str, str], Callable[[str], str | None]] = {
    ("directory", "path"): canonical.path,
    ("domain-name", "value"): canonical.domain,
    ("email-addr", "value"): canonical.email,
    ("ipv4-addr", "value"): canonical.address,
    ("ipv6-addr", "value"): canonical.address,
    ("mac-addr", "value"): canonical.mac_address,
    ("mutex", "name"): _mutex,
    ("url", "value"): canonical.url,
    ("windows-registry-key", "key"): canonical.registry_key,
}


# --- Names ---------------------------------------------------------------------------------------


def _of_names(kind: str) -> Callable[[Members], Keys]:
    def keys(members: Members) -> Keys:
        for text in _names(members):
            name = canonical.name(text)
            if name:
                yield f"name:{kind}:{name}"

    return keys


def _names(members: Members) -> Iterator[str]:
    # MITRE writes the other names of malware and tools in a property of its own.
    for value in (members.get("name"), members.get("aliases"), members.get("x_mitre_aliases")):
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str):
                yield text


def _of_external_ids(canonicalise: Callable[[str], str | None]) -> Callable[[Members], Keys]:
    def keys(members: Members) -> Keys:
        named = members.get("external_references")
        for item in named if isinstance(named, list) else ():
            number = item.get("external_id") if isinstance(item, dict) else None
            if isinstance(number, str):
                yield canonicalise(number)
        if isinstance(members.get("name"), str):
            yield canonicalise(members["name"])

    return keys


_KEYS: dict[str, Callable[[Members], Keys]] = {
    **_OBSERVABLES,
    "attack-pattern": _of_external_ids(canonical.attack_pattern),
    "campaign": _of_names("campaign"),
    "indicator": _of_pattern,
    "infrastructure": _of_names("infrastructure"),
    "intrusion-set": _of_names("intrusion-set"),
    "malware": _of_names("malware"),
    "observed-data": _of_embedded,
    "threat-actor": _of_names("threat-actor"),
    "tool": _of_names("tool"),
    "vulnerability": _of_external_ids(canonical.vulnerability),
}
