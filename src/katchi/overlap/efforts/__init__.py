"""Efforts: who works on what, which of ours and yours are about the same, and what is done together.

`history` says what an effort is after all that was done to it, on one node or several; `carried` writes it as STIX, and
reads it; `matching` finds which efforts are about the same, and says why. All of it is pure.
"""

from katchi.overlap.efforts.history import Change, Effort, Task, merge

__all__ = ["Change", "Effort", "Task", "merge"]
