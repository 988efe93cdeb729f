"""Things: which keys are one real-world thing, and what an object says of those that it names.

A thing is known by its *root*, one of its keys. A value is its own root, except:

- hashes of one file, found together in one object: the root is the strongest (`CLIMB`), if there is just one to climb
  to. A hash that was seen with two files of the stronger kind is ambiguous: it stays by itself, and both are shown.
- names: the root is the identity that `names` knows, else the folded name within actors, software or campaigns.
- what a person decided: two are one, or are not. That outlives everything.

Whatever order objects come in, the roots are the same: they follow from what is held, not from what came first.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from katchi import stix
from katchi.overlap.names import GROUP_OF, Meaning, Names, fold
from katchi.stix import canonical
from katchi.store.log import hash_of
from katchi.store.told import UNSAID, Attesting, Saying

_FILE: Final = "file:"
_NAME: Final = "name:"

CLIMB: Final = ("sha256", "sha512", "sha3-256", "sha3-512", "sha1", "md5")
"""Algorithms, the one that names a file best first."""

_HARMLESS: Final = frozenset({"benign"})
_ACCUSING: Final = frozenset({"indicator", "malware", "threat-actor", "intrusion-set", "campaign", "infrastructure"})
_OPINIONS: Final = {"strongly-disagree": -2, "disagree": -1, "neutral": 0, "agree": 1, "strongly-agree": 2}
# What a report points to when it explains a word, not where it has its knowledge from.
_CATALOGUES: Final = frozenset(
    {"cve", "capec", "cwe", "mitre-attack", "mitre-mobile-attack", "mitre-ics-attack", "nvd"}
)


def kind_of(key: str) -> str:
    """The kind of a root or a key: `ipv4`, `file`, `actor` …"""
    return key.partition(":")[0]


_FORMS: Final[Mapping[str, Callable[[str], str | None]]] = {
    "ipv4": canonical.address, "ipv6": canonical.address, "domain": canonical.domain, "url": canonical.url,
    "email": canonical.email, "mac": canonical.mac_address, "path": canonical.path, "registry": canonical.registry_key,
    "vulnerability": canonical.vulnerability, "attack-pattern": canonical.attack_pattern,
}  # fmt: skip


def is_key(text: str) -> bool:
    """Whether this is a key or a root as we write them: what is typed may be anything."""
    kind, _, value = text.partition(":")
    if not value or len(text) > 4 * canonical.LONGEST:
        return False
    if kind in ("file", "certificate"):
        algorithm, _, digits = value.partition(":")
        return canonical.content_hash(algorithm, digits, kind) == text
    form = _FORMS.get(kind)
    return form is None or form(value) == text


# ---- names ---------------------------------------------------------------------------------------


def stand(key: str, names: Names, apart: Mapping[str, frozenset[str]] = {}) -> str:
    """The key under which a key is filed: a name under its identity, or under its folded form; all else itself.

    `apart` has, by folded name, the identities that a person said it does not mean.
    """
    if not key.startswith(_NAME):
        return key
    _, kind, name = key.split(":", 2)
    group = GROUP_OF.get(kind)
    if group is None:
        return f"{kind}:name:{fold(name) or name}"
    own = f"{group}:name:{fold(name) or name}"
    identity = names.meaning(group, name).identity
    return own if identity is None or identity.key in apart.get(own, ()) else identity.key


def is_folded_name(stand: str) -> bool:
    """Whether it stands for a name alone, of which no table knows whose it is."""
    return stand.partition(":")[2].startswith("name:")


def meaning_of(root: str, names: Names) -> Meaning:
    """What a folded name may mean, when it is not known which."""
    group, _, rest = root.partition(":")
    if group in ("actor", "software", "campaign") and rest.startswith("name:"):
        return names.meaning(group, rest.removeprefix("name:"))  # type: ignore[arg-type]
    return Meaning()


def in_its_own_letters(root: str) -> str:
    """A domain whose name is punycode, in the letters that it stands for; else empty."""
    kind, _, value = root.partition(":")
    if kind != "domain" or "xn--" not in value:
        return ""
    labels = []
    for label in value.split("."):
        try:
            labels.append(label.removeprefix("xn--").encode().decode("punycode") if label[:4] == "xn--" else label)
        except (UnicodeError, OverflowError):
            return ""
    written = ".".join(labels)
    return written if written.isprintable() else ""


_LOOK_ALIKE: Final = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})


def suspicious_scripts(root: str) -> list[str]:
    """The scripts of a domain's letters, where one label mixes them or has one that looks like Latin."""
    found: set[str] = set()
    for label in in_its_own_letters(root).split("."):
        scripts = {unicodedata.name(mark, "?").split()[0] for mark in label if mark.isalpha()}
        if scripts & _LOOK_ALIKE or (len(scripts) > 1 and "LATIN" in scripts):
            found |= scripts
    return sorted(found)


# ---- files ---------------------------------------------------------------------------------------


