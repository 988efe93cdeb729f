"""Tells of one word of a text whether it is an indicator, and if it only looks like one, why it is none.

A word that somebody took the trouble to defang (`evil[.]example`) is meant as an indicator; an unchanged
one may be a file name, a version number or a missing space, and gets the closer look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from publicsuffixlist import PublicSuffixList

from katchi.stix import canonical

_suffixes = PublicSuffixList(accept_unknown=False)
_RESERVED = (".example", ".test")  # RFC 2606: exercises live there

_bracketed = re.compile(r"[\[({](\.|:|@|/|://|dot|d|at)[\])}]", re.IGNORECASE)
_MEANT = {"dot": ".", "d": ".", "at": "@"}
_scheme = re.compile(r"(?:h(?:tt|xx)ps?|s?ftps?|fxps?|wss?)://", re.IGNORECASE)
_between_urls = re.compile(r"[,;|](?=h(?:tt|xx)ps?://)", re.IGNORECASE)
_outside_of_values = re.compile(r"[,;=(){}\[\]…!?*#~·•]+")
_PUNCTUATION = ".,:;!?'\"*…。、-–—"
_hex = re.compile(r"[0-9A-Fa-f]+").fullmatch
_HASH_OF = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_four_numbers = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?", re.ASCII).fullmatch
_local_part = re.compile(r"[A-Za-z0-9._%+-]{1,64}").fullmatch
_markdown_link = re.compile(r"\[([^\[\]]{4,4096})\]\([^()]{1,4096}\)").match
_hangul_end = re.compile(r"(?<=[!-~])[가-힣]{1,12}$")
_hangul_start = re.compile(r"^[가-힣]{1,12}(?=[!-~])")
_particle = re.compile(r"(?<=[!-~])(?:에서는?|으로|에게|까지|부터|입니다|이며|[로에를을은는이가와과의도])$")

_FILES = frozenset(
    (
        *("pdf", "doc", "docx", "docm", "xls", "xlsx", "xlsm", "ppt", "pptx", "rtf", "txt", "csv", "log", "xml"),
        *("json", "html", "htm", "php", "asp", "aspx", "jsp", "js", "vbs", "ps1", "bat", "cmd", "exe", "dll", "sys"),
        *("scr", "lnk", "hta", "jar", "apk", "dmg", "iso", "img", "rar", "7z", "tar", "gz", "tgz", "zip", "cab"),
        *("msi", "bin", "dat", "tmp", "cfg", "ini", "conf", "yml", "yaml", "png", "jpg", "jpeg", "gif", "svg", "mov"),
        *("mp3", "mp4", "eml", "msg", "hwp", "hwpx", "egg", "alz", "sh", "py", "md", "so", "ps", "c", "h", "cpp"),
        *("cs", "java", "go", "kt", "rb"),
    )
)
_RUNTIMES = frozenset(("asp.net", "vb.net", "ado.net", "command.com"))
_PACKAGES = frozenset(("com", "org", "net", "io", "android", "java", "javax", "kr"))
_NOT_PUBLIC = ("0.", "10.", "127.", "169.254.", "192.168.", *(f"172.{number}." for number in range(16, 32)))
_MULTICAST = tuple(f"{number}." for number in range(224, 256))


class Spotted(NamedTuple):
    """A value, as its canonical key."""

    key: str


class Skipped(NamedTuple):
    """Something that looks like a value, and why it is none."""

    code: str
    text: str


@lru_cache(maxsize=4096)
def spot(word: str) -> tuple[Spotted | Skipped, ...]:
    """The values in one word without spaces; words that look like nothing give nothing."""
    return tuple(_spot(word))


def _spot(word: str) -> Iterator[Spotted | Skipped]:
    link = _markdown_link(word)
    if link:
        # `[<hash>](https://scanner.example/<hash>)` is about the hash, not about the scanner.
        labelled = [each for each in spot(link[1]) if isinstance(each, Spotted)]
        if labelled:
            yield from labelled
            return
    refanged = refang(word)
    is_meant = refanged != word or "xx" in word[:5].lower()
    scheme = _scheme.search(refanged)
    if scheme:
        for written in _between_urls.split(refanged[scheme.start() :]):
            yield _url(written)
        return
    for piece in _outside_of_values.split(refanged):
        yield from _spot_piece(piece.strip(_PUNCTUATION), is_meant)


def refang(word: str) -> str:
    """The word as a machine reads it: `evil[.]example` and `evil(dot)example` are `evil.example`."""
    if not any(mark in word for mark in "[({\\"):
        return word
    return _bracketed.sub(lambda found: _MEANT.get(found[1].lower(), found[1]), word).replace("\\.", ".")


def is_domain(text: str) -> bool:
    """Whether this is a name below a public suffix."""
    return _domain_key(text) is not None


def _spot_piece(piece: str, is_meant: bool) -> Iterator[Spotted | Skipped]:
    found = _value(piece, is_meant)
    if not isinstance(found, Spotted) and not piece.isascii():
        # Korean writes its particles without a space: `evil.example에서`.
        bare = _hangul_start.sub("", _hangul_end.sub("", piece))
        found = (_value(bare, is_meant) if bare != piece else None) or found
    if found:
        yield found
    elif ":" in piece and len(piece) <= canonical.LONGEST:
        for part in piece.split(":"):
            yield from _spot_piece(part.strip(_PUNCTUATION), is_meant)


def _value(piece: str, is_meant: bool) -> Spotted | Skipped | None:
    if len(piece) > canonical.LONGEST:
        return Skipped("too-long", piece[:60])
    if len(piece) in _HASH_OF and _hex(piece):
        key = canonical.content_hash(_HASH_OF[len(piece)], piece)
        return Spotted(key) if key else None
    if piece.count(":") > 1:
        return _ipv6(piece)
    if "." not in piece:
        return None
    if _four_numbers(piece):
        return _ipv4(piece)
    if "@" in piece:
        return _email(piece)
    if "/" in piece:
        return _without_scheme(piece, is_meant)
    return None if ":" in piece or "\\" in piece else _domain(piece, is_meant)


# --- Addresses -----------------------------------------------------------------------------------


def _ipv4(piece: str) -> Spotted | Skipped:
    key = canonical.address(piece)
    if key is None:
        return Skipped("no-address", piece)
    if piece.startswith((*_NOT_PUBLIC, *_MULTICAST)):
        return Skipped("not-public", piece)
    # Browsers call themselves 120.0.0.0; a network would say how wide it is.
    return Skipped("version-number", piece) if piece.endswith(".0.0") else Spotted(key)


def _ipv6(piece: str) -> Spotted | Skipped | None:
    key = canonical.address(piece.split("%")[0])
    if key is None or not key.startswith("ipv6:"):
        return None
    # RFC 4291 §2.4: addresses of the open Internet are 2000::/3; `ab::cd` is C++.
    is_public = key[5] in "23" and key[8:9] not in (":", "")
    return Spotted(key) if is_public else Skipped("not-public", piece)


# --- Names ---------------------------------------------------------------------------------------


def _domain_key(text: str) -> str | None:
    key = canonical.domain(text)
    if key is None or not key.startswith("domain:") or len(key) < 11:
        return None
    host = key[7:]
    return key if host.endswith(_RESERVED) or _suffixes.privatesuffix(host) else None


def _domain(piece: str, is_meant: bool) -> Spotted | Skipped | None:
    first, _, last = piece.rpartition(".")
    extension = last.lower()
    if not is_meant and "." not in first and (extension in _FILES or piece.lower() in _RUNTIMES):
        return Skipped("file-name", piece)
    key = _domain_key(piece)
    if key is None:
        if extension in _FILES:
            return Skipped("file-name", piece)
        looks_like_host = is_meant or (piece.count(".") > 1 and extension.isalpha())
        return Skipped("unknown-suffix", piece) if looks_like_host else None
    if is_meant:
        return Spotted(key)
    if last.istitle() and "." not in first and not first.isupper():
        return Skipped("missing-space", piece)  # `it ended.In May`
    if "." in first and piece.partition(".")[0] in _PACKAGES:
        return Skipped("package-name", piece)
    return Spotted(key)


def _email(piece: str) -> Spotted | Skipped | None:
    local, _, host = piece.rpartition("@")
    local = local.rpartition(":")[2]  # mailto:
    if not _local_part(local):
        return None
    if not is_domain(host):
        return Skipped("unknown-suffix", piece)
    key = canonical.email(f"{local}@{host}")
    return Spotted(key) if key else None


# --- URLs ----------------------------------------------------------------------------------------


def _url(written: str) -> Spotted | Skipped:
    written = _particle.sub("", _trimmed(written))
    if len(written) > canonical.LONGEST:
        return Skipped("too-long", written[:60])
    key = canonical.url(written)
    if key is None:
        return Skipped("no-url", written)
    reason = _against_host(key.partition("://")[2])
    return Skipped(reason, written) if reason else Spotted(key)


def _trimmed(written: str) -> str:
    """Without the punctuation of the sentence around it; a bracket stays where its partner stands before it."""
    end = min(len(written), canonical.LONGEST + 1)
    while end:
        last = written[end - 1]
        opening = {")": "(", "]": "[", "}": "{"}.get(last, "")
        is_alone = bool(opening) and written.count(last, 0, end) > written.count(opening, 0, end)
        if last not in _PUNCTUATION and not is_alone:
            break
        end -= 1
    return written[:end]


def _against_host(rest: str) -> str:
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    if host.startswith("["):
        return ""
    name = host.partition(":")[0]
    if _four_numbers(name):
        return "not-public" if name.startswith(_NOT_PUBLIC) else ""
    return "" if is_domain(name) else "unknown-suffix"


def _without_scheme(piece: str, is_meant: bool) -> Spotted | Skipped | None:
    """`evil.example/x` is a URL where what stands before the slash is a host."""
    host = piece.partition("/")[0].partition(":")[0]
    if "." not in host:
        return None
    found = _ipv4(host) if _four_numbers(host) else _domain(host, is_meant)
    if not isinstance(found, Spotted):
        return found
    key = canonical.url(piece)
    return Spotted(key) if key else None
