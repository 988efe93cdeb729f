"""Turns MISP events into STIX: `misp-stix` converts, and this says what it dropped and never widens who may read."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from katchi.exchange.entries import stricter
from katchi.exchange.intake import Remark
from katchi.stix.markings import TLP_2_IDS, TLP_IDS

_ID_OF = {label: marking_id for marking_id, label in TLP_2_IDS.items()}

# MISP's distribution levels say who may get an event; a marking says the same to whoever has it. Level 3, all
# communities, says nothing against anybody: the tags decide. A level that nobody knows allows nobody.
_LEVELS = {"0": "red", "1": "amber+strict", "2": "amber", "3": "", "4": "amber+strict", "5": "", "": ""}
_TAGS = {
    "white": "clear", "clear": "clear", "green": "green", "amber": "amber", "amber+strict": "amber+strict",
    "red": "red", "unclear": "",
}  # fmt: skip
_uuid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE).fullmatch

Members = dict[str, Any]


@dataclass(slots=True)
class Converted:
    """One event as STIX. `sources` says by id which attribute or object of the event it was."""

    objects: list[bytes] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Plan:
    """What is known of an event before it is converted, by the UUIDs of its parts."""

    floor: str  # the strictest that the event as a whole asks for
    strict: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    said: dict[str, str] = field(default_factory=dict)
    groups: int = 0  # parts that are for a sharing group
    remarks: list[Remark] = field(default_factory=list)


def convert(event: Members, marking: str) -> Converted:
    """The STIX objects of one event (the members below `Event`), marked with `marking` (an id) or more strictly.

    What is not converted is remarked. An event that cannot be converted at all gives no objects and says why.
    """
    event = _without_circles(event)
    plan = _planned(event, TLP_IDS.get(marking, "red"))
    objects, said = _by_misp_stix(event)
    if objects is None and said:
        objects, again = _by_misp_stix(_without_galaxies(event))
        plan.remarks.append(Remark(0, "galaxies-dropped", f"{_name(event)}: {said[0]}"[:300]))
        said = again
    if objects is None:
        return Converted([], [*plan.remarks, Remark(0, "event-broken", f"{_name(event)}: {'; '.join(said)}"[:300])])
    plan.remarks += [Remark(0, "misp-stix", text[:300]) for text in said]
    done = Converted(remarks=plan.remarks)
    _finish(objects, plan, done)
    _remark_lost(event, objects, done)
    return done


# --- Before ---------------------------------------------------------------------------------------


def _name(event: Members) -> str:
    return f"{event.get('uuid', 'an event without uuid')} {str(event.get('info', ''))[:80]}"


def _without_circles(event: Members) -> Members:
    """Without the names of sharing groups: who is in one is nobody else's business."""
    clean: Members = json.loads(json.dumps(event))  # our own copy: it is changed on the way
    for part in (clean, *_list(clean.get("Attribute")), *_list(clean.get("Object"))):
        part.pop("SharingGroup", None)
    return clean


def _without_galaxies(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_galaxies(item) for name, item in value.items() if name not in ("Galaxy", "GalaxyCluster")
        }
    return [_without_galaxies(item) for item in value] if isinstance(value, list) else value


def _list(value: Any) -> list[Members]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _planned(event: Members, least: str) -> _Plan:
    plan = _Plan("")
    plan.floor = stricter(least, _asked(event, plan))
    for item in _list(event.get("Attribute")):
        _plan_one(item, plan.floor, plan)
    for whole in _list(event.get("Object")):
        asked = _plan_one(whole, plan.floor, plan)
        inner = [_plan_one(item, asked, plan) for item in _list(whole.get("Attribute"))]
        # An object is as strict as its strictest attribute: what is made of it holds them all.
        plan.strict[str(whole.get("uuid", "")).lower()] = _strictest([asked, *inner])
    if plan.groups:
        plan.remarks.append(Remark(0, "sharing-group", f"{_name(event)}: {plan.groups} taken as TLP:AMBER+STRICT"))
    return plan


def _strictest(labels: list[str]) -> str:
    found = ""
    for label in labels:
        found = stricter(found, label)
    return found


def _plan_one(item: Members, above: str, plan: _Plan) -> str:
    """Notes an attribute or object, and returns how strict it is."""
    uuid = str(item.get("uuid", "")).lower()
    label = stricter(above, _asked(item, plan))
    plan.strict[uuid] = label
    plan.said[uuid] = f"{item.get('type') or item.get('name')}: {item.get('value', '')}"[:300]
    if item.get("deleted") in (True, 1, "1"):
        plan.deleted.add(uuid)
        item["deleted"] = False  # else it is not converted, and whoever has it never hears that it is gone
    return label


