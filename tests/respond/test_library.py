"""The playbooks that come along: accepted without a word, and a dry run of each says what it would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from katchi.node import responding, responses
from katchi.node.responses import Wish
from katchi.respond import cacao, library
from katchi.respond.library import NotInLibraryError
from tests.node.test_responses import equip
from tests.nodes import a_node

VALUES = {
    "things": "192.0.2.7 evil.example", "page": "http://evil.example/login", "sinkhole": "198.51.100.9",
    "scope": "all", "matter": "wiper at two banks",
}  # fmt: skip


def test_there_is_one_for_each_mission() -> None:
    assert len(library.names()) >= 8
    with pytest.raises(NotInLibraryError):
        library.document("../settings")


@pytest.mark.parametrize("name", library.names())
def test_each_is_accepted_without_a_word_and_can_be_tried(name: str, tmp_path: Path) -> None:
    document = library.document(name)
    playbook, findings = cacao.read(document, commands=responding.FOR_PARTNERS)
    assert findings == ()
    assert playbook.description
    with a_node(tmp_path / "kr", "kr-cert") as node:
        equip(node)
        responding.accept(node, document, person="kim")
        wanted = {key.strip("_"): key for key, each in playbook.playbook_variables.items() if each.external}
        values = {bare: VALUES[bare] for bare in wanted}
        response = responses.propose(node, Wish(playbook.id, values, reason="trying it"), person="kim").id
        steps = responses.dry_run(node, response)
        assert {each.verdict for each in steps} <= {"here", "people", "later"}
        assert len(steps) == sum(len(step.commands) for step in playbook.workflow.values())
