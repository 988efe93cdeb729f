"""Rules that partners wrote, word for word, in one file: YARA and Sigma."""

from __future__ import annotations

import re

from katchi.exchange.entries import Entry
from katchi.exchange.feed import Heading, comments

_yara_names = re.compile(
    r"^[ \t]*(?:(?:private|global)[ \t]+)*rule[ \t]+([A-Za-z_][A-Za-z0-9_]{0,127})", re.MULTILINE
).findall
_include = re.compile(r"^[ \t]*include\b", re.MULTILINE).search


class YaraRules:
    """One file for `yara`, `yr` and scanners. A name stands once: the first rule keeps it."""

    name = "yara"
    title = "YARA and YARA-X"
    media_type = "text/plain"
    extension = ".yar"
    kinds = frozenset({"yara"})
    is_blocking = False

    def __init__(self) -> None:
        self._names: set[str] = set()

    def row(self, entry: Entry) -> bytes:
        """The rules of one object; none that reads another file, has no name, or one that is taken."""
        names = _yara_names(entry.value)
        if not names or not self._names.isdisjoint(names) or _include(entry.value) or "\0" in entry.value:
            return b""
        if not _compiles(entry.value):
            return b""
        self._names |= set(names)
        return f"// {entry.object_id}\n{entry.value.strip()}\n\n".encode()

    def head(self, heading: Heading) -> bytes:
        """Comments."""
        return comments(heading, "// ")

    def foot(self) -> bytes:
        """Nothing."""
        return b""


def _compiles(rule: str) -> bool:
    """One broken rule would keep a scanner from loading all of them."""
    import yara_x

    try:
        yara_x.compile(rule)
    except (yara_x.CompileError, ValueError):
        return False
    return True


class SigmaRules:
    """Documents in one YAML stream, as `sigma` reads them."""

    name = "sigma"
    title = "Sigma converters"
    media_type = "application/yaml"
    extension = ".yml"
    kinds = frozenset({"sigma"})
    is_blocking = False

    def row(self, entry: Entry) -> bytes:
        """The rule's document. One that would end in the middle of the stream is left out."""
        text = entry.value.strip().removeprefix("---").strip("\r\n")
        if not text or re.search(r"^(?:---|\.\.\.)", text, re.MULTILINE) or "\0" in text or not _is_yaml(text):
            return b""
        return f"---\n# {entry.object_id}\n{text}\n".encode()

    def head(self, heading: Heading) -> bytes:
        """Comments."""
        return comments(heading)

    def foot(self) -> bytes:
        """Nothing."""
        return b""


def _is_yaml(text: str) -> bool:
    """One document that cannot be read would make the whole stream unreadable; aliases could make it endless."""
    import yaml

    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            return False
        return isinstance(yaml.safe_load(text), dict)
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
