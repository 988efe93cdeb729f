"""What is done of OpenC2 here: which action on which target, and which things a command is about.

Three profiles: the stateless packet filter (SLPF 1.0) for addresses, one of ours for names and pages, `x-dns`, since no
standard has one, and `x-katchi` for a set of things of any kind at once (docs/reference/openc2.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from katchi.respond.openc2.language import BadMessageError, Command, NotDoneError, Response
from katchi.stix import canonical

SLPF: Final = "slpf"
DNS: Final = "x-dns"
KATCHI: Final = "x-katchi"
THINGS: Final = "x-katchi:things"
MOST: Final = 10_000  # things of one command
RULE: Final = "rule_number"
_ARGS: Final = ("start_time", "stop_time", "duration", "response_requested")
_NETWORKS: Final = {"ipv4_net": "ipv4", "ipv6_net": "ipv6"}
_CONNECTIONS: Final = {"ipv4_connection": "ipv4", "ipv6_connection": "ipv6"}
_NAMES: Final = {"domain_name": canonical.domain, "idn_domain_name": canonical.domain, "uri": canonical.url}
TARGETS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    SLPF: (*_NETWORKS, *_CONNECTIONS), DNS: ("domain_name", "idn_domain_name", "uri"), KATCHI: (THINGS,),
}  # fmt: skip
PROFILES: Final = tuple(TARGETS_OF)


class _Slpf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """SLPF 1.0 §2.3.1."""

    drop_process: Literal["none", "reject", "false_ack"] = "none"
    persistent: bool = True
    direction: Literal["both", "ingress", "egress"] = "both"
    insert_rule: int | None = None


def features(asked: list[str], profiles: tuple[str, ...] = PROFILES) -> Response:
    """The answer to `query features` (OpenC2 1.0 §4.1). `asked` may be empty: then it only says that it is there."""
    pairs: dict[str, list[str]] = {"query": ["features"]}
    for profile in profiles:
        pairs.setdefault("deny", []).extend(TARGETS_OF[profile])
        pairs.setdefault("delete", []).append(f"{profile}:{RULE}")
    known: dict[str, Any] = {"versions": ["1.0"], "profiles": list(profiles), "pairs": pairs, "rate_limit": 600}
    return Response(status=200, results={name: known[name] for name in asked})


def profile_of(command: Command) -> str:
    """The profile by which a command denies. Raises NotDoneError for what is not denied here."""
    profile = next((name for name, targets in TARGETS_OF.items() if command.target in targets), None)
    if profile is None:
        raise NotDoneError("This cannot be denied here.", what="target", found=command.target)
    if command.actuator and profile not in command.actuator:
        raise NotDoneError("That actuator does not do this.", what="actuator", found=next(iter(command.actuator)))
    return profile


def things_of(command: Command) -> list[str]:
    """The keys of what is to be denied. Raises BadMessageError, or NotDoneError for what is not done here."""
    if command.action != "deny":
        raise NotDoneError("Only deny is done by a playbook.", what="action", found=command.action)
    profile_of(command)
    for name in command.args.keys() - {SLPF, *_ARGS}:
        raise NotDoneError("This argument is not known here.", what=f"args.{name}"[:60])
    for name in command.args.keys() & {SLPF}:
        try:
            asked = msgspec.convert(command.args[name], _Slpf)
        except msgspec.ValidationError as problem:
            raise BadMessageError("SLPF has no such argument.", what="args.slpf", found=str(problem)) from None
        if asked != _Slpf(persistent=asked.persistent):
            raise NotDoneError("Packets are dropped, both ways, in no order.", what="args.slpf")
    return _keys(command.value) if command.target == THINGS else [_key(command)]


def _keys(value: Any) -> list[str]:
    """Of a set: a list, or one text with spaces, commas or line ends between. Each thing once."""
    listed = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or len(listed) > MOST:
        raise BadMessageError("This is no set of things.", what=f"target.{THINGS}", expected=f"1 to {MOST} of them")
    found: dict[str, None] = {}
    for text in listed:
        if not isinstance(text, str):
            raise BadMessageError("A thing is written as text.", what=f"target.{THINGS}", found=str(text)[:80])
        key = canonical.address(text) or (canonical.url(text) if "://" in text else canonical.domain(text))
        if key is None:
            raise BadMessageError("This is no address, name or page.", what=f"target.{THINGS}", found=text[:80])
        found[key] = None
    return list(found)


def _key(command: Command) -> str:
    value: Any = command.value
    if command.target in _CONNECTIONS:
        # A block here is of an address, whatever the port: more than what was asked is not done.
        given = {name: each for name, each in value.items() if each not in (None, "")}
        if len(given) != 1 or not given.keys() <= {"src_addr", "dst_addr"}:
            raise NotDoneError(
                "Only whole addresses are blocked.", what=f"target.{command.target}", expected="src_addr or dst_addr"
            )
        [value] = given.values()
    found = _NAMES[command.target](value) if command.target in _NAMES else canonical.address(value)
    if found is None:
        raise BadMessageError("The target has no such value.", what=f"target.{command.target}", found=str(value)[:80])
    return found


def deny(key: str, *, until: int, command_id: str) -> Command:
    """The command that denies a thing until a time (µs). Raises NotDoneError for a kind that has no target."""
    kind, _, value = key.partition(":")
    target = {"ipv4": "ipv4_net", "ipv6": "ipv6_net", "domain": "domain_name", "url": "uri"}.get(kind)
    if target is None:
        raise NotDoneError("OpenC2 has no target for this.", what=key[:60])
    return Command(
        action="deny", target=target, value=value, args={"stop_time": until // 1000, "response_requested": "complete"},
        command_id=command_id,
    )  # fmt: skip


def lasts(command: Command, *, now: int, otherwise: int, at_most: int) -> int:
    """Until when (µs) a command is to have effect. Raises NotDoneError for a later start or too long a time."""
    begins = command.args.get("start_time")
    if begins is not None and begins * 1000 > now:
        raise NotDoneError("What starts later is a step with a delay.", what="args.start_time")
    if (ends := command.args.get("stop_time")) is not None:
        until = int(ends) * 1000
    elif (lasting := command.args.get("duration")) is not None:
        until = now + int(lasting) * 1000
    else:
        until = now + otherwise
    if until <= now:
        raise BadMessageError("It would be over before it began.", what="args.stop_time")
    if until > now + at_most:
        raise NotDoneError(
            "Nothing is blocked for so long.", what="args", expected=f"{at_most // 1_000_000} seconds at most",
            remedy="renew it when the time comes",
        )  # fmt: skip
    return until
