"""Which topics there are, and which releases belong to each: its reader pages through these alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from katchi import stix
from katchi.errors import KatchiError
from katchi.policy.topic import Topic
from katchi.store.database import Database, Transaction


class UnknownTopicError(KatchiError):
    """No topic of this name."""

    code = "unknown-topic"
    exit_status = 3


class TopicExistsError(KatchiError):
    """There is a topic of this name already."""

    code = "topic-exists"
    exit_status = 4


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A topic as kept. `filled_to` is how far earlier releases were looked through; None: all of them."""

    number: int
    topic: Topic
    filled_to: int | None

    @property
    def is_ready(self) -> bool:
        """Whether it is served: while it fills, a reader's cursor could pass what comes in behind it."""
        return self.filled_to is None


class Topics:
    """Reads topics, and fills new ones."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[TopicRow]:
        """Every topic, by name."""
        with self._database.reading() as transaction:
            return all_topics(transaction)

    def counts(self) -> dict[int, int]:
        """How many releases belong to each topic, by its number."""
        with self._database.reading() as transaction:
            return {row.topic: row.n for row in transaction.run("topic", "counts")}

    def add(self, topic: Topic) -> TopicRow:
        """A new topic, still to be filled. What is released from now on is in it. Raises TopicExistsError."""
        with self._database.writing() as transaction:
            if any(row.topic.alias == topic.alias for row in all_topics(transaction)):
                raise TopicExistsError("There is a topic of this name already.", where=topic.alias)
            number = int(transaction.run("topic", "last_number").one().number) + 1
            row = TopicRow(number, topic, 0)
            transaction.run(
                "topic", "put", number=number, alias=topic.alias, document=topic.to_json(), filled_to=row.filled_to
            )
            return row

    def fill(self, alias: str, limit: int) -> tuple[int, int] | None:
        """Looks through the next earlier releases for what belongs to a topic; (looked through, of), None at the end.

        Stopped, it goes on from there. Raises UnknownTopicError.
        """
        with self._database.writing() as transaction:
            row = one(transaction, alias)
            if row.filled_to is None:
                return None
            rows = transaction.run("topic", "released_after", position=row.filled_to, limit=limit).all()
            belong = [found for found in rows if row.topic.covers(stix.read(bytes(found.raw)))]
            shelve(transaction, [(found.partner, row.number, found.position) for found in belong])
            reached = rows[-1].position if len(rows) == limit else None
            transaction.run("topic", "filled", number=row.number, position=reached)
            end = transaction.run("topic", "end_of_releases").one().position
            return (reached or end, end)

    def drop(self, alias: str) -> None:
        """Takes a topic away; what was in it stays released. Raises UnknownTopicError."""
        with self._database.writing() as transaction:
            row = one(transaction, alias)
            transaction.run("topic", "clear", number=row.number)
            transaction.run("topic", "drop", number=row.number)


def all_topics(transaction: Transaction) -> list[TopicRow]:
    """Every topic, by name, inside a transaction."""
    return [
        TopicRow(row.number, Topic.from_json(bytes(row.document)), row.filled_to)
        for row in transaction.run("topic", "all")
    ]


def one(transaction: Transaction, alias: str) -> TopicRow:
    """The topic of this name. Raises UnknownTopicError."""
    for row in all_topics(transaction):
        if row.topic.alias == alias:
            return row
    raise UnknownTopicError("There is no such topic.", where=alias[:80], remedy="`katchi topic list` shows the names")


def shelve(transaction: Transaction, places: Sequence[tuple[str, int, int]]) -> None:
    """Puts releases, each as (partner, number of the topic, position), where the topic's readers find them."""
    rows = [{"partner": partner, "topic": number, "position": position} for partner, number, position in places]
    transaction.run_many("topic", "shelve", rows)


def move(transaction: Transaction, partner: str, position: int, new_position: int) -> None:
    """A release stands at another place now: in every topic that it belongs to."""
    numbers = [row.number for row in all_topics(transaction)]
    rows = [
        {"partner": partner, "topic": number, "position": position, "new_position": new_position} for number in numbers
    ]
    transaction.run_many("topic", "move", rows)
