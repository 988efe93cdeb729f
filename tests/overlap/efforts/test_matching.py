"""Which efforts are about the same: a table of titles in two languages, and what else speaks for it."""

from __future__ import annotations

import pytest

from katchi.overlap.efforts.matching import Subject, Suggestion, suggest

ALIKE = [
    ("라자루스의 지갑 탈취 분석", "Analysis of wallet theft by Lazarus"),
    ("Wiper at broadcasters", "방송사 와이퍼 공격 조사"),
    ("피싱 메일 탐지 규칙 개발", "Detection rules for phishing mails"),
    ("Kimsuky HWP documents", "김수키 한글문서 분석"),
    ("HIDDEN COBRA infrastructure", "Guardians of Peace domains"),
    ("Emotet loader", "Emotet botnet takedown"),
    ("Ransomware in hospitals", "병원 랜섬웨어 대응"),
    ("Credential theft at banks", "은행 계정 탈취 사고 조사"),
    ("Wiper at broadcasters", "Wipers at a broadcaster"),
]
OTHER = [
    ("Phishing mails against banks", "랜섬웨어 분석"),
    ("Analysis of malware", "악성코드 분석"),
    ("Threat report", "위협 보고서"),
    ("New detection tool", "신규 탐지 도구 개발"),
    ("Kimsuky HWP documents", "라자루스 지갑 탈취"),
    ("Router flaws", "전력 사고"),
    ("", ""),
    ("!!!", "???"),
]


def pair(one: str, other: str) -> list[Suggestion]:
    return suggest([Subject("a", one)], [Subject("b", other)])


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_titles_of_the_same_work_are_found_in_either_language(one: str, other: str) -> None:
    found = pair(one, other)
    assert [(each.own, each.other) for each in found] == [("a", "b")]
    assert found == pair(one, other)
    assert [each.weight for each in pair(other, one)] == [each.weight for each in found]


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_titles_of_other_work_are_not(one: str, other: str) -> None:
    assert pair(one, other) == []


def test_why_is_said_and_what_says_most_goes_first() -> None:
    mine = [Subject("1", "Wiper", frozenset({"domain:a.example"}), frozenset({"T1561", "T1059"}), ("파괴",))]
    theirs = [
        Subject("2", "전혀 다른", frozenset({"domain:a.example"}), frozenset({"T1561"}), ("destruction",)),
        Subject("3", "와이퍼", frozenset(), frozenset(), ()),
        Subject("4", "Something else", frozenset(), frozenset({"T1059"}), ()),
    ]
    found = suggest(mine, theirs)
    assert [each.other for each in found] == ["2", "3"]
    assert [(each.what, each.value) for each in found[0].reasons] == [
        ("thing", "domain:a.example"), ("technique", "T1561"), ("word", "destruction")
    ]  # fmt: skip


def test_a_technique_that_all_have_says_little() -> None:
    common = [Subject(f"x{n}", f"제목{n}번", frozenset(), frozenset({"T1059"})) for n in range(30)]
    mine = Subject("a", "Mine", frozenset({"actor:G0032"}), frozenset({"T1059"}))
    theirs = Subject("b", "Other", frozenset({"actor:G0032"}), frozenset({"T1059"}))
    best = suggest([mine], [theirs, *common])
    assert [each.other for each in best] == ["b"]
    weights = {reason.what: reason.weight for reason in best[0].reasons}
    assert weights["technique"] < 0.2 < weights["thing"]


def test_hundreds_against_hundreds() -> None:
    mine = [Subject(f"a{n}", f"Effort number {n}", frozenset({f"domain:d{n}.example"})) for n in range(300)]
    theirs = [Subject(f"b{n}", f"다른 일 {n}", frozenset({f"domain:d{n}.example"})) for n in range(300)]
    assert len(suggest(mine, theirs)) == 300
