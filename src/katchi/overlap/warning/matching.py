"""Which warning lists a thing is on, in microseconds."""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from katchi.overlap.warning.compiled import Compiled, Header, ListInfo
from katchi.overlap.warning.compiling import hash_of

LONGEST = 300  # characters of a value that expressions look through

Found = tuple[ListInfo, ...]
Search = Callable[[str], re.Match[str] | None]


class WarningLists:
    """Several compiled sets of lists as one: those of the package and the owner's own."""

    def __init__(self, *compiled: Compiled) -> None:
        self._parts = [_Part(each) for each in compiled]

    @property
    def lists(self) -> list[ListInfo]:
        """Every list."""
        return [info for part in self._parts for info in part.lists]

    def matching(self, key: str) -> Found:
        """The lists that a thing is on, by its key; a network is on a list if all of it is."""
        kind, _, value = key.partition(":")
        found: Found = ()
        for part in self._parts:
            look = part.by_kind.get(kind)
            if look is not None:
                found += look(value)
        return found

    def struck(self, key: str) -> Found:
        """The lists of which something would be struck if this were blocked, and no more.

        A name is blocked by itself, without those above it; a network with every address in it.
        """
        kind, _, value = key.partition(":")
        found: Found = ()
        for part in self._parts:
            look = part.struck_by_kind.get(kind)
            if look is not None:
                found += look(value)
        return found


