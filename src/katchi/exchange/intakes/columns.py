"""Guesses what the columns of a table mean, from their titles and from what stands in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from katchi.exchange.intakes.spotting import is_domain, refang
from katchi.stix import canonical

ROLES: Final = ("value", "type", "name", "description", "date", "confidence", "tags", "ignore")

_TITLES = {
    "value": (
        *("value", "indicator", "indicators", "ioc", "iocvalue", "indicatorvalue", "observable", "artifact", "dstip"),
        *(
            "ip",
            "ipaddress",
            "ipv4",
            "ipv6",
            "srcip",
            "domain",
            "domainname",
            "hostname",
            "fqdn",
            "url",
            "uri",
            "email",
        ),
        *("hash", "filehash", "md5", "sha1", "sha256", "sha512", "md5hash", "sha1hash", "sha256hash", "cve"),
        *("지표", "지표값", "값", "침해지표", "도메인", "주소", "해시", "아이피"),
    ),
    "type": ("type", "ioctype", "indicatortype", "kind", "category", "유형", "종류", "구분", "타입"),
    "name": (
        "name",
        "title",
        "malware",
        "malwarename",
        "malwareprintable",
        "family",
        "threat",
        "이름",
        "명칭",
        "악성코드",
    ),
    "description": (
        "description",
        "comment",
        "comments",
        "note",
        "notes",
        "details",
        "context",
        "설명",
        "비고",
        "내용",
    ),
    "date": (
        "date",
        "firstseen",
        "firstseenutc",
        "created",
        "createdat",
        "timestamp",
        "dateadded",
        "날짜",
        "일시",
        "일자",
    ),
    "confidence": ("confidence", "confidencelevel", "score", "신뢰도", "확신도"),
    "tags": ("tags", "tag", "labels", "태그", "꼬리표"),
}
_ROLE_OF = {title: role for role, titles in _TITLES.items() for title in titles}
_not_in_title = re.compile(r"[^a-z0-9가-힣]+")


def role_of(title: str) -> str:
    """The role a column's title promises; empty where it promises none."""
    return _ROLE_OF.get(_not_in_title.sub("", title[:100].lower()), "")


# --- Values --------------------------------------------------------------------------------------


def key_of(cell: str) -> str | None:
    """The canonical key of what stands in a cell, told from the value alone."""
    text = refang(cell.strip()[: canonical.LONGEST])
    if not text or " " in text:
        return None
    if "://" in text:
        return canonical.url(text)
    if text.upper().startswith("CVE-"):
        return canonical.vulnerability(text)
    return canonical.address(text) or _hash(text) or _named(text)


def _named(text: str) -> str | None:
    if "@" in text:
        return canonical.email(text)
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal():
        return canonical.address(host) or (canonical.domain(host) if is_domain(host) else None)
    return canonical.domain(text) if is_domain(text) else None


def _hash(text: str) -> str | None:
    algorithm = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}.get(len(text))
    return canonical.content_hash(algorithm, text) if algorithm else None


def _kinds(*kinds: str) -> Callable[[str], str | None]:
    def read(cell: str) -> str | None:
        key = key_of(cell)
        return key if key and key.startswith(tuple(f"{kind}:" for kind in kinds)) else None

    return read


def _domain(cell: str) -> str | None:
    # Somebody said it is one, so an unknown suffix will do.
    key = canonical.domain(cell.strip())
    return key if key and key.startswith("domain:") and "." in key else None


def _url(cell: str) -> str | None:
    return canonical.url(refang(cell.strip()))


_address = _kinds("ipv4", "ipv6")
_file = _kinds("file")
_READERS: dict[str, Callable[[str], str | None]] = {
    **dict.fromkeys(
        ("ip", "ipv4", "ipv6", "ipdst", "ipsrc", "ipport", "address", "ipaddress", "cidr", "주소"), _address
    ),
    **dict.fromkeys(("ipv4addr", "ipv6addr", "ipdstport", "아이피"), _address),
    **dict.fromkeys(("domain", "hostname", "fqdn", "host", "domainname", "도메인"), _domain),
    **dict.fromkeys(("url", "uri", "link"), _url),
    **dict.fromkeys(("email", "emailaddr", "emailsrc", "emaildst", "mail", "이메일"), _kinds("email")),
    **dict.fromkeys(("hash", "filehash", "file", "해시", "md5", "sha1", "sha256", "sha512"), _file),
    **dict.fromkeys(("md5hash", "sha1hash", "sha256hash", "filehashmd5", "filehashsha1", "filehashsha256"), _file),
    **dict.fromkeys(("cve", "vulnerability", "취약점"), _kinds("vulnerability")),
}


def reader_of(kind: str) -> Callable[[str], str | None] | None:
    """How to read a value that the table says is of this type; None for a type nobody knows."""
    return _READERS.get(_not_in_title.sub("", kind[:100].lower()))


# --- The whole table -----------------------------------------------------------------------------


def has_titles(first: Sequence[str], rows: Sequence[Sequence[str]] = ()) -> bool:
    """Whether a first row is titles: it holds no value, and promises some or stands above some."""
    if any(map(key_of, first)):
        return False
    return any(map(role_of, first)) or any(key_of(cell) for row in rows for cell in row)


def guess(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, str]:
    """Column to role, for the person to confirm."""
    mapping = {title: role_of(title) or "ignore" for title in titles}
    if "value" not in mapping.values() and titles:
        counts = [sum(bool(at < len(row) and key_of(row[at])) for row in rows) for at in range(len(titles))]
        best = max(range(len(titles)), key=counts.__getitem__)
        if counts[best]:
            mapping[titles[best]] = "value"
    return mapping
