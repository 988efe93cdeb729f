"""Carries out `bash` and `ssh` commands of playbooks (CACAO 2.0 §5), where an operator has switched them on.

They are for playbooks that were written or accepted here: one that a partner proposed never runs a program. After a
crash nobody knows how far a command came, so it has failed.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Final, Literal

import msgspec

from katchi.errors import KatchiError
from katchi.respond.blocking import Mandate
from katchi.respond.cacao.variables import LONGEST
from katchi.respond.calling import UNKNOWN
from katchi.respond.carrier import Result
from katchi.respond.machine import Order

_LONGEST_COMMAND: Final = 100_000  # bytes; the kernel takes 128 KiB in one argument
_LOOK_EVERY: Final = 0.25  # seconds between looks whether it is still wanted
_ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
}  # fmt: skip


class ShellError(KatchiError):
    """This command is not run."""

    code = "not-run"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", kw_only=True):
    """What an operator says of a shell in katchi.toml.

    `roles` are the parts in playbooks that it plays. The command of the playbook is the last argument of `command`.
    """

    name: str
    roles: tuple[str, ...] = ()
    types: Annotated[tuple[Literal["bash", "ssh"], ...], msgspec.Meta(min_length=1)]
    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    timeout: Annotated[int, msgspec.Meta(gt=0, le=3600)] = 60  # seconds


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be run where."""

    shell: Settings
    arguments: tuple[str, ...]


def plan(
    order: Order, mandate: Mandate, shells: Sequence[Settings], *, playing: Callable[[Order], Collection[str]], now: int
) -> Plan:
    """What an order would run, and runs nothing. Raises ShellError."""
    if mandate.is_partners:
        raise ShellError("No program is run for a partner.", what=order.command.type)
    if mandate.is_exercise:
        raise ShellError("No program is run in an exercise.", what=order.command.type)
    if mandate.until is not None and mandate.until <= now:
        raise ShellError("The response is over.", what="until")
    names = set(playing(order))
    found = [each for each in shells if each.name in names and order.command.type in each.types]
    if len(found) != 1:
        raise ShellError(
            "Several shells here play this part." if found else "No shell here plays this part.",
            what=str(order.agent.get("name", ""))[:120], found=", ".join(each.name for each in found),
            expected=order.command.type, remedy="give one [[shell]] in katchi.toml the role, or see to it by hand",
        )  # fmt: skip
    text = order.command.command
    # `ssh HOST -o…` would still be an option.
    if text.lstrip().startswith("-") or "\0" in text or len(text.encode()) > _LONGEST_COMMAND:
        raise ShellError(
            "This is no command.", what=repr(text)[:80],
            expected=f"text that does not begin with a hyphen, {_LONGEST_COMMAND} bytes at most",
        )  # fmt: skip
    return Plan(found[0], (*found[0].command, text))


class Shell:
    """Carries out the commands of playbooks for shells. `is_wanted` tells whether an order is still waited for."""

    def __init__(
        self, shells: Sequence[Settings], now: Callable[[], int], *, playing: Callable[[Order], Collection[str]],
        mandate: Callable[[Order], Mandate], is_wanted: Callable[[Order], bool] = lambda _: True,
    ) -> None:  # fmt: skip
        self._shells, self._now, self._playing = shells, now, playing
        self._mandate, self._is_wanted = mandate, is_wanted

    def act(self, order: Order) -> Result:
        """Runs it to its end, and nothing of it afterwards. Raises ShellError."""
        found = plan(order, self._mandate(order), self._shells, playing=self._playing, now=self._now())
        done = _run(found, lambda: self._is_wanted(order))
        if done.why:
            return Result(False, f"{done.why}; {UNKNOWN}")
        if done.status:
            said = done.errors.decode(errors="replace").strip()[:200]
            return Result(False, f"{found.shell.name}: exit status {done.status}" + (f": {said}" if said else ""))
        if len(order.wanted) != 1:
            return Result(True)
        text = done.output.decode(errors="replace").removesuffix("\n")
        if len(text) > LONGEST:
            return Result(False, "done, but what it wrote is too long")
        return Result(True, out={order.wanted[0]: text})

    def probe(self, order: Order) -> Result | None:
        """Nobody knows how far it came."""
        return Result(False, UNKNOWN)

    def stop(self, order: Order) -> None:
        """Whoever runs it sees that it is not wanted any longer, and ends it."""


@dataclass(frozen=True, slots=True)
class _Ended:
    status: int
    output: bytes
    errors: bytes
    why: str = ""


def _run(found: Plan, is_wanted: Callable[[], bool]) -> _Ended:
    deadline = monotonic() + found.shell.timeout
    try:
        process = subprocess.Popen(
            found.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
            env=_ENVIRONMENT, start_new_session=True,
        )  # fmt: skip
    except OSError as problem:
        raise ShellError("There is no such program.", what=found.arguments[0], found=problem.strerror or "") from None
    assert process.stdout is not None
    assert process.stderr is not None
    kept = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    why = ""
    with process.stdout, process.stderr, selectors.DefaultSelector() as selector:
        for number in kept:
            os.set_blocking(number, False)
            selector.register(number, selectors.EVENT_READ)
        look_at = monotonic() + _LOOK_EVERY
        while not why and not _has_ended(process.pid):
            _read(selector, kept, max(0.0, min(look_at, deadline) - monotonic()))
            if monotonic() >= deadline:
                why = f"not done within {found.shell.timeout} s"
            elif monotonic() >= look_at:
                look_at = monotonic() + _LOOK_EVERY
                why = "" if is_wanted() else "stopped"
        # Before it is waited for: until then its number is nobody else's. What it left behind ends, too.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        output, errors = (kept[each.fileno()] for each in (process.stdout, process.stderr))
        for _ in range(100):  # what is left in the pipes; who got away from us could write for ever
            if not _read(selector, kept, 0):
                break
    return _Ended(status, bytes(output), bytes(errors), why)


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _read(selector: selectors.BaseSelector, kept: dict[int, bytearray], wait: float) -> bool:
    """Takes what was written; what is more than anybody wants is thrown away. False where nothing came."""
    came = False
    for key, _ in selector.select(wait if selector.get_map() else min(wait, 0.02)):
        piece = os.read(key.fd, 65_536)
        if not piece:
            selector.unregister(key.fd)
            continue
        came = True
        kept[key.fd] += piece[: 4 * LONGEST + 1 - len(kept[key.fd])]
    return came
