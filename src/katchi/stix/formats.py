"""The forms that single values take in STIX: times, hashes, hexadecimals, addresses, URLs and their like."""

from __future__ import annotations

import binascii
import ipaddress
import re
from typing import Any

from katchi.stix.findings import Findings
from katchi.stix.languages import is_language_tag
from katchi.stix.rule import Explain, Rule, matching
from katchi.stix.timestamps import TimestampError, parse_timestamp
from katchi.stix.vocabularies import HASH_ALGORITHM
from katchi.stix.wording import excerpt, join

_DAY = (
    r"(?!0000)\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    r"|02-(?:0[1-9]|1\d|2[0-8]))"
)
_TIME = r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
_plain_time = re.compile(rf"{_DAY}{_TIME}(?:\.\d+)?Z", re.ASCII).fullmatch
_precise_time = re.compile(rf"{_DAY}{_TIME}\.\d{{3,}}Z", re.ASCII).fullmatch


def _explain_timestamp(value: str, path: str, findings: Findings) -> None:
    try:
        parse_timestamp(value)
    except TimestampError as error:
        findings.must(path, "timestamp", f"Expected {error.expected}; found {excerpt(value)}.", error.remedy)


def _explain_precise(value: str, path: str, findings: Findings) -> None:
    before = len(findings.found)
    _explain_timestamp(value, path, findings)
    if len(findings.found) == before and not re.search(r"\.\d{3,}Z", value):
        findings.tolerated(
            path, "timestamp-precision", f"Expected three digits after the point; found {excerpt(value)}."
        )


TIMESTAMP = matching(_plain_time, _explain_timestamp)
PRECISE_TIMESTAMP = matching(_precise_time, _explain_precise)
"""STIX 2.1 §3.2: `created` and `modified` are precise to the millisecond."""


def _malformed(code: str, expected: str, remedy: str) -> Explain:
    def explain(value: Any, path: str, findings: Findings) -> None:
        findings.must(path, code, f"Expected {expected}; found {excerpt(value)}.", remedy)

    return explain


# --- Bytes as text -------------------------------------------------------------------------------


def is_base64(text: str) -> bool:
    """RFC 4648 §4, with padding; an empty text is no value."""
    try:
        return bool(text) and bool(binascii.a2b_base64(text.encode("ascii"), strict_mode=True))
    except ValueError:
        return False


BASE64 = matching(is_base64, _malformed("base64", "base64 (RFC 4648 §4)", "encode the bytes as base64"))
HEX = matching(
    re.compile("(?:[0-9a-fA-F]{2})+").fullmatch,
    _malformed("hex", "pairs of hexadecimal digits", "encode the bytes as hexadecimal digits"),
)

# --- Hashes (STIX 2.1 §10.7) ---------------------------------------------------------------------

_HASH_FORMS = {
    "MD5": "[0-9a-fA-F]{32}",
    "SHA-1": "[0-9a-fA-F]{40}",
    "SHA-256": "[0-9a-fA-F]{64}",
    "SHA-512": "[0-9a-fA-F]{128}",
    "SHA3-256": "[0-9a-fA-F]{64}",
    "SHA3-512": "[0-9a-fA-F]{128}",
    "SSDEEP": r"[0-9a-zA-Z/+:.]{1,160}",
    "TLSH": "[0-9a-zA-Z]{70,72}",
}
_hash_forms = {name: re.compile(form).fullmatch for name, form in _HASH_FORMS.items()}
_hash_name = re.compile("[a-zA-Z0-9_-]{3,250}").fullmatch


def _sure_of_hashes(hashes: dict[str, Any]) -> bool:
    for name, value in hashes.items():
        form = _hash_forms.get(name)
        if form is None or value.__class__ is not str or not form(value):
            return False
    return bool(hashes)


def _explain_hashes(hashes: dict[str, Any], path: str, findings: Findings) -> None:
    if not hashes:
        findings.must(path, "empty", "A dictionary of hashes is never empty.", "leave the property out")
    for name, value in hashes.items():
        at = join(path, name)
        if not _hash_name(name):
            findings.must(at, "dictionary-key", f"{excerpt(name)} cannot name a hash algorithm.", "correct the name")
        if value.__class__ is not str:
            findings.wrong_type(value, at, str)
        elif name in _hash_forms and not _hash_forms[name](value):
            findings.must(at, "hash", f"{excerpt(value)} is no {name} hash: {_length(name)}.", "correct the hash")
        if name not in HASH_ALGORITHM and not name.startswith("x_"):
            findings.should(
                at,
                "hash-algorithm",
                f"{excerpt(name)} is not a hash algorithm that the standard names.",
                "use the standard's spelling, for example SHA-256",
            )


def _length(name: str) -> str:
    digits = re.search(r"fA-F\]\{(\d+)\}", _HASH_FORMS[name])
    return f"expected {digits[1]} hexadecimal digits" if digits else "its form is another"


HASHES = Rule(dict, _sure_of_hashes, _explain_hashes)

# --- Names and addresses on networks -------------------------------------------------------------

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = matching(
    re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}(?:/(?:3[0-2]|[12]?[0-9]))?").fullmatch,
    _malformed("ipv4", "an IPv4 address or CIDR network such as 192.0.2.0/24", "correct the address"),
)


