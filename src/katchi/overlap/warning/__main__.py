"""`python -m katchi.overlap.warning FILE`: compiles the lists of the installed package, in a process of its own."""

import sys
from pathlib import Path

from katchi.overlap.warning import compile_lists, package_lists, package_version

if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(compile_lists(package_lists(), package_version()))
