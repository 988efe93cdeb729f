"""A response's timeline as a file that can be handed on: the same story as HTML, as PDF and as signed logs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pypdf
import pytest

from katchi.node import acting, people, responses, timeline
from katchi.node.response_log import logs_of
from katchi.node.responses import Wish
from katchi.node.wiring import Node
from katchi.policy import keys, signed
from katchi.respond import joint
from katchi.web import reports
from katchi.web.language import Language
from katchi.web.reports import Facts, Report, Table, Text
from katchi.web.serve import serving
from tests.cli.conftest import Katchi
from tests.node.test_responses import add, equip
from tests.nodes import a_node
from tests.respond.playbooks import blocking, playbook
from tests.web.test_overlap_pages import signed_in

HOSTILE = "은행의 <script>alert(1)</script> & <b>와이퍼</b> \u202egnp.exe"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with a_node(tmp_path / "kr", "kr-cert") as made:
        equip(made)
        people.add(made, "lee", "reader", "ko", "correct horse battery")
        yield made


def played(node: Node) -> str:
    """A response that was begun, and taken back."""
    wish = Wish(add(node, playbook(blocking(name="막기"))), {"things": "192.0.2.7 evil.example"}, reason=HOSTILE)
    response = responses.propose(node, wish, person="kim").id
    settle(node)
    responses.recall(node, response, reason="오탐", person="kim")
    settle(node)
    return response


def settle(node: Node) -> None:
    while acting.work(node):
        pass


def pages(document: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(document)).pages]


@pytest.mark.parametrize(("language", "said"), [("en", "How long it took"), ("ko", "걸린 시간")])
def test_the_same_story_stands_in_both_files(node: Node, language: Language, said: str) -> None:
    made = reports.report_of(timeline.of(node, played(node)), language)
    html, pdf = reports.to_html(made).decode(), "\n".join(pages(reports.to_pdf(made)))
    for text in (html, pdf):
        for seen in (said, "192.0.2.7 evil.example", "TLP:AMBER", "오탐", "막기", "kr-cert"):
            assert seen in text, seen
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<script>alert(1)</script>" in pdf  # as text: PDF runs none of it
    assert "\u202e" not in pdf
    assert reports.to_pdf(made) == reports.to_pdf(made)


def test_the_marking_stands_on_every_page() -> None:
    rows = [[str(number), "무엇 what", "–"] for number in range(200)]
    blocks: list[Text | Facts | Table] = [
        Text("x" * 5000),
        Facts("F", [("a", "b" * 3000)]),
        Table("T", ["1", "2", "3"], rows, (10, 80, 10)),
    ]
    made = Report("제목", "note", "TLP:AMBER+STRICT", "ko", blocks, "foot")
    found = pages(reports.to_pdf(made))
    assert len(found) > 3
    assert all(page.count("TLP:AMBER+STRICT") == 2 for page in found)
    assert reports.to_html(made).decode().count("TLP:AMBER+STRICT") == 2


@pytest.mark.parametrize("tall", ["a\n" * 1000, "a\n" * 39 + "W a a a " * 170], ids=["lines", "lines and words"])
def test_a_cell_of_many_lines_is_laid_out(tall: str) -> None:
    blocks: list[Text | Facts | Table] = [Facts("F", [("a", tall)]), Table("T", ["1", "2"], [["b", tall]], (80, 20))]
    found = pages(reports.to_pdf(Report("T", "note", "TLP:CLEAR", "en", blocks, "foot")))
    assert 1 <= len(found) < 10
    assert "a a a" in "".join(found)


def test_an_empty_report_is_a_file_too() -> None:
    made = Report("", "", "TLP:CLEAR", "en", [Facts("", []), Table("", ["a"], [], (1,))], "")
    assert len(pages(reports.to_pdf(made))) == 1


def test_whoever_has_the_keys_can_check_the_signed_logs(node: Node) -> None:
    found = json.loads(timeline.signed_logs(node, played(node)))
    (log,) = found["logs"].values()
    assert [each["entry"]["kind"] for each in log][:2] == ["proposed", "accepted"]
    rows = node.store.responses.entries(found["response"])
    entries = [entry for each in logs_of(rows).values() for entry in each]
    joint.require_chain(entries, response=found["response"], node=node.settings.node_id)
    for row, entry, each in zip(rows, entries, log, strict=True):
        assert json.loads(row.body) == each["entry"]
        keys.verify(node.key.public, keys.decode(each["signature"]), signed.payload(joint.SIGNED_AS, entry))


def test_how_long_it_took_counts_only_who_took_part(node: Node) -> None:
    found = responses.read(node, played(node)).joint
    spans = joint.spans(found)
    assert spans.answered is not None
    assert spans.enforced is not None
    assert spans.lifted is not None
    assert min(spans.answered, spans.enforced, spans.lifted) >= 0
    found.recalls.clear()
    assert joint.spans(found).lifted is None
    assert joint.spans(joint.Joint()) == joint.Spans(None, None, None)


def test_a_reader_takes_the_files_from_the_page(node: Node) -> None:
    response = played(node)
    with serving(node), signed_in(node.settings.url, "lee") as client:
        assert "as=pdf" in client.get(f"/response?id={response}").text
        for form, begins in (("pdf", b"%PDF"), ("html", b"<!doctype"), ("json", b"{")):
            got = client.get(f"/response/timeline?id={response}&as={form}")
            assert got.status_code == 200
            assert got.content.startswith(begins)
            assert f".{form}" in got.headers["content-disposition"]
        assert client.get("/response/timeline?id=ffff&as=pdf").status_code == 404


def test_the_command_line_writes_them(node: Node, tmp_path: Path) -> None:
    response, katchi = played(node), Katchi(node.folder)
    for form in ("html", "pdf", "json"):
        file = tmp_path / f"t.{form}"
        katchi.good("respond", "timeline", response[:8], "--out", file)
        assert file.stat().st_size > 500
    assert katchi("respond", "timeline", response[:8], "--out", tmp_path / "t.doc").status == 2
