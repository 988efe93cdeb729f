"""The property types of STIX 2.1 §3, as Python types that carry the rule a check applies."""

from __future__ import annotations

from typing import Annotated, Any

from katchi.stix import formats
from katchi.stix.containers import DICTIONARY
from katchi.stix.identifiers import ID, reference
from katchi.stix.rule import whole

Id = Annotated[str, ID]
Time = Annotated[str, formats.TIMESTAMP]
PreciseTime = Annotated[str, formats.PRECISE_TIMESTAMP]
Hashes = Annotated[dict[str, str], formats.HASHES]
Hex = Annotated[str, formats.HEX]
Binary = Annotated[str, formats.BASE64]
Uri = Annotated[str, formats.URI]
Language = Annotated[str, formats.LANGUAGE]
Charset = Annotated[str, formats.CHARSET]
Integer = Annotated[int, whole()]
Count = Annotated[int, whole(0)]
Port = Annotated[int, whole(0, 65535)]
Dictionary = Annotated[dict[str, Any], DICTIONARY]
AnyRef = Annotated[str, reference()]
MarkingRef = Annotated[str, reference("marking-definition")]


class Since:
    """Marks a property with a default as required all the same, from one version of STIX on."""

    def __init__(self, version: str) -> None:
        self.version = version


SINCE_2_1 = Since("2.1")
