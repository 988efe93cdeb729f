"""The web application of one node."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from katchi.exchange.taxii import resources
from katchi.node.wiring import Node
from katchi.web import pages
from katchi.web.door import door_router
from katchi.web.feeds import feeds_router
from katchi.web.misp import misp_router
from katchi.web.openapi import openapi
from katchi.web.openc2 import openc2_router
from katchi.web.pages.shown import failed
from katchi.web.session import Tries
from katchi.web.taxii import taxii_router

logger = logging.getLogger(__name__)


def create_app(node: Node) -> Litestar:
    """Everything that a node serves. The caller starts and stops the worker."""
    mounted = pages.mount(node)
    handlers: list[ControllerRouterHandler] = [
        taxii_router,
        door_router,
        feeds_router,
        misp_router,
        openc2_router,
        openapi,
        *mounted.route_handlers,
    ]
    return Litestar(
        route_handlers=handlers,
        state=State({"node": node, "tries": Tries()}),
        middleware=mounted.middleware,
        template_config=mounted.template_config,
        exception_handlers={Exception: unforeseen, HTTPException: unrouted, **mounted.exception_handlers},
        # Bodies are counted where they are read, against the node's own limit.
        request_max_body_size=None,
        openapi_config=None,
        logging_config=None,
    )


def unrouted(request: Request[Any, Any, Any], problem: HTTPException) -> Response[Any]:
    """An address or method that nothing here answers: a page for people, JSON for programs."""
    if request.url.path.startswith(("/taxii2", "/katchi/", "/feeds", "/misp", "/openapi", "/.well-known/openc2")):
        error = resources.Error(problem.detail, http_status=str(problem.status_code))
        return Response(msgspec.json.encode(error), status_code=problem.status_code, media_type="application/json")
    return failed(request, problem)


def unforeseen(request: Request[Any, Any, Any], problem: Exception) -> Response[bytes]:
    """What nobody foresaw: the log gets it, the caller only learns that it happened."""
    logger.exception("unforeseen: %s %s", request.method, request.url.path, exc_info=problem)
    body = resources.Error(
        "Something went wrong here. It was written to the node's log.",
        http_status="500",
    )
    return Response(msgspec.json.encode(body), status_code=500, media_type="application/json")
