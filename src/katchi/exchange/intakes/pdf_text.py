"""A program of its own: reads a PDF on its input and writes its number of pages and its text.

A PDF can ask for any amount of memory and time, and a reader of it can be made to fall: so it is read where
nothing else is lost by it.
"""

from __future__ import annotations

import io
import logging
import resource
import sys
from typing import Final

LOCKED: Final = 3
DAMAGED: Final = 4
MEMORY: Final = 1 << 30
SECONDS_OF_WORK: Final = 90
PAGES: Final = 5000


def main() -> int:
    """The program's exit status."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_OF_WORK, SECONDS_OF_WORK))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    document = sys.stdin.buffer.read()
    from pypdf import PdfReader
    from pypdf.errors import FileNotDecryptedError, PyPdfError

    logging.disable()
    try:
        reader = PdfReader(io.BytesIO(document))
        if reader.is_encrypted and not reader.decrypt(""):
            return LOCKED
        pages = len(reader.pages)
        texts = [page.extract_text() for page in reader.pages[:PAGES]]
    except FileNotDecryptedError:
        return LOCKED
    except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, MemoryError):
        return DAMAGED
    sys.stdout.buffer.write(f"{pages}\n".encode() + "\n".join(texts).encode("utf-8", "replace"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
