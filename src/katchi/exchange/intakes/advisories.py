"""Reads what says which weaknesses there are: CSAF advisories and CISA's catalogue of those that are exploited."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from katchi import stix
from katchi.exchange.entries import stricter
from katchi.exchange.intake import Choices, Found, UnreadableDocumentError
from katchi.exchange.intakes.dates import moment
from katchi.exchange.intakes.decoding import decode
from katchi.exchange.intakes.gathering import Details, Gathering, cve, plain

_START = 1 << 16
_PRODUCTS = 20
_cve = re.compile(r"CVE-\d{4}-\d{4,19}", re.ASCII).fullmatch
_TLP = {
    "WHITE": "clear", "CLEAR": "clear", "GREEN": "green", "AMBER": "amber", "AMBER+STRICT": "amber+strict",
    "RED": "red",
}  # fmt: skip
_MARKING = {label: marking_id for marking_id, label in stix.TLP_2_IDS.items()}

Members = dict[str, Any]


class Csaf:
    """CSAF 2.0 and 2.1 (OASIS): a report, and a vulnerability for each one it speaks of."""

    name = "csaf"
    title = "CSAF"

    def recognise(self, document: bytes, name: str) -> int:
        """By `csaf_version`, which the standard demands (CSAF 2.0 §3.2.1.2)."""
        is_object = document[:_START].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
        return 97 if is_object and b'"csaf_version"' in document[: 16 * _START] else 0

    def read(self, document: bytes, choices: Choices) -> Found:
        """The report and its vulnerabilities, never marked wider than its TLP. Raises UnreadableDocumentError."""
        whole = _json(document, "CSAF")
        head = _object(whole, "document")
        label, is_known = _label(head)
        least = stricter(stix.TLP_IDS.get(choices.marking, "red"), label)
        gathering = Gathering(replace(choices, marking=_MARKING[least]))
        if not is_known:
            gathering.remark(0, "unknown-tlp", _text(_object(_object(head, "distribution"), "tlp"), "label"))
        advisory = _Advisory(head, gathering)
        products = _products(whole)
        refs = [
            made for number, each in enumerate(_objects(whole, "vulnerabilities"))
            if (made := advisory.add(each, number, products))
        ]  # fmt: skip
        advisory.finish(refs, products)
        return replace(gathering.found(needs_confirmation=False), is_made=False)


class _Advisory:
    """One advisory under way. Its objects are told by its publisher, its number and theirs."""

    def __init__(self, head: Members, gathering: Gathering) -> None:
        tracking, publisher = _object(head, "tracking"), _object(head, "publisher")
        self.gathering = gathering
        self.title = _text(head, "title") or _text(tracking, "id") or "advisory"
        self.number = _text(tracking, "id")
        self.says = f"csaf:{_text(publisher, 'namespace')}:{self.number}"
        self.publisher = _text(publisher, "name") or "CSAF"
        self.created = moment(_text(tracking, "initial_release_date"))
        self.modified = moment(_text(tracking, "current_release_date")) or self.created
        self.notes = _notes(head)
        self.references = list(_references(head, self.publisher))

    def add(self, weakness: Members, number: int, products: dict[str, str]) -> str:
        """The id of the vulnerability made of one entry; empty where the entry has no name of any kind."""
        code = _text(weakness, "cve")
        code = code if _cve(code) else ""
        own = next((_text(each, "text") for each in _objects(weakness, "ids") if _text(each, "text")), "")
        name = code or _text(weakness, "title") or own
        if not name:
            self.gathering.remark(0, "nameless", f"vulnerability {number + 1}")
            return ""
        said = [*_scores(weakness), *_notes(weakness), *_affected(weakness, products)]
        members: Members = {"name": plain(name, 300), **self._dates()}
        references = [*([cve(code)] if code else []), *_references(weakness, self.publisher)]
        members |= {"external_references": references} if references else {}
        details = Details(description=" ".join(said) or _text(weakness, "title"))
        return self.gathering.add("vulnerability", f"{self.says}:{name}", members, f"{self.number}: {name}", details)

    def finish(self, refs: list[str], products: dict[str, str]) -> None:
        """The advisory itself, where it speaks of anything."""
        if not refs:
            self.gathering.remark(0, "no-vulnerability", self.title)
            return
        dates = self._dates()
        published = stix.format_timestamp(self.created) if self.created else dates.get("created")
        members: Members = {
            "name": plain(self.title, 300), "report_types": ["vulnerability"], "object_refs": list(dict.fromkeys(refs)),
            "published": published or stix.format_timestamp(self.gathering.choices.now), **dates,
        }  # fmt: skip
        number = {"source_name": plain(self.publisher, 200), "external_id": plain(self.number, 200)}
        references = [*([number] if number["external_id"] else []), *self.references]
        members |= {"external_references": references} if references else {}
        said = " ".join([*self.notes, *_named("Products", list(products.values()))])
        self.gathering.add("report", self.says, members, f"{self.number}: {self.title}", Details(description=said))

    def _dates(self) -> dict[str, str]:
        if self.created is None or self.modified is None:
            return {}
        created, modified = min(self.created, self.modified), max(self.created, self.modified)
        return {"created": stix.format_timestamp(created), "modified": stix.format_timestamp(modified)}


def _label(head: Members) -> tuple[str, bool]:
    """The TLP label and whether it is one; without a label the document says nothing against anybody."""
    said = _text(_object(_object(head, "distribution"), "tlp"), "label").upper().removeprefix("TLP:").strip()
    return _TLP.get(said, "red" if said else ""), not said or said in _TLP


def _notes(holder: Members) -> list[str]:
    """Descriptions and summaries (CSAF 2.0 §3.1.5), not legal disclaimers."""
    wanted = ("description", "summary", "general", "details")
    return [_text(note, "text") for note in _objects(holder, "notes") if _text(note, "category") in wanted][:5]


def _references(holder: Members, source: str) -> Iterator[dict[str, str]]:
    for each in _objects(holder, "references")[:50]:
        url = _text(each, "url")
        if url.startswith(("https://", "http://")) and url.isprintable() and " " not in url and len(url) < 2000:
            said = {"description": summary} if (summary := plain(_text(each, "summary"), 300)) else {}
            yield {"source_name": plain(source, 200), "url": url} | said


def _scores(weakness: Members) -> Iterator[str]:
    """`CVSS 9.8 (CVSS:3.1/AV:N/…)`, from the places of CSAF 2.0 (`scores`) and 2.1 (`metrics`)."""
    contents = [_object(each, "content") for each in _objects(weakness, "metrics")]
    for each in (*_objects(weakness, "scores"), *contents):
        for version in ("cvss_v4", "cvss_v3", "cvss_v2"):
            score = _object(each, version)
            if isinstance(score.get("baseScore"), int | float):
                yield f"CVSS {score['baseScore']} ({_text(score, 'vectorString')})."
                return


def _affected(weakness: Members, products: dict[str, str]) -> list[str]:
    known = _object(weakness, "product_status").get("known_affected")
    ids = [str(each) for each in known] if isinstance(known, list) else []
    return _named("Affected", [products.get(each, each) for each in ids])


def _named(word: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _PRODUCTS} more" if len(names) > _PRODUCTS else ""
    return [f"{word}: {', '.join(names[:_PRODUCTS])}{more}."]


def _products(whole: Members) -> dict[str, str]:
    """Names by product id, from the tree and the relationships (CSAF 2.0 §3.2.2)."""
    tree = _object(whole, "product_tree")
    found: dict[str, str] = {}
    waiting = [tree]
    while waiting:
        branch = waiting.pop()
        waiting += reversed(_objects(branch, "branches"))
        for each in (_object(branch, "product"), *_objects(branch, "full_product_names")):
            found[_text(each, "product_id")] = _text(each, "name")
    for each in _objects(tree, "relationships"):
        joined = _object(each, "full_product_name")
        found[_text(joined, "product_id")] = _text(joined, "name")
    found.pop("", None)
    return found


class Kev:
    """CISA's catalogue of known exploited vulnerabilities, as JSON or CSV."""

    name = "kev"
    title = "KEV"

    def recognise(self, document: bytes, name: str) -> int:
        """By `cveID` and `knownRansomwareCampaignUse`, which no other format has."""
        start = document[:_START]
        return 98 if b"cveID" in start and b"knownRansomwareCampaignUse" in start else 0

    def read(self, document: bytes, choices: Choices) -> Found:
        """A vulnerability for each entry; one that changed is another statement. Raises UnreadableDocumentError."""
        gathering = Gathering(choices)
        for line, entry in _entries(document):
            number = _text(entry, "cveID").strip().upper()
            if not _cve(number):
                gathering.remark(line, "not-a-cve", number or "an entry without cveID")
                continue
            _add_exploited(number, entry, gathering)
        return gathering.found(needs_confirmation=False)


