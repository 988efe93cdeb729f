"""Topics: parts of what is released, each a TAXII collection of its own for whoever may know of it."""

from __future__ import annotations

from collections.abc import Callable

from katchi import stix
from katchi.errors import KatchiError
from katchi.node.collections import RESERVED
from katchi.node.wiring import Node
from katchi.policy import signed
from katchi.policy.partner import Partner
from katchi.policy.topic import EVERYBODY, NODES, OWN_TOOLS, TOOLS, Topic
from katchi.store.topics import TopicRow

AT_ONCE = 2000  # releases looked through in one transaction, so that others write between
WORDS = (EVERYBODY, NODES, TOOLS, OWN_TOOLS)

Progress = Callable[[int, int], None]


class BadTopicError(KatchiError):
    """A topic that nobody could read, or that could hold nothing."""

    code = "bad-topic"
    exit_status = 2


def add(node: Node, topic: Topic, progress: Progress | None = None) -> TopicRow:
    """Makes a topic and looks through all earlier releases for what belongs to it; readers see it after that.

    Interrupted, `fill` goes on. Raises BadTopicError, UnknownPartnerError or TopicExistsError.
    """
    _check(node, topic)
    row = node.store.topics.add(topic)
    fill(node, topic.alias, progress)
    return row


def fill(node: Node, alias: str, progress: Progress | None = None) -> None:
    """Goes on looking through earlier releases where it was stopped. Raises UnknownTopicError."""
    while (step := node.store.topics.fill(alias, AT_ONCE)) is not None:
        if progress:
            progress(*step)


def drop(node: Node, alias: str) -> None:
    """Takes a topic away. Raises UnknownTopicError."""
    node.store.topics.drop(alias)


def _check(node: Node, topic: Topic) -> None:
    try:
        Topic.from_json(topic.to_json())  # the limits that its members have
    except signed.UnreadableDocumentError as problem:
        raise BadTopicError("A part of the topic is not in form.", what=problem.what, found=problem.found) from problem
    if topic.alias in RESERVED:
        raise BadTopicError("Every reader has a collection of this name.", what="alias", found=topic.alias)
    if not (topic.types or topic.labels or topic.markings):
        raise BadTopicError(
            "A topic for everything is what each reader has already.",
            expected="--type, --label or --marking", remedy="say what belongs to it",
        )  # fmt: skip
    unknown = [kind for kind in topic.types if not (kind in stix.TYPES or kind.startswith("x-"))]
    if unknown:
        raise BadTopicError("There is no such STIX type.", what="--type", found=", ".join(unknown)[:100])
    for reader in topic.readers:
        if reader not in WORDS:
            Partner.from_json(node.store.partners.one(reader).document)
