"""The kinds of document people hand in: our own, and those that other packages bring."""

from __future__ import annotations

from importlib.metadata import entry_points

from katchi.exchange.intake import Intake, UnknownDocumentError
from katchi.exchange.intakes.advisories import Csaf, Kev
from katchi.exchange.intakes.csv_table import CsvTable
from katchi.exchange.intakes.html import Html
from katchi.exchange.intakes.mail import Mail
from katchi.exchange.intakes.misp_json import MispIndex, MispJson
from katchi.exchange.intakes.openioc import OpenIoc
from katchi.exchange.intakes.pdf import Pdf
from katchi.exchange.intakes.rulebooks import NetworkRules, SigmaRules, YaraRules
from katchi.exchange.intakes.stix_json import StixJson
from katchi.exchange.intakes.text import Text

OWN: tuple[Intake, ...] = (
    *(StixJson(), MispJson(), MispIndex(), OpenIoc(), Csaf(), Kev()),
    *(YaraRules(), SigmaRules(), NetworkRules()),
    *(Html(), Mail(), Pdf(), CsvTable(), Text()),
)


def every() -> dict[str, Intake]:
    """All intakes by name. A package of another maker cannot take the name of one of ours."""
    found: dict[str, Intake] = {entry.name: entry.load()() for entry in entry_points(group="katchi.intakes")}
    return found | {known.name: known for known in OWN}


def named(name: str) -> Intake:
    """The intake of this name. Raises UnknownDocumentError."""
    intakes = every()
    if name not in intakes:
        raise UnknownDocumentError(
            "There is no such kind of document.", what="kind", expected=" or ".join(sorted(intakes)), found=name[:60]
        )
    return intakes[name]


def recognised(document: bytes, name: str) -> Intake:
    """The intake that is surest of this document. Raises UnknownDocumentError where none is sure at all."""
    sureness = {intake.name: (intake.recognise(document, name), intake) for intake in every().values()}
    sure, intake = max(sureness.values(), key=lambda each: each[0])
    if not sure:
        raise UnknownDocumentError(
            "Nobody can tell what kind of document this is.",
            found=document[:20].decode("ascii", "replace"),
            expected="STIX, MISP, OpenIOC, CSAF, rules, PDF, HTML, e-mail, CSV or text",
            remedy="hand in a document of one of these kinds, or say which it is",
        )
    return intake
