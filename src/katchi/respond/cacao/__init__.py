"""CACAO Security Playbooks 2.0 (OASIS CS01, 27 November 2023): read, checked beyond the schema, nothing skipped.

`playbook` has the values, `reading` makes them from bytes or says everything that is wrong, `structure` looks at the
workflow as a graph, `conditions` and `variables` evaluate. All of it is pure. What the standard leaves open is written
down in docs/reference/playbooks.md.
"""

from katchi.respond.cacao.playbook import Command, Finding, Playbook, Step, Variable
from katchi.respond.cacao.reading import COMMANDS, SHELLS, RefusedPlaybookError, check, load, read

__all__ = [
    "COMMANDS", "SHELLS", "Command", "Finding", "Playbook", "RefusedPlaybookError", "Step", "Variable", "check", "load",
    "read",
]  # fmt: skip
