"""What can go wrong, said so that the person who reads it knows what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One failure in parts, for a terminal, a page or a JSON document to lay out."""

    code: str
    sentence: str
    where: str = ""
    what: str = ""
    expected: str = ""
    found: str = ""
    remedy: str = ""


class KatchiError(Exception):
    """Something went wrong that the caller should hear about; each subclass names one such thing.

    `code` is stable and machine-readable; `exit_status` is what the command line exits with.
    """

    code: ClassVar[str] = "katchi"
    exit_status: ClassVar[int] = 1

    def __init__(
        self,
        sentence: str,
        *,
        where: str = "",
        what: str = "",
        expected: str = "",
        found: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.where = where
        self.what = what
        self.expected = expected
        self.found = found
        self.remedy = remedy

    def diagnostic(self) -> Diagnostic:
        """The failure in parts.

        `found` must never carry a secret or more than a short excerpt of foreign data.
        """
        return Diagnostic(self.code, self.sentence, self.where, self.what, self.expected, self.found, self.remedy)

    def __str__(self) -> str:
        parts = [self.sentence]
        if self.where:
            parts.append(f"where: {self.where}")
        if self.what:
            parts.append(f"property: {self.what}")
        if self.expected:
            parts.append(f"expected: {self.expected}")
        if self.found:
            parts.append(f"found: {self.found}")
        if self.remedy:
            parts.append(f"do: {self.remedy}")
        return "; ".join(parts)
