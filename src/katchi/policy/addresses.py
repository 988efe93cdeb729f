"""Which addresses a node connects to: never a cloud's metadata, nor, at a stranger's word, its own inside."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
_METADATA: Final = frozenset(
    ipaddress.ip_address(each) for each in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16")
)
"""Those outside the link-local networks: Amazon's and Google's over IPv6, Alibaba's, Azure's."""
_METADATA_NAMES: Final = frozenset(
    {"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"}
)
_is_number = re.compile(r"[0-9]+|0x[0-9a-f]*").fullmatch


def parsed(text: str) -> Address | None:
    """An address, without its zone; None where it is none. Only the usual spelling counts: not decimal, octal, hex."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def behind(found: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to: mapped, 6to4, or through a translator (RFC 6052 §2.1)."""
    if isinstance(found, ipaddress.IPv4Address):
        return None
    if found in _TRANSLATED:
        return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet."""
    found = parsed(text)
    if found is None or "%" in text:
        return False
    inner = behind(found)
    if (found.is_reserved and inner is None) or getattr(found, "is_site_local", False):
        return False
    return found.is_global and not found.is_multicast and (inner is None or inner.is_global)


def is_nobodys(text: str) -> bool:
    """Whether no server that one means is at an address, also inside an organisation: metadata, groups, nothing."""
    found = parsed(text)
    if found is None:
        return True
    each = behind(found) or found
    return each.is_link_local or each.is_multicast or each.is_unspecified or each in _METADATA


def is_nobodys_name(host: str) -> bool:
    """The same of a host as it stands in a URL: metadata by name, or an address spelled so that it hides."""
    host = host.lower().rstrip(".")
    if parsed(host) is not None:
        return is_nobodys(host)
    # WHATWG reads a host whose last label is a number as an address: 2852039166, 0251.0376.0251.0376, 0xa9fea9fe.
    return host in _METADATA_NAMES or _is_number(host.rpartition(".")[2]) is not None