class _Part:
    def __init__(self, compiled: Compiled) -> None:
        self._names = compiled.names
        self._of = compiled.group_of_name
        self._starts = compiled.starts
        self._at: Sequence[int] = compiled.group_of_range
        self._starts6 = [int.from_bytes(start, "big") for start, _ in compiled.header.ranges6]
        self._at6: Sequence[int] = [group for _, group in compiled.header.ranges6]
        self.lists = compiled.header.lists
        self._groups = compiled.header.groups
        self._known: dict[tuple[str, int, bool], Found] = {}
        self._holds = {
            kind: _holding(compiled.header, [kind in info.kinds for info in self.lists])
            for kind in ("domain", "url", "ip", "email")
        }
        self.by_kind: dict[str, Callable[[str], Found]] = {
            "domain": self._domain, "ipv4": self._ipv4, "ipv6": self._ipv6, "url": self._url, "email": self._email,
            "file": lambda value: self._exact(value.partition(":")[2], "file"),
            "certificate": lambda value: self._exact(value.partition(":")[2], "certificate"),
        }  # fmt: skip
        self.struck_by_kind = {
            **self.by_kind,
            "domain": lambda value: self._exact(value, "domain"), "url": lambda value: self._exact(value, "url"),
            "email": lambda value: self._exact(value, "email"),
            "ipv4": self._network, "ipv6": self._network,
        }  # fmt: skip

    def _exact(self, text: str, kind: str, *, is_above: bool = False) -> Found:
        """The lists that have this very text; `is_above`: those of host names, which mean their subdomains too."""
        names = self._names
        wanted = hash_of(text)
        place = bisect_left(names, wanted)
        if place == len(names) or names[place] != wanted:
            return ()
        return self._those(kind, self._of[place], is_above)

    def _those(self, kind: str, group: int, is_above: bool = False) -> Found:
        key = (kind, group, is_above)
        found = self._known.get(key)
        if found is None:
            infos = (self.lists[number] for number in self._groups[group])
            found = self._known[key] = tuple(
                info for info in infos if kind in info.kinds and (info.form == "hostname" or not is_above)
            )
        return found

    def _held(self, text: str, kind: str) -> Found:
        """The lists a part of this text is on, or an expression fits."""
        quickly, slowly = self._holds[kind]
        if quickly is None or not quickly(text[:LONGEST]):
            return ()
        return tuple(dict.fromkeys(self.lists[number] for search, number in slowly if search(text[:LONGEST])))

    def _host(self, host: str, kind: str) -> Found:
        """A name and those above it."""
        found = self._exact(host, kind)
        dot = host.find(".")
        end = host.rfind(".")
        while 0 <= dot < end:  # a list of whole registries would say nothing
            above = self._exact(host[dot + 1 :], kind, is_above=True)
            if above:
                found = tuple(dict.fromkeys(found + above))
            dot = host.find(".", dot + 1)
        return found

    def _domain(self, value: str) -> Found:
        return self._host(value, "domain") + self._held(value, "domain")

    def _ipv4(self, value: str) -> Found:
        address, slash, prefix = value.partition("/")
        one, two, three, four = address.split(".")
        first = int(one) << 24 | int(two) << 16 | int(three) << 8 | int(four)
        if slash:
            return self._range(self._starts, self._at, first, 1 << (32 - int(prefix)))
        group = self._at[bisect_right(self._starts, first) - 1]
        return (self._those("ip", group) if group else ()) + self._held(value, "ip")

    def _ipv6(self, value: str) -> Found:
        network = ipaddress.ip_network(value)
        return self._range(self._starts6, self._at6, int(network.network_address), network.num_addresses)

    def _network(self, value: str) -> Found:
        """The lists that any address of a network is on."""
        network = ipaddress.ip_network(value)
        starts, at = (self._starts, self._at) if network.version == 4 else (self._starts6, self._at6)
        first = int(network.network_address)
        place = bisect_right(starts, first) - 1
        met = set(self._groups[at[place]])
        while place + 1 < len(starts) and starts[place + 1] < first + network.num_addresses:
            place += 1
            met.update(self._groups[at[place]])
        return tuple(self.lists[number] for number in sorted(met) if "ip" in self.lists[number].kinds)

    def _range(self, starts: Sequence[int], at: Sequence[int], first: int, size: int) -> Found:
        """The lists that all of a network is on."""
        place = bisect_right(starts, first) - 1
        common = set(self._groups[at[place]])
        while common and place + 1 < len(starts) and starts[place + 1] < first + size:
            place += 1
            common &= set(self._groups[at[place]])
        return tuple(self.lists[number] for number in sorted(common) if "ip" in self.lists[number].kinds)

    def _url(self, value: str) -> Found:
        host = _host_of(value)
        found = self._exact(value.lower().rstrip("/"), "url")
        if "." in host and not host.rpartition(".")[2].isdecimal():
            found += self._host(host, "url")
        return tuple(dict.fromkeys(found + self._held(value, "url")))

    def _email(self, value: str) -> Found:
        """An address is on a list of mail providers by its domain, or one above it."""
        found = self._exact(value.lower(), "email")
        rest = value.rpartition("@")[2]
        while "." in rest:
            found += self._exact(rest, "email")
            rest = rest.partition(".")[2]
        return tuple(dict.fromkeys(found + self._held(value, "email")))


def _host_of(url: str) -> str:
    """The host of a canonical URL: urlsplit would cost more than all the rest."""
    start = url.find("://") + 3
    if start < 3:
        return ""
    end = len(url)
    for mark in "/?#":
        place = url.find(mark, start, end)
        end = end if place < 0 else place
    authority = url[start:end].rpartition("@")[2]
    if authority.startswith("["):
        return authority[1 : authority.find("]")]
    return authority.partition(":")[0].lower()


def _holding(header: Header, is_wanted: list[bool]) -> tuple[Search | None, list[tuple[Search, int]]]:
    """One expression that tells quickly whether any fits, and each by itself."""
    texts = [(re.escape(part), number) for part, number in header.parts if is_wanted[number]]
    texts += [(text, number) for text, number in header.expressions if is_wanted[number]]
    if not texts:
        return None, []
    slowly: list[tuple[Search, int]] = [(re.compile(text).search, number) for text, number in texts]
    return re.compile("|".join(f"(?:{text})" for text, _ in texts)).search, slowly
