"""What every feed must do. A new one inherits these: name it in `feeds/`; here real tools load what it writes."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
import suricataparser

from katchi import policy
from katchi.exchange import feed, feeds
from katchi.exchange.entries import NEWS, RULES, TECHNIQUE, VALUES
from katchi.exchange.feed import Feed, UnknownFeedError, Wishes
from katchi.policy.released import reopen_page
from tests.objects import indicator, stix_object

NOW = 1_767_225_600_000_000
PARK = policy.Recipient("park", is_active=True, epoch=1)
EVIL = "x\"; drop\n0.0.0.0/0 ' $(reboot) `id` <b>&lt; 한국어 \u2028 \u202e ]]> =1+1 {{}} \\ |00| \t end"
YARA = 'rule first { strings: $a = "x" condition: $a }'
SIGMA = "title: a rule\nlogsource:\n  category: process_creation\ndetection:\n  s:\n    Image: x\n  condition: s\n"
SURICATA = 'alert tcp any any -> any 80 (msg:"own"; content:"x"; sid:7; rev:1;)'

ITEMS = [
    *(indicator(number, name=EVIL) for number in range(3)),
    indicator(10, pattern="[ipv4-addr:value = '203.0.113.0/24']", name="=HYPERLINK(1)"),
    indicator(11, pattern="[ipv6-addr:value = '2001:db8:0:1::5']"),
    indicator(12, pattern="[ipv6-addr:value = '2001:db8:ffff::/48']"),
    indicator(13, pattern="[domain-name:value = 'bad.example' OR domain-name:value = '한국.example']", confidence=80),
    indicator(14, pattern="[url:value = 'http://bad.example/a;b\"c?d=e%20f']", name=EVIL),
    indicator(15, pattern="[url:value = 'https://bad.example/x']"),
    indicator(16, pattern=f"[file:hashes.MD5 = '{'a' * 32}' OR file:hashes.'SHA-256' = '{'b' * 64}']"),
    indicator(17, pattern="[email-addr:value = 'kim+x@bad.example']"),
    indicator(18, pattern="[domain-name:value = 'bad.example']", name="again"),
    indicator(19, pattern="[ipv4-addr:value = '10.0.0.1']", name="never blocked"),
    indicator(20, valid_until="2025-01-01T00:00:00Z"),
    indicator(21, pattern=f"[domain-name:value = '{'a.' * 110}example']", name="long"),
    indicator(22, pattern=YARA, pattern_type="yara"),
    indicator(23, pattern="rule first { condition: true }", pattern_type="yara"),
    indicator(24, pattern="rule broken { condition: }", pattern_type="yara"),
    indicator(25, pattern='include "/etc/passwd"\nrule second { condition: true }', pattern_type="yara"),
    indicator(26, pattern=SIGMA, pattern_type="sigma"),
    indicator(27, pattern="a: &a [x]\nb: [*a, *a]", pattern_type="sigma"),
    indicator(28, pattern="title: one\n---\ntitle: two", pattern_type="sigma"),
    indicator(29, pattern=SURICATA, pattern_type="suricata"),
    indicator(30, pattern=SURICATA.replace("sid:7", "sid:8"), pattern_type="snort"),
    indicator(31, pattern="drop ip any any -> any any (sid:9;)", pattern_type="suricata"),
    stix_object("report", 1, name=EVIL, description=EVIL * 3, published="2025-01-01T00:00:00Z", object_refs=[]),
    *(
        stix_object(
            "attack-pattern", number, name=EVIL,
            external_references=[{"source_name": "mitre-attack", "external_id": each}],
        )
        for number, each in enumerate(("T1059.001", "T1\n059"))
    ),
]  # fmt: skip


def page(items: Sequence[dict[str, object]]) -> policy.ReleasedPage:
    rows = [("park", 1, None, number, number, json.dumps(item).encode()) for number, item in enumerate(items, 1)]
    return reopen_page(rows, PARK)


def written(name: str, items: Sequence[dict[str, object]] = ITEMS, wishes: Wishes | None = None) -> bytes:
    document = feed.write(feeds.new(name), [page(items)], now=NOW, title="kr-cert", recipient="park", wishes=wishes)
    whole = b"".join(document.pieces())
    assert len(whole) == document.size
    return whole


@pytest.fixture(params=feeds.names())
def how(request: pytest.FixtureRequest) -> Feed:
    """Each feed in turn."""
    return feeds.new(request.param)


def test_every_feed_says_what_it_is_and_carries_known_kinds(how: Feed) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", how.name)
    assert how.title
    assert "/" in how.media_type
    assert how.extension.startswith(".")
    assert how.kinds
    assert how.kinds <= VALUES | RULES | {TECHNIQUE, NEWS}


def test_the_same_releases_give_the_same_bytes(how: Feed) -> None:
    assert written(how.name) == written(how.name)


def test_every_feed_has_something_of_the_samples_and_of_nothing_only_its_frame(how: Feed) -> None:
    assert len(written(how.name)) > len(written(how.name, []))


def test_foreign_text_stays_in_its_line(how: Feed) -> None:
    """Each entry makes as many lines whether its name is plain or an attack."""
    if how.kinds & RULES == how.kinds:
        return  # a rule is carried word for word, and its name not at all
    plain = [{**item, "name": "plain", **({"description": "plain"} if "description" in item else {})} for item in ITEMS]
    assert len(written(how.name).splitlines()) == len(written(how.name, plain).splitlines())
    assert b"\n0.0.0.0/0" not in written(how.name)


def test_a_list_that_blocks_leaves_out_what_must_not_be_blocked_and_says_so(how: Feed) -> None:
    if "ipv4" not in how.kinds:
        return
    assert (b"10.0.0.1" in written(how.name)) is not how.is_blocking
    if how.is_blocking and how.name != "dns-rpz":
        assert b"1 never-blocked" in written(how.name)
        assert b"10.0.0.1" in written(how.name, wishes=Wishes(with_warned=True))


def test_a_heading_says_for_whom_when_how_strict_and_what_is_missing() -> None:
    lines = written("list").decode().splitlines()[:4]
    assert lines[0] == "# Katchi: kr-cert, for park"
    assert lines[1:3] == ["# made 2026-01-01T00:00:00.000000Z", "# TLP:GREEN"]
    assert lines[3].startswith("# 14 entries, ")
    assert "1 expired" in lines[3]
    assert "1 twice" in lines[3]


def test_wishes_narrow_a_feed() -> None:
    assert written("list", wishes=Wishes(kinds=frozenset({"email"}))).splitlines()[-1] == b"kim+x@bad.example"
    sure = written("list", wishes=Wishes(minimum_confidence=70)).decode().splitlines()[4:]
    assert sure == ["bad.example", "xn--3e0b707e.example"]


def test_an_unknown_feed_is_named() -> None:
    with pytest.raises(UnknownFeedError):
        feeds.new("nothing")


def test_a_feed_of_many_entries_is_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "PIECE", 64)
    document = feed.write(feeds.new("list"), [page(ITEMS)], now=NOW, title="t", recipient="park")
    pieces = list(document.pieces())
    assert len(pieces) > 5
    assert all(len(piece) <= 64 + len(document.head) for piece in pieces)


# --- By grammar, everywhere ----------------------------------------------------------------------


def test_tables_are_rfc_4180_and_no_cell_calculates() -> None:
    for name in ("csv", "lookup-csv"):
        rows = list(csv.reader(io.StringIO(written(name).decode(), newline="")))
        assert len({len(row) for row in rows}) == 1
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_json_is_json() -> None:
    assert all(json.loads(line)["type_id"] for line in written("ocsf").splitlines())
    layer = json.loads(written("navigator"))
    assert [each["techniqueID"] for each in layer["techniques"]] == ["T1059.001"]
    assert json.loads(written("navigator", []))["techniques"] == []


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_news_are_xml_and_their_words_are_text(name: str) -> None:
    root = ElementTree.fromstring(written(name))
    titles = [node.text or "" for node in root.iter() if node.tag.endswith("title")]
    assert any("<b>&lt;" in title for title in titles)
    assert not [node for node in root.iter() if node.tag.endswith("b")]


def test_zeek_has_as_many_columns_as_fields() -> None:
    lines = [line for line in written("zeek").decode().splitlines() if not line.startswith("# ")]
    assert lines[0].startswith("#fields\t")
    assert {line.count("\t") for line in lines[1:]} == {lines[0].count("\t") - 1}
    assert [line for line in lines if "Intel::SUBNET" in line]


RULE = re.compile(
    r"alert (?:ip|tcp|udp|dns|tls|http) \S+ any -> \S+ (?:any|\d+) \( ?"
    r'(?:[a-z_.]+(?::(?:"(?:[^"\\;]|\\.)*"|[^";()]*)(?:,[a-z ]+)?)?; ?)+\)'
)


@pytest.mark.parametrize("name", ["suricata", "snort"])
def test_rules_keep_to_their_grammar_and_their_numbers_are_their_own(name: str) -> None:
    rules = [line for line in written(name).decode().splitlines() if not line.startswith("#")]
    assert [rule for rule in rules if not RULE.fullmatch(rule) and "own" not in rule] == []
    numbers = [re.search(r"sid:(\d+);", rule)[1] for rule in rules]  # type: ignore[index]
    assert len(set(numbers)) == len(numbers)
    assert not [rule for rule in rules if rule.startswith("drop")]


def test_dns_names_addresses_from_their_end() -> None:
    zone = written("dns-rpz").decode()
    assert "24.0.113.0.203.rpz-ip CNAME ." in zone
    assert "128.5.zz.1.0.db8.2001.rpz-ip CNAME ." in zone
    assert "48.zz.ffff.db8.2001.rpz-ip CNAME ." in zone


# --- By the tools themselves ---------------------------------------------------------------------


def tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


def loads(command: Sequence[str], **how: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **how)  # type: ignore[call-overload]
    said = str(done.stdout + done.stderr)
    if done.returncode and re.search("Operation not permitted|must be root|Permission denied", said):
        pytest.skip(f"{command[0]} may not do this here: {said[:80]}")
    assert done.returncode == 0, said
    return said


def test_bind_loads_the_zone(tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    zone.write_bytes(written("dns-rpz"))
    assert "OK" in loads([tool("named-checkzone"), "-i", "none", "rpz.katchi.example", str(zone)])


def test_the_kernel_takes_the_sets(tmp_path: Path) -> None:
    rules = tmp_path / "katchi.nft"
    rules.write_bytes(written("nftables"))
    loads([tool("nft"), "-c", "-f", str(rules)])


def test_ipset_restores_its_sets() -> None:
    # In a network of its own, so that nothing of this machine's is touched.
    command = [tool("unshare"), "-n", tool("ipset"), "restore"]
    said = subprocess.run(command, input=written("ipset"), capture_output=True, timeout=60, check=False)
    if said.returncode and re.search(rb"permitted|Kernel error|kernel", said.stderr):
        pytest.skip(f"ipset may not do this here: {said.stderr[:100]!r}")
    assert said.returncode == 0, said.stderr


def test_squid_reads_the_names(tmp_path: Path) -> None:
    names, config = tmp_path / "names", tmp_path / "squid.conf"
    names.write_bytes(written("squid"))
    config.write_text(f'acl katchi dstdomain "{names}"\nhttp_access deny katchi\nhttp_port 127.0.0.1:3128\n')
    said = loads([tool("squid"), "-k", "parse", "-f", str(config)])
    assert not re.search("ERROR|FATAL", said), said


def test_suricata_loads_its_rules_and_datasets(tmp_path: Path) -> None:
    rules = tmp_path / "katchi.rules"
    datasets = ""
    for name, options in (
        ("suricata-ips", "ip.src; dataset:isset,katchi-ips,type ip,load {file};"),
        ("suricata-domains", "dns.query; dataset:isset,katchi-names,type string,load {file};"),
        ("suricata-md5", "file.data; to_md5; dataset:isset,katchi-md5,type md5,load {file};"),
        ("suricata-sha256", "file.data; to_sha256; dataset:isset,katchi-sha,type sha256,load {file};"),
    ):
        (tmp_path / name).write_bytes(written(name))
        protocol = "dns" if "dns" in options else "http" if "file" in options else "ip"
        number = 100 + len(datasets.splitlines())
        datasets += f"alert {protocol} any any -> any any ({options.format(file=tmp_path / name)} sid:{number};)\n"
    rules.write_bytes(written("suricata") + datasets.encode())
    config = Path("/etc/suricata/suricata.yaml")
    if not config.exists():
        pytest.skip("suricata has no configuration here")
    said = loads([tool("suricata"), "-T", "-S", str(rules), "-l", str(tmp_path), "-c", str(config)])
    assert "error" not in said.lower(), said


@pytest.mark.parametrize("name", ["suricata", "snort"])
def test_another_reader_of_rules_reads_the_same(name: str) -> None:
    for line in written(name).decode().splitlines():
        if not line.startswith("#"):
            rule = suricataparser.parse_rule(line)
            assert rule is not None, line
            assert (rule.sid is not None, rule.action) == (True, "alert"), line


def test_yara_x_compiles_the_rules() -> None:
    import yara_x

    rules = yara_x.compile(written("yara").decode())
    assert [rule.identifier for rule in rules] == ["first"]


def test_sigmas_own_parser_reads_the_rules() -> None:
    collection = pytest.importorskip("sigma.collection", reason="pysigma is not installed here")
    found = collection.SigmaCollection.from_yaml(written("sigma").decode())
    assert [rule.title for rule in found.rules] == ["a rule"]
    assert not found.errors
