"""Carries out `http-api` commands of playbooks (CACAO 2.0 §5): as requests to this node's own services.

A playbook says what is asked, never of whom: the request goes below the base address of the service that plays its part
here. What it may say is little: method, path, some headers, a body. After a crash a request is sent again only where
that cannot do it twice; otherwise it has failed, and nobody knows whether it was done.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from katchi.errors import KatchiError
from katchi.policy.addresses import is_nobodys_name, parsed
from katchi.respond import connecting
from katchi.respond.blocking import Mandate
from katchi.respond.cacao.variables import LONGEST
from katchi.respond.carrier import Result
from katchi.respond.connecting import Answer, NoAnswerError, Request, Resolve, is_this_machine
from katchi.respond.machine import Order

COMMANDS: Final = ("http-api",)
UNKNOWN: Final = "unknown whether it was done"
LARGEST_BODY: Final = 1_048_576
_REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_METHODS: Final = frozenset({*_REPEATABLE, "POST", "PATCH"})
_ALLOWED: Final = frozenset({"accept", "accept-language", "content-type", "if-match", "if-none-match"})
_NOT_THESE_X: Final = (
    "x-forwarded", "x-original", "x-rewrite", "x-http-method", "x-method", "x-real", "x-auth", "x-api-key", "x-client",
    "x-remote", "x-host", "x-cluster",
)  # fmt: skip
"""Headers by which servers and what stands before them learn who asks for what."""
_PORTS: Final = {"http": 80, "https": 443}
_line = re.compile(r"([A-Z]{3,10}) +([!-~]+)(?: +HTTP/[0-9.]{1,3})?").fullmatch
_is_header = re.compile(r"[A-Za-z0-9-]{1,100}").fullmatch
_is_value = re.compile(r"[\t -~]{0,4096}").fullmatch
_is_encoded = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*").fullmatch
_is_secret = re.compile(rb"[ -~]{1,8192}").fullmatch


class BadCallError(KatchiError):
    """This is not asked of any service here."""

    code = "not-called"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", kw_only=True):
    """What an operator says of a service in katchi.toml.

    `roles` are the parts in playbooks that it plays. Requests go below `url`. `header` names the header of which the
    value stands in `secret-file`, in the node's folder. `repeatable`: two POSTs with one Idempotency-Key are done once.
    A `simulated` one notes in `file` what would have been sent, and takes the requests of exercises.
    """

    name: str
    url: str = "http://localhost"
    roles: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("GET", "POST", "PUT")
    header: str = "Authorization"
    secret_file: str = ""
    ca_file: str = ""
    repeatable: bool = False
    timeout: Annotated[int, msgspec.Meta(gt=0, le=300)] = 15  # seconds
    simulated: bool = False
    file: str = ""


def trouble_of(settings: Settings, listen: str, url: str) -> str:
    """Why a service cannot be like this, or "". `listen` and `url` are the node's own."""
    try:
        parts, own = urlsplit(settings.url), urlsplit(url)
        port, own_port = _port(parts), _port(own)
    except ValueError:
        return "its url cannot be read"
    host = (parts.hostname or "").lower()
    address = parsed(host)
    is_loopback = host == "localhost" or (address is not None and address.is_loopback)
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc or parts.query or parts.fragment:
        return "its url is https://host[:port][/path], without a user, query or fragment"
    if _segments_trouble(parts.path) or not re.fullmatch(r"[!-~]+", settings.url) or "\\" in settings.url:
        return "the path of its url is not plain"
    if parts.scheme == "http" and not is_loopback:
        return "plain http is for this machine only"
    if is_nobodys_name(host):
        return "no server that one means has such an address"
    listen_host, _, listen_port = listen.rpartition(":")
    is_own_port = (is_loopback or host == listen_host.strip("[]")) and str(port) == listen_port
    if not settings.simulated and (is_own_port or (host == (own.hostname or "").lower() and port == own_port)):
        return "its url is this node itself"
    if unknown := set(settings.methods) - _METHODS:
        return f"there is no method {sorted(unknown)[0]}"
    return "" if _is_header(settings.header) else "its header has no such name"


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS.get(parts.scheme, 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be asked of which service; without the secret."""

    service: Settings
    request: Request = field(repr=False)


def plan(
    order: Order, mandate: Mandate, services: Sequence[Settings], *, playing: Callable[[Order], Collection[str]],
    now: int,
) -> Plan:  # fmt: skip
    """What an order would do, and touches nothing. Raises BadCallError."""
    if mandate.until is not None and mandate.until <= now:
        raise BadCallError("The response is over.", what="until")
    service = _service(order, mandate, services, set(playing(order)))
    method, target = start_line(order.command.command)
    if method not in service.methods:
        raise BadCallError(
            "This is not asked of the service.", what=method, where=service.name, expected=", ".join(service.methods)
        )
    body = order.command.content.encode()
    if len(body) > LARGEST_BODY:
        raise BadCallError("The body is too large.", expected=f"{LARGEST_BODY} bytes at most")
    headers = _headers(order.command.headers, service)
    if body and "content-type" not in headers:
        is_json = order.command.content.lstrip()[:1] in ("{", "[")
        headers["content-type"] = "application/json" if is_json else "text/plain; charset=utf-8"
    return Plan(service, Request(method, below(service.url, target), headers, body))


def _service(order: Order, mandate: Mandate, services: Sequence[Settings], names: Collection[str]) -> Settings:
    """The one that is asked: in an exercise a simulated one, otherwise a real one where there is any."""
    found = [each for each in services if each.name in names]
    real = [each for each in found if not each.simulated]
    found = [each for each in found if each.simulated] if mandate.is_exercise or not real else real
    if len(found) == 1:
        return found[0]
    part = order.target if order.target and order.target.get("type") == "http-api" else order.agent
    raise BadCallError(
        "Several services here play this part." if found else "No service here plays this part.",
        what=str(part.get("name", ""))[:120], found=", ".join(each.name for each in found),
        expected="a simulated one" if mandate.is_exercise else "",
        remedy="give one [[service]] in katchi.toml the role, or see to it by hand",
    )  # fmt: skip


def start_line(text: str) -> tuple[str, str]:
    """Method and target of `POST /path HTTP/1.1`. Raises BadCallError."""
    found = _line(text)
    if found is None or found[1] not in _METHODS:
        raise BadCallError("This is no request.", expected="METHOD /path HTTP/1.1", found=repr(text)[:120])
    return found[1], found[2]


def below(base: str, target: str) -> str:
    """The address of a target below a base: a path, or an address that is there already. Raises BadCallError."""
    parts, own = _split(target), urlsplit(base)
    if "#" in target or "\\" in target or not _is_encoded(target) or target.startswith("//"):
        raise BadCallError("This is no plain path.", what=target[:120])
    root = own.path.rstrip("/")
    if parts.scheme:
        same = (own.scheme, own.hostname, _port(own))
        if (parts.scheme, parts.hostname, _port(parts)) != same or "@" in parts.netloc:
            raise BadCallError(
                "A command goes where its service is here, not where the playbook says.",
                what=f"{parts.scheme}://{parts.netloc}"[:120], expected=f"{own.scheme}://{own.netloc}",
            )  # fmt: skip
        if not f"{parts.path}/".startswith(f"{root}/"):
            raise BadCallError("This is not below the service's address.", what=parts.path[:120], expected=root)
    elif not target.startswith("/"):
        raise BadCallError("A path begins with a slash.", what=target[:120])
    if trouble := _segments_trouble(parts.path):
        raise BadCallError("This path could lead elsewhere.", what=parts.path[:120], found=trouble)
    path = parts.path if parts.scheme else root + parts.path
    return f"{own.scheme}://{own.netloc}{path or '/'}" + (f"?{parts.query}" if parts.query else "")


def _split(target: str) -> SplitResult:
    try:
        parts = urlsplit(target)
        _port(parts)
    except ValueError:
        raise BadCallError("This is no address.", what=target[:120]) from None
    return parts


def _segments_trouble(path: str) -> str:
    """Dots that lead upwards, and marks that end a line, however often they are encoded."""
    for _ in range(4):
        if any(ord(mark) < 32 or ord(mark) == 127 for mark in path):
            return "a control character"
        if any(each.partition(";")[0].strip() in (".", "..") for each in re.split(r"[/\\]", path)):
            return "dots"
        inner = unquote(path)
        if inner == path:
            return ""
        path = inner
    return "encoded again and again"


def _headers(given: Mapping[str, list[str]], service: Settings) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, values in given.items():
        low = name.lower()
        is_allowed = low in _ALLOWED or (low.startswith("x-") and not low.startswith(_NOT_THESE_X))
        if not _is_header(name) or not is_allowed or low == service.header.lower() or low in found:
            raise BadCallError(
                "A playbook does not say this of a request.", what=name[:80], expected="accept, content-type, x-…",
                remedy="what the service needs to let us in stands in katchi.toml",
            )  # fmt: skip
        found[low] = ", ".join(values)
        if not _is_value(found[low]):
            raise BadCallError("A header has no such value.", what=name[:80], found=repr(found[low])[:80])
    if len(found) > 30:
        raise BadCallError("There are too many headers.", expected="30 at most")
    return found


class Caller:
    """Carries out the requests of playbooks."""

    def __init__(
        self, services: Sequence[Settings], folder: Path, now: Callable[[], int], *, own_port: int,
        playing: Callable[[Order], Collection[str]], mandate: Callable[[Order], Mandate],
        resolve: Resolve = connecting.resolve,
    ) -> None:  # fmt: skip
        self._services, self._folder, self._now, self._own_port = services, folder, now, own_port
        self._playing, self._mandate, self._resolve = playing, mandate, resolve

    def act(self, order: Order) -> Result:
        """Asks it; 2xx is good. Raises whatever keeps it from that."""
        found = self._plan(order)
        if found.service.simulated:
            _note(self._folder, found, order, self._now())
            return Result(True)
        try:
            answer = self._send(found, order)
        except NoAnswerError as problem:
            if _is_repeatable(found):
                raise
            return Result(False, f"{UNKNOWN}: {problem}")
        if not 200 <= answer.status < 300:
            moved = ", and this node does not follow" if 300 <= answer.status < 400 else ""
            return Result(False, f"{found.service.name} answered with {answer.status}{moved}")
        return _result(order, answer)

    def probe(self, order: Order) -> Result | None:
        """What can be done again is done again; of all else nobody knows what became of it."""
        method = start_line(order.command.command)[0]
        if method in _REPEATABLE:
            return None
        try:
            found = self._plan(order)
        except KatchiError as problem:
            return Result(False, f"{UNKNOWN}: {problem}")
        return None if _is_repeatable(found) else Result(False, UNKNOWN)

    def stop(self, order: Order) -> None:
        """What was asked cannot be taken back."""

    def _plan(self, order: Order) -> Plan:
        return plan(order, self._mandate(order), self._services, playing=self._playing, now=self._now())

    def _send(self, found: Plan, order: Order) -> Answer:
        service, request = found.service, found.request
        headers = {
            "user-agent": "Katchi", "accept": "application/json, */*;q=0.5", **request.headers,
            "idempotency-key": order.key, **self._secret(service),
        }  # fmt: skip
        return connecting.send(
            Request(request.method, request.url, headers, request.body), timeout=service.timeout,
            refuse=self._refuse(service), trust=self._trust(service), resolve=self._resolve,
        )  # fmt: skip

    def _refuse(self, service: Settings) -> connecting.Refuse:
        is_plain = service.url.startswith("http:")

        def why(address: str, port: int) -> str:
            found = parsed(address)
            if is_plain and not (found is not None and found.is_loopback):
                return "plain http is for this machine only"
            if port == self._own_port and is_this_machine(address):
                return "this node itself"
            return connecting.refuse_nobodys(address, port)

        return why

    def _secret(self, service: Settings) -> dict[str, str]:
        if not service.secret_file:
            return {}
        try:
            secret = (self._folder / service.secret_file).read_bytes().strip()
        except OSError as problem:
            raise BadCallError(
                "The secret of a service cannot be read.", where=service.secret_file, found=type(problem).__name__
            ) from None
        if not _is_secret(secret):
            raise BadCallError("The secret of a service is one line of ASCII.", where=service.secret_file)
        return {service.header.lower(): secret.decode()}

    def _trust(self, service: Settings) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._folder / service.ca_file if service.ca_file else None)
        except (OSError, ssl.SSLError) as problem:
            raise BadCallError(
                "The authority of a service cannot be read.", where=service.ca_file, expected="PEM",
                found=type(problem).__name__,
            ) from None  # fmt: skip


def _is_repeatable(found: Plan) -> bool:
    return found.request.method in _REPEATABLE or (found.request.method == "POST" and found.service.repeatable)


def _result(order: Order, answer: Answer) -> Result:
    """A JSON object's members by the names of the out_args; one alone may have all of the text."""
    if not order.wanted:
        return Result(True)
    if not answer.is_whole:
        return Result(False, "done, but the answer is too large or packed")
    try:
        text = answer.body.decode()
    except UnicodeDecodeError:
        return Result(False, "done, but the answer is no text")
    members = _members(answer.body)
    out = {name: members[bare] for name in order.wanted if (bare := name[2:-2]) in members}
    if not out and len(order.wanted) == 1:
        out = {order.wanted[0]: text}
    if long := [name for name, value in out.items() if len(value) > LONGEST]:
        return Result(False, f"done, but the answer's {long[0]} is too long")
    return Result(True, out=out)


def _members(body: bytes) -> dict[str, str]:
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: each if isinstance(each, str) else msgspec.json.encode(each).decode()
        for name, each in found.items() if each is not None
    }  # fmt: skip


def _note(folder: Path, found: Plan, order: Order, now: int) -> None:
    """Writes down once what would have been sent."""
    path = folder / (found.service.file or f"simulated-{found.service.name}.jsonl")
    try:
        lines = path.read_bytes() if path.exists() else b""
        if order.key.encode() in lines:
            return
        request = found.request
        line = {
            "key": order.key, "at": now, "method": request.method, "url": request.url,
            "headers": dict(request.headers), "body": request.body.decode(errors="replace"),
        }  # fmt: skip
        with path.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
    except OSError as problem:
        raise BadCallError(
            "A simulated service's file cannot be written.", where=path.name, found=str(problem)
        ) from None
