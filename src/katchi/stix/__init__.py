"""STIX 2.1 as typed values: read, split, check; nothing here touches the outside world."""

from katchi.stix.findings import Finding, Level
from katchi.stix.markings import TLP_IDS
from katchi.stix.objects import Object
from katchi.stix.reading import read
from katchi.stix.references import Reference, references
from katchi.stix.refusals import (
    DEFAULT_LIMITS,
    InvalidError,
    Limits,
    LyingIdError,
    MissingIdError,
    MissingTypeError,
    UnreadableError,
)
from katchi.stix.splitting import split
from katchi.stix.timestamps import TimestampError, format_timestamp, parse_timestamp

__all__ = [
    "DEFAULT_LIMITS",
    "TLP_IDS",
    "Finding",
    "InvalidError",
    "Level",
    "Limits",
    "LyingIdError",
    "MissingIdError",
    "MissingTypeError",
    "Object",
    "Reference",
    "TimestampError",
    "UnreadableError",
    "format_timestamp",
    "parse_timestamp",
    "read",
    "references",
    "split",
]
