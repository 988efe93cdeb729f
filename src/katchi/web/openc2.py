"""OpenC2's door (Transfer via HTTPS 1.1): a tool of ours posts a command, and hears in the answer what became of it."""

from __future__ import annotations

import re
from email.message import Message
from typing import Any, Final

from litestar import Request, Router, post
from litestar import Response as Answer
from litestar.concurrency import sync_to_thread

from katchi.errors import KatchiError
from katchi.exchange.taxii.errors import NotAllowedError, TaxiiError, UnsupportedMediaError
from katchi.node import commanding
from katchi.node.settings import Commander
from katchi.node.wiring import Node
from katchi.respond.openc2 import BadMessageError, Command, Response, language, transfer
from katchi.respond.openc2.transfer import Headers
from katchi.web import callers

_is_id = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII).fullmatch
_ID: Final = "X-Request-ID"


@post(transfer.PATH.removeprefix("/.well-known"), status_code=200)
async def command(request: Request[Any, Any, Any]) -> Answer[bytes]:
    """One command. Its answer's status is that of the response, and the other way round (§3.3)."""
    node: Node = request.app.state.node
    commander = await sync_to_thread(_commander, node, request)
    kind = _kind(request)
    body = await callers.read_body(request, language.LARGEST)
    return await sync_to_thread(_obey, node, request, commander, kind, body)


def _commander(node: Node, request: Request[Any, Any, Any]) -> Commander:
    """Who commands, judged before the body is read. Raises NotSignedInError, NotAllowedError."""
    claimed = callers.claim(node, request)
    if claimed.signed is not None:
        raise NotAllowedError("A partner's node commands nobody here.", remedy="propose a response")
    return commanding.require_commander(node, claimed.partner)


def _obey(
    node: Node, request: Request[Any, Any, Any], commander: Commander, kind: str, body: bytes
) -> Answer[bytes]:  # fmt: skip
    content, headers = transfer.open_request(body)
    headers = _named(request, headers)
    try:
        asked = language.read_command(content)
    except BadMessageError as problem:
        return _answer(node, request, commanding.refusal(problem), headers, kind)
    done = commanding.obey(node, commander, asked, headers.request_id)
    return _answer(node, request, done, headers, kind, asked)


def _kind(request: Request[Any, Any, Any]) -> str:
    """The body's media type. Raises UnsupportedMediaError."""
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    version = header.get_param("version")
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    kind = header.get_content_type()
    if kind not in transfer.TYPES or version not in (None, "1.0") or coding != "identity":
        raise UnsupportedMediaError("This media type is not read here.", what="Content-Type", expected=transfer.MEDIA)
    return kind


def _named(request: Request[Any, Any, Any], headers: Headers) -> Headers:
    """§3.3.3: what the message calls itself, or else what the request is called."""
    called = request.headers.get(_ID, "")
    if headers.request_id or not _is_id(called):
        return headers
    return Headers(request_id=called, created=headers.created, from_=headers.from_, to=headers.to)


def _answer(
    node: Node, request: Request[Any, Any, Any], done: Response, headers: Headers, kind: str,
    asked: Command | None = None, *, status: int = 0,
) -> Answer[bytes]:  # fmt: skip
    # 102 would only announce an answer (RFC 9110 §15.2): it goes as the content of a 200.
    status = status or (200 if done.status == 102 else done.status)
    called = request.headers.get(_ID, "")
    told = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if name := called if _is_id(called) else headers.request_id:
        told[_ID] = name
    if asked is not None and asked.args.get("response_requested") == "none":
        return Answer(b"", status_code=status, headers=told, media_type=transfer.MEDIA)
    if kind == transfer.COMMANDS_MEDIA:
        return Answer(done.to_json(), status_code=status, headers=told, media_type=transfer.RESPONSES_MEDIA)
    own = Headers(
        request_id=headers.request_id or (called if _is_id(called) else ""), created=node.clock.now() // 1000,
        from_=node.settings.name, to=[headers.from_] if headers.from_ else "",
    )  # fmt: skip
    return Answer(transfer.response(done, own), status_code=status, headers=told, media_type=transfer.MEDIA)


def _explain(request: Request[Any, Any, Any], problem: KatchiError) -> Answer[bytes]:
    """What kept a request from being a command at all; HTTP's own statuses say more than OpenC2 has."""
    node: Node = request.app.state.node
    if not isinstance(problem, TaxiiError | BadMessageError):
        answer = _answer(node, request, commanding.refusal(problem), Headers(), "")
    else:
        status = problem.http_status if isinstance(problem, TaxiiError) else problem.status
        said = Response(
            status=status if status in (401, 403, 501) else 400,
            status_text=" ".join(each for each in (problem.sentence, problem.what, problem.found) if each)[:400],
        )
        answer = _answer(node, request, said, Headers(), "", status=status)
        if status == 401:
            answer.headers["WWW-Authenticate"] = 'Bearer realm="katchi", Basic realm="katchi"'
    return answer


openc2_router = Router(
    path="/.well-known",
    route_handlers=[command],
    exception_handlers={KatchiError: _explain},
    opt={"exclude_from_csrf": True},
)
