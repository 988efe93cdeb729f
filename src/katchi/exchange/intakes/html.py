"""Reads a web page as the text a person sees on it, and then as any text.

Not by `html.parser`, which takes quadratic time over unclosed tags in Pythons we support: this scanner
goes over a page once, and needs to know no more than where tags end and which of them break a line.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from katchi.exchange.intake import Choices, Found
from katchi.exchange.intakes.decoding import decode
from katchi.exchange.intakes.gathering import Gathering
from katchi.exchange.intakes.text import gather

_INLINE = frozenset(
    (
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins"),
        *("kbd", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "wbr"),
    )
)
_UNSEEN = frozenset(("script", "style", "noscript", "template", "head", "svg", "iframe", "object"))
_tag_name = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]{0,40})").match
_link = re.compile(r"""[\s"'](?:href|src|action)\s{0,9}=\s{0,9}(["'])""", re.IGNORECASE).search
_long_number = re.compile(r"&#[xX]?[0-9A-Fa-f]{8,};?")
_looks_like_page = re.compile(rb"<(?:!doctype\s+html|html|body|head|table|div|p)[\s>]", re.IGNORECASE).search


class Html:
    """Web pages."""

    name = "html"
    title = "HTML"

    def recognise(self, document: bytes, name: str) -> int:
        """High where it begins with a tag that pages have."""
        start = document[:4096].replace(b"\0", b"")
        if not start.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<"):
            return 0
        if _looks_like_page(start):
            return 90
        return 50 if name.lower().endswith((".html", ".htm", ".xhtml")) else 0

    def read(self, document: bytes, choices: Choices) -> Found:
        """The indicators in what a person sees. Raises nothing."""
        gathering = Gathering(choices)
        gather(visible_text(decode(document)), gathering, numbered=False)
        return gathering.found(needs_confirmation=True)


def visible_text(page: str, *, with_links: bool = False) -> str:
    """The text without tags, scripts, styles and comments; with the targets of links where asked."""
    text = "".join(_pieces(page, with_links))
    # Python refuses to read a number of thousands of digits, and no character has one.
    return html.unescape(_long_number.sub("\ufffd", text))


def _pieces(page: str, with_links: bool) -> Iterator[str]:
    at, last_end = 0, page.rfind(">")
    while at < len(page):
        start = page.find("<", at)
        if start < 0 or start > last_end:
            yield page[at:].replace("\n", " ")
            return
        yield page[at:start].replace("\n", " ")
        if page.startswith("<!--", start):
            at = _after(page, "-->", start + 4)
            continue
        tag = _tag_name(page, start)
        if tag is None and page[start + 1 : start + 2] not in ("!", "?"):
            yield "<"  # a < b
            at = start + 1
            continue
        at = _after(page, ">", start)
        if tag:
            name = tag[2].lower()
            yield "" if name in _INLINE else "\n"
            if with_links:
                yield _target(page[start : min(at, start + 16384)])
            if name in _UNSEEN and not tag[1]:
                end = re.compile(rf"</{name}(?![A-Za-z0-9])", re.IGNORECASE).search(page, at)
                at = end.start() if end else len(page)


def _after(page: str, mark: str, at: int) -> int:
    found = page.find(mark, at)
    return found + len(mark) if found >= 0 else len(page)


def _target(tag: str) -> str:
    found = _link(tag)
    end = tag.find(found[1], found.end()) if found else -1
    return f"\n{tag[found.end() : end]}\n" if found and end > 0 else ""
