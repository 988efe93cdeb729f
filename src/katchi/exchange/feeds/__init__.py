"""The feeds that are there: our own plugs and those that other packages bring."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points

from katchi.exchange.feed import Feed, UnknownFeedError
from katchi.exchange.feeds.addresses import Ipset, Nftables
from katchi.exchange.feeds.dns_rpz import DnsRpz
from katchi.exchange.feeds.lists import PlainList, Squid, SuricataDomains, SuricataHashes, SuricataIps
from katchi.exchange.feeds.navigator import Navigator
from katchi.exchange.feeds.news import Atom, Rss
from katchi.exchange.feeds.rulebooks import SigmaRules, YaraRules
from katchi.exchange.feeds.sensors import Snort, Suricata
from katchi.exchange.feeds.tables import Csv, LookupCsv, Ocsf
from katchi.exchange.feeds.zeek import Zeek

GROUP = "katchi.feeds"

_OWN: tuple[Callable[[], Feed], ...] = (
    PlainList, Csv, LookupCsv, Ocsf, DnsRpz, Nftables, Ipset, Squid, Suricata, SuricataIps, SuricataDomains,
    lambda: SuricataHashes("md5"), lambda: SuricataHashes("sha256"), Zeek, Snort, YaraRules, SigmaRules,
    Navigator, Rss, Atom,
)  # fmt: skip


@cache
def _makers() -> dict[str, Callable[[], Feed]]:
    made = [*_OWN, *(point.load() for point in entry_points(group=GROUP))]
    return {maker().name: maker for maker in made}


def names() -> list[str]:
    """The names of all feeds."""
    return list(_makers())


def new(name: str) -> Feed:
    """A feed of this name for one document. Raises UnknownFeedError."""
    maker = _makers().get(name)
    if maker is None:
        raise UnknownFeedError("There is no such feed.", what="--format", expected=", ".join(names()), found=name[:40])
    return maker()
