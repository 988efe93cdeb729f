"""What naming things in a proposal would tell partners: nothing that they may not have by its markings.

A playbook's values say which addresses and names somebody here knows. What nobody has reported a person may say. What
is known here goes only where an object that speaks of it could go: CLEAR, our own up to AMBER, the partner's own, or
what the partner has from us already; and under a marking that is no laxer.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from katchi.errors import KatchiError
from katchi.node import search
from katchi.node.wiring import OWN, Node
from katchi.policy import tlp
from katchi.policy.tlp import Tlp, TlpError
from katchi.respond.cacao import Playbook
from katchi.store import responses
from katchi.store.log import hash_of

_OURS_UP_TO = Tlp.AMBER


class NotTellableError(KatchiError):
    """This may not be said to a partner, or not under this marking."""

    code = "not-tellable"
    exit_status = 4


def require_tellable(
    node: Node, texts: Iterable[str], about: Iterable[str], partners: Sequence[str], marking: str
) -> None:  # fmt: skip
    """That these texts, and these things, name nothing that any of these partners may not know.

    Raises NotTellableError, which names the first thing that speaks against it.
    """
    label = Tlp.parse(marking)
    named: dict[str, None] = dict.fromkeys(about)
    for text in texts:
        named |= dict.fromkeys(search.keys_in(text))
    by_hash = {hash_of(key): key for key in named}
    with node.store.database.reading() as transaction:
        said = responses.said_of(transaction, list(by_hash))
        gone = {name: responses.gone_to(transaction, name, list(by_hash)) for name in partners}
    for partner in partners:
        for key_hash, voices in said.items():
            allowed = [_of_object(origin, mark, partner) for origin, mark in voices]
            allowed += [_parsed(mark) for mark in gone[partner].get(key_hash, ())]
            floors = [each for each in allowed if each is not None]
            if not floors or label < min(floors):
                raise _refusal(by_hash[key_hash], partner, min(floors, default=None))


def texts_in(value: Any, *, deep: int = 4) -> Iterator[str]:
    """Every text in a document: also in what is JSON inside it, or base64, as commands of playbooks are."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield str(name)
            if isinstance(each, str) and str(name).endswith("_b64"):
                with contextlib.suppress(ValueError):
                    yield from texts_in(base64.b64decode(each).decode(), deep=deep)
            yield from texts_in(each, deep=deep)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each, deep=deep)
    elif isinstance(value, str):
        yield value
        if deep and value.lstrip()[:1] in ("{", "["):
            with contextlib.suppress(msgspec.DecodeError, RecursionError):
                yield from texts_in(msgspec.json.decode(value), deep=deep - 1)


def _of_object(origin: str, marking: str, partner: str) -> Tlp | None:
    """Under which marking at least an object lets us tell the partner of its things; None where it does not."""
    label = _parsed(marking)
    if origin == partner:
        return min(label or Tlp.CLEAR, Tlp.AMBER_STRICT)  # they know it; RED only keeps it from others
    if label is Tlp.CLEAR or (origin == OWN and label is not None and label <= _OURS_UP_TO):
        return label
    return None


def _parsed(marking: str) -> Tlp | None:
    try:
        return Tlp.parse(marking) if marking else None
    except TlpError:
        return None


def _refusal(key: str, partner: str, floor: Tlp | None) -> NotTellableError:
    if floor is not None:
        return NotTellableError(
            "The response is marked more laxly than what it names.", what=key[:120], expected=f"{floor} or stricter",
            remedy=f"--marking {floor}",
        )  # fmt: skip
    return NotTellableError(
        "What is known here of this may not be told to the partner.", what=key[:120], where=partner,
        expected="an object that speaks of it and is CLEAR, ours up to AMBER, or the partner's already",
        remedy="leave it out, ask its owner, or tell of it in an object of your own first",
    )  # fmt: skip


def require_marking(playbooks: Iterable[Playbook], marking: str) -> None:
    """That a response is marked no laxer than its playbooks are. Raises NotTellableError."""
    label = Tlp.parse(marking)
    for playbook in playbooks:
        for name in playbook.markings:
            definition = playbook.data_marking_definitions.get(name, {})
            if definition.get("type") == "marking-iep":
                raise NotTellableError(
                    "The playbook has a marking whose rules only people can read.", what=playbook.name[:80],
                    found="marking-iep", remedy="propose it without partners, or a version that is marked by TLP",
                )  # fmt: skip
            needed = _of_marking(name, definition)
            if needed is not None and label < needed:
                raise NotTellableError(
                    "The response is marked more laxly than its playbook.", what=playbook.name[:80],
                    expected=f"{needed} or stricter",
                )  # fmt: skip


def _of_marking(name: str, definition: Mapping[str, object]) -> Tlp | None:
    if name in tlp.OF_ID:
        return tlp.OF_ID[name]
    if definition.get("type") != "marking-tlp":
        return None
    label = _parsed(str(definition.get("tlpv2_level")))
    return Tlp.RED if label is None else label  # a level that cannot be read is the strictest