# As text: what a partner writes may have more digits than a number takes.
_is_prefix_length = re.compile(r"12[0-8]|1[01][0-9]|[1-9]?[0-9]", re.ASCII).fullmatch


def _is_ipv6(text: str) -> bool:
    address, slash, prefix = text.partition("/")
    if slash and not _is_prefix_length(prefix):
        return False
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


IPV6 = matching(
    _is_ipv6,
    _malformed("ipv6", "an IPv6 address or CIDR network such as 2001:db8::/32", "correct the address"),
)

_mac = re.compile("[0-9a-f]{2}(?::[0-9a-f]{2}){5}").fullmatch
_other_mac = re.compile("[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}").fullmatch


def _explain_mac(value: str, path: str, findings: Findings) -> None:
    expected = "six pairs of lower-case hexadecimal digits with colons between them"
    say = findings.tolerated if _other_mac(value) else findings.must
    say(path, "mac-address", f"Expected {expected}; found {excerpt(value)}.", "correct the address")


MAC = matching(_mac, _explain_mac)

_domain = re.compile(
    r"(?=.{1,253}\.?$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?",
    re.IGNORECASE,
).fullmatch
_no_domain = re.compile(r"[\s/:@\\<>\"']").search


def _explain_domain(value: str, path: str, findings: Findings) -> None:
    longest = max((len(label) for label in value.split(".")), default=0)
    if not value or _no_domain(value) or longest > 63 or len(value) > 254:
        findings.must(path, "domain", f"Expected a domain name; found {excerpt(value)}.", "give the name alone")
    elif value.isascii():
        findings.tolerated(path, "domain", f"{excerpt(value)} is not a host name of RFC 1034.")


DOMAIN = matching(_domain, _explain_domain)

EMAIL = matching(
    re.compile(r"[^\s@<>]+@[^\s@<>]+").fullmatch,
    _malformed("email", "an address such as name@mail.example and nothing else", "put names into display_name"),
)

_uri = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-\[\]_a-z~]+").fullmatch
_has_scheme = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]").match


def _explain_uri(value: str, path: str, findings: Findings) -> None:
    if not _has_scheme(value.strip()):
        findings.must(
            path,
            "uri",
            f"Expected a URL with its scheme; found {excerpt(value)}.",
            "add the scheme, such as https://",
        )
    else:
        findings.tolerated(path, "uri", f"{excerpt(value)} holds characters that RFC 3986 does not allow in a URL.")


URI = matching(_uri, _explain_uri)

# --- Names that others register ------------------------------------------------------------------

LANGUAGE = matching(
    is_language_tag, _malformed("language", "an RFC 5646 language tag such as ko or en-US", "correct the tag")
)
# IANA character sets: where a name has a dot, a digit stands beside it (ANSI_X3.4-1968, ISO_646.irv:1991).
CHARSET = matching(
    re.compile(r"(?:[A-Za-z0-9_:()+-]|(?>\.(?:(?<=\d\.)|(?=\d)))){2,60}").fullmatch,
    _malformed("charset", "a character set that IANA registered, such as UTF-8", "correct the name"),
)
MEDIA_TYPE = matching(
    re.compile(
        r"(?:application|audio|font|image|message|model|multipart|text|video)/[a-zA-Z0-9.+_-]+(?:;.*)?"
    ).fullmatch,
    _malformed("media-type", "an IANA media type such as application/zip", "correct the media type"),
)


def _explain_media_type(value: str, path: str, findings: Findings) -> None:
    findings.should(path, "media-type", f"{excerpt(value)} is not an IANA media type such as application/zip.")


SUGGESTED_MEDIA_TYPE = matching(MEDIA_TYPE.sure or bool, _explain_media_type)


def _explain_protocol(value: str, path: str, findings: Findings) -> None:
    findings.should(path, "protocol", f"{excerpt(value)} is not a protocol name of the IANA registry.")


PROTOCOL = matching(re.compile("[a-zA-Z0-9-]{1,15}").fullmatch, _explain_protocol)

_CPE_PART = r"(?::(?:[a-zA-Z0-9._?*~%-]|\\.)+)"
_is_cpe = re.compile(rf"cpe:2\.3:[aho*-]{_CPE_PART}{{10}}").fullmatch


def _explain_cpe(value: str, path: str, findings: Findings) -> None:
    say = findings.tolerated if value.startswith("cpe:/") else findings.must
    say(path, "cpe", f"Expected a CPE 2.3 formatted string; found {excerpt(value)}.", "write it as cpe:2.3:…")


CPE = matching(_is_cpe, _explain_cpe)

_short_hive = re.compile(r"(?:HKLM|HKCC|HKCR|HKCU|HKU)(?:\\|$)", re.IGNORECASE).match


def _sure_of_key(value: str) -> bool:
    return not _short_hive(value)


REGISTRY_KEY = matching(
    _sure_of_key,
    _malformed("registry-key", "the hive's full name, such as HKEY_LOCAL_MACHINE", "write the hive in full"),
)
