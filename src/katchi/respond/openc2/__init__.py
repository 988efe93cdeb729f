"""OpenC2: commands to what defends a network, and its answers."""

from katchi.respond.openc2 import profiles, transfer
from katchi.respond.openc2.language import BadMessageError, Command, NotDoneError, Response, read_command, read_response

__all__ = [
    "BadMessageError", "Command", "NotDoneError", "Response", "profiles", "read_command", "read_response", "transfer",
]  # fmt: skip
