"""What tools of ours commanded by OpenC2: each once, with its number for good and the answer that it got."""

from __future__ import annotations

from typing import NamedTuple

from katchi.store.database import Database, Transaction


class CommandRow(NamedTuple):
    """One command. `name` is what the tool calls it; without an `answer` it was not finished."""

    number: int
    tool: str
    name: str
    profile: str
    digest: bytes
    made_at: int
    answer: bytes | None = None


def named(transaction: Transaction, tool: str, name: str) -> CommandRow | None:
    """What a tool commanded by this name."""
    row = transaction.run("command", "named", tool=tool, name=name).first()
    return CommandRow(*row) if row is not None else None


class Commands:
    """Reads and keeps commands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, tool: str, name: str, *, profile: str, digest: bytes, now: int) -> CommandRow:
        """The command of this name: the one that is there, or a new one with the next number."""
        with self._database.writing() as transaction:
            held = named(transaction, tool, name)
            if held is not None:
                return held
            number = int(transaction.run("command", "next").scalar_one())
            row = CommandRow(number, tool, name, profile, digest, now)
            values = row._asdict()
            values.pop("answer")
            transaction.run("command", "put", **values)
            return row

    def numbered(self, number: int) -> CommandRow | None:
        """The command of this number."""
        with self._database.reading() as transaction:
            row = transaction.run("command", "numbered", number=number).first()
        return CommandRow(*row) if row is not None else None

    def answer(self, number: int, answer: bytes) -> bytes:
        """Keeps what is answered; returns what counts: the first that was."""
        with self._database.writing() as transaction:
            transaction.run("command", "answer", number=number, answer=answer)
            return bytes(transaction.run("command", "numbered", number=number).one().answer)
