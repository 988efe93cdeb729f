"""Blocks by telling a program of the operator's own over HTTP: for any device for which Katchi has no plug.

The program is told by POST what to block until when and what no longer, and answers 2xx once its device does so. If it
answers GET with what its device has, it is compared as others are; if it says that it knows no GET (404, 405, 501), its
word is taken. How requests are signed: `respond/hook.py`; the whole protocol: docs/reference/hooks.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec

from katchi.respond import actuator, hook
from katchi.respond.actuator import ActuatorError
from katchi.respond.hook import Answer, Hook, HookError

_NO_READING: Final = (404, 405, 501)
_KINDS: Final = ("ipv4", "ipv6", "domain", "url")


class Settings(actuator.Settings, frozen=True, tag="webhook", kw_only=True):
    """`secret-file` has the secret by which requests are signed; `ca-file` who vouches for the certificate."""

    url: str
    secret_file: str
    ca_file: str = ""
    kinds: tuple[str, ...] = _KINDS

    def __post_init__(self) -> None:
        """Raises ValueError for an address to which nothing goes."""
        hook.require_safe(self.url)
        if not set(self.kinds) <= set(_KINDS):
            raise ValueError(f"kinds are of {', '.join(_KINDS)}")


class _Has(msgspec.Struct):
    """What the program answers to GET."""

    has: dict[str, int | None]


class Webhook:
    """One program."""

    is_simulated = False

    def __init__(self, settings: Settings, folder: Path) -> None:
        ca_file = folder / settings.ca_file if settings.ca_file else None
        self._hook = Hook(settings.url, folder / settings.secret_file, ca_file)
        self.kinds = frozenset(settings.kinds)

    def read(self, now: int) -> Mapping[str, int | None] | None:
        """What it says that its device has; None where it does not say."""
        answer = self._ask("GET", b"", now)
        if answer.status in _NO_READING:
            return None
        self._require_taken(answer)
        try:
            return msgspec.json.decode(answer.body, type=_Has).has
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise ActuatorError(
                "What a webhook says that it has cannot be read.", expected='{"has": {key: time or null}}',
                found=str(problem)[:120],
            ) from None  # fmt: skip

    def apply(self, put: Mapping[str, int], drop: Collection[str], *, now: int) -> None:
        """Tells it, all at once."""
        document = {"at": now, "put": dict(put), "drop": sorted(set(drop) - put.keys())}
        self._require_taken(self._ask("POST", msgspec.json.encode(document), now))

    def _ask(self, method: str, body: bytes, now: int) -> Answer:
        message = hashlib.sha256(f"{now} {method} ".encode() + body).hexdigest()[:32]
        try:
            return hook.ask(self._hook, method, body, now=now, message=message)
        except HookError as problem:
            raise _trouble(problem) from problem

    def _require_taken(self, answer: Answer) -> None:
        try:
            hook.require_taken(answer, self._hook)
        except HookError as problem:
            raise _trouble(problem) from problem


def _trouble(problem: HookError) -> ActuatorError:
    return ActuatorError(
        problem.sentence, where=problem.where, what=problem.what, expected=problem.expected, found=problem.found,
        remedy=problem.remedy,
    )  # fmt: skip
