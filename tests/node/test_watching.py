"""Watches: what comes to match is news once, and again when another source tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from katchi.node import search, things, watching
from katchi.node.receive import receive
from katchi.node.search import BadQueryError
from katchi.node.wiring import Node
from katchi.store.watches import UnknownWatchError, WatchExistsError
from tests.nodes import a_node
from tests.objects import bundle, indicator, stix_object


@pytest.fixture
def node(database_url: str, tmp_path: Path) -> Iterator[Node]:
    with a_node(tmp_path / "node", "kr-cert", database=database_url) as made:
        yield made


def take(node: Node, *objects: dict[str, object], origin: str = "own") -> None:
    assert receive(node, bundle(*objects), origin=origin, via="test", submitter="kim").refused == 0


def news(node: Node, name: str) -> list[str]:
    return [hit.key for hit in node.store.watches.news(node.store.watches.one(name), 100)]


def test_values_that_are_watched_are_news_when_somebody_reports_them(node: Node) -> None:
    take(node, indicator(1))
    watching.add(node, "ours", "198.51.100[.]1, 198.51.100.2 198.51.100.3", person="kim")
    assert news(node, "ours") == []
    take(node, indicator(2), indicator(9))
    assert news(node, "ours") == ["ipv4:198.51.100.2"]
    watching.looked(node, "ours")
    take(node, indicator(2, second=5))
    assert news(node, "ours") == []
    take(node, indicator(12, pattern="[ipv4-addr:value = '198.51.100.2']"), origin="us-cert")
    ((hit),) = node.store.watches.news(node.store.watches.one("ours"), 100)
    assert (hit.key, hit.sources) == ("ipv4:198.51.100.2", ",own,us-cert,")


def test_a_hash_is_found_under_the_file_that_it_is_of(node: Node) -> None:
    watching.add(node, "file", "a" * 32, person="kim")
    pattern = f"[file:hashes.MD5 = '{'a' * 32}' AND file:hashes.'SHA-256' = '{'c' * 64}']"
    take(node, indicator(1, pattern=pattern))
    assert news(node, "file") == [f"file:sha256:{'c' * 64}"]


QUERIES = {
    "kind": ("kind:domain", ["domain:bad.example"]),
    "score": ("score:>2 kind:file", [f"file:md5:{'a' * 32}"]),
    "source": ("partner:us-cert", []),
    "words": ("bad.exam", ["domain:bad.example"]),
    "a name in another script": ("라자루스", ["actor:G0032"]),
    "words and more": ("kind:ipv4 198.51.100.1/32 score:<10", []),
}


@pytest.mark.parametrize(("text", "expected"), QUERIES.values(), ids=QUERIES)
def test_a_query_that_is_watched_is_asked_of_what_settles(node: Node, text: str, expected: list[str]) -> None:
    watching.add(node, "query", text, person="kim")
    take(
        node, indicator(1, confidence=95), indicator(2, pattern="[domain-name:value = 'bad.example']", confidence=10),
        indicator(3, pattern=f"[file:hashes.MD5 = '{'a' * 32}']", confidence=95),
        indicator(4, pattern=f"[file:hashes.MD5 = '{'b' * 32}']", confidence=5),
        stix_object("threat-actor", 1, name="Lazarus Group"),
    )  # fmt: skip
    assert news(node, "query") == expected


def test_a_rebuild_is_no_news(node: Node) -> None:
    watching.add(node, "all", "kind:ipv4", person="kim")
    take(node, indicator(1))
    watching.looked(node, "all")
    for _ in things.rebuild(node):
        pass
    assert news(node, "all") == []


def test_what_cannot_be_watched_is_said(node: Node) -> None:
    watching.add(node, "one", "kind:ipv4", person="kim")
    with pytest.raises(WatchExistsError):
        watching.add(node, "one", "kind:domain", person="kim")
    for name, text in (("", "kind:ipv4"), ("two", " "), ("two", "kind:nothing"), ("x" * 81, "a"), ("a\x07", "a")):
        with pytest.raises(BadQueryError):
            watching.add(node, name, text, person="kim")
    node.store.watches.drop("one")
    with pytest.raises(UnknownWatchError):
        node.store.watches.one("one")


def test_things_are_found_by_the_labels_of_what_speaks_of_them(node: Node) -> None:
    take(node, indicator(1, labels=["Wiper ", "은행"]), indicator(2, labels=["two words"]), indicator(3))
    for query, expected in (
        ("tag:wiper", ["198.51.100.1"]), ("tag:은행 kind:ipv4", ["198.51.100.1"]), ("tag:wiper kind:domain", []),
        ("tag:two_words", ["198.51.100.2"]), ("tag:two_words 100.9", []), ("tag:none", []),
    ):  # fmt: skip
        assert [each.row.name for each in search.find(node, query).things] == expected
    take(node, indicator(1, second=5, labels=["other"]))
    assert search.find(node, "tag:wiper").things == []
    for _ in things.rebuild(node):
        pass
    assert [each.row.name for each in search.find(node, "tag:OTHER").things] == ["198.51.100.1"]
    with pytest.raises(BadQueryError):
        watching.add(node, "tagged", "tag:wiper", person="kim")
