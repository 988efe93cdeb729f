"""`katchi topic`: parts of what is released."""

from __future__ import annotations

from tests.cli.conftest import Katchi


def test_topics_come_are_shown_and_go(katchi: Katchi) -> None:
    assert katchi.asked("topic", "list")["topics"] == []
    made = katchi.asked("topic", "add", "phishing", "--label", "phishing", "--label", "smishing", "--marking", "green")
    assert (made["labels"], made["readers"], made["releases"]) == (["phishing", "smishing"], ["everybody"], 0)
    katchi.good("topic", "fill", "phishing")
    assert "TLP:green" in katchi.good("topic", "list").out
    katchi.good("topic", "remove", "phishing")
    assert katchi.asked("topic", "list")["topics"] == []


def test_what_makes_no_sense_is_refused_with_what_to_do(katchi: Katchi) -> None:
    assert katchi("topic", "add", "all").status == 2
    assert katchi("topic", "remove", "nothing").status == 3
    assert katchi("topic", "add", "theirs", "--type", "malware", "--reader", "nobody").status == 3
    katchi.good("topic", "add", "twice", "--type", "malware")
    assert katchi("topic", "add", "twice", "--type", "malware").status == 4
