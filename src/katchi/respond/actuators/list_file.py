"""Blocks by a file that a device reads: a policy zone of Unbound or Knot Resolver, lists of Squid, rules of Suricata.

The file is ours alone and written whole, in one step; then the device is told by a command. It cannot end an entry by
itself, so the node does.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

from katchi.respond import actuator
from katchi.respond.actuator import ActuatorError
from katchi.respond.actuators import lists
from katchi.respond.actuators.commands import run

_MARK: Final = "katchi "
"""What stands before a key in the file's comment: by it the file is read back."""


class Settings(actuator.Settings, frozen=True, tag="file", kw_only=True):
    """`path` is from the node's folder. `reload` is the command that makes the device read it, if it needs one."""

    path: str
    format: lists.Format
    reload: tuple[str, ...] = ()
    zone: str = "rpz.katchi"


class ListFile:
    """One file of a format."""

    is_simulated = False

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._path = folder / settings.path
        self._form = lists.FORMS[settings.format]
        self.kinds = self._form.kinds

    def read(self, now: int) -> Mapping[str, int | None]:
        """What is in the file."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as problem:
            raise ActuatorError(
                "A device's file cannot be read.", where=self._path.name, found=str(problem)[:120]
            ) from problem
        mark = f"{self._form.comment} {_MARK}"
        listed = [line.removeprefix(mark) for line in lines if line.startswith(mark)]
        # By hand a line may have been changed, and its comment not: then nothing of the file is believed.
        return dict.fromkeys(listed) if "\n".join(lines) + "\n" == self._content(listed) else {}

    def apply(self, put: Mapping[str, int], drop: Collection[str], *, now: int) -> None:
        """Writes the file anew, and tells the device."""
        held = (self.read(now).keys() | put.keys()) - (set(drop) - put.keys())
        content = self._content(held).encode()
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as problem:
            raise ActuatorError(
                "A device's file cannot be written.", where=self._path.name, found=str(problem)
            ) from None
        if self._settings.reload:
            run(self._settings.reload)

    def _content(self, keys: Iterable[str]) -> str:
        comment = self._form.comment
        lines = [f"{comment} written by Katchi: changes made by hand are undone"]
        lines += self._form.head(self._settings.zone, 1)
        for key in sorted(keys):
            lines += [f"{comment} {_MARK}{key}", *self._form.write(key)]
        return "\n".join(lines) + "\n"
