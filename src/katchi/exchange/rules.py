"""Reads the languages of rules no further than taking them in and giving them out needs: YARA, Sigma, Suricata, Snort.

A rule is data here: it is compiled to know whether it would stop a scanner, and never run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

LONGEST_RULE: Final = 256 * 1024
"""Longer ones are left out: no author wrote them by hand, and each is compiled."""

EXTERNALS: Final = ("filename", "filepath", "extension", "filetype", "owner")
"""What scanners tell YARA rules about a file besides its content; many public rules ask for it."""

# --- YARA -----------------------------------------------------------------------------------------

_yara_start = re.compile(r"(?:\b(?:private|global)\s{1,40}){0,2}\brule\s{1,40}([A-Za-z_][A-Za-z0-9_]{0,127})").match
_yara_import = re.compile(r'\bimport\s{0,40}"([a-z_]{1,40})"').match
_yara_include = re.compile(r'\binclude\s{0,40}"').match
_yara_mark = re.compile(r'[/"{}]|\b(?:private|global|rule|import|include)\b').search
_yara_string = re.compile(r'"(?:[^"\\\n]|\\.)*"').match
_yara_regex = re.compile(r"/(?:[^/\\\n]|\\.)+/[a-z]{0,3}").match
_words = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").findall


@dataclass(frozen=True, slots=True)
class YaraRule:
    """One rule of a file, with the line where it stands and what it needs to be read alone."""

    name: str
    text: str
    line: int
    imports: tuple[str, ...] = ()

    def alone(self, before: Mapping[str, YaraRule]) -> str:
        """The rule as a file of its own: after its imports and those rules of the file that it names."""
        wanted = _needed(self, before)
        modules = sorted({module for rule in wanted for module in rule.imports if f"{module}." in rule.text})
        return "".join(f'import "{module}"\n' for module in modules) + "\n\n".join(rule.text for rule in wanted)


def yara_rules(text: str) -> tuple[list[YaraRule], int]:
    """The rules of a file as they stand there, and how many files it includes (which are not followed)."""
    found: list[YaraRule] = []
    imports: list[str] = []
    includes, at, line, counted = 0, 0, 1, 0
    while (mark := _yara_mark(text, at)) is not None:
        start = mark.start()
        rule = _yara_start(text, start)
        if rule:
            line, counted = line + text.count("\n", counted, start), start
            at = _end_of_rule(text, rule.end())
            found.append(YaraRule(rule[1], text[start:at], line, tuple(imports)))
        elif module := _yara_import(text, start):
            imports.append(module[1])
            at = module.end()
        else:
            includes += _yara_include(text, start) is not None
            at = _after_token(text, start)
    return found, includes


def _end_of_rule(text: str, at: int) -> int:
    depth = 0
    while (mark := _yara_mark(text, at)) is not None:
        at = _after_token(text, mark.start())
        if mark[0] == "{":
            depth += 1
        elif mark[0] == "}":
            depth -= 1
            if depth <= 0:
                return at
        elif depth == 0 and mark[0].isalpha():
            return mark.start()  # the next one begins: this one has no body
    return len(text)


def _after_token(text: str, at: int) -> int:
    """Behind a comment, a string, a regular expression or a single mark."""
    if text.startswith("//", at):
        end = text.find("\n", at)
        return end if end >= 0 else len(text)
    if text.startswith("/*", at):
        end = text.find("*/", at + 2)
        return end + 2 if end >= 0 else len(text)
    token = None
    if text[at] == '"':
        token = _yara_string(text, at)
    elif text[at] == "/" and _may_be_regex(text, at):
        token = _yara_regex(text, at)
    return token.end() if token else at + 1


def _may_be_regex(text: str, at: int) -> bool:
    before = text[max(0, at - 200) : at].rstrip()
    return before.endswith(("=", "(", ",", "matches"))


def _needed(rule: YaraRule, before: Mapping[str, YaraRule]) -> list[YaraRule]:
    wanted, waiting = {rule.name: rule}, [rule]
    while waiting and len(wanted) < 100:
        for word in _words(waiting.pop().text):
            if word in before and word not in wanted:
                wanted[word] = before[word]
                waiting.append(before[word])
    return sorted(wanted.values(), key=lambda each: each.line)


def yara_trouble(rule: str, *, with_externals: bool = False) -> str:
    """Why YARA-X would not load a rule, in a line; empty where it would."""
    import yara_x

    compiler = yara_x.Compiler()
    if with_externals:
        for name in EXTERNALS:
            compiler.define_global(name, "")
    try:
        compiler.add_source(rule)
    except (yara_x.CompileError, ValueError) as problem:
        return str(problem).partition("\n")[0][:200] or "it cannot be read"
    return ""


# --- Sigma ----------------------------------------------------------------------------------------

_document_mark = re.compile(r"^(?:---|\.\.\.)(?=\s|$)[^\n]*\n?", re.MULTILINE)


_DEEPEST_RULE = 50


def yaml_documents(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each document in a YAML stream, without its marks."""
    at, line, counted = 0, 1, 0
    for mark in [*_document_mark.finditer(text), None]:
        document = text[at : mark.start() if mark else len(text)]
        if document.strip():
            line, counted = line + text.count("\n", counted, at), at
            yield line, document.strip("\r\n")
        at = mark.end() if mark else len(text)


