"""Every parser that foreign bytes reach, fed with damaged samples for as long as you like.

    python benchmarks/fuzz.py MINUTES [TARGET …]

A parser reads what it gets or refuses it in our words: any other exception, more than SLOW seconds for one document or
more than MEMORY bytes is a find. Finds are written to `katchi-fuzz/`, each as the bytes that did it. Exits 1 if there
was one. New intakes, feeds' entries and kinds of subscription come in by their registries.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import multiprocessing
import os
import random
import resource
import signal
import sys
import tarfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the samples of the tests

from tests.contracts import test_intake, test_subscription
from tests.objects import bundle, indicator, stix_object
from tests.policy import test_ledger_proof
from tests.policy.two_nodes import CHOI, KIM, NOW

from katchi import stix
from katchi.errors import KatchiError
from katchi.exchange import encoding, entries, intakes, subscriptions, unpacking
from katchi.exchange.subscription import Fetch, Fetched
from katchi.exchange.taxii import asking, media
from katchi.policy import invitation, terms
from katchi.policy.ledger import Receipt, Received, check_proof, sign_receipt
from katchi.policy.ledger.notice import Notice, Withdrawn, sign_notice

SLOW = 10.0  # seconds
MEMORY = 3 << 30
LONGEST = 200_000
FINDS = Path("katchi-fuzz")
SEED = 2026
_TOKENS = [
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xe2\x80\xae", b"{", b"}", b"[", b"]", b'"', b"'", b"\\", b"\n", b"\r\n",
    b",", b";", b":", b"(", b")", b"/*", b"*/", b"//", b"#", b"<", b">", b"&", b"&#x110000;", b"<!ENTITY a 'b'>",
    b"null", b"true", b"-0", b"1e999", b"99999999999999999999", b"NaN", b'""', b"{}", b"[]", b"\\u0000", b"\\ud800",
    b"%00", b"../", b"=cmd|'", b"--", b"AND ", b"FOLLOWEDBY ", b"WITHIN 1 SECONDS", b"9999-12-31T23:59:59Z",
    b"0001-01-01T00:00:00Z", b"rule a{condition:", b"PK\x05\x06", b"PK\x03\x04", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd",
    b"9" * 5000, "한국".encode(), "ｅ".encode(), "İ".encode(),
]  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A parser, and documents that it reads well."""

    name: str
    parse: Callable[[bytes], object]
    samples: list[bytes]


