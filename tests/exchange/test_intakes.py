"""What each intake finds in the documents people hand in, and what it leaves out."""

from __future__ import annotations

import json
from email.message import EmailMessage

import pytest

from katchi import stix
from katchi.exchange.intake import Choices, Found, Intake, UnreadableDocumentError
from katchi.exchange.intakes import named, recognised
from katchi.exchange.intakes.csv_table import MappingError
from katchi.exchange.intakes.gathering import REMARKS

NOW = stix.parse_timestamp("2026-01-02T03:04:05Z")
TLP = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"


def _choices(**mapping: str) -> Choices:
    return Choices("identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", TLP, NOW, mapping)


def _read(intake: Intake | str, document: bytes | str, **mapping: str) -> Found:
    content = document.encode() if isinstance(document, str) else document
    return (named(intake) if isinstance(intake, str) else intake).read(content, _choices(**mapping))


def _values(found: Found) -> list[str]:
    """The patterns without brackets and types, and the names of vulnerabilities."""
    objects = [json.loads(raw) for raw in found.objects]
    patterns = [item.get("pattern", item["name"]) for item in objects]
    return [each[1:-1].partition(" = ")[2].strip("'") if each.startswith("[") else each for each in patterns]


def _codes(found: Found) -> set[str]:
    return {remark.code for remark in found.remarks}


MD5, SHA256 = "0123456789abcdef" * 2, "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("hxxps[:]//evil[.]example/x.php?a=1, then", ["https://evil.example/x.php?a=1"]),
        ("hxxp[://]evil(dot)example/", ["http://evil.example/"]),
        ("(http://evil.example/a_(b))", ["http://evil.example/a_(b)"]),
        ("hXXp://evil{.}example.", ["http://evil.example/"]),
        ("http://a.example/,http://b.example/", ["http://a.example/", "http://b.example/"]),
        ("evil.example:8443/x", ["http://evil.example:8443/x"]),
        ("C2: 192[.]0[.]2[.]1:8080.", ["192.0.2.1"]),
        ("192(.)0(.)2(.)1;198.51.100.0/24", ["192.0.2.1", "198.51.100.0/24"]),
        ("[2001:db8::1]:443", ["2001:db8::1"]),
        ("evil [.] example", ["evil.example"]),
        ("evil dot example", ["evil.example"]),
        ("EVIL[.]Example and evil.example", ["evil.example"]),
        ("*.evil.co.uk", ["evil.co.uk"]),
        ("kim[@]evil[.]example mailto:lee@evil.example", ["kim@evil.example", "lee@evil.example"]),
        ("park (at) evil (dot) example", ["park@evil.example"]),
        (f"md5={MD5} SHA256:{SHA256.upper()}", [MD5, SHA256]),
        ("cve-2021-44228 (CVE‑2014-0160)", ["CVE-2021-44228", "CVE-2014-0160"]),
        ("악성코드는 evil[.]example에서 내려받고", ["evil.example"]),
        ("접속지 203.0.113.5로, 도메인:evil.example이", ["203.0.113.5", "evil.example"]),
        ("http://evil.example/x에서 받는다", ["http://evil.example/x"]),
        ("www.한국.kr", ["www.xn--3e0b707e.kr"]),
        ("foo[.]zip", ["foo.zip"]),
        ("'evil.example'|\"worse.example\"", ["evil.example", "worse.example"]),
        ("From: evil.example was loaded", ["evil.example"]),
        (f"[{MD5}](https://scanner.example/{MD5})", [MD5]),
        ("[report](https://evil.example/x)", ["https://evil.example/x"]),
    ],
)
def test_a_text_gives_its_indicators(text: str, values: list[str]) -> None:
    assert _values(_read("text", text)) == values


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("invoice.pdf", "file-name"),
        ("archive.zip and setup.sh", "file-name"),
        ("version 1.2.3.4", "version-number"),
        ("v1.2.3.4", "version-number"),
        ("펌웨어 버전 1.2.3.4", "version-number"),
        ("Chrome 120.0.0.0", "version-number"),
        ("10.0.0.1 and 127.0.0.1", "not-public"),
        ("fe80::1", "not-public"),
        ("300.1.2.3", "no-address"),
        ("8.0.0.0/2", "network-too-wide"),
        ("it ended.In May", "missing-space"),
        ("com.evil.app", "package-name"),
        ("evil[.]nosuchsuffix", "unknown-suffix"),
        ("http://localhost/x", "unknown-suffix"),
        ("Received: from x.example (192.0.2.9)\n\tby y.example", "mail-header"),
        ("From: a@b.example\nTo: c@d.example", "mail-header"),
        ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "empty-file"),
        ("0" * 64, "placeholder"),
    ],
)
def test_what_only_looks_like_an_indicator_is_remarked(text: str, code: str) -> None:
    found = _read("text", text)
    assert found.objects == []
    assert _codes(found) == {code}


