"""What time it is, so that everything below is told instead of looking."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Says what time it is, in microseconds since the epoch (UTC)."""

    def now(self) -> int:
        """The present moment."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """The present moment."""
        return time.time_ns() // 1000


class SetClock:
    """A clock that moves only when told; for tests and exercises."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> int:
        """The moment it was set to."""
        return self._now

    def forward(self, microseconds: int) -> None:
        """Moves on."""
        self._now += microseconds
