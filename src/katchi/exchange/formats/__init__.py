"""The kinds of format, by name: our own, and those that other packages bring."""

from __future__ import annotations

from importlib.metadata import entry_points

from katchi.exchange.format import Format, UnknownFormatError
from katchi.exchange.formats.ndjson import Ndjson
from katchi.exchange.formats.stix_bundle import StixBundle

OWN: tuple[Format, ...] = (StixBundle(), Ndjson())


def every() -> dict[str, Format]:
    """All formats by name. A package of another maker cannot take the name of one of ours."""
    found: dict[str, Format] = {entry.name: entry.load()() for entry in entry_points(group="katchi.formats")}
    return found | {known.name: known for known in OWN}


def named(name: str) -> Format:
    """The format of this name. Raises UnknownFormatError."""
    # Ours first: looking for other packages' reads the disk.
    for known in OWN:
        if known.name == name:
            return known
    formats = every()
    if name not in formats:
        raise UnknownFormatError(
            "There is no such format.", what="format", expected=" or ".join(sorted(formats)), found=name[:60]
        )
    return formats[name]