def kin(obj: stix.Object, keys: Sequence[str]) -> tuple[str, ...]:
    """Those of an object's keys that are hashes of one file; none, where it speaks of several or of one hash only."""
    if obj.type not in ("file", "artifact") and not (obj.type == "indicator" and _is_one_file(obj.properties)):
        return ()
    found = [key for key in keys if key.startswith(_FILE) and algorithm_of(key) in CLIMB]
    algorithms = {algorithm_of(key) for key in found}
    return tuple(found) if len(found) > 1 and len(algorithms) == len(found) else ()


def _is_one_file(members: dict[str, Any]) -> bool:
    """`[file:hashes.MD5 = 'x' AND file:hashes.'SHA-1' = 'y']`: with OR it may be one file or two."""
    pattern = members.get("pattern")
    if not isinstance(pattern, str) or pattern.count("[") != 1 or " AND " not in pattern or " OR " in pattern:
        return False
    return all(
        each.type == "file" and each.operator == "=" and not each.is_negated
        for each in stix.parse_pattern(pattern).comparisons
    )


def algorithm_of(key: str) -> str:
    """The algorithm of a file's key."""
    return key.split(":", 2)[1]


def climb(key: str, seen_with: Iterable[str]) -> tuple[str | None, list[str]]:
    """(the one stronger key of the same file, the several that it may be): at most one of both is there."""
    rank = CLIMB.index(algorithm_of(key))
    stronger: dict[str, set[str]] = {}
    for other in seen_with:
        if CLIMB.index(algorithm_of(other)) < rank:
            stronger.setdefault(algorithm_of(other), set()).add(other)
    for algorithm in CLIMB[:rank]:
        found = sorted(stronger.get(algorithm, ()))
        if found:
            return (found[0], []) if len(found) == 1 else (None, found)
    return None, []


# ---- tags ----------------------------------------------------------------------------------------

_MOST_TAGS: Final = 50
_LONGEST_TAG: Final = 200


def tags(obj: stix.Object) -> tuple[str, ...]:
    """An object's labels, folded: without spaces at the ends, in one case and one form of Unicode."""
    labels = obj.properties.get("labels")
    if not isinstance(labels, list):
        return ()
    found = dict.fromkeys(folded_tag(each) for each in labels[:_MOST_TAGS] if isinstance(each, str))
    return tuple(each for each in found if each)


@lru_cache(maxsize=4096)  # a feed has few
def folded_tag(text: str) -> str:
    """A label as it is looked up."""
    return unicodedata.normalize("NFKC", text[:_LONGEST_TAG]).strip().casefold().replace("\0", "")


# ---- what an object says ----------------------------------------------------------------------


def saying(obj: stix.Object) -> Saying:
    """What an object says of the things that it names; never raises."""
    members = obj.properties
    stance = int(obj.type in _ACCUSING and not obj.revoked)
    if obj.type == "indicator" and stance and _is_harmless(members):
        stance = -1
    confidence = obj.confidence
    return Saying(
        stance,
        confidence if confidence is not None and 0 <= confidence <= 100 else UNSAID,
        obj.version,
        _moment(members.get("valid_until")),
        _author(obj.created_by_ref) if obj.created_by_ref else 0,
        _report(members),
    )


_author = lru_cache(maxsize=1024)(hash_of)  # a feed has few


def _is_harmless(members: dict[str, Any]) -> bool:
    types = members.get("indicator_types")
    return isinstance(types, list) and bool(types) and all(each in _HARMLESS for each in types if isinstance(each, str))


def _report(members: dict[str, Any]) -> int:
    """The address of the first report that the object rests on."""
    references = members.get("external_references")
    for each in references if isinstance(references, list) else ():
        if not isinstance(each, dict):
            continue
        url, source = each.get("url"), each.get("source_name")
        if isinstance(url, str) and str(source).lower() not in _CATALOGUES:
            return hash_of(canonical.url(url) or url)
    return 0


def attesting(obj: stix.Object) -> tuple[Attesting, ...]:
    """What a sighting or an opinion says of other objects; nothing for any other object, or a revoked one."""
    members = obj.properties
    if obj.revoked:
        return ()
    if obj.type == "sighting":
        of, times = members.get("sighting_of_ref"), members.get("count", 1)
        if not isinstance(of, str):
            return ()
        last = _moment(members.get("last_seen")) or _moment(members.get("first_seen"))
        first = _moment(members.get("first_seen"))
        is_summary = members.get("summary") is True
        return (Attesting(of, None, times if isinstance(times, int) else 1, first, last, is_summary),)
    if obj.type == "opinion":
        value = _OPINIONS.get(str(members.get("opinion")))
        refs = members.get("object_refs")
        of_ids = [each for each in refs if isinstance(each, str)] if isinstance(refs, list) else []
        return tuple(Attesting(each, value, 1, None, None) for each in of_ids) if value else ()
    return ()


def _moment(text: object) -> int | None:
    if not isinstance(text, str):
        return None
    try:
        return stix.parse_timestamp(text)
    except stix.TimestampError:
        return None
