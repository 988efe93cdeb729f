"""What every way to tell people must do, with real servers on loopback."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from katchi.errors import KatchiError
from katchi.exchange import tls
from katchi.node.clock import SystemClock
from katchi.respond import hook
from katchi.respond.notifier import Notice, Notifier, NotifierError
from katchi.respond.notifiers import AnySettings, mail, open_notifier, webhook
from tests.servers import Asked, MailServer, Reply, mailing, serving

NOW = 1_800_000_000_000_000
SECRET = "a secret that only tests know"
NOTICE = Notice(
    id="0123456789abcdef", event="proposal", key="3f2a9c01", thread="3f2a9c01aa", headline="us-cert 제안: 차단",
    text="플레이북: 차단\n\nhttps://kr.example/response?id=3f2a9c01aa\n", link="https://kr.example/response?id=3f2a9c01aa",
    at="2027-01-15T08:00:00.000Z", node="kr-cert",
)  # fmt: skip


@dataclass
class Case:
    """A notifier, what came at the other end, and how to have that end take nothing."""

    notifier: Notifier
    came: Callable[[], list[tuple[str, str, str]]]
    """(id, subject, text) of each."""
    refuse: Callable[[], None]


def mail_settings(server: MailServer, **more: Any) -> mail.Settings:
    members = {"kind": "mail", "name": "duty", "to": ["duty@example.kr"], "from": "katchi@example.kr"}
    return msgspec.convert({**members, "server": server.address, **more}, mail.Settings)


@contextmanager
def by_mail(folder: Path) -> Iterator[Case]:
    with mailing() as server:

        def came() -> list[tuple[str, str, str]]:
            return [
                (str(each["Message-ID"]).strip("<>").partition("@")[0], str(each["Subject"]), each.get_content())
                for each in server.taken
            ]

        yield Case(open_notifier(mail_settings(server), folder), came, lambda: server.refuses.add("duty@example.kr"))


@contextmanager
def by_webhook(folder: Path) -> Iterator[Case]:
    (folder / "hook.key").write_text(SECRET)
    taken: list[Asked] = []
    status = [200]

    def answer(asked: Asked) -> Reply:
        at, message = int(asked.headers["katchi-timestamp"]), asked.headers["katchi-id"]
        good = hook.sign(SECRET.encode(), asked.method, asked.body, at=at, message=message)
        assert asked.headers["katchi-signature"] == good
        assert at == NOW // 1_000_000
        if status[0] == 200:
            taken.append(asked)
        return Reply(status=status[0], headers={"Location": "/elsewhere"} if status[0] == 302 else {})

    with serving(answer) as server:

        def came() -> list[tuple[str, str, str]]:
            documents = [json.loads(each.body) for each in taken]
            return [(each["id"], each["subject"], each["text"]) for each in documents]

        settings = webhook.Settings(name="chat", url=f"{server.url}/katchi?token=hidden", secret_file="hook.key")
        yield Case(open_notifier(settings, folder), came, lambda: status.__setitem__(0, 302))


@pytest.fixture(params=[by_mail, by_webhook])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    with request.param(tmp_path) as made:
        yield made


def test_what_is_said_comes_as_it_was_said(case: Case) -> None:
    assert case.notifier.send(NOTICE, now=NOW) == ""
    ((found, subject, text),) = case.came()
    assert (found, subject) == (NOTICE.id, "[Katchi #3f2a9c01] us-cert 제안: 차단")
    assert text.replace("\r\n", "\n") == NOTICE.text


def test_who_gets_it_twice_can_tell(case: Case) -> None:
    for _ in range(2):
        case.notifier.send(NOTICE, now=NOW)
    assert len(case.came()) == 2
    assert len({found for found, _, _ in case.came()}) == 1


@pytest.mark.parametrize("evil", ["a\r\nBcc: choi@example.org", "a\nb", "a\u2028b", "a\u202eb", "a\x00b", "a\ud800b"])
def test_nothing_in_a_headline_ends_its_line(case: Case, evil: str) -> None:
    case.notifier.send(msgspec.structs.replace(NOTICE, headline=evil), now=NOW)
    ((_, subject, _),) = case.came()
    assert subject.startswith("[Katchi #3f2a9c01] ")
    assert subject.isprintable()


def test_what_is_not_taken_is_an_error_that_shows_no_secret(case: Case) -> None:
    case.refuse()
    with pytest.raises(KatchiError) as caught:
        case.notifier.send(NOTICE, now=NOW)
    assert case.came() == []
    assert "hidden" not in str(caught.value)
    assert SECRET not in str(caught.value)


# ---- mail alone ------------------------------------------------------------------------------------------


def test_a_mail_has_what_mail_programs_and_ticket_systems_want(tmp_path: Path) -> None:
    with mailing() as server:
        open_notifier(mail_settings(server, to=["duty@example.kr", "desk@example.kr"]), tmp_path).send(NOTICE, now=NOW)
        (message,) = server.taken
        assert (message["From"], message["To"]) == ("katchi@example.kr", "duty@example.kr, desk@example.kr")
        assert message["Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
        assert message["References"] == "<3f2a9c01aa@example.kr>"
        assert (message["Auto-Submitted"], message["X-Katchi-Event"]) == ("auto-generated", "proposal")
        assert server.recipients == ["duty@example.kr", "desk@example.kr"]


@pytest.mark.parametrize(
    "headline", ["kr-cert asks: " + "block and watch " * 9, "추가 승인 필요: 차단 " * 12, "제안: a b " * 15, "x" * 170]
)
def test_long_headlines_come_whole_in_lines_of_a_good_length(tmp_path: Path, headline: str) -> None:
    with mailing() as server:
        notice = msgspec.structs.replace(NOTICE, headline=headline)
        open_notifier(mail_settings(server), tmp_path).send(notice, now=NOW)
        (message,) = server.taken
        assert message["Subject"] == notice.subject
        lines = [line for line in message.as_bytes().splitlines() if b"x" * 20 not in line]
        assert max(map(len, lines)) <= 78


def test_one_address_that_is_not_taken_keeps_the_others_from_nothing(tmp_path: Path) -> None:
    with mailing() as server:
        server.refuses = {"gone@example.kr"}
        notifier = open_notifier(mail_settings(server, to=["gone@example.kr", "duty@example.kr"]), tmp_path)
        assert notifier.send(NOTICE, now=NOW) == "not taken: gone@example.kr (550)"
        assert len(server.taken) == 1


def test_a_password_goes_only_under_tls_to_who_proves_to_be_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tls.make_certificate("https://127.0.0.1", node_id="identity--0", now=SystemClock().now())
    (tmp_path / "server.pem").write_bytes(made.certificate_pem)
    (tmp_path / "server.key").write_bytes(made.key_pem)
    (tmp_path / "mail.key").write_text("correct horse\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    monkeypatch.setattr(mail, "is_loopback", lambda _host: False)
    with mailing(context) as server:
        known = mail_settings(server, user="katchi", **{"password-file": "mail.key", "ca-file": "server.pem"})
        open_notifier(known, tmp_path).send(NOTICE, now=NOW)
        assert server.signed_in == ["\0katchi\0correct horse"]
        with pytest.raises(NotifierError, match="certificate"):
            open_notifier(msgspec.structs.replace(known, ca_file=""), tmp_path).send(NOTICE, now=NOW)
        server.tls = None  # it offers none any more, or somebody between took the offer out
        with pytest.raises(NotifierError, match="STARTTLS"):
            open_notifier(known, tmp_path).send(NOTICE, now=NOW)
        assert len(server.signed_in) == len(server.taken) == 1


# ---- settings that cannot be ------------------------------------------------------------------------------


MAIL = {"kind": "mail", "name": "duty", "to": ["duty@example.kr"], "from": "k@example.kr", "server": "mail.example:25"}
HOOK = {"kind": "webhook", "name": "chat", "url": "https://chat.example/x", "secret-file": "hook.key"}


@pytest.mark.parametrize("good", [MAIL, HOOK, HOOK | {"url": "http://127.0.0.1:9/x"}, HOOK | {"url": "http://[::1]/x"}])
def test_good_settings(good: dict[str, Any]) -> None:
    msgspec.convert(good, AnySettings)


@pytest.mark.parametrize(
    "bad",
    [
        MAIL | {"to": []}, MAIL | {"to": ["duty@example.kr\nBcc: x@y"]}, MAIL | {"to": ["a@b, c@d"]},
        MAIL | {"from": "Katchi <k@example.kr>"}, MAIL | {"server": "mail.example"}, MAIL | {"user": "katchi"},
        MAIL | {"server": "mail.example:65536"},
        MAIL | {"starttls": False, "user": "k", "password-file": "p"}, MAIL | {"starttls": False, "details": "green"},
        MAIL | {"details": "red"}, MAIL | {"about": ["weather"]}, MAIL | {"name": "two words"}, MAIL | {"cc": "x@y"},
        HOOK | {"url": "http://chat.example/x"}, HOOK | {"url": "ftp://chat.example"}, HOOK | {"url": "https:///x"},
        HOOK | {"url": "https://kim:secret@chat.example/x"}, HOOK | {"url": "http://127.0.0.1.example/x"},
    ],
)  # fmt: skip
def test_bad_settings(bad: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(bad, AnySettings)


# ---- hooks -----------------------------------------------------------------------------------------------


def test_the_signature_is_that_of_the_documentation(tmp_path: Path) -> None:
    signed = hook.sign(b"0123456789abcdef", "POST", b'{"put":{}}', at=1_800_000_000, message="0123")
    assert signed == "v1=3e536d49297020348d314e5dc393df3d4516a2a8cbe585e19842111128c958bf"


@pytest.mark.parametrize("text", ["", "short", "fifteen bytes!!\n"])
def test_a_hook_without_a_good_secret_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "hook.key").write_text(text)
    with serving(lambda _: Reply()) as server:
        made = hook.Hook(server.url, tmp_path / "hook.key")
        with pytest.raises(hook.HookError):
            hook.ask(made, "POST", b"{}", now=NOW, message="1")
        with pytest.raises(hook.HookError):
            hook.ask(replace(made, secret_file=tmp_path / "none"), "POST", b"{}", now=NOW, message="1")
        assert server.asked == []


def test_a_proxy_of_the_environment_hears_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hook.key").write_text(SECRET)
    with serving(lambda _: Reply()) as proxy, serving(lambda _: Reply(status=204)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        made = hook.Hook(server.url, tmp_path / "hook.key")
        assert hook.ask(made, "POST", b"{}", now=NOW, message="1").status == 204
        assert proxy.asked == []


def test_an_answer_without_an_end_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hook.key").write_text(SECRET)
    monkeypatch.setattr(hook, "MOST_BYTES", 1000)
    with serving(lambda _: Reply(body=b"x" * 100_000)) as server, pytest.raises(hook.HookError, match="no end"):
        hook.ask(hook.Hook(server.url, tmp_path / "hook.key"), "GET", now=NOW, message="1")


def test_an_answer_whose_headers_drip_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hook.key").write_text(SECRET)
    monkeypatch.setattr(hook, "MOST_PATIENCE", 0.3)

    def drip(out: Any) -> None:
        out.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(30):
            out.write(f"X-{number}: x\r\n".encode())
            time.sleep(0.1)

    began = time.monotonic()
    with serving(lambda _: Reply(raw=drip)) as server, pytest.raises(hook.HookError, match="cannot be reached"):
        hook.ask(hook.Hook(server.url, tmp_path / "hook.key"), "GET", now=NOW, message="1")
    assert time.monotonic() - began < 2
