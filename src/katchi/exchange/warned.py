"""What must not be blocked without a person's word: private networks, public resolvers, the most visited sites."""

from __future__ import annotations

import ipaddress
import json
from functools import cache
from importlib import resources
from typing import Final

from katchi.exchange.entries import Entry, network_of

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# IANA's registries of special-purpose addresses (RFC 6890) and multicast. The ranges for documentation are not among
# them: nobody lives there, so that blocking them harms nobody.
_NOBODYS: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8",
    )
)  # fmt: skip
# A wider network than a large provider has is a mistake, or an attack on whoever blocks it.
WIDEST: Final = {4: 8, 6: 19}

# The lists of pymispwarninglists by their folders.
_SITES = ("cisco_top1000", "moz-top500")
_RESOLVERS = ("public-dns-v4", "public-dns-v6")


def is_never_blocked(entry: Entry) -> bool:
    """Whether a list that blocks leaves this out until a person asks for it. It says nothing about what is right."""
    if entry.kind in ("ipv4", "ipv6"):
        network = network_of(entry)
        if network.prefixlen < WIDEST[network.version] or any(_overlap(network, each) for each in _NOBODYS):
            return True
        return _is_a_resolver(network)
    if entry.kind == "domain":
        return "." not in entry.value or entry.value in _sites()
    return False


def _overlap(one: _Network, other: _Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _is_a_resolver(network: _Network) -> bool:
    if network.num_addresses == 1:
        return str(network.network_address) in _resolvers()
    return any(str(address) in _resolvers() for address in network) if network.num_addresses <= 256 else False


@cache
def _sites() -> frozenset[str]:
    return frozenset(value.lower() for name in _SITES for value in _list(name))


@cache
def _resolvers() -> frozenset[str]:
    return frozenset(
        str(ipaddress.ip_address(value)) for name in _RESOLVERS for value in _list(name) if "/" not in value
    )


def _list(name: str) -> list[str]:
    source = resources.files("pymispwarninglists").joinpath(f"data/misp-warninglists/lists/{name}/list.json")
    values: list[str] = json.loads(source.read_bytes())["list"]
    return values