@pytest.mark.parametrize("text", ["the dot com years", "12:30:45 std::dec", "and/or e.g. i.e. 3.5", "/usr/lib/x", ""])
def test_prose_gives_nothing_and_says_nothing(text: str) -> None:
    found = _read("text", text)
    assert (found.objects, found.remarks) == ([], [])


def test_each_object_knows_its_sentence_and_each_remark_its_line() -> None:
    found = _read("text", "First one. It calls evil[.]example daily. Third.\r\nsee a.pdf\n")
    assert list(found.sources.values()) == ["It calls evil[.]example daily."]
    assert [(remark.line, remark.text) for remark in found.remarks] == [(2, "a.pdf")]
    assert found.needs_confirmation


def test_remarks_are_counted_beyond_what_a_person_reads() -> None:
    found = _read("text", "\n".join(f"file{number}.pdf" for number in range(REMARKS + 7)))
    assert len(found.remarks) == REMARKS + 1
    assert (found.remarks[-1].code, found.remarks[-1].text) == ("more-remarks", "7")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp949"])
def test_the_encoding_is_told_from_the_bytes(encoding: str) -> None:
    found = _read("text", "악성 주소는 evil[.]example이다".encode(encoding))
    assert _values(found) == ["evil.example"]
    assert "악성 주소는" in next(iter(found.sources.values()))


