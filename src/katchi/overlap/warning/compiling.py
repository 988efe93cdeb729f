"""Compiles warning lists of MISP's format into arrays."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final

from katchi.errors import KatchiError
from katchi.overlap.warning.compiled import Header, ListInfo, to_bytes
from katchi.stix import canonical

# The attribute types of MISP that a list names, as kinds of our thing keys.
_KINDS: Final = {
    "domain": "domain", "hostname": "domain", "domain|ip": "domain", "hostname|port": "domain",
    "url": "url", "uri": "url",
    "ip-src": "ip", "ip-dst": "ip", "ip-src|port": "ip", "ip-dst|port": "ip",
    "email-src": "email", "email-dst": "email", "target-email": "email",
    "md5": "file", "sha1": "file", "sha256": "file", "sha512": "file", "ssdeep": "file",
    "x509-fingerprint-md5": "certificate", "x509-fingerprint-sha1": "certificate",
    "x509-fingerprint-sha256": "certificate",
}  # fmt: skip
FORMS: Final = ("string", "hostname", "substring", "cidr", "regex")
LONGEST_EXPRESSION: Final = 1000


class BadListError(KatchiError):
    """This is no warning list of MISP's format."""

    code: ClassVar[str] = "warning-list"


def compile_lists(lists: Iterable[tuple[str, str, dict[str, Any]]], digest: str = "") -> bytes:
    """Lists as (name, category, document of MISP's format) made into what `Compiled` reads.

    Raises BadListError, which names the list and what is wrong with it.
    """
    infos: list[ListInfo] = []
    names: dict[int, list[int]] = defaultdict(list)
    networks: dict[int, list[tuple[int, int, int]]] = {4: [], 6: []}
    parts: list[tuple[str, int]] = []
    expressions: list[tuple[str, int]] = []
    for number, (name, category, document) in enumerate(lists):
        info, entries = _read(name, category, document)
        infos.append(info)
        for entry in entries:
            if info.form == "regex":
                expressions.append((_expression(name, entry), number))
            elif info.form == "substring" and "email" not in info.kinds:
                parts.append((entry, number))
            elif info.form != "cidr" or not _add_network(networks, entry, number):
                names[hash_of(entry)].append(number)
    groups = _Groups()
    order = sorted(names)
    of = array("I", (groups.number(names[each]) for each in order))
    ranges = list(_flattened(networks[4], groups))
    ranges6 = [(start.to_bytes(16, "big"), group) for start, group in _flattened(networks[6], groups)]
    header = Header(digest, infos, groups.all, len(order), len(ranges), ranges6, parts, expressions)
    starts, at = array("Q", (start for start, _ in ranges)), array("I", (group for _, group in ranges))
    return to_bytes(header, [array("Q", order), of, starts, at])


def hash_of(text: str) -> int:
    """64 bits that stand for an entry: of two and a half million, none meets another by chance."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _read(name: str, category: str, document: dict[str, Any]) -> tuple[ListInfo, list[str]]:
    form, entries, kinds = document.get("type"), document.get("list"), document.get("matching_attributes")
    if form not in FORMS:
        raise BadListError("A warning list has an unknown type.", where=name, what="type", expected=", ".join(FORMS))
    if not isinstance(entries, list) or not all(isinstance(each, str) for each in entries):
        raise BadListError("A warning list has no list of texts.", where=name, what="list", expected="texts")
    if not isinstance(kinds, list):
        raise BadListError(
            "A warning list does not say what it speaks of.", where=name, what="matching_attributes",
            expected="attribute types of MISP",
        )  # fmt: skip
    known = frozenset(_KINDS[each] for each in kinds if each in _KINDS)
    plain = entries if form == "regex" else [entry for entry in map(_entry, entries) if entry]
    title = str(document.get("name") or name)[:200]
    return ListInfo(name, title, category, form, known, len(plain)), plain


def _entry(text: str) -> str:
    entry = text.strip().lower().removeprefix("*").strip(".")
    return entry if entry.isascii() else (canonical.domain(entry) or entry).removeprefix("domain:")


def _expression(name: str, entry: str) -> str:
    """A regular expression of PHP's form, `/…/flags`, in Python's. Raises BadListError."""
    found = re.fullmatch(r"/(.*)/([a-z]*)", entry.strip(), re.DOTALL)
    text, flags = (found[1], found[2]) if found else (entry, "")
    try:
        if len(text) > LONGEST_EXPRESSION or re.compile(text).groups > 50:
            raise re.error("it is too long")
    except re.error as problem:
        raise BadListError(
            "A warning list has an expression that cannot be used.", where=name, what=entry[:80], found=str(problem)
        ) from problem
    return f"(?i:{text})" if "i" in flags else text


def _add_network(networks: dict[int, list[tuple[int, int, int]]], entry: str, number: int) -> bool:
    try:
        network = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
    first = int(network.network_address)
    networks[network.version].append((first, first + network.num_addresses, number))
    return True


class _Groups:
    """Numbers for sets of lists; 0 is the empty one."""

    def __init__(self) -> None:
        self.all: list[tuple[int, ...]] = [()]
        self._numbers: dict[tuple[int, ...], int] = {(): 0}

    def number(self, lists: Iterable[int]) -> int:
        """The number of this set."""
        key = tuple(sorted(set(lists)))
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.all)
            self.all.append(key)
        return found


def _flattened(networks: list[tuple[int, int, int]], groups: _Groups) -> Iterator[tuple[int, int]]:
    """Where a range begins, and which lists it is on: ranges that do not overlap, in order, without end."""
    edges: dict[int, list[int]] = defaultdict(list)
    for first, end, number in networks:
        edges[first].append(number)
        edges[end].append(~number)
    within: dict[int, int] = defaultdict(int)
    yield 0, 0
    for place in sorted(edges):
        for number in edges[place]:
            if number >= 0:
                within[number] += 1
            else:
                within[~number] -= 1
                if not within[~number]:
                    del within[~number]
        yield place, groups.number(within)
