"""Reads rules that others wrote for scanners and sensors: each becomes an indicator that holds it word for word."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

from katchi.exchange import rules
from katchi.exchange.intake import Choices, Found
from katchi.exchange.intakes.dates import moment
from katchi.exchange.intakes.decoding import decode
from katchi.exchange.intakes.gathering import Details, Gathering

_START = 1 << 16
_yara_head = re.compile(r"(?:import\s|include\s|(?:(?:private|global)\s+){0,2}rule\s+[A-Za-z_])").match
_sigma_heads = re.compile(r"^(title|logsource|detection|correlation)\s*:", re.MULTILINE).findall


class YaraRules:
    """YARA."""

    name = "yara"
    title = "YARA rules"

    def recognise(self, document: bytes, name: str) -> int:
        """High where, after comments, a rule or an import begins."""
        start = _without_comments(decode(document[:_START])).lstrip()
        if _yara_head(start) and "condition" in start:
            return 96
        return 60 * name.lower().endswith((".yar", ".yara", ".yarx"))

    def read(self, document: bytes, choices: Choices) -> Found:
        """An indicator for each rule that compiles, with those that it names in front of it. Raises nothing."""
        gathering = Gathering(choices)
        found, includes = rules.yara_rules(decode(document))
        if includes:
            gathering.remark(0, "include-not-followed", str(includes))
        known: dict[str, rules.YaraRule] = {}
        for rule in found:
            _add_yara(rule, known, gathering)
            known.setdefault(rule.name, rule)
        return gathering.found(needs_confirmation=False)


def _add_yara(rule: rules.YaraRule, known: dict[str, rules.YaraRule], gathering: Gathering) -> None:
    if len(rule.text) > rules.LONGEST_RULE:
        gathering.remark(rule.line, "too-long", rule.name)
        return
    text = rule.alone({})
    trouble = rules.yara_trouble(text, with_externals=True)
    if trouble:
        text = rule.alone(known)
        trouble = rules.yara_trouble(text, with_externals=True) if len(text) <= rules.LONGEST_RULE else "too long"
    if trouble:
        gathering.remark(rule.line, "rule-broken", f"{rule.name}: {trouble}")
        return
    said = dict(_yara_said(rule.text))
    at = moment(said.get("date", "") or said.get("modified", ""))
    details = Details(rule.name, said.get("description", ""), at)
    gathering.add_rule("yara", text, f"line {rule.line}: rule {rule.name}", details)


_yara_said = re.compile(r'^\s{0,200}(description|date|modified)\s{0,40}=\s{0,40}"((?:[^"\\\n]|\\.)*)"', re.M).findall


def _without_comments(text: str) -> str:
    at = 0
    while True:
        rest = text[at : at + 200].lstrip()
        at += len(text[at : at + 200]) - len(rest)
        if rest.startswith(("//", "/*")):
            mark = "\n" if rest.startswith("//") else "*/"
            end = text.find(mark, at + 2)
            if end < 0:
                return ""
            at = end + len(mark)
        elif rest or at >= len(text):
            return text[at:]


class SigmaRules:
    """Sigma."""

    name = "sigma"
    title = "Sigma rules"

    def recognise(self, document: bytes, name: str) -> int:
        """High where the sections of a rule stand at the beginnings of lines."""
        heads = set(_sigma_heads(decode(document[:_START])))
        return 96 if "title" in heads and (heads >= {"logsource", "detection"} or "correlation" in heads) else 0

    def read(self, document: bytes, choices: Choices) -> Found:
        """An indicator for each rule; a document of the stream that is none is remarked. Raises nothing."""
        gathering = Gathering(choices)
        for line, text in rules.yaml_documents(decode(document)):
            said = rules.sigma_rule(text)
            if said is None or not ({"logsource", "detection"} <= said.keys() or "correlation" in said):
                gathering.remark(line, "rule-broken", text.partition("\n")[0])
                continue
            title = str(said.get("title") or "Sigma")
            at = moment(str(said.get("modified") or said.get("date") or ""))
            tags = said.get("tags")
            labels = tuple(str(tag) for tag in tags) if isinstance(tags, list) else ()
            details = Details(title, str(said.get("description") or ""), at, tags=labels)
            gathering.add_rule("sigma", text, f"line {line}: {title}", details)
        return gathering.found(needs_confirmation=False)


class NetworkRules:
    """Suricata and Snort: one language for a document, told by what only one of them can read."""

    name = "network-rules"
    title = "Suricata or Snort rules"

    def recognise(self, document: bytes, name: str) -> int:
        """High where nearly all lines that are no comments are rules."""
        lines = rules.joined_lines(decode(document[:_START]))
        said = [line for _, line in islice(lines, 400) if not line.startswith("#")]
        whole = said[:-1] if len(document) > _START else said
        good = sum(rules.network_options(line) is not None for line in whole)
        if good and good * 10 >= len(whole) * 8:
            return 96
        return 60 * (good > 0 and name.lower().endswith(".rules"))

    def read(self, document: bytes, choices: Choices) -> Found:
        """An indicator for each rule that is switched on. Asks where the language had to be guessed."""
        gathering = Gathering(choices)
        found: list[rules.NetworkRule] = []
        for each in rules.network_rules(decode(document)):
            if isinstance(each, rules.NetworkRule):
                found.append(each)
            else:
                gathering.remark(each[0], "rule-off" if each[1].startswith("#") else "rule-broken", each[1])
        told = Counter(language for rule in found if (language := rule.language()))
        language = told.most_common(1)[0][0] if told else "suricata"
        if not told and found:
            gathering.remark(0, "language-guessed", language)
        for rule in found:
            _add_network(rule, language, gathering)
        return gathering.found(needs_confirmation=bool(found) and not told)


def _add_network(rule: rules.NetworkRule, language: str, gathering: Gathering) -> None:
    said = rule.options
    title = said.get("msg") or f"sid {said.get('sid', '')}"
    parts = [f"{name} {said[name]}" for name in ("sid", "rev", "classtype") if said.get(name)]
    gathering.add_rule(language, rule.text, f"line {rule.line}: {title}", Details(title, ", ".join(parts)))