def _canned(body: bytes) -> Fetch:
    """A server that answers everything with the same bytes."""

    def fetch(url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        del headers
        return Fetched(url, 200, {"content-type": media.TAXII}, body)

    return fetch


def _intake(name: str) -> Callable[[bytes], object]:
    found = intakes.every()[name]

    def parse(document: bytes) -> None:
        found.recognise(document, "name")
        for raw in found.read(document, test_intake.CHOICES).objects:
            with contextlib.suppress(KatchiError):
                stix.check(stix.read(raw))

    return parse


def _subscription(name: str) -> Callable[[bytes], object]:
    kind = subscriptions.every()[name]
    place = test_subscription.SERVERS[name][1]

    def parse(document: bytes) -> None:
        pieces = kind.read(place, _canned(document), {}, test_intake.CHOICES)
        for number, _ in enumerate(pieces):
            if number == 50:  # a server that repeats itself: it is told apart from a long one by its own tests
                break

    return parse


def _object(document: bytes) -> None:
    read = stix.read(document)
    stix.check(read, strict_properties=True)
    stix.thing_keys(read)
    stix.display_name(read)
    list(stix.references(read))
    entries.entries_of(document, now=0)


def _asking(document: bytes) -> None:
    text = document.decode("latin-1")
    asking.read_asking([pair.partition("=")[::2] for pair in text.split("&")], page_size=1000)


def _unpack(document: bytes) -> None:
    for _ in unpacking.unpack(document, limit=1 << 24):
        pass


def _of_text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda document: parse(document.decode("utf-8", "replace"))


def _of_json_text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    """JSON can say half a character, which no file can."""
    return lambda document: parse(document.decode("utf-8", "replace").replace("\ufffd", "\ud800"))


def targets() -> list[Target]:
    """All of them."""
    objects = [
        bundle(indicator(1), indicator(2)),
        _json(indicator(1)),
        _json(stix_object("malware", 1, is_family=True)),
    ]
    found = [Target(f"intake {name}", _intake(name), test_intake.SAMPLES[name] or [b"{}"]) for name in intakes.every()]
    for name, (server, _) in test_subscription.SERVERS.items():
        bodies = list(getattr(server(), "bodies", {}).values())
        found.append(Target(f"subscription {name}", _subscription(name), [*bodies, *objects, _ENVELOPE]))
    return [
        *found,
        Target("object", _object, objects[1:]),
        Target("document", stix.split, objects),
        Target("pattern", _of_json_text(stix.parse_pattern), _PATTERNS),
        Target("timestamp", _of_json_text(stix.parse_timestamp), [b"2016-02-15T01:02:03.123456Z"]),
        Target("package", _unpack, _packages(objects[0])),
        Target("body gzip", lambda body: encoding.unpacked(body, "gzip", limit=1 << 22), [gzip.compress(objects[0])]),
        Target("body zstd", lambda body: encoding.unpacked(body, "zstd", limit=1 << 22), [encoded("zstd", objects[0])]),
        Target("question", _asking, _QUESTIONS),
        Target("media type", lambda text: media.require_acceptable(text.decode("latin-1")), [media.TAXII.encode()]),
        Target("terms", _of_text(terms.parse_terms), [path.read_bytes() for path in _TERMS]),
        Target("invitation", _of_text(invitation.read_invitation), _invitations()),
        Target("receipt", Receipt.from_json, [_receipt()]),
        Target("notice", Notice.from_json, [_notice()]),
        Target("proof", lambda text: check_proof(text, KIM.key.public), [test_ledger_proof.proof(3)]),
    ]  # fmt: skip


def _invitations() -> list[bytes]:
    made = invitation.make_invitation(KIM.introduction, entropy=bytes(range(48)), expires_at=NOW + 1).invitation
    return [made.to_text().encode(), made.to_qr().encode()]


def _receipt() -> bytes:
    ours, theirs = KIM.introduction.node_id, CHOI.introduction.node_id
    return sign_receipt(KIM.key, receiver=ours, sender=theirs, at=NOW, entries=_RECEIVED).to_json()


def _notice() -> bytes:
    ours, theirs = KIM.introduction.node_id, CHOI.introduction.node_id
    return sign_notice(KIM.key, owner=ours, partner=theirs, at=NOW, entries=_WITHDRAWN).to_json()


def _json(item: dict[str, Any]) -> bytes:
    return bundle(item)[bundle(item).index(b"[") + 1 : bundle(item).rindex(b"]")]


def _packages(document: bytes) -> list[bytes]:
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/b.json", document)
    with tarfile.open(fileobj=tarred, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("a/" + "한" * 120 + ".json")
        member.size = len(document)
        tar.addfile(member, io.BytesIO(document))
    plain = [zipped.getvalue(), tarred.getvalue()]
    return [*plain, *(pack(each) for each in (document, plain[1]) for pack in (gzip.compress, _zstd))]


def _zstd(document: bytes) -> bytes:
    return encoded("zstd", document)


def encoded(coding: encoding.Coding, document: bytes) -> bytes:
    """The document as our own server packs it."""
    packer = encoding.packer(coding)
    return packer.compress(document) + packer.flush()


_ENVELOPE = b'{"more":true,"next":"x","objects":[{"type":"indicator"}],"collections":[{"id":"a","can_read":true}]}'
_PATTERNS = [
    b"[ipv4-addr:value = '198.51.100.1'] FOLLOWEDBY ([a:b.c[*].d LIKE 'x%' AND a:b NOT IN ('1', '2')])"
    b" WITHIN 5 SECONDS",
    rb"[file:hashes.'SHA-256' = 'aa' OR file:name MATCHES '^(a|b)+\\.exe$']"
    b" START t'2016-01-01T00:00:00Z' STOP t'2017-01-01T00:00:00Z'",
    b"[a:b ISSUBSET '198.51.100.0/24'] REPEATS 5 TIMES",
]
_QUESTIONS = [
    b"added_after=2016-02-15T01:02:03.123456Z&limit=10&match[type]=indicator,malware&match[version]=last,first",
    b"next=WzEsMCx7fV0&match[id]=indicator--1&match[spec_version]=2.0,2.1",
]
_TERMS = sorted((Path(__file__).resolve().parent.parent / "src/katchi/cli/story").glob("*/*.toml"))
_WITHDRAWN = (Withdrawn("indicator--1", "2016-02-15T01:02:03Z", "ab" * 32, NOW),)
_RECEIVED = (Received("indicator--1", "2016-02-15T01:02:03Z", "ab" * 32, "new"),)


def damaged(chance: random.Random, samples: list[bytes]) -> bytes:
    """A sample after one to eight accidents."""
    document = bytearray(chance.choice(samples)[:LONGEST])
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randrange(len(document) + 1)
        size = chance.choice((1, 2, 4, 16, 64, 1000))
        what = chance.randrange(8)
        if what == 0 and document:
            document[at % len(document)] ^= 1 << chance.randrange(8)
        elif what == 1:
            del document[at : at + size]
        elif what == 2:
            document[at:at] = chance.choice(_TOKENS)
        elif what == 3:
            document[at:at] = document[at : at + size] * chance.choice((2, 10, 500))
        elif what == 4:
            document[at:at] = (chance.choice(_TOKENS) * chance.choice((10, 1000, 20_000)))[:LONGEST]
        elif what == 5:
            other = chance.choice(samples)
            document[at:] = other[chance.randrange(len(other) + 1) :][:LONGEST]
        elif what == 6:
            del document[at:]
        else:
            document[at : at + size] = chance.randbytes(min(size, 64))
    return bytes(document[:LONGEST])


class _SlowError(BaseException):
    """A document took too long."""


def _ring(_: int, __: FrameType | None) -> None:
    raise _SlowError


def one(target: Target, document: bytes) -> str:
    """What is wrong with how the target took the document; empty if nothing is."""
    signal.setitimer(signal.ITIMER_REAL, SLOW)
    try:
        target.parse(document)
    except KatchiError:
        return ""
    except _SlowError:
        return f"it took longer than {SLOW} s"
    except BaseException:
        return traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return ""


def run(number: int, seconds: float, seed: int, out: Any) -> None:
    """Fuzzes one target in this process, and sends (documents, slowest, finds)."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _ring)
    target, chance = targets()[number], random.Random(seed)
    count, slowest = 0, 0.0
    finds: dict[str, tuple[str, bytes]] = {}
    ends = time.monotonic() + seconds
    for document in _stream(chance, target):
        started = time.monotonic()
        if started > ends:
            break
        wrong = one(target, document)
        slowest = max(slowest, time.monotonic() - started)
        count += 1
        if wrong:
            finds.setdefault(_where(wrong), (wrong, document))
    out.send((count, slowest, list(finds.values())))


def _where(wrong: str) -> str:
    """What tells one find from another: the kind of exception, and the line that raised it."""
    lines = wrong.strip().splitlines()
    places = [line for line in lines if line.startswith("  File ")]
    return f"{lines[-1].partition(':')[0]} {places[-1] if places else ''}"


def _stream(chance: random.Random, target: Target) -> Iterator[bytes]:
    yield from target.samples
    while True:
        yield damaged(chance, target.samples)


def main(minutes: float, names: list[str]) -> bool:
    """Whether nothing was found."""
    every = targets()
    chosen = [number for number, target in enumerate(every) if not names or any(name in target.name for name in names)]
    seed = int(os.environ.get("KATCHI_SEED", str(SEED)))
    good = True
    for number in chosen:
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(target=run, args=(number, minutes * 60 / len(chosen), seed, theirs))
        process.start()
        theirs.close()
        try:
            count, slowest, finds = ours.recv()
        except EOFError:
            count, slowest, finds = 0, 0.0, [("the process died", b"")]
        process.join()
        good = good and not finds
        print(f"{every[number].name:28} {count:9} documents, slowest {slowest:5.2f} s, {len(finds)} finds", flush=True)
        for wrong, document in finds:
            FINDS.mkdir(exist_ok=True)
            place = FINDS / f"{every[number].name.replace(' ', '-')}-{hashlib.sha256(document).hexdigest()[:12]}"
            place.write_bytes(document)
            print(f"  {place}: {wrong.strip().splitlines()[-1]}", flush=True)
    return good


if __name__ == "__main__":
    sys.exit(0 if main(float(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2:]) else 1)
