"""Floor 2: the one place for state. The object log, what is derived from it, releases, ledger rows, people."""

from katchi.store.store import Store

__all__ = ["Store"]
