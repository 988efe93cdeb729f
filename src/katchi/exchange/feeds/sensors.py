"""Rules that alert: for Suricata and Snort 3, made of values, and the partners' own rules as they are."""

from __future__ import annotations

import re
from hashlib import blake2b

from katchi.exchange.entries import Entry
from katchi.exchange.feed import Heading, comments, one_line

FIRST_SID = 1_000_000  # below are the rules of others
_SIDS = 2**31 - FIRST_SID

# A partner's rule is data until it is one line of the form of a rule that only watches.
_is_rule = re.compile(r"alert[ \t]+\S+[^\r\n]*\((?:[^\r\n]*;)\s*\)").fullmatch
_sid = re.compile(r"\bsid\s*:\s*(\d{1,10})\s*;").search


class _Sensor:
    media_type = "text/plain"
    extension = ".rules"
    is_blocking = False

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def head(self, heading: Heading) -> bytes:
        """Comments."""
        return comments(heading)

    def foot(self) -> bytes:
        """Nothing."""
        return b""

    def sid(self, what: str) -> int:
        """A number for a rule: the same in every document, but where two would have one."""
        number = FIRST_SID + int.from_bytes(blake2b(what.encode(), digest_size=8).digest(), "big") % _SIDS
        while number in self._taken:
            number += 1
        self._taken.add(number)
        return number

    def own(self, entry: Entry) -> bytes:
        """A partner's rule, word for word."""
        rule = " ".join(entry.value.replace("\\\n", " ").replace("\\\r\n", " ").split("\n")).strip()
        found = _sid(rule)
        if not _is_rule(rule) or not rule.isprintable() or found is None or int(found[1]) in self._taken:
            return b""
        self._taken.add(int(found[1]))
        return f"{rule}\n".encode()


class Suricata(_Sensor):
    """Addresses, names (asked for, or in a TLS greeting), URLs of plain HTTP, and rules of type suricata."""

    name = "suricata"
    title = "Suricata"
    kinds = frozenset({"ipv4", "ipv6", "domain", "url", "suricata"})

    def row(self, entry: Entry) -> bytes:
        """One rule or two."""
        if entry.kind == "suricata":
            return self.own(entry)
        if entry.kind == "domain":
            exact = f'content:"{entry.value}"; nocase; bsize:{len(entry.value)};'
            return self._rule(entry, "dns", "any", f"dns.query; {exact}") + self._rule(
                entry, "tls", "any", f"tls.sni; {exact}"
            )
        if entry.kind == "url":
            return self._url(entry)
        return self._rule(entry, "ip", f"[{entry.value}]", "")

    def _url(self, entry: Entry) -> bytes:
        scheme, _, rest = entry.value.partition("://")
        host, slash, path = rest.partition("/")
        if scheme != "http" or ":" in host or "@" in host:
            return b""  # of https nothing but the name is seen, and that alone is wider than the URL
        wanted = f"/{path.partition('#')[0]}" if slash else "/"
        return self._rule(
            entry,
            "http",
            "any",
            f'http.host; content:"{_content(host)}"; bsize:{len(host)}; '
            f'http.uri.raw; content:"{_content(wanted)}"; bsize:{len(wanted.encode())};',
        )

    def _rule(self, entry: Entry, protocol: str, target: str, options: str) -> bytes:
        said = _message(entry)
        number = self.sid(f"{protocol} {entry.value}")
        return (
            f'alert {protocol} $HOME_NET any -> {target} any (msg:"{said}"; {options}{" " if options else ""}'
            f"reference:url,{entry.object_id}; sid:{number}; rev:1;)\n"
        ).encode()


class Snort(_Sensor):
    """Addresses, names asked for in DNS, and rules of type snort."""

    name = "snort"
    title = "Snort 3"
    kinds = frozenset({"ipv4", "ipv6", "domain", "snort"})

    def row(self, entry: Entry) -> bytes:
        """One rule."""
        if entry.kind == "snort":
            return self.own(entry)
        said, number = _message(entry), self.sid(entry.value)
        if entry.kind == "domain":
            labels = "".join(f"|{len(label):02x}|{label}" for label in entry.value.split("."))
            return (
                f'alert udp $HOME_NET any -> any 53 ( msg:"{said}"; content:"{labels}|00|",nocase; '
                f"sid:{number}; rev:1; )\n"
            ).encode()
        return f'alert ip $HOME_NET any -> [{entry.value}] any ( msg:"{said}"; sid:{number}; rev:1; )\n'.encode()


def _message(entry: Entry) -> str:
    return re.sub(r'[^\w .,:/@()\[\]-]|[";\\:|]', " ", one_line(f"Katchi {entry.name or entry.value}", 120)).strip()


def _content(text: str) -> str:
    """A value inside a rule's quotes: whatever could end them, in hexadecimal."""
    return "".join(
        chr(byte) if chr(byte).isalnum() or byte in b"./-_~=&%+," else f"|{byte:02x}|" for byte in text.encode()
    )
