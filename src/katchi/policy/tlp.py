"""How strictly something may be shared: the five labels of the Traffic Light Protocol, in order."""

from __future__ import annotations

import enum
from typing import Any, ClassVar, Final

from katchi import stix
from katchi.errors import KatchiError
from katchi.policy.world import World


class TlpError(KatchiError):
    """This text is no TLP label."""

    code: ClassVar[str] = "tlp"


class Tlp(enum.IntEnum):
    """A TLP 2.0 label; the greater, the stricter. TLP 1.0's WHITE is CLEAR."""

    CLEAR = 0
    GREEN = 1
    AMBER = 2
    AMBER_STRICT = 3
    RED = 4

    @classmethod
    def parse(cls, text: str) -> Tlp:
        """The label that `text` names: "amber+strict", "TLP:RED", "white".

        Raises: TlpError when it names none.
        """
        label = _LABELS.get(text.strip().casefold().removeprefix("tlp:").strip())
        if label is None:
            raise TlpError(
                "This is not a TLP label.",
                expected=", ".join(str(known) for known in cls),
                found=text[:40],
                remedy="write one of the labels of TLP 2.0",
            )
        return label

    def __str__(self) -> str:
        return _TEXTS[self]


_TEXTS: Final = {
    Tlp.CLEAR: "clear",
    Tlp.GREEN: "green",
    Tlp.AMBER: "amber",
    Tlp.AMBER_STRICT: "amber+strict",
    Tlp.RED: "red",
}
_LABELS: Final = {text: label for label, text in _TEXTS.items()} | {
    "white": Tlp.CLEAR,
    "amber-strict": Tlp.AMBER_STRICT,
    "amber_strict": Tlp.AMBER_STRICT,
    "amber strict": Tlp.AMBER_STRICT,
}

OF_ID: Final = {marking_id: _LABELS[text] for marking_id, text in stix.TLP_IDS.items()}
"""The label of every marking-definition id that is known to mean one."""


def of_definition(properties: dict[str, Any]) -> Tlp | None:
    """The TLP label that a marking definition declares, whatever its id; None when it is no TLP marking.

    Publishers redefine TLP under ids of their own, in the form of TLP 1.0 (STIX 2.1 §7.2.1.4) or in
    that of the TLP 2.0 extension, and some by nothing but the name.
    """
    labels = [_LABELS.get(text.strip().casefold().removeprefix("tlp:").strip()) for text in _declared(properties)]
    known = [label for label in labels if label is not None]
    # One that says two things counts as the stricter; one that we half understand, not at all.
    return max(known) if known and len(known) == len(labels) else None


def is_tlp_definition(properties: dict[str, Any]) -> bool:
    """Whether a marking definition says that it is TLP, even with a label that we cannot read."""
    return bool(_declared(properties))


def _declared(properties: dict[str, Any]) -> list[str]:
    texts: list[Any] = []
    definition = properties.get("definition")
    if properties.get("definition_type") in ("tlp", "TLP") and isinstance(definition, dict):
        texts.append(definition.get("tlp"))
    extensions = properties.get("extensions")
    if isinstance(extensions, dict):
        texts += [each.get("tlp_2_0") for each in extensions.values() if isinstance(each, dict)]
    name = properties.get("name")
    if isinstance(name, str) and name.strip().casefold().startswith("tlp:"):
        texts.append(name)
    return [text for text in texts if isinstance(text, str)]


def of_labels(properties: dict[str, Any]) -> Tlp | None:
    """The strictest "tlp:…" among the object's labels, as MISP and others write it; None without one."""
    labels = properties.get("labels")
    if labels.__class__ is not list:
        return None
    found = [
        _LABELS.get(label.strip().casefold()[4:].strip(), Tlp.RED)
        for label in labels
        if label.__class__ is str and label[:8].lstrip()[:4].casefold() == "tlp:"
    ]
    return max(found, default=None)


def tlp_of(obj: stix.Object, world: World | None = None) -> Tlp | None:
    """The strictest TLP label on the whole object; None when it has none.

    Markings under other ids than the known ones are looked up in `world`.
    """
    found: list[Tlp] = []
    for ref in obj.marking_refs:
        label = OF_ID.get(ref)
        if label is None and world is not None:
            definition = world.object(ref)
            label = of_definition(definition.properties) if definition is not None else None
        if label is not None:
            found.append(label)
    labelled = of_labels(obj.properties)
    if labelled is not None:
        found.append(labelled)
    return max(found, default=None)
