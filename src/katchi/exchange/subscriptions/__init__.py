"""The kinds of server one can subscribe to: our own, and those that other packages bring."""

from __future__ import annotations

from importlib.metadata import entry_points

from katchi.errors import KatchiError
from katchi.exchange.subscription import Subscription
from katchi.exchange.subscriptions.document import Document
from katchi.exchange.subscriptions.misp_feed import MispFeed
from katchi.exchange.subscriptions.taxii import Taxii

OWN: tuple[Subscription, ...] = (Taxii(), Document(), MispFeed())


class UnknownKindError(KatchiError):
    """There is no such kind of subscription."""

    code = "unknown-kind"
    exit_status = 2


def every() -> dict[str, Subscription]:
    """All kinds by name. A package of another maker cannot take the name of one of ours."""
    found: dict[str, Subscription] = {
        entry.name: entry.load()() for entry in entry_points(group="katchi.subscriptions")
    }
    return found | {known.name: known for known in OWN}


def named(name: str) -> Subscription:
    """The kind of this name. Raises UnknownKindError."""
    kinds = every()
    if name not in kinds:
        raise UnknownKindError(
            "There is no such kind of subscription.", what="kind", expected=" or ".join(sorted(kinds)), found=name[:60]
        )
    return kinds[name]
