"""Rules that partners wrote, word for word, in one file: YARA and Sigma."""

from __future__ import annotations

import re

from katchi.exchange.entries import Entry
from katchi.exchange.feed import Heading, comments
from katchi.exchange.rules import sigma_rule, yara_rules, yara_trouble

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
        self._texts: dict[str, str] = {}

    def row(self, entry: Entry) -> bytes:
        """The rules of one object that are not there yet; none if one has a name that another rule took.

        Nor one that reads another file, nor one that does not compile: it would keep a scanner from loading all.
        """
        found, _ = yara_rules(entry.value)
        if not found or _include(entry.value) or "\0" in entry.value or yara_trouble(entry.value):
            return b""
        if any(self._texts.get(rule.name, rule.text) != rule.text for rule in found):
            return b""
        fresh = {rule.name: rule for rule in found if rule.name not in self._texts}
        if not fresh:
            return b""
        self._texts |= {name: rule.text for name, rule in fresh.items()}
        modules = sorted({module for rule in fresh.values() for module in rule.imports})
        imports = "".join(f'import "{module}"\n' for module in modules)
        rules = "\n\n".join(rule.text.strip() for rule in fresh.values())
        return f"// {entry.object_id}\n{imports}{rules}\n\n".encode()

    def head(self, heading: Heading) -> bytes:
        """Comments."""
        return comments(heading, "// ")

    def foot(self) -> bytes:
        """Nothing."""
        return b""


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
        if not text or re.search(r"^(?:---|\.\.\.)", text, re.MULTILINE) or sigma_rule(text) is None:
            return b""  # one document that cannot be read would make the whole stream unreadable
        return f"---\n# {entry.object_id}\n{text}\n".encode()

    def head(self, heading: Heading) -> bytes:
        """Comments."""
        return comments(heading)

    def foot(self) -> bytes:
        """Nothing."""
        return b""