def _asked(item: Members, plan: _Plan) -> str:
    level = item.pop("distribution", None)  # heeded here; a level of its own would stop the conversion
    label = _LEVELS.get("" if level is None else str(level), "red")
    if str(level) == "4":
        plan.groups += 1
    for tag in _list(item.get("Tag")):
        name = str(tag.get("name", "")).lower().strip()
        if not name.startswith("tlp:"):
            continue
        said = name.removeprefix("tlp:").replace(" ", "")
        if said not in _TAGS and not said.startswith("ex:"):
            plan.remarks.append(Remark(0, "tlp-unknown", f"{name[:60]}: taken as TLP:RED"))
        label = stricter(label, _TAGS.get(said, "red"))
    return label


# --- misp-stix ------------------------------------------------------------------------------------


def _by_misp_stix(event: Members) -> tuple[list[Members] | None, list[str]]:
    """(objects, what it complained of); None where it gave up."""
    # A library of many formats: it is loaded when somebody hands in MISP, and not before.
    from misp_stix_converter import MISPtoSTIX21Parser

    parser = MISPtoSTIX21Parser()
    try:
        with _quiet():
            parser.parse_misp_event({"Event": json.loads(json.dumps(event))})
        objects = [msgspec.json.decode(item.serialize()) for item in parser.stix_objects]
    except Exception as problem:  # it meets foreign data with whatever Python raises
        return None, [f"{type(problem).__name__}: {problem}"[:200].replace("\n", " ")]
    return objects, [text for texts in (parser.errors, parser.warnings) for each in texts.values() for text in each]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Its log would print foreign data between a command's own lines; what it says is in its lists too."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


# --- After ----------------------------------------------------------------------------------------


def _finish(objects: list[Members], plan: _Plan, done: Converted) -> None:
    gone = {item["id"] for item in objects if _is_gone(item, plan)}
    strict = _spread(objects, plan)
    for item in objects:
        if item["id"] in gone or item["id"] in TLP_IDS:
            continue
        if item["type"] == "relationship" and {item.get("source_ref"), item.get("target_ref")} & gone:
            continue
        if gone and isinstance(item.get("object_refs"), list):
            item["object_refs"] = [ref for ref in item["object_refs"] if ref not in gone]
        uuid = _uuid_of(item)
        if uuid in plan.deleted and item["type"] == "indicator":
            item["revoked"] = True
        _mark(item, strict[item["id"]])
        done.objects.append(msgspec.json.encode(item))
        done.sources[item["id"]] = plan.said.get(uuid) or str(item.get("name") or item["type"])[:300]
    for uuid in sorted(plan.deleted):
        done.remarks.append(Remark(0, "deleted", plan.said.get(uuid, uuid)))


def _uuid_of(item: Members) -> str:
    return str(item["id"]).partition("--")[2].lower()


def _is_gone(item: Members, plan: _Plan) -> bool:
    """Whether it is of a deleted part; an indicator stays, revoked."""
    return _uuid_of(item) in plan.deleted and item["type"] != "indicator"


def _spread(objects: list[Members], plan: _Plan) -> dict[str, str]:
    """How strict each object is: as its part of the event; what has no part of its own, as what holds it."""
    strict = {item["id"]: plan.strict.get(_uuid_of(item), plan.floor) for item in objects}
    for item in objects:
        if item["type"] in ("observed-data", "relationship", "sighting", "note"):
            refs = [*item.get("object_refs", ()), item.get("source_ref"), item.get("target_ref")]
            held = [ref for ref in refs if ref in strict]
            if item["type"] == "observed-data":
                for ref in held:
                    strict[ref] = stricter(strict[ref], strict[item["id"]])
            else:
                strict[item["id"]] = _strictest([strict[item["id"]], *(strict[ref] for ref in held)])
    return strict


def _mark(item: Members, label: str) -> None:
    if item["type"] == "marking-definition":
        return
    others = [ref for ref in item.get("object_marking_refs", ()) if ref not in TLP_IDS]
    item["object_marking_refs"] = [_ID_OF[label or "red"], *others]


def _remark_lost(event: Members, objects: list[Members], done: Converted) -> None:
    """Every part that is in nothing that came out is named: nothing is dropped in silence."""
    whole = json.dumps(objects)
    parts = [(item, "attribute-dropped") for item in _list(event.get("Attribute"))]
    parts += [(item, "object-dropped") for item in _list(event.get("Object"))]
    parts += [(item, "report-dropped") for item in _list(event.get("EventReport"))]
    for item, code in parts:
        uuid = str(item.get("uuid", ""))
        if not uuid or uuid not in whole:
            told = f"{item.get('type') or item.get('name')}: {item.get('value', '')} ({uuid})"
            done.remarks.append(Remark(0, code, told[:300]))


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID, and so safe in a path."""
    return _uuid(text) is not None
