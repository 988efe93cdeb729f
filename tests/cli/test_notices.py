"""`katchi respond notices`: what people were told, a test, and settings that cannot be, at a terminal."""

from __future__ import annotations

import pytest

from katchi.node import notifying
from katchi.node.wiring import open_node
from katchi.store import notices
from tests.cli.conftest import Katchi
from tests.servers import mailing

TARGET = """
[[notify]]
kind = "mail"
name = "duty"
to = ["duty@example.kr"]
from = "katchi@example.kr"
server = "{server}"
"""


def test_what_people_were_told_and_a_test(katchi: Katchi) -> None:
    assert "[[notify]]" in katchi.good("respond", "notices").out
    assert katchi("respond", "notices", "--try", "duty").status == 3
    with mailing() as server:
        file = katchi.folder / "katchi.toml"
        file.write_text(file.read_text() + TARGET.format(server=server.address))
        assert katchi.asked("respond", "notices") == {"targets": ["duty"], "notices": []}
        assert "Nobody was told" in katchi.good("respond", "notices").out
        assert katchi.asked("respond", "notices", "--try", "duty") == {"target": "duty", "taken": True, "remark": ""}
        assert "A test of duty" in str(server.taken[0]["Subject"])
        server.refuses = {"duty@example.kr"}
        answer = katchi("respond", "notices", "--try", "duty")
        assert answer.status == 1
        assert "550" in answer.err
        with open_node(katchi.folder) as node:
            with node.store.database.writing() as transaction:
                notices.note(transaction, "device-lost", "edge 1", at=node.clock.now())
            notifying.tell(node)
            notifying.send(node, "duty")
        (row,) = katchi.asked("respond", "notices")["notices"]
        assert (row["event"], row["state"], row["tries"]) == ("device", "waiting", 1)
        assert "550" in row["problem"]
        assert "Device in trouble: edge" in katchi.good("respond", "notices").out


@pytest.mark.parametrize(
    "wrong", ['user = "kim"', 'details = "red"', "starttls = 1", 'to = ["not an address"]', 'about = ["all"]']
)
def test_settings_that_cannot_be_are_explained(katchi: Katchi, wrong: str) -> None:
    file = katchi.folder / "katchi.toml"
    text = TARGET.format(server="127.0.0.1:25")
    name = wrong.partition(" ")[0]
    kept = "\n".join(line for line in text.splitlines() if not line.startswith(f"{name} "))
    file.write_text(f"{file.read_text()}{kept}\n{wrong}\n")
    answer = katchi("respond", "notices")
    assert answer.status == 4
    assert "notify[0]" in answer.err
