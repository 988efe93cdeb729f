"""Brings a written value into its one canonical form: addresses, domains, URLs, hashes, keys, names.

Every function answers None where the text is not such a value; none of them raises. Both sides of
a comparison must use the same rules: they are the profile `PROFILE`, and a change renames it.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import lru_cache
from typing import Final

import ada_url
import idna

PROFILE: Final = "katchi-1"
LONGEST: Final = 4096
"""A longer text is no address, URL or name, whatever it begins with."""

# --- Defanging -----------------------------------------------------------------------------------

_DEFANGED = (
    *(("[.]", "."), ("(.)", "."), ("{.}", "."), ("[dot]", "."), ("(dot)", "."), ("[d]", ".")),
    *(("[:]", ":"), ("[@]", "@"), ("(@)", "@"), ("[at]", "@"), ("(at)", "@"), ("[/]", "/")),
)


def refang(text: str) -> str:
    """Undo what makes an address unclickable: `evil[.]example` is `evil.example`."""
    if len(text) > LONGEST:
        return ""
    text = text.strip()
    if "[" in text or "(" in text or "{" in text:
        for written, meant in _DEFANGED:
            text = text.replace(written, meant).replace(written.upper(), meant)
    return text


# --- Addresses -----------------------------------------------------------------------------------

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_plain_ipv4 = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}").fullmatch
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def address(text: str) -> str | None:
    """`ipv4:192.0.2.1`, `ipv4:192.0.2.0/24` or `ipv6:2001:db8::1`; a network of one is its address."""
    if _plain_ipv4(text):
        return f"ipv4:{text}"
    text = refang(text)
    if _plain_ipv4(text):
        return f"ipv4:{text}"
    network = _network(text)
    if network is None:
        return None
    written = str(network)
    if network.prefixlen == network.max_prefixlen:
        written = str(network.network_address)
    return f"ipv{network.version}:{written}"


def _network(text: str) -> _Network | None:
    host, slash, prefix = text.partition("/")
    if slash and not (prefix.isascii() and prefix.isdecimal()):
        return None  # a mask such as /255.255.255.0 is not how STIX writes networks
    try:
        network = ipaddress.ip_network(f"{host.partition('%')[0]}{slash}{prefix}", strict=False)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped  # ::ffff:192.0.2.1 is the host 192.0.2.1
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


_mac = re.compile(r"[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}").fullmatch


def mac_address(text: str) -> str | None:
    """`mac:d2:fb:49:24:37:18`, in lower case and with colons."""
    lowered = text.strip().lower()
    return f"mac:{lowered.replace('-', ':')}" if _mac(lowered) else None


# --- Names on the Internet -----------------------------------------------------------------------

_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_is_ascii_domain = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*{_LABEL}").fullmatch


def domain(text: str) -> str | None:
    """`domain:a.example`: lower case, punycode (UTS 46), no final dot; an address where one is written."""
    host = _domain_name(refang(text))
    return f"domain:{host}" if host else address(text)


def _domain_name(text: str) -> str | None:
    host = text.lower().removesuffix(".")
    if "xn--" in host or not _is_ascii_domain(host):
        if not host or len(host) > 1000 or any(mark in host for mark in "/:@?#\\*%<>[] \t\n\r"):
            return None
        host = _to_ascii(host)
        if not _is_ascii_domain(host):
            return None
    return None if _looks_like_number(host) else host


def _looks_like_number(host: str) -> bool:
    # WHATWG URL, "ends in a number": 192.0.2.1 and 0x7f000001 are addresses, never domains.
    last = host.rpartition(".")[2]
    return last.isdecimal() or last.startswith("0x")


def _to_ascii(host: str) -> str:
    try:
        return idna.encode(host, uts46=True, transitional=False).decode("ascii").removesuffix(".")
    except (idna.IDNAError, UnicodeError):
        pass
    try:
        # IDNA 2008 refuses names that exist all the same, such as those of emoji.
        return ada_url.idna_to_ascii(host).decode("ascii").lower().removesuffix(".")
    except (ValueError, AttributeError):
        return ""


_scheme = re.compile(
    r"(h[tx]{2}ps?|[fs]?[tx]{1,2}ps?|[a-z][a-z0-9+.-]*)(?:\[:\]|\[?:)(?:\[?//\]?|\\\\)", re.IGNORECASE
).match


_end_of_host = re.compile(r"[/?#\\]").search


def url(text: str) -> str | None:
    """`url:https://a.example/x`, as WHATWG writes it; one without a scheme is read as http."""
    if len(text) > LONGEST:
        return None
    text = text.strip()
    match = _scheme(text)
    scheme = match[1].lower().replace("hxxp", "http").replace("fxp", "ftp") if match else "http"
    rest = text[match.end() :] if match else text
    cut = _end_of_host(rest)
    end = cut.start() if cut else len(rest)
    host = refang(rest[:end])
    if not match and ("." not in host or ":" in host.partition(":")[2]):
        return None
    try:
        written: str = ada_url.normalize_url(f"{scheme}://{host}{rest[end:]}")
    except ValueError:
        return None
    return f"url:{written}"


def email(text: str) -> str | None:
    """`email:Name@mail.example`: the domain is canonical, the part before it as written."""
    local, at, host = refang(text).rpartition("@")
    if not at or not local or any(mark.isspace() or mark in "<>@" for mark in local):
        return None
    name = _domain_name(host)
    return f"email:{local}@{name}" if name else None


# --- Content of files ----------------------------------------------------------------------------

_HEX_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128, "sha3256": 64, "sha3512": 128}
_WRITTEN = {"sha3256": "sha3-256", "sha3512": "sha3-512"}
_are_digits = re.compile("[0-9a-f]+").fullmatch
_is_ssdeep = re.compile(r"[0-9]+:[0-9A-Za-z/+]*:[0-9A-Za-z/+]*").fullmatch


@lru_cache(maxsize=256)
def _algorithm(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def content_hash(algorithm: str, value: str, thing: str = "file") -> str | None:
    """`file:sha256:…`; only algorithms that identify a content, and only values of their length."""
    name = _algorithm(algorithm)
    text = value.strip()
    digits = _HEX_DIGITS.get(name)
    if digits is not None:
        lowered = text.lower()
        if len(lowered) != digits or not _are_digits(lowered):
            return None
        return f"{thing}:{_WRITTEN.get(name, name)}:{lowered}"
    if name == "ssdeep" and _is_ssdeep(text):
        return f"{thing}:ssdeep:{text}"
    return None


# --- Places on a machine -------------------------------------------------------------------------

_HIVES = {
    "hklm": "hkey_local_machine",
    "hkcu": "hkey_current_user",
    "hkcr": "hkey_classes_root",
    "hkcc": "hkey_current_config",
    "hku": "hkey_users",
}


def registry_key(text: str) -> str | None:
    r"""`registry:hkey_local_machine\software\…`: Windows does not tell cases apart."""
    hive, slash, rest = text.strip().strip("\\").lower().partition("\\")
    return f"registry:{_HIVES.get(hive, hive)}{slash}{rest}" if hive else None


_windows_path = re.compile(r"[A-Za-z]:[\\/]|\\\\|%[A-Za-z]").match


def path(text: str) -> str | None:
    r"""`path:c:\windows\temp` (lower case, backslashes) or `path:/tmp/x` (as written)."""
    text = text.strip()
    if _windows_path(text):
        return f"path:{text.lower().replace('/', chr(92)).rstrip(chr(92))}"
    return f"path:{text.rstrip('/') or '/'}" if text.startswith("/") else None


# --- Names in the world --------------------------------------------------------------------------


def name(text: str) -> str:
    """A name as it compares: one form per letter (NFKC), lower case, single spaces."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    lowered = text.lower()
    if not lowered.isascii():
        lowered = unicodedata.normalize("NFKC", lowered)
    return " ".join(lowered.split())


_cve = re.compile(r"CVE-\d{4}-\d{4,}", re.ASCII).fullmatch
_technique = re.compile(r"T\d{4}(?:\.\d{3})?|CAPEC-\d+", re.ASCII).fullmatch


def vulnerability(text: str) -> str | None:
    """`vulnerability:CVE-2016-1234`."""
    number = text.strip().upper()
    return f"vulnerability:{number}" if _cve(number) else None


def attack_pattern(text: str) -> str | None:
    """`attack-pattern:T1059.003` or `attack-pattern:CAPEC-163`."""
    number = text.strip().upper()
    return f"attack-pattern:{number}" if _technique(number) else None
