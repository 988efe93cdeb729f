"""Recalls what was revoked: whoever has an object under whatever id hears that it no longer stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from katchi import stix
from katchi.policy.decision import Decision, Release, Withheld
from katchi.policy.released import seal
from katchi.policy.rules import RECALL
from katchi.policy.types import COMMON, required
from katchi.policy.verdict import Question
from katchi.policy.world import Copy

_KEPT = COMMON | {"created_by_ref"}
_MILLISECOND = 1_000


def recall(obj: stix.Object, decision: Decision, question: Question) -> Release | Withheld:
    """The recall of a revoked object that has gone to this recipient before.

    In full, or as the copy, where the terms let it go (`decision`); else, and under every other id
    that stands for it, as the last body that went, cut to what its type requires.
    """
    recalls: list[Release] = []
    gone = question.world.last_released(obj.id)
    if isinstance(decision, Release) and gone and all(last.id != decision.released.object_id for last in gone):
        decision = Withheld("superseded")  # under this id the recipient has never seen it
    for last in gone:
        if isinstance(decision, Release) and decision.released.object_id == last.id:
            if not last.revoked or (last.version or 0) <= (decision.released.version or 0):
                continue
            decision = Withheld("superseded")  # a later recall went already, under stricter terms
        recalls.append(_smallest(obj, last, question))
    if isinstance(decision, Release):
        released = seal(
            stix.read(decision.released.raw),
            obj.id,
            question.recipient.name,
            decision.rule,
            is_recall=True,
        )
        recalls.insert(0, replace(decision, released=released, recall=True))
    if not recalls:
        return Withheld("recall-body-unknown", waits_for=obj.id)
    question.note("recalled", recalls[0].released.object_id, recalls[0].rule)
    return replace(recalls[0], also=tuple(recalls[1:]))


def _smallest(obj: stix.Object, last: stix.Object, question: Question) -> Release:
    """The recall of what last went under one id."""
    body = last if last.revoked else _revoked(obj, last)
    released = seal(body, obj.id, question.recipient.name, RECALL, is_recall=True)
    copy = Copy(last.id, obj.id, obj.version, body.version, body.raw) if last.id != obj.id else None
    return Release(RECALL, released, copy, recall=True)


def _revoked(obj: stix.Object, last: stix.Object) -> stix.Object:
    """What last went, marked revoked. No word of the revoking version is in it: it may be stricter."""
    instant = max(obj.version or 0, last.version or 0) + _MILLISECOND
    news = {"modified": stix.format_timestamp(instant), "revoked": True}
    needed = _KEPT | required(last.type, last.spec_version)
    smallest = _body({name: value for name, value in last.properties.items() if name in needed}, news)
    if any(found.level is stix.Level.MUST for found in stix.check(smallest)):
        return _body(last.properties, news)  # the recipient has all of it already
    return smallest


def _body(properties: dict[str, Any], news: dict[str, Any]) -> stix.Object:
    kept = {name: value for name, value in properties.items() if name != "granular_markings"}
    return stix.read(msgspec.json.encode({**kept, **news}))
