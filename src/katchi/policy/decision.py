"""What a decision can be: it goes, it stays, or it goes later; always with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from katchi.policy.released import Released
from katchi.policy.world import Copy


@dataclass(frozen=True, slots=True)
class Release:
    """It may go, in the form of `released`.

    `copy` is the redacted body to remember (`World.copy`). `also` are recalls under other ids that
    stand for the same object; `every` walks through all. `dropped` names what was left out of the
    copy's references: when one of these becomes releasable, the object should be decided again.
    """

    rule: str
    released: Released
    copy: Copy | None = None
    recall: bool = False
    also: tuple[Release, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def every(self) -> Iterator[Release]:
        """This release and those that must go with it."""
        yield self
        yield from self.also


@dataclass(frozen=True, slots=True)
class Withheld:
    """It stays. `code` is one of `REASON_CODES`; `waits_for` is the object whose change would change this."""

    code: str
    detail: str = ""
    rule: str | None = None
    waits_for: str | None = None


@dataclass(frozen=True, slots=True)
class Delayed:
    """It may go from `until` on (µs)."""

    until: int
    rule: str


Decision = Release | Withheld | Delayed


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a decision looked at. `code` is one of `STEP_CODES`; `decided` marks what settled it."""

    code: str
    detail: str = ""
    rule: str | None = None
    line: int | None = None
    decided: bool = False
