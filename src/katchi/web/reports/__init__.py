"""What the console knows, as documents that can be handed on: HTML and PDF, under the marking that they have."""

from __future__ import annotations

from katchi.web.reports.as_html import to_html
from katchi.web.reports.as_pdf import to_pdf
from katchi.web.reports.report import Facts, Report, Table, Text
from katchi.web.reports.timeline import report_of

__all__ = ["Facts", "Report", "Table", "Text", "report_of", "to_html", "to_pdf"]
