"""The console's pages, put together for the web application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from litestar import Router
from litestar.types import ControllerRouterHandler, Middleware

from katchi.node.wiring import Node
from katchi.web.pages import (
    alarms,
    assets,
    efforts,
    intake,
    ledger,
    objects,
    overlaps,
    partners,
    playbook_editing,
    playbooks,
    responses,
    runs,
    sign,
    situation,
    subscriptions,
    things,
    watches,
)
from katchi.web.pages.shown import failed


@dataclass(frozen=True, slots=True)
class Mounted:
    """What the application needs of the pages."""

    route_handlers: Sequence[ControllerRouterHandler]
    middleware: Sequence[Middleware] = ()
    template_config: Any = None
    exception_handlers: dict[type[Exception] | int, Any] = field(default_factory=dict)


def mount(_node: Node) -> Mounted:
    """All pages, under one router whose failures are pages too."""
    router = Router(
        path="/",
        route_handlers=[
            *assets.HANDLERS,
            *sign.HANDLERS,
            *situation.HANDLERS,
            *objects.HANDLERS,
            *intake.HANDLERS,
            *partners.HANDLERS,
            *subscriptions.HANDLERS,
            *things.HANDLERS,
            *alarms.HANDLERS,
            *watches.HANDLERS,
            *overlaps.HANDLERS,
            *efforts.HANDLERS,
            *responses.HANDLERS,
            *playbooks.HANDLERS,
            *runs.HANDLERS,
            *playbook_editing.HANDLERS,
            *ledger.HANDLERS,
        ],
        exception_handlers={Exception: failed},
    )
    return Mounted([router])


__all__ = ["Mounted", "mount"]