def _add_exploited(number: str, entry: Members, gathering: Gathering) -> None:
    parts = [_text(entry, name) for name in ("vulnerabilityName", "shortDescription", "requiredAction")]
    due = _text(entry, "dueDate")
    said = " ".join(part if part.endswith(".") else f"{part}." for part in parts if part) + (f" Due {due}." * bool(due))
    labels = ["known-exploited", *(["ransomware"] if _text(entry, "knownRansomwareCampaignUse") == "Known" else [])]
    weaknesses = entry.get("cwes")
    references = [cve(number)]
    for each in weaknesses if isinstance(weaknesses, list) else re.findall(r"CWE-\d{1,6}", str(weaknesses or "")):
        references.append({"source_name": "cwe", "external_id": plain(str(each), 40) or "?"})
    details = Details(description=said, at=moment(_text(entry, "dateAdded")), tags=tuple(labels))
    members = {"name": number, "external_references": references}
    source = f"{number}: {_text(entry, 'vulnerabilityName')}"
    gathering.add("vulnerability", f"kev:{number}:{said}:{labels}", members, source, details)


def _entries(document: bytes) -> Iterator[tuple[int, Members]]:
    if document.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        yield from ((0, each) for each in _objects(_json(document, "KEV"), "vulnerabilities"))
        return
    rows = csv.DictReader(io.StringIO(decode(document)))
    try:
        for row in rows:
            yield rows.line_num, {str(name): value for name, value in row.items()}
    except csv.Error as problem:
        raise UnreadableDocumentError(
            "This table cannot be read.", where=f"line {rows.line_num}", found=str(problem)[:100], expected="CSV"
        ) from problem


# --- JSON whose members may be anything -----------------------------------------------------------


def _json(document: bytes, kind: str) -> Members:
    try:
        whole = msgspec.json.decode(document.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise UnreadableDocumentError(
            f"This is no {kind}: it is not JSON.", found=str(problem)[:100], expected="a JSON document"
        ) from problem
    if not isinstance(whole, dict):
        raise UnreadableDocumentError(f"This is no {kind}.", found=type(whole).__name__, expected="a JSON object")
    return whole


def _object(holder: Members, name: str) -> Members:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _objects(holder: Members, name: str) -> list[Members]:
    found = holder.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _text(holder: Members, name: str) -> str:
    found = holder.get(name)
    return found if isinstance(found, str) else ""
