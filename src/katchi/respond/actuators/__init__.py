"""The kinds of actuators that come along."""

from __future__ import annotations

from pathlib import Path

from katchi.respond.actuator import Actuator
from katchi.respond.actuators import feed, list_file, nftables, rpz, simulated, webhook

AnySettings = (
    simulated.Settings | nftables.Settings | rpz.Settings | list_file.Settings | webhook.Settings | feed.Settings
)
"""What katchi.toml may say of one, told apart by `kind`."""


def open_actuator(settings: AnySettings, folder: Path) -> Actuator:
    """The actuator that these settings speak of; `folder` is the node's. Raises ActuatorError."""
    match settings:
        case simulated.Settings():
            return simulated.Simulated(settings, folder)
        case nftables.Settings():
            return nftables.Nftables(settings, folder)
        case rpz.Settings():
            return rpz.Rpz(settings, folder)
        case list_file.Settings():
            return list_file.ListFile(settings, folder)
        case webhook.Settings():
            return webhook.Webhook(settings, folder)
        case feed.Settings():
            return feed.Feed(settings, folder)


__all__ = ["AnySettings", "open_actuator"]
