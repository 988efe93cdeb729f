"""Sets of addresses for the kernel: nftables and ipset."""

from __future__ import annotations

from katchi.exchange.entries import Entry
from katchi.exchange.feed import Heading, comments

ADDRESSES = frozenset({"ipv4", "ipv6"})


class Nftables:
    """`nft -f` puts the sets `ipv4` and `ipv6` of the table `inet katchi` in the place of what they held, at once.

    Rules that use them (`ip saddr @ipv4 drop`) are the owner's own.
    """

    name = "nftables"
    title = "`nft -f`"
    media_type = "text/plain"
    extension = ".nft"
    kinds = ADDRESSES
    is_blocking = True

    def row(self, entry: Entry) -> bytes:
        """One element."""
        return f"add element inet katchi {entry.kind} {{ {entry.value} }}\n".encode()

    def head(self, heading: Heading) -> bytes:
        """The table, its sets, emptied."""
        made = "".join(
            f"add set inet katchi {kind} {{ type {kind}_addr; flags interval; auto-merge; }}\n"
            f"flush set inet katchi {kind}\n"
            for kind in ("ipv4", "ipv6")
        )
        return comments(heading) + b"add table inet katchi\n" + made.encode()

    def foot(self) -> bytes:
        """Nothing."""
        return b""


class Ipset:
    """`ipset restore` fills the sets `katchi-ipv4` and `katchi-ipv6` anew."""

    name = "ipset"
    title = "`ipset restore`"
    media_type = "text/plain"
    extension = ".ipset"
    kinds = ADDRESSES
    is_blocking = True

    def row(self, entry: Entry) -> bytes:
        """One element; a set of networks cannot hold all addresses at once."""
        return b"" if entry.value.endswith("/0") else f"add katchi-{entry.kind} {entry.value} -exist\n".encode()

    def head(self, heading: Heading) -> bytes:
        """The sets, emptied. They are always made with one size: -exist takes no other."""
        made = "".join(
            f"create katchi-{kind} hash:net family {family} maxelem 8388608 -exist\nflush katchi-{kind}\n"
            for kind, family in (("ipv4", "inet"), ("ipv6", "inet6"))
        )
        return comments(heading) + made.encode()

    def foot(self) -> bytes:
        """Nothing."""
        return b""
