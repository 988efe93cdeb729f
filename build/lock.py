"""Locks the dependencies and takes the package index's name out of the lock.

A node is built from whatever index the operator's machine is configured for, an air-gapped mirror
too. Versions and hashes pin what is installed; where it comes from is the operator's choice. So the
lock names a placeholder, and `make` installs from it by version and hash.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PLACEHOLDER = "https://package-index.example"


def main(uv: str) -> None:
    """Runs `uv lock`, then rewrites the lock's addresses."""
    lock = Path("uv.lock")
    subprocess.run([uv, "lock", *sys.argv[2:]], check=True)
    text = lock.read_text(encoding="utf-8")
    lock.write_text(re.sub(r"https?://[^/\"\s]+", PLACEHOLDER, text), encoding="utf-8")
    print("uv.lock is written; it names no index")


if __name__ == "__main__":
    main(sys.argv[1])
