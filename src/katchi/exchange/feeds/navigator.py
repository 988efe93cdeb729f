"""A layer for the ATT&CK Navigator: the techniques that what is released speaks of."""

from __future__ import annotations

import msgspec

from katchi.exchange.entries import TECHNIQUE, Entry
from katchi.exchange.feed import Heading, one_line


class Navigator:
    """Layer format 4.5. A technique scores 1, whoever speaks of it how often."""

    name = "navigator"
    title = "the ATT&CK Navigator"
    media_type = "application/json"
    extension = ".json"
    kinds = frozenset({TECHNIQUE})
    is_blocking = False

    def __init__(self) -> None:
        self._is_first = True

    def row(self, entry: Entry) -> bytes:
        """One technique."""
        before = b"" if self._is_first else b","
        self._is_first = False
        return before + msgspec.json.encode(
            {"techniqueID": entry.value, "score": 1, "enabled": True, "comment": one_line(entry.name)}
        )

    def head(self, heading: Heading) -> bytes:
        """The layer up to its techniques."""
        layer = {
            "name": one_line(heading.title),
            "versions": {"layer": "4.5", "navigator": "5.1.0"},
            "domain": "enterprise-attack",
            "description": "; ".join(heading.lines()),
            "gradient": {"colors": ["#ffffff", "#ff6666"], "minValue": 0, "maxValue": 1},
        }
        return msgspec.json.encode(layer)[:-1] + b',"techniques":['

    def foot(self) -> bytes:
        """The end of the layer."""
        return b"]}"
