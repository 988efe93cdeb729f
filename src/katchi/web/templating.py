"""The templates of pages and reports: everything foreign in them is escaped, everything missing an error."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def templates() -> Environment:
    """All of them."""
    environment = Environment(
        loader=PackageLoader("katchi.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["moment"] = moment
    return environment


def moment(micros: int | None) -> str:
    """A time as people read it; pages say that times are UTC."""
    if micros is None:
        return "–"
    return datetime.fromtimestamp(micros / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
