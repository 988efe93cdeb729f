"""Tells people by an HTTP request to a program of theirs: a chat, a pager, a ticket system."""

from __future__ import annotations

from pathlib import Path

import msgspec

from katchi.respond import hook, notifier
from katchi.respond.hook import Hook
from katchi.respond.notifier import Notice, one_line


class Settings(notifier.Settings, frozen=True, tag="webhook", kw_only=True):
    """`secret-file` has the secret by which requests are signed; `ca-file` who vouches for the certificate."""

    url: str
    secret_file: str
    ca_file: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for an address to which nothing goes."""
        hook.require_safe(self.url)


class Webhook:
    """One address."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        ca_file = folder / settings.ca_file if settings.ca_file else None
        self._hook = Hook(settings.url, folder / settings.secret_file, ca_file)

    def send(self, notice: Notice, *, now: int) -> str:
        """Posts it as JSON. Raises HookError."""
        document = msgspec.to_builtins(notice) | {"subject": notice.subject, "headline": one_line(notice.headline)}
        answer = hook.ask(self._hook, "POST", msgspec.json.encode(document), now=now, message=notice.id)
        hook.require_taken(answer, self._hook)
        return ""
