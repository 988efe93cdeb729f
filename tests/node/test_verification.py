"""Whatever byte is changed behind the node's back, `verify` finds it and names the row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from katchi.node import heads, partnering, proof, terms
from katchi.node.receive import receive
from katchi.node.release import judge
from katchi.node.wiring import Node
from tests.nodes import TERMS, a_node
from tests.objects import bundle, indicator

REDACTING = TERMS.replace('references = "drop"', 'references = "drop"\nstrip = ["description"]')


def hand_in(node: Node, *objects: dict[str, Any]) -> None:
    assert receive(node, bundle(*objects), via="test", submitter="kim").is_clean


def judge_all(node: Node, partner: str = "park") -> None:
    while judge(node, partner):
        pass


@dataclass
class Written:
    """A node with a history, and its database as somebody with a hex editor sees it."""

    node: Node

    def sql(self, statement: str, *values: object) -> list[Any]:
        with sqlite3.connect(self.node.folder / "katchi.db", isolation_level=None) as connection:
            return connection.execute(statement, values).fetchall()

    def flip(self, table: str, column: str, where: str) -> None:
        """Changes one bit in the middle of a value."""
        ((value,),) = self.sql(f'SELECT "{column}" FROM "{table}" WHERE {where}')
        raw = bytearray(value.encode() if isinstance(value, str) else value)
        raw[len(raw) // 2] ^= 1
        changed = raw.decode("utf-8", "replace") if isinstance(value, str) else bytes(raw)
        self.sql(f'UPDATE "{table}" SET "{column}" = ? WHERE {where}', changed)

    def copy_release(self, *, to: str) -> None:
        """Adds a release of the same copy to somebody else."""
        with sqlite3.connect(self.node.folder / "katchi.db", isolation_level=None) as connection:
            connection.row_factory = sqlite3.Row
            row = dict(connection.execute(f"SELECT * FROM release WHERE {COPY}").fetchone())
            row |= {"position": row["position"] + 100, "added": row["added"] + 100, "partner": to}
            names = ", ".join(f'"{name}"' for name in row)
            connection.execute(
                f"INSERT INTO release ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())
            )

    def found(self) -> set[tuple[str, str, str]]:
        """(code, table, row) of everything that verification names."""
        return {(each.code, each.table, each.row) for each in proof.verify(self.node).tampering}


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    """Three objects, one released as a copy; terms changed twice; a release withdrawn and renewed."""
    with a_node(tmp_path / "node", "kr-cert") as node:
        partnering.add_tool(node, "park", person="kim")
        terms.put_terms(node, "park", REDACTING.format(partner="park"), "kim")
        hand_in(node, indicator(1), indicator(2, description="how we found it"), indicator(3, tlp="amber"))
        judge_all(node)
        heads.sign(node)
        for ceiling in ("green", "amber"):
            changed = REDACTING.format(partner="park").replace('up-to = "amber"', f'up-to = "{ceiling}"')
            terms.put_terms(node, "park", changed + f"# {ceiling}\n", "lee")
            judge_all(node)
        hand_in(node, indicator(1, second=5, revoked=True))
        judge_all(node)
        heads.sign(node)
        yield Written(node)


def test_what_nobody_touched_is_intact(written: Written) -> None:
    result = proof.verify(written.node)
    assert result.tampering == ()
    assert result.is_intact
    assert (result.objects, result.heads) == (4, 2)
    assert result.releases == 4
    assert (result.entries, bytes.fromhex(result.root)) == written.node.store.ledger.root()


COPY = "raw IS NOT NULL AND is_recall = 0"

FLIPS: dict[str, tuple[str, str, str, str]] = {
    "the bytes of an object": ("object", "raw", "seq = 3", "object-changed"),
    "an object's digest": ("object", "digest", "seq = 3", "object-changed"),
    "an object's id in its row": ("object", "object_id", "seq = 3", "object-mislabelled"),
    "an object's version in its row": ("object", "version_text", "seq = 3", "object-mislabelled"),
    "a ledger entry": ("ledger", "entry", '"index" = 4', "entry-changed"),
    "a ledger entry's hash": ("ledger", "hash", '"index" = 4', "entry-changed"),
    "whom a ledger row names": ("ledger", "partner", '"index" = 4', "entry-mislabelled"),
    "the kind a ledger row names": ("ledger", "kind", '"index" = 2', "entry-mislabelled"),
    "the frontier": ("setting", "value", "name = 'frontier'", "frontier-changed"),
    "a signed head": ("head", "document", "size = (SELECT min(size) FROM head)", "head-changed"),
    "a redacted copy": ("release", "raw", COPY, "release-changed"),
    "a release's digest": ("release", "digest", COPY, "release-changed"),
    "a release's rule": ("release", "rule", COPY, "release-differs"),
    "to whom a release went": ("release", "partner", COPY, "release-differs"),
    "the text of terms": ("terms", "text", "epoch = 1", "terms-changed"),
    "the digest of terms": ("terms", "digest", "epoch = 3", "terms-changed"),
    "the terms in force": ("partner", "terms_digest", "name = 'park'", "terms-unrecorded"),
}


@pytest.mark.parametrize(("table", "column", "where", "code"), FLIPS.values(), ids=FLIPS.keys())
def test_a_flipped_bit_is_found_and_its_row_named(
    written: Written, table: str, column: str, where: str, code: str
) -> None:
    key = {"object": "seq", "ledger": '"index"', "release": "position"}.get(table)
    row = str(written.sql(f'SELECT {key} FROM "{table}" WHERE {where}')[0][0]) if key else ""
    written.flip(table, column, where)
    found = written.found()
    assert any(each[:2] == (code, table) and each[2] == (row or each[2]) for each in found), found


def _whole_entry(written: Written) -> None:
    """Somebody who knows how the ledger hashes: entry and hash are changed together."""
    from katchi.policy.ledger import leaf_hash

    ((entry,),) = written.sql('SELECT entry FROM ledger WHERE "index" = 3')
    changed = bytes(entry).replace(b"kr-cert", b"kr-cerf").replace(b'"park"', b'"choi"')
    written.sql(
        'UPDATE ledger SET entry = ?, hash = ?, partner = ? WHERE "index" = 3',
        changed,
        leaf_hash(changed),
        "choi",
    )


def _forged_head(written: Written) -> None:
    from katchi.policy.keys import NodeKey
    from katchi.policy.ledger import sign_head

    node = written.node
    size, root = node.store.ledger.root()
    stranger = NodeKey.generate(b"\x07" * 32)
    head = sign_head(stranger, node=node.settings.node_id, size=size, root=root, at=0)
    written.sql("UPDATE head SET document = ? WHERE size = ?", head.to_json(), size)


DEEDS: dict[str, tuple[Callable[[Written], object], str]] = {
    "an entry rewritten with its hash": (_whole_entry, "root-differs"),
    "an entry cut out": (lambda it: it.sql('DELETE FROM ledger WHERE "index" = 3'), "entry-missing"),
    "the last entries cut off": (
        lambda it: it.sql('DELETE FROM ledger WHERE "index" > 5'),
        "shorter-than-head",
    ),
    "a head of a stranger": (_forged_head, "head-changed"),
    "a version cut out of the log": (lambda it: it.sql("DELETE FROM object WHERE seq = 2"), "object-missing"),
    "a release hidden": (lambda it: it.sql(f"DELETE FROM release WHERE {COPY}"), "release-missing"),
    "a release slipped in": (lambda it: it.copy_release(to="choi"), "release-differs"),
    "a withdrawal undone": (
        lambda it: it.sql("UPDATE release SET withdrawn_at = NULL WHERE withdrawn_at IS NOT NULL"),
        "withdrawal-differs",
    ),
    "a release withdrawn in silence": (
        lambda it: it.sql("UPDATE release SET withdrawn_at = 1 WHERE withdrawn_at IS NULL"),
        "withdrawal-differs",
    ),
    "other terms in force": (
        lambda it: it.sql("UPDATE terms SET text = text || ' ', digest = 'x' WHERE epoch = 3"),
        "terms-changed",
    ),
    "a partner made active": (lambda it: it.sql("UPDATE partner SET state = 'ended'"), "state-unrecorded"),
}


@pytest.mark.parametrize(("do", "code"), DEEDS.values(), ids=DEEDS.keys())
def test_a_deed_is_found_and_named(written: Written, do: Callable[[Written], object], code: str) -> None:
    if code == "withdrawal-differs":  # some release must be withdrawn for good
        narrow = REDACTING.format(partner="park").replace('up-to = "amber"', 'up-to = "green"')
        terms.put_terms(written.node, "park", narrow, "lee")
        judge_all(written.node)
        assert written.found() == set()
    do(written)
    assert code in {each[0] for each in written.found()}


def test_the_object_and_the_partner_are_named_too(written: Written) -> None:
    written.flip("release", "raw", COPY)
    (named,) = [each for each in proof.verify(written.node).tampering if each.code == "release-changed"]
    ((copy_id,),) = written.sql(f"SELECT object_id FROM release WHERE {COPY}")
    assert (named.object_id, named.partner) == (copy_id, "park")
    assert named.expected != named.found


def test_the_own_key_may_have_changed_since(written: Written) -> None:
    partnering.rotate_key(written.node, person="kim")
    hand_in(written.node, indicator(9))
    judge_all(written.node)
    heads.sign(written.node)
    assert written.found() == set()


def test_progress_reaches_the_end(written: Written) -> None:
    seen: list[tuple[int, int]] = []
    proof.verify(written.node, lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0
