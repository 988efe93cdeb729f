"""The ways to tell people that come along."""

from __future__ import annotations

from pathlib import Path

from katchi.respond.notifier import Notifier
from katchi.respond.notifiers import mail, webhook

AnySettings = mail.Settings | webhook.Settings
"""What katchi.toml may say of one, told apart by `kind`."""


def open_notifier(settings: AnySettings, folder: Path) -> Notifier:
    """What sends to the target that these settings speak of; `folder` is the node's."""
    match settings:
        case mail.Settings():
            return mail.Mail(settings, folder)
        case webhook.Settings():
            return webhook.Webhook(settings, folder)


__all__ = ["AnySettings", "open_notifier"]
