"""The doors for programs as an OpenAPI 3.1 document: TAXII, feeds, MISP, OpenC2, and what nodes say to each other."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.concurrency import sync_to_thread

from katchi.errors import KatchiError
from katchi.exchange import feeds
from katchi.exchange.taxii.media import TAXII
from katchi.node.wiring import Node
from katchi.respond.openc2 import transfer as openc2
from katchi.web import callers
from katchi.web.taxii import explain

Members = dict[str, Any]
JSON = "application/json"
ANY = "*/*"
ROOT = "/taxii2/katchi"
COLLECTION = f"{ROOT}/collections/{{collection}}"

_TEXT: Members = {"type": "string"}
_OBJECT: Members = {"type": "object"}
_MOMENT: Members = {"type": "string", "format": "date-time", "description": "RFC 3339, as 2016-02-15T01:02:03.123456Z"}
_NUMBER: Members = {"type": "integer", "minimum": 0}


def _query(name: str, description: str, schema: Members = _TEXT, *, required: bool = False) -> Members:
    return {"name": name, "in": "query", "description": description, "schema": schema, "required": required}


def _path(name: str, description: str) -> Members:
    schema = {"type": "string", "minLength": 1, "maxLength": 300, "pattern": "^[A-Za-z0-9-]+$"}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


_COLLECTION = _path("collection", "its id or alias")
_ID = _path("object_id", "a STIX id")
_FILTERS = [
    _query("added_after", "only what was added after", _MOMENT),
    _query("limit", "at most so many", {"type": "integer", "minimum": 1}),
    _query("next", "from the page before"),
    _query("match[id]", "STIX ids, with commas"),
    _query("match[type]", "STIX types, with commas"),
    _query("match[version]", "last, first, all, or timestamps, with commas"),
    _query("match[spec_version]", "2.0, 2.1"),
]
_VERSION_FILTERS = [each for each in _FILTERS if each["name"] not in ("match[id]", "match[type]")]
_DELETE_FILTERS = [each for each in _FILTERS if each["name"] in ("match[version]", "match[spec_version]")]


def _content(media: str, schema: Members) -> Members:
    return {media: {"schema": schema}}


def _operation(
    summary: str, *, parameters: list[Members] | None = None, media: str = JSON, answer: Members | None = _OBJECT,
    good: int = 200, errors: tuple[int, ...] = (), body: Members | None = None, is_open: bool = False,
    error: Members | None = None,
) -> Members:  # fmt: skip
    responses: Members = {str(good): {"description": "it went well"}}
    if answer is not None:
        responses[str(good)]["content"] = _content(media, answer)
    for status in sorted({*errors, *(() if is_open else (401, 403))}):
        responses[str(status)] = {
            "description": _ERRORS[status],
            "content": error or _content(TAXII, {"$ref": "#/components/schemas/Error"}),
        }
    if 304 in errors:
        responses["304"] = {"description": _ERRORS[304]}
    made: Members = {"summary": summary, "responses": responses, "parameters": parameters or []}
    if body is not None:
        made["requestBody"] = {"required": True, "content": body}
    if is_open:
        made["security"] = []
    return made


_PACKED = "application/octet-stream"
_BYTES: Members = {"type": "string", "format": "binary"}
_ERRORS = {
    304: "the client has it already",
    400: "a parameter or the body is not understood; the error says which and what was expected",
    401: "sign in first",
    403: "not allowed, or the exchange is not in force",
    404: "there is nothing here for this caller",
    406: "no media type that is asked for is spoken here",
    413: "the body is larger than this node takes",
    415: "the body's media type or coding is not taken here",
    422: "the body cannot be read",
    500: "a device did not do it; nothing is left of the command",
    501: "not done here",
    503: "ask again later; what the caller has stays good",
}

# How MISP words an error.
_OWN: Members = _content(
    JSON,
    {
        "type": "object",
        "properties": dict.fromkeys(("name", "message", "url"), _TEXT),
        "required": ["name", "message", "url"],
    },
)
_ENVELOPE: Members = {
    "type": "object",
    "properties": {"objects": {"type": "array", "items": {"type": "object"}}},
    "required": ["objects"],
}


def _page(name: str) -> Members:
    return {
        "type": "object",
        "properties": {"more": {"type": "boolean"}, "next": _TEXT, name: {"type": "array", "items": _OBJECT}},
        "required": ["more"],
    }


def _taxii() -> Members:
    read = (304, 400, 404, 406)
    objects = f"{COLLECTION}/objects/"
    return {
        "/taxii2/": {"get": _operation("TAXII 2.1 §4.1: discovery", media=TAXII, errors=(406,))},
        f"{ROOT}/": {"get": _operation("§4.2: the API root", media=TAXII, errors=(406,))},
        f"{ROOT}/status/{{status_id}}/": {
            "get": _operation(
                "§4.3: what became of a hand-in", media=TAXII, errors=(404, 406),
                parameters=[_path("status_id", "of the answer to a hand-in")],
            )
        },
        f"{ROOT}/collections/": {"get": _operation("§5.1: collections", media=TAXII, errors=(406,))},
        f"{COLLECTION}/": {
            "get": _operation("§5.2: one collection", media=TAXII, errors=(404, 406), parameters=[_COLLECTION])
        },
        f"{COLLECTION}/manifest/": {
            "get": _operation(
                "§5.3: what objects there are", media=TAXII, answer=_page("objects"), errors=read,
                parameters=[_COLLECTION, *_FILTERS],
            )
        },
        objects: {
            "get": _operation(
                "§5.4: objects", media=TAXII, answer=_page("objects"), errors=read, parameters=[_COLLECTION, *_FILTERS]
            ),
            "post": _operation(
                "§5.5: hand in objects", media=TAXII, good=202, errors=(400, 404, 406, 413, 415, 422),
                parameters=[_COLLECTION], body=_content(TAXII, _ENVELOPE),
            ),
        },
        f"{objects}{{object_id}}/": {
            "get": _operation(
                "§5.6: one object", media=TAXII, answer=_page("objects"), errors=read,
                parameters=[_COLLECTION, _ID, *_VERSION_FILTERS],
            ),
            "delete": _operation(
                "§5.7: delete an object", answer=None, errors=(400, 404, 406),
                parameters=[_COLLECTION, _ID, *_DELETE_FILTERS],
            ),
        },
        f"{objects}{{object_id}}/versions/": {
            "get": _operation(
                "§5.8: versions of an object", media=TAXII, answer=_page("versions"), errors=read,
                parameters=[_COLLECTION, _ID, *_VERSION_FILTERS],
            )
        },
    }  # fmt: skip


def _doors() -> Members:
    document = _content(JSON, _OBJECT)
    skip = [_query("skip", "so many facts are known", _NUMBER, required=True)]
    sizes = [_query("old", "a size", _NUMBER, required=True), _query("new", "a later one", _NUMBER, required=True)]
    paths: Members = {
        "introduction": {"get": _operation("who this node says it is", is_open=True)},
        "join": {"post": _operation("follow an invitation", body=document, errors=(400, 413), is_open=True)},
        "receipts": {"post": _operation("a receipt for what was pulled", body=document, errors=(400, 413), good=201)},
        "withdrawals": {
            "get": _operation("what was taken back and is not answered for", errors=(400,)),
            "post": _operation("word that something was taken back", body=document, errors=(400, 413)),
        },
        "withdrawn": {
            "get": _operation(
                "what is withdrawn from the caller", errors=(400,), parameters=[_query("next", "from the page before")]
            )
        },
        "head": {"get": _operation("the signed head of the ledger")},
        "growth": {"get": _operation("that the ledger only grew", errors=(400,), parameters=sizes)},
        "key": {"post": _operation("the partner's next key", body=document, errors=(400, 413), good=201)},
        "received": {"get": _operation("what was taken from the caller", errors=(400,), parameters=skip)},
        "released": {"get": _operation("what was released to the caller", errors=(400,), parameters=skip)},
        "overlap": {
            "post": _operation(
                "a message of a private overlap",
                body=_content(_PACKED, _BYTES),
                media=_PACKED,
                answer=_BYTES,
                errors=(400, 413),
                error=_content(TAXII, {"$ref": "#/components/schemas/Error"}),
            )
        },
    }
    return {f"/katchi/v1/{name}": operations for name, operations in paths.items()}


def _feeds() -> Members:
    name = {"name": "format", "in": "path", "required": True, "schema": {"type": "string", "enum": feeds.names()}}
    wishes = [
        _query("kinds", "values, with commas"),
        _query("confidence", "at least", {"type": "integer", "minimum": 0, "maximum": 100}),
        _query("warned", "what a list that blocks leaves out", {"type": "string", "enum": ["include", "leave-out"]}),
    ]
    errors = (304, 400, 404, 503)
    topic = _path("collection", "`all`, or a topic")
    return {
        "/feeds/": {"get": _operation("what can be polled")},
        "/feeds/blocked/{name}": {
            "get": _operation(
                "what is blocked now",
                media="text/plain",
                answer={},
                errors=(304, 404),
                parameters=[_path("name", "of the actuator, of which the caller is a reader")],
            )
        },
        "/feeds/{collection}/{format}": {
            "get": _operation(
                "one list for devices", media=ANY, answer={}, errors=errors, parameters=[topic, name, *wishes]
            )
        },
        "/feeds/{collection}/misp/manifest.json": {
            "get": _operation("the events of a MISP feed", errors=errors, parameters=[topic])
        },
        "/feeds/{collection}/misp/hashes.csv": {
            "get": _operation("hashes of its values", media="text/csv", answer={}, errors=errors, parameters=[topic])
        },
        "/feeds/{collection}/misp/{event}": {
            "get": _operation(
                "one event", errors=errors, parameters=[topic, _path("event", "its UUID; `.json` may follow")]
            )
        },
    }


def _misp() -> Members:
    """The part of MISP's own API; its errors are in MISP's form."""
    topic = _path("collection", "`all`, or a topic")
    event = _path("event", "its UUID or number")
    how = {**_path("how", "for MISP's own pages"), "schema": {"type": "string", "pattern": "^[a-z]{1,20}:[01]$"}}
    question = _content(JSON, _OBJECT)

    def ask(summary: str, *others: Members, errors: tuple[int, ...] = (), body: Members | None = None) -> Members:
        return _operation(
            summary, errors=(400, 404, 503, *errors), parameters=[topic, *others], body=body, answer={}, error=_OWN
        )

    return {
        f"/misp/{{collection}}/{path}": operations
        for path, operations in {
            "servers/getVersion": {"get": ask("what this server can do")},
            "servers/getVersion.json": {"get": ask("the same")},
            "users/view/me": {"get": ask("who the key belongs to")},
            "users/view/me.json": {"get": ask("the same")},
            "events/index": {
                "get": ask("the events, without their attributes"),
                "post": ask("those that are asked for", errors=(413,), body=question),
            },
            "events/view/{event}": {
                "get": ask("one event", event), "post": ask("the same", event, errors=(413,), body=question),
            },
            "events/view/{event}/{how}": {"get": ask("the same", event, how)},
            "events/restSearch": {"post": ask("whole events", errors=(413,), body=question)},
            "events/restSearch.json": {"post": ask("the same", errors=(413,), body=question)},
            "sightings/restSearch/event": {"post": ask("none: they are in the TAXII collection", body=question)},
            "shadow_attributes/index": {"get": ask("none")},
            "shadow_attributes/index/{how}": {"get": ask("none", how)},
        }.items()
    }  # fmt: skip


def _openc2() -> Members:
    message: Members = {"type": "object", "properties": {"headers": _OBJECT, "body": _OBJECT}, "required": ["body"]}
    return {
        openc2.PATH: {
            "post": _operation(
                "OpenC2 1.0 over HTTPS 1.1: a command, for the tools that may", media=openc2.MEDIA, answer=message,
                body=_content(openc2.MEDIA, message), errors=(400, 404, 413, 415, 500, 501),
                error=_content(openc2.MEDIA, message),
            )
        }
    }  # fmt: skip


def describe() -> Members:
    """The document. It names no node, no partner and no secret."""
    schemas = {
        "Error": {
            "type": "object",
            "description": "TAXII 2.1 §3.6.1",
            "properties": dict.fromkeys(("title", "description", "error_code", "http_status"), _TEXT),
            "required": ["title"],
        }
    }
    security = {
        "token": {"type": "http", "scheme": "bearer"},
        "password": {"type": "http", "scheme": "basic", "description": "the tool's name, and its token"},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Katchi",
            "version": "1",
            "description": "Nodes sign each request instead: docs/reference/partner-protocol.md.",
        },
        "paths": {
            **_taxii(),
            **_feeds(),
            **_misp(),
            **_doors(),
            **_openc2(),
            "/openapi.json": {"get": _operation("this document")},
        },
        "components": {"schemas": schemas, "securitySchemes": security},
        "security": [{"token": []}, {"password": []}],
    }


@get("/openapi.json", exception_handlers={KatchiError: explain}, opt={"exclude_from_csrf": True})
async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The document, for whoever is signed in: strangers learn nothing here."""
    node: Node = request.app.state.node
    await sync_to_thread(callers.identify, node, request, b"")
    return Response(msgspec.json.encode(describe()), media_type=JSON)
