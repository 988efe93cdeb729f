"""Every sentence exists in both languages."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from katchi.policy import REASON_CODES
from katchi.web.language import REASONS, _catalogue, reason_sentence

TEMPLATES = sorted(
    item.name for item in resources.files("katchi.web").joinpath("templates").iterdir() if item.name.endswith(".html")
)


def read(name: str) -> str:
    return resources.files("katchi.web").joinpath(f"templates/{name}").read_text(encoding="utf-8")


def test_both_catalogues_have_the_same_sentences() -> None:
    assert _catalogue("en").keys() == _catalogue("ko").keys()


def test_every_korean_sentence_is_korean() -> None:
    untranslated = [text for text in _catalogue("ko").values() if not re.search("[가-힣]", text)]
    assert untranslated == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_says_nothing_that_is_not_in_the_catalogues(name: str) -> None:
    text = read(name)
    asked = set(re.findall(r'_\("((?:[^"\\]|\\.)*)"\)', text)) | set(re.findall(r"_\('((?:[^'\\]|\\.)*)'\)", text))
    assert asked <= _catalogue("ko").keys()
    bare = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<[^>]*>", " ", text, flags=re.DOTALL)
    words = set(re.findall(r"[A-Za-z가-힣]{3,}", bare)) - {"Katchi", "English", "한국어", "TLP"}
    assert words == set()


def test_every_reason_of_the_policy_has_a_sentence_in_both_languages() -> None:
    missing = [code for code in REASON_CODES if code not in REASONS]
    assert missing == []
    for code in REASON_CODES:
        assert reason_sentence(code, "", "ko") != reason_sentence(code, "", "en")


ROOMS = [
    "exchange/connecting", "exchange/fetching", "exchange/subscriptions/taxii", "exchange/subscriptions/taxii_places",
    "node/subscriptions",
]  # fmt: skip
# Only ever said where they happen, on the command line.
ON_THE_SPOT = (
    "This was stopped", "it goes on where", "This subscription is being read", "wait until", "The address holds",
    "give them with",
)  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_every_trouble_of_a_subscription_can_be_said_in_korean(room: str) -> None:
    source = resources.files("katchi").joinpath(f"{room}.py").read_text(encoding="utf-8")
    said = set(re.findall(r'(?:Error|_misbehaves|problem)\(\s*"([^"]+\.)"', source))
    said |= set(re.findall(r'(?:remedy=|_CHECK = |_TELL = )"([^"]+)"', source))
    kept = {sentence for sentence in said if not sentence.startswith(ON_THE_SPOT)}
    assert kept <= _catalogue("ko").keys()