HOSTILE = [
    b"a" * 50_000_000,
    *(
        piece * (3_000_000 // len(piece))
        for piece in (b"a.", b"[.]", b"1:", b"a@", b"http://", b"a dot ", b"CVE-", b"a-")
    ),
    *(
        piece * (3_000_000 // len(piece))
        for piece in (b"<", b"<a", b"<!--", b"<script>", b"<a href='", b"&#", b"&#9", b"(")
    ),
    *(piece * (3_000_000 // len(piece)) for piece in (b'"', b",", b'","', b"From:\n", b"\n", b" ", b"\x00", b"<p>")),
]


@pytest.mark.parametrize("document", HOSTILE, ids=lambda document: repr(document[:8]))
@pytest.mark.parametrize("name", ["text", "html"])
def test_no_repetition_keeps_a_reader_busy(name: str, document: bytes) -> None:
    _read(name, document)  # a quadratic reading would not come back while anybody waits


def test_a_page_gives_what_a_person_sees() -> None:
    page = (
        "<!DOCTYPE html><html><head><title>t.example</title><style>s.example</style></head><body><!-- c.example -->"
        "<script>var x='x.example'</script><p>evil<b>[.]</b>exa<wbr>mple</p><table><tr><td>192.0.2.1</td><td>"
        "a&#46;example</td></tr></table><a href='http://link.example/'>more</a> 1 < 2 &#99999999999999999999;</body>"
    )
    assert _values(_read("html", page)) == ["evil.example", "192.0.2.1", "a.example"]


def test_a_message_gives_its_parts_and_links_but_not_its_way() -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "kim@kim.example", "lee@lee.example", "evil"
    message["Received"] = "from mx.example (192.0.2.77)"
    message.set_content("Plain: evil[.]example 한국어", charset="euc-kr")
    message.add_alternative("<p><a href='http://phish.example/login'>bank</a></p>", subtype="html")
    message.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="a.exe")
    document = message.as_bytes()
    assert recognised(document, "m").name == "mail"
    found = _read("mail", document)
    assert _values(found) == ["evil.example", "http://phish.example/login"]
    assert _codes(found) == {"mail-header", "attachment"}


def test_a_message_of_too_many_parts_is_refused() -> None:
    document = b"From: a@b\n" + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 500
    with pytest.raises(UnreadableDocumentError):
        _read("mail", document)


# --- Tables --------------------------------------------------------------------------------------

TABLE = (
    "type,value,name,description,date,confidence,tags\n"
    'ip,192[.]0[.]2[.]1,Wiper,"first line\nsecond, line",2014-05-06 07:08:09,high,"a;b"\n'
    "domain,evil.nosuchsuffix,,,2014/5/6,80%,\n"
    "sha256,192.0.2.3,,,,,\n"
    'url,"=HYPERLINK(""http://x.example"")",,=1+cmd|calc,03/04/2014,sure,\n'
)


def test_a_table_gives_its_rows_by_a_mapping_that_is_shown() -> None:
    found = _read("csv", TABLE)
    first, second = map(json.loads, found.objects)
    assert (first["pattern"], first["name"], first["confidence"]) == ("[ipv4-addr:value = '192.0.2.1']", "Wiper", 85)
    assert (first["created"], first["valid_from"]) == ("2014-05-06T07:08:09.000000Z",) * 2
    assert (first["description"], first["labels"]) == ("first line second, line", ["a", "b"])
    assert (second["pattern"], second["confidence"]) == ("[domain-name:value = 'evil.nosuchsuffix']", 80)
    assert {(remark.line, remark.code) for remark in found.remarks} == {
        *((5, "type-differs"), (6, "formula"), (6, "no-date"), (6, "no-confidence")),
    }
    assert found.mapping == {title: title for title in TABLE.partition("\n")[0].split(",")}
    assert found.needs_confirmation


def test_a_confirmed_mapping_is_followed_and_asks_no_more() -> None:
    found = _read("csv", "a;b\nevil.example;worse.example\n", a="ignore", b="value")
    assert _values(found) == ["worse.example"]
    assert found.mapping == {"a": "ignore", "b": "value"}
    assert not found.needs_confirmation


@pytest.mark.parametrize("mapping", [{"nosuch": "value"}, {"1": "emperor"}])
def test_a_mapping_that_does_not_fit_is_refused(mapping: dict[str, str]) -> None:
    with pytest.raises(MappingError):
        _read("csv", "evil.example;x\nworse.example;y\n", **mapping)


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("evil.example;x\nworse.example;y\n", ["evil.example", "worse.example"]),
        ("ip\tnote\n192.0.2.1\tx\n", ["192.0.2.1"]),
        (f"md5,sha256\n{MD5},{SHA256}\n", [MD5, SHA256]),
        ('# feed\n# "first_seen", "ioc_value"\n"2014-01-01", "http://evil.example/"\n', ["http://evil.example/"]),
        (f"|Hash|Type|\n|:--|:--|\n|[{MD5}](https://scanner.example/x)|Win64 EXE|\n", [MD5]),
        (f"hash,type\n{MD5},Email\n", [MD5]),
        ("지표,설명\nevil[.]example,한국어\n", ["evil.example"]),
        ("value,x\n192.0.2.1:443,\nCVE-2014-0160,\n", ["192.0.2.1", "CVE-2014-0160"]),
    ],
)
def test_tables_of_many_habits_are_read(table: str, values: list[str]) -> None:
    assert recognised(table.encode(), "t.csv").name == "csv"
    assert _values(_read("csv", table)) == values


@pytest.mark.parametrize("table", ['a,b\n"' + "x" * 200_000, "," * 1000])
def test_a_table_beyond_reason_is_refused(table: str) -> None:
    with pytest.raises(UnreadableDocumentError):
        _read("csv", table)


# --- OpenIOC -------------------------------------------------------------------------------------


def _item(search: str, value: str, condition: str = "is", **more: str) -> str:
    extra = "".join(f' {name}="{said}"' for name, said in more.items())
    context = f'<Context document="x" search="{search}" type="mir"/>'
    content = f'<Content type="string">{value}</Content>'
    return f'<IndicatorItem condition="{condition}"{extra}>{context}{content}</IndicatorItem>'


def _ioc(*inner: str) -> str:
    return (
        '<?xml version="1.0"?>\n<OpenIOC xmlns="http://openioc.org/schemas/OpenIOC_1.1" '
        'last-modified="2014-05-06T07:08:09">'
        "<metadata><short_description>Wiper</short_description></metadata><criteria>"
        f'<Indicator operator="OR">{"".join(inner)}</Indicator></criteria></OpenIOC>'
    )


def _all(operator: str, *inner: str) -> str:
    return f'<Indicator operator="{operator}">{"".join(inner)}</Indicator>'


NAME, SIZE, HASH = (
    _item("FileItem/FileName", "a'b.exe"),
    _item("FileItem/SizeInBytes", "42"),
    _item("FileItem/Md5sum", MD5),
)
DNS, VAGUE = _item("Network/DNS", "evil.example"), _item("FileItem/PEInfo/Type", "dll")


@pytest.mark.parametrize(
    ("inner", "patterns", "codes"),
    [
        (HASH + DNS, [f"[file:hashes.MD5 = '{MD5}']", "[domain-name:value = 'evil.example']"], set()),
        (_all("AND", NAME, SIZE), ["[file:name = 'a\\'b.exe' AND file:size = 42]"], set()),
        (
            _all("AND", HASH, DNS),
            [f"([file:hashes.MD5 = '{MD5}'] AND [domain-name:value = 'evil.example'])"],
            set(),
        ),
        (_all("AND", NAME, VAGUE), [], {"not-expressible", "and-not-expressible"}),
        (
            _all("AND", NAME, _all("OR", DNS, VAGUE)),
            ["([file:name = 'a\\'b.exe'] AND [domain-name:value = 'evil.example'])"],
            {"not-expressible"},
        ),
        (_item("FileItem/FileName", "wipe", "contains"), ["[file:name LIKE '%wipe%']"], set()),
        (_item("FileItem/FileName", "100%", "contains"), [], {"not-expressible"}),
        (_item("Network/DNS", "evil.example", negate="true"), [], {"not-expressible"}),
        (_item("Network/DNS", "evil.example", "matches"), [], {"not-expressible"}),
        (SIZE, [], {"too-vague"}),
    ],
)
def test_openioc_gives_an_indicator_per_alternative(inner: str, patterns: list[str], codes: set[str]) -> None:
    found = _read("openioc", _ioc(inner))
    assert [json.loads(raw)["pattern"] for raw in found.objects] == patterns
    assert _codes(found) == codes
    assert {json.loads(raw)["created"] for raw in found.objects} <= {"2014-05-06T07:08:09.000000Z"}
    assert all(f.level is not stix.Level.MUST for raw in found.objects for f in stix.check(stix.read(raw)))


LAUGHS = '<!DOCTYPE ioc [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)


@pytest.mark.parametrize(
    "document",
    [
        LAUGHS + "]><ioc>&j;</ioc>",
        '<!DOCTYPE ioc [<!ENTITY x SYSTEM "file:///etc/passwd">]><ioc>&x;</ioc>',
        '<!DOCTYPE ioc SYSTEM "http://192.0.2.1/x.dtd"><ioc/>',
        "<ioc>",
        "<html/>",
        '<?xml version="1.0" encoding="x-nope"?><ioc/>',
        _ioc(_all("AND", *["<Indicator operator='AND'>" * 100 + NAME + "</Indicator>" * 100])),
    ],
)
def test_xml_that_reaches_out_or_explodes_is_refused(document: str) -> None:
    with pytest.raises(UnreadableDocumentError) as caught:
        _read("openioc", document)
    assert "root:" not in str(caught.value)


def test_stix_is_handed_over_as_it_came() -> None:
    raw = b'{ "type":"x-a", "id":"x-a--00000000-0000-4000-8000-000000000001" ,"a": 1.0e+2}'
    found = _read("stix-json", b"[" + raw + b"]")
    assert (found.objects, found.needs_confirmation) == ([raw], False)
