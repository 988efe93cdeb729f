"""Reads and writes OpenC2 commands and responses (OpenC2 Language Specification 1.0), and says what is wrong with one.

A command is an action on one target. What the language does not know is refused, as the specification wants it: an
unknown action or target, an argument without a meaning, an empty map. Extensions have names with a namespace, `x-…`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from katchi.errors import KatchiError
from katchi.stix import canonical

ACTIONS: Final = (
    "scan", "locate", "query", "deny", "contain", "allow", "start", "stop", "restart", "cancel", "set", "update",
    "redirect", "create", "delete", "detonate", "restore", "copy", "investigate", "remediate",
)  # fmt: skip
STATUSES: Final = {
    102: "Processing", 200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    500: "Internal Error", 501: "Not Implemented", 503: "Service Unavailable",
}  # fmt: skip
FEATURES: Final = ("versions", "profiles", "pairs", "rate_limit")
LARGEST: Final = 65_536  # bytes of a message

# §3.1.4: a namespace has 16 characters at most; one that is not OASIS' own begins with x-.
_is_namespace = re.compile(r"slpf|x-[a-z0-9][a-z0-9_-]{0,13}", re.ASCII).fullmatch
_is_extended = re.compile(r"(slpf|x-[a-z0-9][a-z0-9_-]{0,13}):[a-z0-9][a-z0-9_-]{0,31}", re.ASCII).fullmatch
_is_id = re.compile(r"[\x21-\x7e]{1,128}").fullmatch
_is_hex = re.compile(r"[0-9A-Fa-f]+").fullmatch
_ADDRESS: Final = {"ipv4": ipaddress.IPv4Network, "ipv6": ipaddress.IPv6Network}


class BadMessageError(KatchiError):
    """This is no message of OpenC2: its `status` is what a consumer answers."""

    code = "openc2"
    status = 400


class NotDoneError(BadMessageError):
    """It is good OpenC2, and nothing that is done here."""

    code = "openc2-not-done"
    status = 501


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command (§3.3.1). `target` is the kind and its value; `args` and `actuator` are as they came."""

    action: str
    target: str
    value: Any
    args: dict[str, Any] = {}
    actuator: dict[str, Any] = {}
    command_id: str = ""

    def to_json(self) -> bytes:
        """As it is sent."""
        members: dict[str, Any] = {"action": self.action, "target": {self.target: self.value}}
        members |= {name: value for name in ("args", "actuator", "command_id") if (value := getattr(self, name))}
        return msgspec.json.encode(members)


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A response (§3.3.2)."""

    status: int
    status_text: str = ""
    results: dict[str, Any] = {}

    @property
    def is_good(self) -> bool:
        """Whether what was asked is done."""
        return self.status == 200

    def to_json(self) -> bytes:
        """As it is sent."""
        members: dict[str, Any] = {"status": self.status}
        members |= {name: value for name in ("status_text", "results") if (value := getattr(self, name))}
        return msgspec.json.encode(members)


class _Hashes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    md5: str = ""
    sha1: str = ""
    sha256: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str = ""
    path: str = ""
    hashes: _Hashes | None = None


class _Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hostname: str = ""
    idn_hostname: str = ""
    device_id: str = ""


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bin: str = ""
    url: str = ""


class _Artifact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mime_type: str = ""
    payload: _Payload | None = None
    hashes: _Hashes | None = None


class _Process(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pid: int | None = None
    name: str = ""
    cwd: str = ""
    executable: _File | None = None
    parent: _Process | None = None
    command_line: str = ""


class _Connection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    src_addr: str = ""
    src_port: int | None = None
    dst_addr: str = ""
    dst_port: int | None = None
    protocol: Literal["icmp", "tcp", "udp", "sctp", ""] = ""


class _Args(msgspec.Struct, frozen=True):
    start_time: int | None = None
    stop_time: int | None = None
    duration: int | None = None
    response_requested: Literal["none", "ack", "status", "complete", ""] = ""


_LENGTHS: Final = {"md5": 32, "sha1": 40, "sha256": 64}
_OF_ARGS: Final = frozenset(_Args.__struct_fields__)


def read_command(message: bytes) -> Command:
    """A command. Raises BadMessageError."""
    members = _members(message, {"action", "target", "args", "actuator", "command_id"})
    action, target = members.get("action"), members.get("target")
    if action not in ACTIONS:
        raise BadMessageError("There is no such action.", what="action", found=str(action)[:40])
    if not isinstance(target, dict) or len(target) != 1:
        raise BadMessageError("A command has one target.", what="target", expected="an object with one member")
    [(kind, value)] = target.items()
    _require_target(kind, value)
    command_id = members.get("command_id", "")
    if not isinstance(command_id, str) or (command_id and not _is_id(command_id)):
        raise BadMessageError("This cannot name a command.", what="command_id", expected="128 characters at most")
    return Command(
        action=str(action), target=kind, value=value, args=_args(members), actuator=_actuator(members),
        command_id=command_id,
    )  # fmt: skip


def read_response(message: bytes) -> Response:
    """A response. Raises BadMessageError."""
    members = _members(message, {"status", "status_text", "results"})
    status, text, results = members.get("status"), members.get("status_text", ""), members.get("results", {})
    if isinstance(status, bool) or not isinstance(status, int | float) or status not in STATUSES:
        raise BadMessageError("There is no such status.", what="status", found=str(status)[:40])
    if not isinstance(text, str) or not isinstance(results, dict) or ("results" in members and not results):
        raise BadMessageError("This is no response.", what="results", expected="an object with members")
    for name, value in results.items():
        _require_result(name, value)
    return Response(status=int(status), status_text=text, results=results)


def _members(message: bytes, known: set[str]) -> dict[str, Any]:
    if len(message) > LARGEST:
        raise BadMessageError("The message is too large.", expected=f"{LARGEST} bytes at most")
    try:
        members = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise BadMessageError("This is not JSON.", found=str(problem)[:120]) from None
    if not isinstance(members, dict):
        raise BadMessageError("A message is a JSON object.", found=type(members).__name__)
    for name in members.keys() - known:
        raise BadMessageError("The language has no such member.", what=name[:40], expected=", ".join(sorted(known)))
    return members


def _args(members: Mapping[str, Any]) -> dict[str, Any]:
    if "args" not in members:
        return {}
    args = members["args"]
    if not isinstance(args, dict) or not args:
        raise BadMessageError("Arguments are an object with members.", what="args")
    for name in args.keys() - _OF_ARGS:
        if not _is_namespace(name) or not isinstance(args[name], dict):
            raise BadMessageError("There is no such argument.", what=f"args.{name}"[:60])
    found = _converted({name: args[name] for name in args.keys() & _OF_ARGS}, _Args, "args")
    times = (found.start_time, found.stop_time, found.duration)
    if any(each is not None and each < 0 for each in times):
        raise BadMessageError("Times are milliseconds since 1970, durations milliseconds.", what="args")
    if None not in times:
        raise BadMessageError("Of start_time, stop_time and duration two say it all.", what="args")
    return args


def _actuator(members: Mapping[str, Any]) -> dict[str, Any]:
    actuator = members.get("actuator", {})
    if "actuator" not in members:
        return {}
    if not isinstance(actuator, dict) or len(actuator) != 1:
        raise BadMessageError("An actuator is an object with one member.", what="actuator")
    [(name, value)] = actuator.items()
    if not _is_namespace(name) or not isinstance(value, dict):
        raise BadMessageError("There is no such actuator.", what=f"actuator.{name}"[:60])
    return actuator


# ---- targets ---------------------------------------------------------------------------------------------


def _converted(value: Any, of: Any, where: str) -> Any:
    try:
        return msgspec.convert(value, of)
    except msgspec.ValidationError as problem:
        raise BadMessageError(
            "This has not the form that the language wants.", what=where, found=str(problem)
        ) from None


def _bad(kind: str, value: object, expected: str) -> BadMessageError:
    return BadMessageError(
        "The target has no such value.", what=f"target.{kind}", expected=expected, found=str(value)[:80]
    )


def _network(version: str) -> Callable[[str, Any], None]:
    def require(kind: str, value: Any) -> None:
        try:
            if not isinstance(value, str) or value.count("/") > 1 or "%" in value:
                raise ValueError(value)
            _, slash, prefix = value.partition("/")
            if slash and not (prefix.isascii() and prefix.isdecimal()):
                raise ValueError(value)
            _ADDRESS[version](value, strict=False)
        except ValueError:
            raise _bad(kind, value, f"an {version} address or network") from None

    return require


def _connection(version: str) -> Callable[[str, Any], None]:
    def require(kind: str, value: Any) -> None:
        found = _some(kind, value, _Connection)
        for name in ("src_addr", "dst_addr"):
            if getattr(found, name):
                _network(version)(f"{kind}.{name}", getattr(found, name))
        if any(each is not None and not 0 <= each <= 65_535 for each in (found.src_port, found.dst_port)):
            raise _bad(kind, value, "ports up to 65535")

    return require


def _some(kind: str, value: Any, of: Any) -> Any:
    """One of these structures, with something in it."""
    found = _converted(value, of, f"target.{kind}")
    if not value:
        raise _bad(kind, value, "at least one member")
    return found


def _hashes(kind: str, hashes: _Hashes | None) -> None:
    if hashes is None:
        return
    held = {name: digits for name in _LENGTHS if (digits := getattr(hashes, name))}
    if not held or any(len(digits) != _LENGTHS[name] or not _is_hex(digits) for name, digits in held.items()):
        raise _bad(f"{kind}.hashes", held, "md5, sha1 or sha256 in hexadecimal")


def _file(kind: str, value: Any) -> None:
    _hashes(kind, _some(kind, value, _File).hashes)


def _artifact(kind: str, value: Any) -> None:
    found = _some(kind, value, _Artifact)
    _hashes(kind, found.hashes)
    if found.payload is not None and bool(found.payload.bin) == bool(found.payload.url):
        raise _bad(kind, value, "a payload with bin or url")


def _process(kind: str, value: Any) -> None:
    found: _Process | None = _some(kind, value, _Process)
    while found is not None:
        if found.pid is not None and found.pid < 0:
            raise _bad(kind, value, "a pid of 0 or more")
        found = found.parent


def _names(known: tuple[str, ...] = ()) -> Callable[[str, Any], None]:
    def require(kind: str, value: Any) -> None:
        names = _converted(value, list[str], f"target.{kind}")
        if len(set(names)) != len(names) or len(names) > 10 or (known and set(names) - set(known)):
            raise _bad(kind, value, f"each of {', '.join(known) or 'up to ten names'} once at most")

    return require


def _text(is_good: Callable[[str], object], expected: str) -> Callable[[str, Any], None]:
    def require(kind: str, value: Any) -> None:
        if not isinstance(value, str) or not value or not is_good(value):
            raise _bad(kind, value, expected)

    return require


def _is_uri(text: str) -> bool:
    try:
        return bool(urlsplit(text).scheme) and not any(mark.isspace() for mark in text)
    except ValueError:
        return False


_domain = _text(canonical.domain, "a domain name")
_email = _text(canonical.email, "an e-mail address")
TARGETS: Final[Mapping[str, Callable[[str, Any], None]]] = {
    "artifact": _artifact, "command": _text(_is_id, "a command's id"),
    "device": lambda kind, value: _some(kind, value, _Device),
    "domain_name": _domain, "idn_domain_name": _domain, "email_addr": _email, "idn_email_addr": _email,
    "features": _names(FEATURES), "file": _file, "process": _process, "properties": _names(),
    "ipv4_net": _network("ipv4"), "ipv6_net": _network("ipv6"),
    "ipv4_connection": _connection("ipv4"), "ipv6_connection": _connection("ipv6"),
    "iri": _text(_is_uri, "an IRI"), "uri": _text(_is_uri, "a URI"),
    "mac_addr": _text(canonical.mac_address, "a MAC address"),
}  # fmt: skip


def _require_target(kind: str, value: Any) -> None:
    """Raises BadMessageError."""
    require = TARGETS.get(kind)
    if require is not None:
        require(kind, value)
    elif not _is_extended(kind):
        raise BadMessageError("There is no such target.", what=f"target.{kind}"[:60])


# ---- results ---------------------------------------------------------------------------------------------


def _require_result(name: str, value: Any) -> None:
    if name in ("versions", "profiles"):
        _converted(value, list[str], f"results.{name}")
    elif name == "rate_limit":
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise BadMessageError("A rate is a number.", what="results.rate_limit")
    elif name == "pairs":
        for action, targets in _converted(value, dict[str, list[str]], "results.pairs").items():
            if action not in ACTIONS or any(each not in TARGETS and not _is_extended(each) for each in targets):
                raise BadMessageError("There is no such pair.", what=f"results.pairs.{action}"[:60])
    elif not _is_namespace(name) or not isinstance(value, dict):
        raise BadMessageError("There is no such result.", what=f"results.{name}"[:60])
