"""A response policy zone: resolvers that load it answer NXDOMAIN for what is in it."""

from __future__ import annotations

from katchi.exchange.entries import Entry, network_of
from katchi.exchange.feed import Heading, comments

SECOND = 1_000_000
LONGEST = 200  # of a name, so that it fits into any zone's: 253 in all (RFC 1035 §2.3.4)


class DnsRpz:
    """Names, each itself and not what is below it, as the pattern says; addresses by what a name resolves to."""

    name = "dns-rpz"
    title = "resolvers: BIND, Unbound, Knot, PowerDNS"
    media_type = "text/dns"
    extension = ".zone"
    kinds = frozenset({"domain", "ipv4", "ipv6"})
    is_blocking = True

    def row(self, entry: Entry) -> bytes:
        """One record, relative to the zone's name."""
        owner = entry.value if entry.kind == "domain" else _trigger(entry)
        if len(owner) > LONGEST or "_" in owner.rpartition(".")[2]:
            return b""
        return f"{owner} CNAME .\n".encode()

    def head(self, heading: Heading) -> bytes:
        """The start of authority; its serial number is the time in seconds."""
        serial = heading.made_at // SECOND
        return (
            comments(heading, "; ")
            + (f"$TTL 300\n@ SOA localhost. root.localhost. ( {serial} 300 60 86400 300 )\n@ NS localhost.\n").encode()
        )

    def foot(self) -> bytes:
        """Nothing."""
        return b""


def _trigger(entry: Entry) -> str:
    """`24.0.2.0.192.rpz-ip`: length of the prefix, then the address from its end."""
    network = network_of(entry)
    if network.version == 4:
        parts = str(network.network_address).split(".")
    else:
        parts = _short(network.network_address.exploded.split(":"))
    return ".".join([str(network.prefixlen), *reversed(parts), "rpz-ip"])


def _short(groups: list[str]) -> list[str]:
    """The groups of an IPv6 address, the longest run of two zeros or more as `zz`."""
    plain = [group.lstrip("0") or "0" for group in groups]
    best, at, run = 0, 0, 0
    for index, group in enumerate([*plain, "end"]):
        if group == "0":
            run += 1
            continue
        if run > best:
            best, at = run, index - run
        run = 0
    return [*plain[:at], "zz", *plain[at + best :]] if best > 1 else plain
