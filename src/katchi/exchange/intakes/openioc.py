"""Reads OpenIOC 1.0 and 1.1: each alternative of its tree becomes one indicator."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from katchi.exchange.intake import Choices, Found, UnreadableDocumentError
from katchi.exchange.intakes.columns import key_of
from katchi.exchange.intakes.dates import moment
from katchi.exchange.intakes.decoding import decode
from katchi.exchange.intakes.gathering import Details, Gathering, comparison, equal, reason_against

_DEEPEST = 30
_KINDS = {  # what a search term may be, by the kinds of canonical key
    **dict.fromkeys(("fileitem/md5sum", "fileitem/sha1sum", "fileitem/sha256sum", "fileitem/sha512sum"), ("file",)),
    **dict.fromkeys(("processitem/sectionlist/memorysection/md5sum", "serviceitem/pathmd5sum"), ("file",)),
    **dict.fromkeys(("portitem/remoteip", "routeentryitem/destination", "network/ip"), ("ipv4", "ipv6")),
    **dict.fromkeys(("network/dns", "dnsentryitem/host", "dnsentryitem/recordname"), ("domain", "ipv4", "ipv6")),
    **dict.fromkeys(
        ("urlhistoryitem/hostname", "urlhistoryitem/url", "network/uri"), ("url", "domain", "ipv4", "ipv6")
    ),
    "network/string": ("ipv4", "ipv6", "domain", "url"),
    "email/from": ("email",),
}
_PATHS = {  # terms that are words
    "fileitem/filename": "file:name",
    "registryitem/keypath": "windows-registry-key:key",
    "registryitem/path": "windows-registry-key:key",
    "processitem/handlelist/handle/name": "mutex:name",
    "network/useragent": "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'",
    "email/subject": "email-message:subject",
    "serviceitem/name": "process:extensions.'windows-service-ext'.service_name",
}


class OpenIoc:
    """OpenIOC 1.0 and 1.1."""

    name = "openioc"
    title = "OpenIOC"

    def recognise(self, document: bytes, name: str) -> int:
        """High where the document begins as XML of OpenIOC."""
        start = decode(document[:4096]).lstrip()
        if not start.startswith("<"):
            return 0
        is_ioc = "<OpenIOC" in start or ("<ioc" in start and "mandiant.com" in start)
        return 97 if is_ioc else 60 * name.lower().endswith(".ioc")

    def read(self, document: bytes, choices: Choices) -> Found:
        """An indicator for each alternative. Raises UnreadableDocumentError, also for entities and DTDs."""
        try:
            root = fromstring(document, forbid_dtd=True, forbid_entities=True, forbid_external=True)
        except DefusedXmlException as error:
            raise _unreadable("It declares entities or a document type, which can read files.") from error
        except (ParseError, ValueError, LookupError) as error:
            raise _unreadable("It is no well-formed XML.") from error
        if _name(root) not in ("ioc", "OpenIOC"):
            raise _unreadable("Its root is no OpenIOC.")
        gathering = Gathering(choices)
        reading = _Reading(gathering, _details(root))
        for child in root:
            if _name(child) in ("definition", "criteria"):
                for top in child:
                    reading.take(top, 0)
        return gathering.found(needs_confirmation=False)


def _unreadable(sentence: str) -> UnreadableDocumentError:
    return UnreadableDocumentError(
        f"This OpenIOC document cannot be read. {sentence}",
        expected="OpenIOC 1.0 or 1.1 without a document type",
        remedy="export it anew",
    )


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _details(root: Element) -> Details:
    said = {_name(element): (element.text or "").strip() for element in root.iter() if len(element) == 0}
    written = said.get("authored_date") or root.get("published-date") or root.get("last-modified") or ""
    return Details(said.get("short_description", ""), said.get("description", ""), moment(written))


class _Term(NamedTuple):
    """One IndicatorItem, or several joined, as pattern text; `type` is empty for whole observations."""

    text: str
    type: str
    source: str


class _Reading:
    """One document under way."""

    def __init__(self, gathering: Gathering, details: Details) -> None:
        self.gathering = gathering
        self.details = details

    def take(self, element: Element, depth: int) -> None:
        """Adds what an element of the tree's upper part says: alternatives one by one."""
        if depth > _DEEPEST:
            raise _unreadable("It is nested too deeply.")
        if _name(element) == "Indicator" and _operator(element) == "OR":
            for child in element:
                self.take(child, depth + 1)
            return
        term = self._term(element, depth)
        if term is None:
            return
        if term.text.startswith("file:size"):
            self.gathering.remark(0, "too-vague", term.source)
            return
        self.gathering.add_pattern(_observed(term), term.source, term.source, self.details)

    def _term(self, element: Element, depth: int) -> _Term | None:
        if depth > _DEEPEST:
            raise _unreadable("It is nested too deeply.")
        if _name(element) == "IndicatorItem":
            return self._item(element)
        if _name(element) != "Indicator":
            return None
        parts = [child for child in element if _name(child) in ("Indicator", "IndicatorItem")]
        terms = [self._term(part, depth + 1) for part in parts]
        known = [term for term in terms if term]
        if _operator(element) == "AND" and len(known) < len(terms):
            # Without one of its conditions it would match more than its author meant.
            self.gathering.remark(0, "and-not-expressible", " AND ".join(term.source for term in known))
            return None
        return _joined(known, _operator(element)) if known else None

    def _item(self, element: Element) -> _Term | None:
        parts = {_name(child): child for child in element}
        context, content = parts.get("Context"), parts.get("Content")
        search = (context.get("search") or "" if context is not None else "").strip()
        value = (content.text or "" if content is not None else "").strip()
        source = f"{search} {element.get('condition') or 'is'} {value}"
        compared = "" if element.get("negate") == "true" else _compared(search.lower(), value, element.get("condition"))
        key = key_of(value)
        reason = reason_against(key) if key else ""
        if reason or not compared:
            self.gathering.remark(0, reason or "not-expressible", source)
            return None
        return _Term(compared, compared.partition(":")[0], source)


def _operator(element: Element) -> str:
    return "AND" if (element.get("operator") or "").upper() == "AND" else "OR"


def _compared(search: str, value: str, condition: str | None) -> str:
    """A comparison of the pattern grammar; empty where it would say something else."""
    if not value or not value.isprintable() or len(value) > 4096 or condition not in (None, "is", "contains"):
        return ""
    if search in _KINDS:
        key = key_of(value)
        return comparison(key) if key and key.partition(":")[0] in _KINDS[search] else ""
    if search == "fileitem/sizeinbytes":
        is_size = value.isascii() and value.isdecimal() and len(value) < 16
        return f"file:size = {int(value)}" if is_size else ""
    if search not in _PATHS:
        return ""
    if condition == "contains":
        if "%" in value or "_" in value:
            return ""  # STIX 2.1 §9.6.1: LIKE has no way to write these two as themselves
        return equal(_PATHS[search], f"%{value}%").replace(" = ", " LIKE ", 1)
    return equal(_PATHS[search], value)


def _joined(terms: list[_Term], operator: str) -> _Term:
    source = f" {operator} ".join(term.source for term in terms)
    if len(terms) == 1:
        return terms[0]
    types = {term.type for term in terms}
    if operator == "AND" and len(types) == 1 and "" not in types:
        # Both of one object: of one file, not of two.
        return _Term(" AND ".join(term.text for term in terms), types.pop(), source)
    return _Term("(" + f" {operator} ".join(map(_observed, terms)) + ")", "", source)


def _observed(term: _Term) -> str:
    return f"[{term.text}]" if term.type else term.text
