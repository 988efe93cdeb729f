"""Floor 6: the command line. One module per noun: parse arguments, call the node, print."""

from __future__ import annotations


def main() -> None:
    """The `katchi` command."""
    from katchi.cli.app import app

    app()
