"""A report as one HTML file that needs nothing else: it can be sent, kept and printed."""

from __future__ import annotations

from importlib import resources

from markupsafe import Markup

from katchi.web.reports.report import Facts, Report, Table
from katchi.web.templating import templates


def to_html(report: Report) -> bytes:
    """The file, in UTF-8."""
    blocks = [("facts" if isinstance(each, Facts) else "table" if isinstance(each, Table) else "text", each)
              for each in report.blocks]  # fmt: skip
    label = report.marking.removeprefix("TLP:").lower().replace("+", "-")
    page = templates().get_template("report.html")
    style = Markup(resources.files("katchi.web").joinpath("static/report.css").read_text(encoding="utf-8"))
    return page.render(report=report, blocks=blocks, label=label, style=style).encode()
