"""Blocks by a file that a device reads: a policy zone of Unbound or Knot Resolver, lists of Squid, rules of Suricata.

The file is ours alone and written whole, in one step; then the device is told by a command. It cannot end an entry by
itself, so the node does. Until the command has succeeded, a file beside it notes that the device has not read it: what
is only in a file blocks nothing.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec

from katchi.respond import actuator
from katchi.respond.actuator import ActuatorError
from katchi.respond.actuators import lists
from katchi.respond.actuators.commands import PATIENCE, run

_MARK: Final = "katchi "
"""What stands before a key in the file's comment: by it the file is read back."""


class Settings(actuator.Settings, frozen=True, tag="file", kw_only=True):
    """`path` is from the node's folder. `reload` is the command that makes the device read it, if it needs one.

    `patience` is how many seconds that command may take.
    """

    path: str
    format: lists.Format
    reload: tuple[str, ...] = ()
    patience: Annotated[int, msgspec.Meta(gt=0, le=600)] = PATIENCE
    zone: str = "rpz.katchi"


class ListFile:
    """One file of a format."""

    is_simulated = False

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._path = folder / settings.path
        self._unread = self._path.with_name(f"{self._path.name}.unread")
        self._form = lists.FORMS[settings.format]
        self.kinds = self._form.kinds

    def read(self, now: int) -> Mapping[str, int | None]:
        """What is in the file. What the device has not read yet, it is made to read first."""
        if self._unread.exists():
            self._tell()
        return dict.fromkeys(self._listed())

    def _listed(self) -> list[str]:
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as problem:
            raise ActuatorError(
                "A device's file cannot be read.", where=self._path.name, found=str(problem)[:120]
            ) from problem
        mark = f"{self._form.comment} {_MARK}"
        listed = [line.removeprefix(mark) for line in lines if line.startswith(mark)]
        # By hand a line may have been changed, and its comment not: then nothing of the file is believed.
        try:
            return listed if "\n".join(lines) + "\n" == self._content(listed, lists.serial_of(lines)) else []
        except ValueError:  # what was written there is no key of ours
            return []

    def apply(self, put: Mapping[str, int], drop: Collection[str], *, now: int) -> None:
        """Writes the file anew, and tells the device."""
        self._form.require_fit(put, self._settings.zone)
        held = (set(self._listed()) | put.keys()) - (set(drop) - put.keys())
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            content = self._content(held, self._next_serial(now)).encode()
            self._unread.touch()
            with fresh.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as problem:
            raise ActuatorError(
                "A device's file cannot be written.", where=self._path.name, found=str(problem)
            ) from None
        self._tell()

    def _tell(self) -> None:
        if self._settings.reload:
            run(self._settings.reload, patience=self._settings.patience)
        self._unread.unlink(missing_ok=True)

    def _content(self, keys: Collection[str], serial: int) -> str:
        comment = self._form.comment
        lines = [f"{comment} written by Katchi: changes made by hand are undone"]
        lines += self._form.head(self._settings.zone, serial)
        for key, written in sorted(self._form.write(keys, self._settings.zone).items()):
            lines += [f"{comment} {_MARK}{key}", *written]
        return "\n".join(lines) + "\n"

    def _next_serial(self, now: int) -> int:
        """Of the second, and greater than the one before in any case: who has a copy fetches only what is newer."""
        try:
            before = lists.serial_of(self._path.read_text(encoding="utf-8", errors="replace").splitlines())
        except FileNotFoundError:
            before = 0
        return max(now // 1_000_000, before + 1)
