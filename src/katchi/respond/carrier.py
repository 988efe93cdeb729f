"""The socket for what carries out orders: a firewall, a name server, a web service, a person.

It is given orders of the command types that it names.
It may be asked the same twice, with the same key: it must then leave one effect. After a crash it is first asked to
`probe`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from katchi.respond.machine import Order


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an order. `out` are values for the step's out_args."""

    is_good: bool
    reason: str = ""
    out: Mapping[str, str] = field(default_factory=dict)


class Carrier(Protocol):
    """Carries out orders."""

    def act(self, order: Order) -> Result:
        """Does it. Whatever it raises is a failure of the step."""
        ...

    def probe(self, order: Order) -> Result | None:
        """What became of an order that may have been carried out before a crash; None where it was not."""
        ...

    def stop(self, order: Order) -> None:
        """Nobody waits for it any longer: it should not take effect from here on."""
        ...
