"""Reads reports, messages and plain lists: every indicator in them, with the sentence it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from katchi.exchange.intake import Choices, Found
from katchi.exchange.intakes.decoding import decode
from katchi.exchange.intakes.gathering import Gathering
from katchi.exchange.intakes.spotting import Skipped, is_domain, spot

_word = re.compile(r"[^\s<>\"'`|“”‘’«»「」『』]+")
_may_hold_a_value = re.compile(r"[.:@]|[0-9A-Fa-f]{32}|\bdot\b|\bCVE", re.IGNORECASE).search
_cve = re.compile(r"\bCVE[-‐‑–](\d{4})[-‐‑–](\d{4,19})(?!\d)", re.ASCII | re.IGNORECASE)
_spaced_dot = re.compile(r"\s?[\[({]\s?(\.|dot|at|@)\s?[\])}]\s?", re.IGNORECASE)
_said_dot = re.compile(r"\b[A-Za-z0-9-]{1,63}(?: dot [A-Za-z0-9-]{1,63}){1,8}\b", re.IGNORECASE)
_PROSE = ("the.", "a.", "an.", "this.", "every.", "each.", "of.")
_VERSION = frozenset(
    (
        "v",
        "v.",
        "ver",
        "ver.",
        "version",
        "versions",
        "release",
        "build",
        "firmware",
        "버전",
        "버젼",
        "펌웨어",
        "릴리스",
    )
)
_four_numbers = re.compile(r"v?\d{1,3}(?:\.\d{1,3}){3}", re.ASCII | re.IGNORECASE).match
_LONGEST_WORD = 8192

# Header fields that tell of the way a message took, or of those who received it, never of its content.
_way = re.compile(
    r"(?:Received(?:-SPF)?|Message-ID|Return-Path|DKIM-Signature|DomainKey-Signature|ARC-[\w-]{1,40}|References|"
    r"Authentication-Results|In-Reply-To|List-[\w-]{1,40}|MIME-Version|Delivered-To|X-[\w-]{1,60}|Content-[\w-]{1,40})"
    r"\s?:",
    re.IGNORECASE,
).match
_person = re.compile(
    r"(?:From|To|Cc|Bcc|Reply-To|Sender|Subject|Date|보낸\s?사람|받는\s?사람)\s?:", re.IGNORECASE
).match
_end_of_sentence = re.compile(r"[.!?。]\s")


class Text:
    """Reports, messages and plain lists."""

    name = "text"
    title = "Text"

    def recognise(self, document: bytes, name: str) -> int:
        """Low: nearly everything is text, and every other intake knows its own better."""
        start = document[:4096]
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            return 30
        if start.count(0) or sum(byte < 9 or 13 < byte < 32 for byte in start) * 20 > len(start):
            return 0
        return 40 if name.lower().endswith((".txt", ".md", ".log", ".lst", ".list", ".ioc.txt")) else 20

    def read(self, document: bytes, choices: Choices) -> Found:
        """The indicators and CVE numbers of a text. Raises nothing: all bytes are some text."""
        gathering = Gathering(choices)
        gather(decode(document), gathering)
        return gathering.found(needs_confirmation=True)


def gather(text: str, gathering: Gathering, *, numbered: bool = True) -> None:
    """Add what stands in a text; `numbered` says that its lines are those of the document."""
    for number, line in _lines_of_content(text, gathering, numbered):
        if not _may_hold_a_value(line):
            continue
        for found in _cve.finditer(line):
            gathering.add_vulnerability(f"CVE-{found[1]}-{found[2]}", _sentence(line, found.start(), found.end()))
        _gather_line(_with_plain_dots(line), number, gathering)


def _gather_line(line: str, number: int, gathering: Gathering) -> None:
    before = ""
    for match in _word.finditer(line):
        word = match[0]
        if _is_worth_a_look(word):
            if _is_version(word, before, line, match.end()):
                gathering.remark(number, "version-number", word)
            elif len(word) > _LONGEST_WORD:
                gathering.remark(number, "too-long", word[:60])
            else:
                for spotted in spot(word):
                    if isinstance(spotted, Skipped):
                        gathering.remark(number, spotted.code, spotted.text)
                    elif not gathering.holds(spotted.key):
                        gathering.add_key(spotted.key, _sentence(line, match.start(), match.end()), number)
        before = word


def _is_worth_a_look(word: str) -> bool:
    return len(word) >= 32 or (
        len(word) > 3 and ("." in word or ":" in word or "[" in word or "(" in word or "{" in word)
    )


def _is_version(word: str, before: str, line: str, end: int) -> bool:
    word = word.lstrip("(")
    if not (word[0:1].isdigit() or word[0:1] in "vV") or not _four_numbers(word):
        return False
    if word[0] in "vV" or before.lower().lstrip("(").rstrip(":") in _VERSION:
        return True
    return line[end : end + 4].strip().startswith(("버전", "버젼"))


def _with_plain_dots(line: str) -> str:
    """`evil [.] example` and `evil dot example` become `evil[.]example`."""
    if any(mark in line for mark in "[({"):
        line = _spaced_dot.sub(r"[\1]", line)
    if " dot " in line or " DOT " in line:
        line = _said_dot.sub(_joined, line)
    return line


def _joined(found: re.Match[str]) -> str:
    words = re.split(" dot ", found[0], flags=re.IGNORECASE)
    name = ".".join(words)
    if name.lower().startswith(_PROSE) or not is_domain(name):
        return found[0]  # `the dot com years`
    return "[.]".join(words)


def _sentence(line: str, start: int, end: int) -> str:
    """The sentence around a place, and no more of it than a person reads at a glance."""
    left, right = max(0, start - 140), min(len(line), end + 140)
    for ending in _end_of_sentence.finditer(line, left, start):
        left = ending.end()
    following = _end_of_sentence.search(line, end - 1 if end > start else end, right)
    return line[left : following.start() + 1 if following else right].strip()


# --- Headers of messages ---------------------------------------------------------------------------


def _lines_of_content(text: str, gathering: Gathering, numbered: bool) -> Iterator[tuple[int, str]]:
    """The numbered lines, without the header lines of messages that were pasted in."""
    lines = text.split("\n")
    is_header = False
    for number, line in enumerate(lines, 1):
        following = lines[number] if number < len(lines) else ""
        is_header = _is_header(line, following, is_header)
        if not is_header:
            yield number * numbered, line
        elif _may_hold_a_value(line.partition(":")[2]):
            gathering.remark(number * numbered, "mail-header", line)


def _is_header(line: str, following: str, is_after_header: bool) -> bool:
    if _way(line):
        return True
    if is_after_header and line[:1] in (" ", "\t") and line.strip():
        return True  # a folded line (RFC 5322 §2.2.3)
    # People's own lists say `From: x` too: it takes a second such line to be a message.
    return bool(_person(line) and (is_after_header or _person(following) or _way(following)))
