"""An actuator with nothing behind it but a file: for exercises, demonstrations and trying a playbook."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from katchi.respond import actuator
from katchi.respond.actuator import ActuatorError


class Settings(actuator.Settings, frozen=True, tag="simulated", kw_only=True):
    """`file` is where it notes what it blocks; from the node's folder."""

    file: str = ""


class Simulated:
    """Blocks in a file, where each entry ends by itself."""

    kinds = frozenset({"ipv4", "ipv6", "domain", "url"})
    is_simulated = True

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._path = folder / (settings.file or f"simulated-{settings.name}.json")

    def read(self, now: int) -> Mapping[str, int | None]:
        """What the file says."""
        return {key: until for key, until in self._held().items() if until > now}

    def apply(self, put: Mapping[str, int], drop: Collection[str], *, now: int) -> None:
        """Writes the file anew."""
        held = {key: until for key, until in self._held().items() if until > now and key not in drop} | dict(put)
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_bytes(msgspec.json.encode(held))
        fresh.replace(self._path)

    def _held(self) -> dict[str, int]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, int])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as problem:
            raise ActuatorError(
                "The file of a simulated actuator cannot be read.", where=self._path.name, found=str(problem)[:120],
                remedy="delete it: what is in force is put back",
            ) from problem  # fmt: skip
