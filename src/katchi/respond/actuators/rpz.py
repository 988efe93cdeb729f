"""Blocks names and addresses at a name server by its response policy zone (RPZ), over dynamic updates.

The zone is ours alone. It is read by transfer (RFC 5936) and changed by update (RFC 2136), both signed (TSIG, RFC
8945). A name is blocked with all below it: the answer is that it does not exist. A zone cannot end an entry by itself,
so the node does. In BIND, `min-update-interval 1` of the zone's policy makes changes count within a second.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from katchi.respond import actuator
from katchi.respond.actuator import ActuatorError

if TYPE_CHECKING:
    from dns.tsig import Key

_TTL: Final = 30
_LONGEST: Final = 253  # characters of a whole name (RFC 1035 §2.3.4)
_AT_ONCE: Final = 500  # names in one update: a message has 64 KiB at most
_PATIENCE: Final = 10.0  # seconds


class Settings(actuator.Settings, frozen=True, tag="rpz", kw_only=True):
    """`key` names the TSIG key; `key-file` has its secret in base64, in the node's folder, readable by it alone."""

    zone: str
    key: str
    key_file: str
    server: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(gt=0, le=65_535)] = 53
    algorithm: str = "hmac-sha256"


class Rpz:
    """One policy zone of one server."""

    kinds = frozenset({"domain", "ipv4", "ipv6"})
    is_simulated = False

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._key_file = folder / settings.key_file

    def read(self, now: int) -> Mapping[str, int | None]:
        """What the zone has, by a transfer."""
        import dns.message
        import dns.query
        import dns.rdatatype
        import dns.zone

        settings = self._settings
        zone = dns.zone.Zone(settings.zone, relativize=True)
        asked = dns.message.make_query(settings.zone, "AXFR")
        try:
            asked.use_tsig(self._key())
            dns.query.inbound_xfr(
                settings.server, zone, asked, port=settings.port, timeout=_PATIENCE, lifetime=_PATIENCE
            )
        except Exception as problem:
            raise self._trouble(problem) from problem
        names = (str(name) for name, _ in zone.iterate_rdatasets(dns.rdatatype.CNAME))
        return {key: None for name in names if (key := _key_of(name)) is not None}

    def apply(self, put: Mapping[str, int], drop: Collection[str], *, now: int) -> None:
        """One update for some hundreds of names; each is done whole."""
        self._require_fit(put)
        acts = [(key, True) for key in put] + [(key, False) for key in drop if key not in put]
        for first in range(0, len(acts), _AT_ONCE):
            self._update(acts[first : first + _AT_ONCE])

    def _require_fit(self, keys: Collection[str]) -> None:
        for key in keys:
            if not any(names_of(key, self._settings.zone)):
                raise ActuatorError(
                    "This name is too long for the policy zone.", what=key[:200], where=self._settings.zone,
                    expected=f"{_LONGEST} characters with the zone", remedy="block the name above it",
                )  # fmt: skip

    def _update(self, acts: list[tuple[str, bool]]) -> None:
        import dns.query
        import dns.rcode
        import dns.update

        settings = self._settings
        update = dns.update.UpdateMessage(settings.zone)
        update.use_tsig(self._key())
        for key, is_put in acts:
            for name in names_of(key, settings.zone):
                if is_put:
                    update.replace(name, _TTL, "CNAME", ".")
                else:
                    update.delete(name, "CNAME")
        try:
            answer = dns.query.tcp(update, settings.server, timeout=_PATIENCE, port=settings.port)
        except Exception as problem:
            raise self._trouble(problem) from problem
        if answer.rcode() != dns.rcode.NOERROR:
            raise ActuatorError(
                "The name server refused the update.", where=f"{settings.server} {settings.zone}",
                found=dns.rcode.to_text(answer.rcode()), remedy="allow updates of the zone to this key",
            )  # fmt: skip

    def _key(self) -> Key:
        import dns.name
        import dns.tsig

        try:
            secret = self._key_file.read_text(encoding="ascii").strip()
            return dns.tsig.Key(dns.name.from_text(self._settings.key), secret, self._settings.algorithm)
        except (OSError, ValueError) as problem:
            raise ActuatorError(
                "The key of a policy zone cannot be read.", where=self._key_file.name, found=type(problem).__name__,
                expected="its secret in base64",
            ) from problem  # fmt: skip

    def _trouble(self, problem: Exception) -> ActuatorError:
        if isinstance(problem, ActuatorError):
            return problem
        import dns.tsig

        settings = self._settings
        if isinstance(problem, dns.tsig.PeerError):
            return ActuatorError(
                "The name server does not take our key.", what=settings.key, where=f"{settings.server} {settings.zone}",
                found=type(problem).__name__,
                remedy="name, algorithm and secret must be the same at both, and the clocks, too",
            )  # fmt: skip
        return ActuatorError(
            "The name server did not do it.", where=f"{settings.server} {settings.zone}",
            found=f"{type(problem).__name__}: {problem}"[:200],
        )  # fmt: skip


def names_of(key: str, zone: str) -> Iterator[str]:
    """The names in the zone that block a thing, relative to it: those that are no longer than a name may be."""
    room = _LONGEST - len(zone.rstrip(".")) - 1
    return (name for name in _names(key) if len(name) <= room)


def _names(key: str) -> Iterator[str]:
    kind, _, value = key.partition(":")
    if kind == "domain":
        yield value
        yield f"*.{value}"
        return
    network = ipaddress.ip_network(value)
    if network.version == 4:
        parts = str(network.network_address).split(".")
    else:
        parts = [part or "0" for part in _pressed(network.network_address.exploded)]
    yield f"{network.prefixlen}.{'.'.join(reversed(parts))}.rpz-ip"


def _pressed(exploded: str) -> list[str]:
    """The words of an address, the longest run of zeros as `zz`, as RPZ writes it."""
    words = [format(int(word, 16), "x") for word in exploded.split(":")]
    runs = [(end - start, start) for start in range(8) for end in range(start + 2, 9) if not any(
        int(word, 16) for word in words[start:end])]  # fmt: skip
    if not runs:
        return words
    length, start = max(runs, key=lambda run: (run[0], -run[1]))
    return [*words[:start], "zz", *words[start + length :]]


def _key_of(name: str) -> str | None:
    """The thing that a name in the zone blocks; None for those that only go along with another."""
    if name.startswith("*."):
        return None
    if not name.endswith(".rpz-ip"):
        return f"domain:{name}"
    length, *parts = name.removesuffix(".rpz-ip").split(".")
    parts.reverse()
    if len(parts) == 4 and "zz" not in parts and all(part.isdecimal() for part in parts):
        text = ".".join(parts)
        whole, version = 32, 4
    else:
        text = ":".join(parts)
        place = parts.index("zz") if "zz" in parts else -1
        if place >= 0:
            text = f"{':'.join(parts[:place])}::{':'.join(parts[place + 1 :])}"
        whole, version = 128, 6
    address = str(ipaddress.ip_address(text))
    return f"ipv{version}:{address}" if int(length) == whole else f"ipv{version}:{address}/{length}"
