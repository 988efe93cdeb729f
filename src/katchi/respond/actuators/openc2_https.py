"""An actuator behind OpenC2 over HTTPS (Transfer 1.1): a firewall, a SOAR, another Katchi that takes commands.

It cannot be asked what it has, so what was commanded is noted in a file, with the numbers by which it is taken back.
Each command says when it ends: should the notes be lost, everything still ends when it is to.
"""

from __future__ import annotations

import ipaddress
import ssl
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import httpx
import msgspec

from katchi.respond import actuator, connecting
from katchi.respond.actuator import ActuatorError
from katchi.respond.openc2 import BadMessageError, Command, Response, language, profiles, transfer

SECONDS: Final = 10  # for an answer
_LARGEST: Final = language.LARGEST - 4096  # bytes of things of one command: the rest of it needs some too
_KINDS: Final[Mapping[str, frozenset[str]]] = {
    profiles.SLPF: frozenset({"ipv4", "ipv6"}), profiles.DNS: frozenset({"domain", "url"}),
    profiles.KATCHI: frozenset({"ipv4", "ipv6", "domain", "url"}),
}  # fmt: skip


class Settings(actuator.Settings, frozen=True, tag="openc2", kw_only=True):
    """Where it is, by which profile it is commanded, and the token for it in a file of the node's folder.

    `ca` is a file with the certificates that are trusted instead of the system's.
    """

    url: str
    token_file: str
    profile: Literal["slpf", "x-dns", "x-katchi"] = "slpf"
    ca: str = ""


class _Rule(msgspec.Struct, frozen=True):
    """A denial that was commanded. `number` is none while no answer came; 0 where the answer had none."""

    id: str
    things: list[str]
    until: int
    number: int | None = None


class _RefusedError(ActuatorError):
    """It answered, and did not do it; or this cannot be commanded."""


@dataclass(frozen=True, slots=True)
class _Way:
    """By what it is known who speaks, and who may answer."""

    token: str
    trust: ssl.SSLContext


