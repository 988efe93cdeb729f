"""`python -m katchi.cli`: the `katchi` command where its entry point is not on the path."""

from katchi.cli import main

main()
