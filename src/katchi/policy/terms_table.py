"""One table of a terms file: reads its keys one by one, and knows on which line each stands."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar, cast

from katchi.errors import KatchiError
from katchi.policy.tlp import Tlp, TlpError
from katchi.policy.toml_lines import Lines

_Choice = TypeVar("_Choice", bound=str)


class TermsError(KatchiError):
    """These terms cannot be put in force; `line` is where they go wrong."""

    code: ClassVar[str] = "terms"
    line: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the file, which knows where its keys stand."""

    values: dict[str, Any]
    name: str
    index: int
    lines: Lines
    source: str

    def wrong(
        self,
        key: str,
        sentence: str,
        expected: str = "",
        found: Any = None,
        remedy: str = "",
    ) -> TermsError:
        line = self.lines.of(self.name, self.index, key)
        error = TermsError(
            sentence,
            where=f"{self.source}:{line}",
            what=self._path(key),
            expected=expected,
            found="" if found is None else _shown(found),
            remedy=remedy,
        )
        error.line = line
        return error

    def _path(self, key: str) -> str:
        name = self.values.get("name")
        table = f"{self.name} {name!r}" if isinstance(name, str) else self.name
        return f"{table}: {key}".strip(": ") if table else key

    def refuse_unknown(self, known: Iterable[str]) -> None:
        names = sorted(known)
        for key in self.values:
            if key not in names:
                raise self.wrong(
                    key,
                    "Terms have no such key.",
                    f"one of {', '.join(names)}",
                    key,
                    did_you_mean(key, names),
                )

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if value is None:
            raise self.wrong(key, "A key is missing.", f'{key} = "…"', remedy=f"add {key}")
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "This must be a text.", f'{key} = "…"', value)
        return value

    def flag(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(
                key,
                "This must be true or false, without quotes.",
                f"{key} = true",
                value,
            )
        return value

    def choice(self, key: str, *allowed: _Choice) -> _Choice:
        """One of these words; the first is the default."""
        value = self.values.get(key, allowed[0])
        if value not in allowed:
            raise self.wrong(
                key, "This word means nothing here.", " or ".join(f'"{word}"' for word in allowed), value,
                did_you_mean(value, allowed),
            )  # fmt: skip
        return cast(_Choice, value)

    def words(self, key: str) -> tuple[str, ...]:
        """A list of texts; one text alone will do."""
        value = self.values.get(key, [])
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) and item.strip() for item in items):
            raise self.wrong(key, "This must be a list of texts.", f'{key} = ["…", "…"]', value)
        if key in self.values and not items:
            raise self.wrong(
                key,
                "This list is empty.",
                "at least one text",
                value,
                f"leave {key} out, or fill it",
            )
        return tuple(items)

    def tlp(self, key: str, default: Tlp | None = None) -> Tlp:
        if key not in self.values and default is not None:
            return default
        value = self.text(key)
        try:
            label = Tlp.parse(value)
        except TlpError as error:
            known = [str(each) for each in Tlp if each is not Tlp.RED]
            raise self.wrong(
                key,
                "This is not a TLP label.",
                ", ".join(known),
                value,
                did_you_mean(value, known),
            ) from error
        if label is Tlp.RED:
            raise self.wrong(
                key, "No terms release TLP:RED: it is for the named persons only.", "at most amber+strict", value,
                "tell those persons yourself",
            )  # fmt: skip
        return label

    def duration(self, key: str) -> int:
        value = self.values.get(key, "0s")
        found = _duration(value) if isinstance(value, str) else None
        if not found:
            raise self.wrong(
                key,
                "This is not a duration.",
                'a number and s, m, h, d or w, such as "2h" or "30d"',
                value,
            )
        return int(found[1]) * _UNITS[found[2]]


_duration = re.compile(r"\s*(\d{1,6})\s*([smhdw])\s*", re.ASCII).fullmatch
_SECOND: Final = 1_000_000
_UNITS: Final = {
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
    "d": 86_400 * _SECOND,
    "w": 604_800 * _SECOND,
}


def _shown(value: Any) -> str:
    return (f'"{value}"' if isinstance(value, str) else str(value))[:80]


def did_you_mean(word: Any, known: Iterable[str]) -> str:
    """What to do about a name that is not known: the nearest one that is."""
    folded = str(word).casefold().replace("_", "-").replace(" ", "-")
    close = difflib.get_close_matches(folded, list(known), n=1, cutoff=0.5)
    return f'did you mean "{close[0]}"?' if close else ""
