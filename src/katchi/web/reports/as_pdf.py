"""A report as PDF, with its marking at the top and the bottom of each page (TLP 2.0 §3)."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final
from xml.sax.saxutils import escape

from katchi.web.reports.report import Facts, Report, Table, Text

_LATIN, _LATIN_BOLD, _KOREAN = "Helvetica", "Helvetica-Bold", "HYGothic-Medium"
_MARGIN: Final = 45.0  # points
_COLOURS: Final = {"GREEN": "#33ff00", "AMBER": "#ffc000", "AMBER+STRICT": "#ffc000", "RED": "#ff2b2b"}
"""Of the label on black, as TLP 2.0 has them; CLEAR is white."""
_runs = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]+").findall
_LARGEST_CELL: Final = 1500  # characters: so that one row is not the whole report
_MOST_LINES: Final = 40  # of its own; further ones become spaces


def to_pdf(report: Report) -> bytes:
    """The file. Korean is set in a font that every reader of PDF has or replaces (Adobe-Korea1); none is embedded."""
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.platypus import SimpleDocTemplate

    pdfmetrics.registerFont(UnicodeCIDFont(_KOREAN))
    out = io.BytesIO()
    # Without times and random ids: the same report is the same file.
    document = SimpleDocTemplate(
        out, pagesize=A4, invariant=1, title=report.title, author="Katchi", subject=report.marking,
        lang=report.language, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN + 20,
        bottomMargin=_MARGIN + 20,
    )  # fmt: skip

    def on_page(canvas: Any, made: Any) -> None:
        _mark(canvas, report.marking, A4)
        canvas.setFont(_LATIN, 8)
        canvas.setFillColor("#566573")
        canvas.drawString(_MARGIN, _MARGIN - 6, str(made.page))

    document.build(list(_flow(report, document.width)), onFirstPage=on_page, onLaterPages=on_page)
    return out.getvalue()


def _mark(canvas: Any, marking: str, size: tuple[float, float]) -> None:
    """The label, 12 points or more, at the right."""
    width, height = size
    long = canvas.stringWidth(marking, "Courier-Bold", 13) + 12
    for bottom in (height - _MARGIN, _MARGIN - 12):
        canvas.setFillColor("#000000")
        canvas.rect(width - _MARGIN - long, bottom, long, 18, stroke=0, fill=1)
        canvas.setFillColor(_COLOURS.get(marking.removeprefix("TLP:"), "#ffffff"))
        canvas.setFont("Courier-Bold", 13)
        canvas.drawString(width - _MARGIN - long + 6, bottom + 5, marking)


def _flow(report: Report, width: float) -> Iterator[Any]:
    from reportlab.platypus import Spacer

    yield _paragraph(report.title, size=18, bold=True)
    yield _paragraph(report.note, colour="#566573")
    for block in report.blocks:
        yield Spacer(1, 8)
        if isinstance(block, Text):
            yield _paragraph(block.text)
            continue
        yield _paragraph(block.title, size=12, bold=True, stays=True)
        yield Spacer(1, 3)
        yield _facts(block, width) if isinstance(block, Facts) else _table(block, width)
    yield Spacer(1, 12)
    yield _paragraph(report.foot, size=8, colour="#566573")


def _facts(block: Facts, width: float) -> Any:
    rows = [[_paragraph(name, colour="#566573"), _paragraph(value)] for name, value in block.pairs]
    return _grid(rows or [["", ""]], [width * 0.26, width * 0.74], has_heads=False)


def _table(block: Table, width: float) -> Any:
    share = width / sum(block.widths)
    heads = [_paragraph(head, size=8, colour="#566573") for head in block.heads]
    rows = [[_paragraph(cell, size=8) for cell in row] for row in block.rows]
    return _grid([heads, *rows], [share * each for each in block.widths], has_heads=True)


def _grid(rows: list[list[Any]], widths: list[float], *, has_heads: bool) -> Any:
    from reportlab.platypus import Table as Grid
    from reportlab.platypus import TableStyle

    style: list[tuple[object, ...]] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 8), ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ]  # fmt: skip
    if has_heads:
        style.append(("LINEBELOW", (0, 0), (-1, -1), 0.4, "#d9dfe5"))
    # A row may be higher than a page: then it is split as well.
    return Grid(rows, colWidths=widths, repeatRows=int(has_heads), hAlign="LEFT", splitInRow=1, style=TableStyle(style))


def _paragraph(text: str, *, size: int = 10, bold: bool = False, colour: str = "#17202a", stays: bool = False) -> Any:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    style = ParagraphStyle(
        "plain", fontName=_LATIN_BOLD if bold else _LATIN, fontSize=size, leading=size * 1.4, textColor=colour,
        keepWithNext=stays, splitLongWords=True,
    )  # fmt: skip
    return Paragraph(_set(text), style)


def _set(text: str) -> str:
    """Foreign text as the library's markup, each letter in a font that has it."""
    if len(text) > _LARGEST_CELL:
        text = text[:_LARGEST_CELL] + " …"
    *lines, rest = text.split("\n", _MOST_LINES - 1)
    text = "\n".join([*lines, rest.replace("\n", " ")])
    return "".join(_run(run) for run in _runs(_plain(text)))


def _run(run: str) -> str:
    marked = escape(run).replace("\n", "<br/>")
    try:
        run.encode("cp1252")
    except UnicodeEncodeError:
        return f'<font name="{_KOREAN}">{marked}</font>'
    return marked


def _plain(text: str) -> str:
    """Without what would reorder or hide letters."""
    return "".join(
        each for each in text if each == "\n" or unicodedata.category(each) not in ("Cc", "Cf", "Co", "Cs", "Cn")
    )
