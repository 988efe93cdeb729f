"""One value a line: for firewalls, proxies and whatever reads a text file."""

from __future__ import annotations

import base64

from katchi.exchange.entries import VALUES, Entry
from katchi.exchange.feed import Heading, comments

ADDRESSES = frozenset({"ipv4", "ipv6"})


class PlainList:
    """Every value as it is; `kinds` of the request say which, such as addresses for a firewall's external list."""

    name = "list"
    title = "a plain list"
    media_type = "text/plain"
    extension = ".txt"
    kinds = VALUES
    is_blocking = True

    def row(self, entry: Entry) -> bytes:
        """The value."""
        return f"{entry.value}\n".encode()

    def head(self, heading: Heading) -> bytes:
        """Comments."""
        return comments(heading)

    def foot(self) -> bytes:
        """Nothing."""
        return b""


class Squid(PlainList):
    """Names for an ACL of type dstdomain: each name itself, as the pattern says, not what is below it."""

    name = "squid"
    title = "Squid's dstdomain lists"
    kinds = frozenset({"domain"})


class _Dataset(PlainList):
    """A Suricata dataset has no comments, so nothing says what was left out but the answer's headers."""

    is_blocking = False

    def head(self, heading: Heading) -> bytes:
        """Nothing."""
        return b""


class SuricataIps(_Dataset):
    """Addresses without networks: a dataset of type ip has none."""

    name = "suricata-ips"
    title = "a Suricata dataset of type ip"
    kinds = ADDRESSES

    def row(self, entry: Entry) -> bytes:
        """The address."""
        return b"" if "/" in entry.value else super().row(entry)


class SuricataDomains(_Dataset):
    """Names in base64, as a dataset of type string has them."""

    name = "suricata-domains"
    title = "a Suricata dataset of type string, for dns.query or tls.sni"
    kinds = frozenset({"domain"})

    def row(self, entry: Entry) -> bytes:
        """The name in base64."""
        return base64.b64encode(entry.value.encode()) + b"\n"


class SuricataHashes(_Dataset):
    """Hashes of one kind."""

    def __init__(self, kind: str) -> None:
        self.name = f"suricata-{kind}"
        self.title = f"a Suricata dataset of type {kind}"
        self.kinds = frozenset({kind})