class OpenC2:
    """Commands what is to be blocked, and takes it back by the numbers that it got."""

    is_simulated = False

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.kinds = _KINDS[settings.profile]
        self._settings, self._folder = settings, folder
        self._path = folder / f"openc2-{settings.name}.json"

    def read(self, now: int) -> Mapping[str, int | None]:
        """What it was told, and said to have done."""
        done = [rule for rule in self._rules(now).values() if rule.number is not None]
        return {thing: rule.until for rule in done for thing in rule.things}

    def apply(self, put: Mapping[str, int], drop: Collection[str], *, now: int) -> None:
        """Commands what is new, then takes back what is over: what stays blocked is never let through between."""
        way = self._way()
        refused: list[_RefusedError] = []
        rules = self._answered(way, self._rules(now), refused)
        held = {thing: rule.until for rule in rules.values() for thing in rule.things}
        over = {thing for thing in drop if thing not in put}
        gone = over | {thing for thing, until in put.items() if held.get(thing, until) != until}
        old = [rule for rule in rules.values() if gone.intersection(rule.things)]
        # A rule is taken back whole: what else it has is commanded anew.
        rest = {thing: rule.until for rule in old for thing in rule.things if thing not in gone}
        wanted = {thing: until for thing, until in rest.items() if held[thing] == until}
        wanted |= {thing: until for thing, until in put.items() if thing in gone or thing not in held}
        fresh = list(_new_rules(wanted, one_each=self._settings.profile != profiles.KATCHI))
        after = self._answered(way, rules | {rule.id: rule for rule in fresh}, refused)
        done = {thing for rule in after.values() if rule.id not in rules for thing in rule.things}
        # Where only another end was refused, the end that was commanded before is better than none.
        self._take_all_back(way, [rule for rule in old if over.union(done).intersection(rule.things)], now, refused)
        if refused:
            raise refused[0]

    def _answered(self, way: _Way, rules: dict[str, _Rule], refused: list[_RefusedError]) -> dict[str, _Rule]:
        """Commands those that have no answer yet; what had one that was lost is told the same again, by the same id.

        Of several things that are refused together each is commanded by itself. What is refused then is collected.
        """
        found = dict(rules)
        self._note(found)  # first: a crash may come between a command and its answer
        waiting = [rule for rule in rules.values() if rule.number is None]
        try:
            while waiting:
                rule = waiting.pop(0)
                try:
                    found[rule.id] = msgspec.structs.replace(rule, number=self._deny(way, rule))
                except _RefusedError as problem:
                    del found[rule.id]
                    parts = list(_new_rules(dict.fromkeys(rule.things, rule.until), one_each=True))
                    if len(parts) == 1:
                        refused.append(problem)
                        continue
                    waiting[:0] = parts
                    found |= {part.id: part for part in parts}
                    self._note(found)
        finally:
            self._note(found)
        return found

    def _take_all_back(self, way: _Way, rules: Iterable[_Rule], now: int, refused: list[_RefusedError]) -> None:
        for rule in rules:
            try:
                self._take_back(way, rule, now)
            except _RefusedError as problem:
                refused.append(problem)

    def _deny(self, way: _Way, rule: _Rule) -> int:
        if self._settings.profile == profiles.KATCHI:
            args = {"stop_time": rule.until // 1000, "response_requested": "complete"}
            things = [thing.partition(":")[2] for thing in rule.things]
            command = Command(action="deny", target=profiles.THINGS, value=things, args=args, command_id=rule.id)
        else:
            command = profiles.deny(rule.things[0], until=rule.until, command_id=rule.id)
        said = self._asked(way, command)
        if said.status not in (200, 102):
            raise self._refused(said)
        results = said.results.get(self._settings.profile)
        number = results.get(profiles.RULE) if isinstance(results, dict) else None
        return number if isinstance(number, int) else 0

    def _take_back(self, way: _Way, rule: _Rule, now: int) -> None:
        if not rule.number:
            raise _RefusedError(
                "It gave no number by which this could be taken back.", where=self._settings.name, what=rule.things[0],
                remedy="it ends by itself; or see to it there by hand",
            )  # fmt: skip
        target = f"{self._settings.profile}:{profiles.RULE}"
        said = self._asked(way, Command(
            action="delete", target=target, value=rule.number, args={"response_requested": "complete"},
            command_id=str(uuid.uuid4()),
        ))  # fmt: skip
        if said.status not in (200, 102, 404):  # not found: it is gone, as was wanted
            raise self._refused(said)
        self._note({each.id: each for each in self._rules(now).values() if each.id != rule.id})

    def _refused(self, said: Response) -> _RefusedError:
        return _RefusedError(
            "It did not do what it was commanded.", where=self._settings.name,
            found=f"{said.status} {said.status_text}"[:200],
        )  # fmt: skip

    # ---- over HTTPS --------------------------------------------------------------------------------------

    def _way(self) -> _Way:
        settings = self._settings
        try:
            secret = (self._folder / settings.token_file).read_text(encoding="utf-8").strip()
            trust = ssl.create_default_context(cafile=str(self._folder / settings.ca) if settings.ca else None)
        except (OSError, UnicodeDecodeError) as problem:
            raise ActuatorError(
                "The token or the certificates cannot be read.", where=settings.name, found=type(problem).__name__,
                expected=" and ".join(each for each in (settings.token_file, settings.ca) if each),
            ) from None  # fmt: skip
        if not secret or not secret.isascii() or not secret.isprintable():
            raise ActuatorError("There is no token in the file.", where=settings.token_file)
        return _Way(secret, trust)

    def _asked(self, way: _Way, command: Command) -> Response:
        """One command and its answer. Raises ActuatorError."""
        url = _checked(self._settings)
        headers = {
            "Authorization": f"Bearer {way.token}", "Content-Type": transfer.MEDIA, "Accept": transfer.MEDIA,
            "X-Request-ID": command.command_id,
        }  # fmt: skip
        message = transfer.request(command, transfer.Headers(request_id=command.command_id))
        try:
            # No proxy of the environment, no redirect: the secret goes to this address and nowhere else.
            answer = connecting.send(
                connecting.Request("POST", str(httpx.URL(url)), headers, message), timeout=SECONDS,
                refuse=lambda _address, _port: "", trust=way.trust, largest=language.LARGEST + 1,
            )  # fmt: skip
        except (connecting.NotSentError, connecting.NoAnswerError, httpx.InvalidURL) as problem:
            why = type(problem.__cause__ or problem).__name__
            raise ActuatorError("It does not answer.", where=self._settings.name, what=url, found=why) from None
        try:
            return transfer.read_response(answer.body)[0]  # one byte too many shows that it is none
        except BadMessageError:
            raise ActuatorError(
                "This is no answer of OpenC2.", where=self._settings.name, what=url,
                found=f"HTTP {answer.status}",
            ) from None  # fmt: skip

    # ---- what was commanded ------------------------------------------------------------------------------

    def _rules(self, now: int) -> dict[str, _Rule]:
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=list[_Rule])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as problem:
            raise ActuatorError(
                "The notes of an actuator cannot be read.", where=self._path.name, found=str(problem)[:120],
                remedy="delete the file: what is in force is commanded anew, what is over ends by itself",
            ) from problem  # fmt: skip
        return {rule.id: rule for rule in found if rule.until > now}

    def _note(self, rules: Mapping[str, _Rule]) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_bytes(msgspec.json.encode(list(rules.values())))
        fresh.replace(self._path)


def _new_rules(wanted: Mapping[str, int], *, one_each: bool) -> Iterator[_Rule]:
    """One for each thing; or as many things as fit that end at the same time."""
    of_end: dict[int, list[str]] = {}
    for thing, until in wanted.items():
        of_end.setdefault(until, []).append(thing)
    for until, things in of_end.items():
        piece: list[str] = []
        size = 0
        for thing in things:
            length = len(msgspec.json.encode(thing)) + 1
            if piece and (one_each or size + length > _LARGEST):
                yield _Rule(str(uuid.uuid4()), piece, until)
                piece, size = [], 0
            piece.append(thing)
            size += length
        yield _Rule(str(uuid.uuid4()), piece, until)


def _checked(settings: Settings) -> str:
    """The address, if it is safe to speak to. Raises ActuatorError."""
    try:
        parts = urlsplit(settings.url)
        is_good = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc and not parts.query
    except ValueError:
        is_good = False
    if not is_good or parts.fragment or any(mark.isspace() for mark in settings.url):
        raise ActuatorError("This is no address of a consumer.", where=settings.name, expected="https://host")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise ActuatorError(
            "Plain HTTP would let others read the token.", where=settings.name, expected="https",
            found=parts.scheme, remedy="use https; http is for loopback only",
        )  # fmt: skip
    return settings.url if parts.path not in ("", "/") else f"{parts.scheme}://{parts.netloc}{transfer.PATH}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
