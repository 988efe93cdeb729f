"""`python -m katchi.cli`: the `katchi` command where its entry point is not on the path."""

from katchi.cli import main

# A second process imports this module too, and must not run the command again.
if __name__ == "__main__":
    main()
