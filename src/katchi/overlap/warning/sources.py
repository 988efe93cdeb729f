"""Where warning lists come from: the installed package, and a folder of the owner's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from katchi.overlap.warning.compiling import BadListError

_PACKAGE: Final = "pymispwarninglists"
LARGEST: Final = 64 << 20  # bytes of one list of the owner's own

# Which class of values a list holds, by how its folder's name begins. The first that fits counts.
_CATEGORIES: Final = (
    ("private", "rfc1918 rfc5735 rfc6598 rfc3849 rfc6761 multicast ipv6-linklocal"),
    ("resolver", "public-dns"),
    ("top-1000", "cisco_top1000 moz-top500 alexa"),
    ("popular", "cisco_top tranco google-chrome-crux majestic_million"),
    ("dynamic-dns", "dynamic-dns"),
    ("benign-file", "common-ioc-false-positive empty-hashes nioc-filehash ti-falsepositives eicar"),
    ("certificate-authority", "mozilla- crl-"),
    ("scanner", "alphastrike censys coalition cyberresilience cypex internet-census ipinfo ipip modat netsecscan onyphe"
     " probethenet rapid7 research-scanner shadowforce shadowserver shodan skipa tenable bufferover cybergreen f6-"
     " intrinsec"),
    ("cloud", "akamai amazon-aws apple cloudflare fastly github google-gcp googlebot microsoft ovh stackpath zscaler"
     " openai wikimedia google"),
    ("mail", "smtp- disposable-email common-contact google-gmail"),
    ("vpn", "vpn-"),
    ("hosting-of-others", "lots-project public-ipfs url-shortener link-in-bio parking umbrella-blockpage sinkholes"),
    ("look-up", "findip check-host whats-my captive automated-malware security-provider"),
    ("public-body", "bank university dax30"),
    ("registry", "tlds second-level"),
)  # fmt: skip


def package_version() -> str:
    """Which edition of the package is installed."""
    return version(_PACKAGE)


def package_lists() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The lists of the package: (folder, category, document)."""
    root = resources.files(_PACKAGE).joinpath("data/misp-warninglists/lists")
    for folder in sorted(root.iterdir(), key=lambda each: each.name):
        source = folder.joinpath("list.json")
        if source.is_file():
            document: dict[str, Any] = json.loads(source.read_bytes())
            document.setdefault("matching_attributes", [])
            yield folder.name, category_of(folder.name), document


def own_lists(folder: Path, name: str = "*.json") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The owner's own lists, in MISP's format. Raises BadListError for a file that is none."""
    for path in sorted(folder.glob(name)):
        try:
            if path.stat().st_size > LARGEST:
                raise ValueError(f"larger than {LARGEST} bytes")
            document = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as problem:
            raise BadListError(
                "A warning list cannot be read.", where=path.name, found=str(problem)[:200], remedy="mend or remove it"
            ) from problem
        if not isinstance(document, dict):
            raise BadListError("A warning list is no JSON object.", where=path.name, expected="MISP's format")
        yield path.stem, str(document.get("category") or "own")[:40], document


def category_of(folder: str) -> str:
    """The class of a list of the package."""
    for category, beginnings in _CATEGORIES:
        if folder.startswith(tuple(beginnings.split())):
            return category
    return "other"