def sigma_rule(text: str) -> dict[str, Any] | None:
    """What one document says, None where it is no mapping.

    Aliases are refused, which could make it endless, and what is nested deeper than any rule: reading that takes time
    that grows with the square of the depth.
    """
    import yaml

    if len(text) > LONGEST_RULE or "\0" in text:
        return None
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST_RULE or isinstance(event, yaml.AliasEvent):
                return None
        said = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


# --- Suricata and Snort ---------------------------------------------------------------------------

_network_rule = re.compile(
    r"(?:alert|drop|pass|reject|rejectsrc|rejectdst|rejectboth|block|sdrop|log|rewrite|react)\s+"
    r"[a-z][a-z0-9-]{0,30}\s*(?:[^()]{1,2000}?(?:->|<>|=>)[^()]{1,2000})?\((.*)\)$"
).match
_option = re.compile(r'\b(msg|sid|rev|classtype)\s{0,10}:\s{0,10}("(?:[^"\\]|\\.)*"|[^;"]{1,200})\s{0,10};')
_of_suricata = re.compile(
    r"^\S+\s+(?:tls|ssh|smb|krb5|nfs|rfb|mqtt|ike|modbus|dnp3|enip|sip|quic|pgsql|ntp|dhcp|snmp|tftp|ftp-data|http2)\b|"
    r"[;(]\s*(?:(?:http|dns|tls|file|ssh|smb|ja3|ja3s|ja4|krb5|quic|mqtt|sip|snmp|rfb|ike)\.[a-z_0-9.]+|startswith|"
    r"endswith|dataset|datarep|iprep|xbits|app-layer-protocol|app-layer-event|bsize|to_lowercase|dotprefix|target)\s*[;:]"
).search
_of_snort = re.compile(
    r"^\S+\s+[a-z]+\s*\(|[;(]\s*(?:service|bufferlen|gid:3|http_raw_header|http_param|rem|js_data|vba_data)\b\s*[:;,]|"
    r"\b(?:service\s+[a-z]|ruleset\s+community|policy\s+[a-z]+-ips)\b|"
    r"\bcontent\s*:\s*\"(?:[^\"\\]|\\.){1,400}\"\s*,"
).search


@dataclass(frozen=True, slots=True)
class NetworkRule:
    """A rule for a sensor, in one line. `options` are those of msg, sid, rev and classtype that it has."""

    text: str
    line: int
    options: dict[str, str]

    def language(self) -> str:
        """`suricata` or `snort` where only one of them reads it so; else empty."""
        sid = self.options.get("sid", "")
        if _of_suricata(self.text):
            return "suricata"
        # Below a million, sids are Snort's own; from 2,000,000 on they are Emerging Threats', written for Suricata.
        if _of_snort(self.text) or (sid.isdecimal() and len(sid) < 7):
            return "snort"
        return "suricata" if sid.isdecimal() and 2_000_000 <= int(sid) < 3_000_000 else ""


def network_rules(text: str) -> Iterator[NetworkRule | tuple[int, str]]:
    """Each rule of a file; (line, text) of a line that is none. Comments are passed over, rules in them are not."""
    for number, line in joined_lines(text):
        is_off = line.startswith("#")
        rule = line.lstrip("# \t") if is_off else line
        options = network_options(rule)
        if options is None and not is_off:
            yield number, line
        elif options is not None:
            yield (number, line) if is_off else NetworkRule(rule, number, options)


def network_options(rule: str) -> dict[str, str] | None:
    """What a rule says of itself; None where it is no rule of these languages."""
    found = _network_rule(rule) if len(rule) <= LONGEST_RULE else None
    if not found or "sid" not in found[1]:
        return None
    return {name: value.strip('"').strip() for name, value in _option.findall(found[1])}


def joined_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without those that are empty; one that ends in a backslash goes on in the next."""
    begun: list[str] = []
    first = 0
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not begun:
            first = number
        if line.endswith("\\") and len(begun) < 1000:
            begun.append(line[:-1].rstrip())
            continue
        whole = " ".join([*begun, line]).strip()
        begun = []
        if whole:
            yield first, whole
    if begun:
        yield first, " ".join(begun)
