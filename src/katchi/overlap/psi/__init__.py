"""Private overlap: two nodes find what both hold, before either shows anything else.

Diffie-Hellman private set intersection (Meadows 1986; Huberman, Franklin, Hogg 1999) over ristretto255 (RFC 9496):
first the number, then, when a person on each side has agreed, the items, each proven by the batched DLEQ of RFC 9497.
What it protects and what not: docs/reference/private-overlap.md.
"""

from katchi.overlap.psi.ristretto import Group, UnavailableError, group

__all__ = ["Group", "UnavailableError", "group"]
