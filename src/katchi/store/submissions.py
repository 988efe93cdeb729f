"""What was handed in and what became of each object: TAXII status resources and import summaries."""

from __future__ import annotations

from dataclasses import dataclass

from katchi.store.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Submission:
    """One hand-in. `document` is its JSON account, object by object; empty in lists."""

    id: str
    submitter: str
    via: str
    at: int
    stored: int
    held: int
    refused: int
    document: bytes = b""


@dataclass(frozen=True, slots=True)
class Intake:
    """How much somebody has handed in so far."""

    submitter: str
    stored: int
    held: int
    refused: int
    last_at: int


class Submissions:
    """Keeps and finds hand-ins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, submission: Submission) -> None:
        """Keeps one."""
        with self._database.writing() as transaction:
            put(transaction, submission)

    def one(self, submission_id: str) -> Submission | None:
        """The hand-in of this id, if any."""
        with self._database.reading() as transaction:
            row = transaction.run("submission", "one", id=submission_id).first()
        return _submission(*row) if row else None

    def latest(self, limit: int, submitter: str = "") -> list[Submission]:
        """The latest ones, without their documents."""
        with self._database.reading() as transaction:
            rows = transaction.run("submission", "latest", submitter=submitter, limit=limit)
            return [Submission(*row) for row in rows]

    def intakes(self) -> list[Intake]:
        """Totals by submitter."""
        with self._database.reading() as transaction:
            rows = transaction.run("submission", "counts")
            return [
                Intake(
                    r.submitter,
                    int(r.stored),
                    int(r.held),
                    int(r.refused),
                    int(r.last_at),
                )
                for r in rows
            ]


def _submission(
    submission_id: str, submitter: str, via: str, at: int, stored: int, held: int, refused: int, document: bytes
) -> Submission:
    return Submission(submission_id, submitter, via, at, stored, held, refused, bytes(document))


def put(transaction: Transaction, submission: Submission) -> None:
    """Keeps one inside a transaction."""
    transaction.run(
        "submission",
        "put",
        id=submission.id,
        submitter=submission.submitter,
        via=submission.via,
        at=submission.at,
        stored=submission.stored,
        held=submission.held,
        refused=submission.refused,
        document=submission.document,
    )
