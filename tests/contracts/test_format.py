"""What every format must do. A new one inherits these: name it in `formats/`, add its samples to SAMPLES."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from katchi import policy, stix
from katchi.errors import KatchiError
from katchi.exchange import formats
from katchi.exchange.format import Format, UnknownFormatError, UnsafeBackup
from katchi.node import collections, partnering, terms
from katchi.node.receive import receive
from katchi.node.release import judge
from tests.nodes import TERMS, a_node
from tests.objects import bundle, indicator, stix_object

ID = "0b8a4a56-6ac4-4a2e-8a4f-4f1f3d1f7d31"
FORMATS = formats.every()

# Objects as publishers really write them: odd spacing, order and numbers that must survive.
ODD = [
    json.dumps(indicator(1)).encode(),
    json.dumps(indicator(2, name="한국어 이름 \u2028 \u0000 \U0001f4a9"), ensure_ascii=True).encode(),
    json.dumps(indicator(3), separators=(",", ":")).encode(),
    b'{ "id":"x-a--00000000-0000-4000-8000-000000000001" ,"type" : "x-a", "a": 1.0e+2, "b": [1 ,2]}',
]
PRETTY = [json.dumps(stix_object("malware", 1, name="wiper", is_family=True), indent=4).encode()]

SAMPLES: dict[str, list[bytes]] = {
    "stix-bundle": [
        bundle(indicator(1), indicator(2)),
        b'{"type":"bundle","id":"bundle--' + ID.encode() + b'"}',
        b"\xef\xbb\xbf" + json.dumps([indicator(1)], indent=2).encode(),
        b'{"more":false,"objects":[' + PRETTY[0] + b"]}",
    ],
    "ndjson": [b"\n".join(ODD), b"\r\n".join([*ODD, b""]), ODD[0]],
}


@pytest.fixture(params=sorted(FORMATS))
def how(request: pytest.FixtureRequest) -> Format:
    """Each format in turn."""
    return FORMATS[request.param]


def _written(how: Format, raws: list[bytes]) -> bytes:
    return b"".join(how.write(iter([UnsafeBackup(raw) for raw in raws]), document_id=ID))


def test_every_format_has_samples_and_says_what_it_is(how: Format) -> None:
    assert SAMPLES[how.name]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", how.name)
    assert "/" in how.media_type
    assert how.extension.startswith(".")


def test_what_is_written_is_read_again_as_it_was(how: Format) -> None:
    assert how.read(_written(how, ODD)) == ODD


def test_what_stands_on_several_lines_says_the_same_afterwards(how: Format) -> None:
    (read,) = how.read(_written(how, PRETTY))
    assert json.loads(read) == json.loads(PRETTY[0])


def test_nothing_is_a_document_too(how: Format) -> None:
    assert how.read(_written(how, [])) == []


def test_order_and_repeats_are_the_givers_business(how: Format) -> None:
    assert how.read(_written(how, [ODD[2], ODD[0], ODD[2]])) == [ODD[2], ODD[0], ODD[2]]


def test_objects_are_written_as_they_come_however_many(how: Format) -> None:
    taken = 0

    def endless() -> Iterator[UnsafeBackup]:
        nonlocal taken
        while True:
            taken += 1
            yield UnsafeBackup(ODD[0])

    pieces = how.write(endless(), document_id=ID)
    for _ in range(10):
        next(pieces)
    assert taken <= 12


def test_every_sample_is_read(how: Format) -> None:
    for sample in SAMPLES[how.name]:
        for raw in how.read(sample):
            assert stix.read(raw).id


@pytest.mark.parametrize("document", [b"{", b'"text"', b"\x00\x01", b'{"objects":[}'])
def test_what_is_no_such_document_is_refused_in_our_words(how: Format, document: bytes) -> None:
    with pytest.raises(KatchiError) as caught:
        how.read(document)
    assert caught.value.sentence


def test_what_was_released_is_written_byte_for_byte(how: Format, tmp_path: Path) -> None:
    with a_node(tmp_path, "kr-cert") as node:
        partnering.add_tool(node, "park", person="kim")
        terms.put_terms(node, "park", TERMS.format(partner="park"), "kim")
        receive(node, b"\n".join(ODD[:3]), via="test", submitter="kim")
        judge(node, "park")
        row = node.store.partners.one("park")
        released = collections.admit(
            row, node.store.releases.page("park", row.epoch, position=0, added=0, limit=9).rows
        )
    assert all(isinstance(each, policy.Released) for each in released)
    assert how.read(b"".join(how.write(released, document_id=ID))) == ODD[:3]


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(UnknownFormatError) as caught:
        formats.named("pdf")
    assert set(caught.value.expected.split(" or ")) == set(FORMATS)


def test_only_the_backup_makes_what_nobody_decided_about() -> None:
    """The unsafe path begins in one function, which one command calls, and reaches no channel."""
    source = Path(formats.__file__).resolve().parents[2]
    naming = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if re.search(r"\bUnsafeBackup\b|unsafe_export_everything", path.read_text(encoding="utf-8"))
    }
    assert naming == {
        "cli/files.py",
        "node/export.py",
        "exchange/format.py",
        "exchange/formats/ndjson.py",
        "exchange/formats/stix_bundle.py",
    }
