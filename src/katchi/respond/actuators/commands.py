"""Runs the few programs that devices are driven by: without a shell, with an end in time, and a clear error."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from katchi.respond.actuator import ActuatorError

PATIENCE = 20  # seconds


def run(command: Sequence[str], given: bytes = b"", *, patience: float = PATIENCE) -> bytes:
    """What a program wrote; `given` is its standard input. Raises ActuatorError."""
    try:
        done = subprocess.run(list(command), input=given, capture_output=True, check=False, timeout=patience)
    except FileNotFoundError:
        raise ActuatorError(
            "There is no such program.", what=command[0], remedy="install it, or say where it is in katchi.toml"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ActuatorError("A program did not come to an end.", what=command[0], found=str(problem)[:120]) from problem
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise ActuatorError("A program failed.", what=" ".join(command)[:120], found=said[:300] or str(done.returncode))
    return done.stdout
