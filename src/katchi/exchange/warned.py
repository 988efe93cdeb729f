"""What no list blocks without a person's word, whatever warning lists say: private networks, the widest, labels."""

from __future__ import annotations

import ipaddress
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


def is_never_blocked(entry: Entry) -> bool:
    """Whether a list that blocks leaves this out until a person asks for it. It says nothing about what is right."""
    if entry.kind in ("ipv4", "ipv6"):
        network = network_of(entry)
        return network.prefixlen < WIDEST[network.version] or any(_overlap(network, each) for each in _NOBODYS)
    return entry.kind == "domain" and "." not in entry.value


def _overlap(one: _Network, other: _Network) -> bool:
    return one.version == other.version and one.overlaps(other)
