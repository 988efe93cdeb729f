"""Tells people by e-mail, over a server of the operator's own: an address can be a person, a list, a ticket queue."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.charset import QP, Charset
from email.header import Header
from email.message import Message
from email.mime.text import MIMEText
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec

from katchi import stix
from katchi.respond import notifier
from katchi.respond.hook import is_loopback
from katchi.respond.notifier import Notice, NotifierError

_PATIENCE: Final = 10.0  # seconds for each word of the server's
_TLS_FROM_THE_START: Final = 465  # RFC 8314 §3.3

_QUOTED: Final = Charset("utf-8")
_QUOTED.body_encoding = QP
_ADDRESS: Final = r"\A[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,253}\Z"
Address = Annotated[str, msgspec.Meta(pattern=_ADDRESS)]


class Settings(notifier.Settings, frozen=True, tag="mail", kw_only=True):
    """`server` is HOST:PORT, spoken to under TLS but on this machine; `password-file` is in the node's folder."""

    to: Annotated[tuple[Address, ...], msgspec.Meta(min_length=1, max_length=50)]
    sender: Address = msgspec.field(name="from")
    server: Annotated[str, msgspec.Meta(pattern=r"\A[^\s@/]+:[0-9]{1,5}\Z")]
    starttls: bool = True
    user: str = ""
    password_file: str = ""
    ca_file: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for a server that cannot be, and for what would show secrets on the wire."""
        if not 0 < self.port < 65_536:
            raise ValueError("server is HOST:PORT, with a port up to 65535")
        if bool(self.user) != bool(self.password_file):
            raise ValueError("user and password-file come together")
        if not self.is_secret and (self.user or self.details):
            raise ValueError("neither a password nor details go to another machine without starttls")

    @property
    def host(self) -> str:
        """The server's name or address."""
        return self.server.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Where it waits."""
        return int(self.server.rpartition(":")[2])

    @property
    def is_secret(self) -> bool:
        """Whether nobody on the way can read what is said."""
        return self.starttls or is_loopback(self.host) or self.port == _TLS_FROM_THE_START


class Mail:
    """One list of addresses, over one server."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder

    def send(self, notice: Notice, *, now: int) -> str:
        """Hands it to the server; returns which of the addresses it did not take. Raises NotifierError."""
        settings, message = self._settings, self._message(notice)
        try:
            server = self._server()
            try:
                self._sign_in(server)
                refused = server.send_message(message, settings.sender, list(settings.to))
            finally:
                # It has it, or has it not: how it says goodbye changes nothing.
                with suppress(OSError):
                    server.quit()
                server.close()
        except smtplib.SMTPRecipientsRefused as problem:
            raise self._trouble(_refused(problem.recipients)) from None
        except OSError as problem:  # smtplib's and ssl's, too
            raise self._trouble(f"{type(problem).__name__}: {problem}") from None
        return f"not taken: {_refused(refused)}" if refused else ""

    def _server(self) -> smtplib.SMTP:
        settings, me = self._settings, self._settings.sender.rpartition("@")[2]
        if settings.port == _TLS_FROM_THE_START:
            return smtplib.SMTP_SSL(
                settings.host, settings.port, local_hostname=me, timeout=_PATIENCE, context=self._context()
            )
        server = smtplib.SMTP(settings.host, settings.port, local_hostname=me, timeout=_PATIENCE)
        try:
            if settings.starttls and not is_loopback(settings.host):
                server.starttls(context=self._context())
        except BaseException:
            server.close()
            raise
        return server

    def _sign_in(self, server: smtplib.SMTP) -> None:
        if not self._settings.user:
            return
        path = self._folder / self._settings.password_file
        try:
            password = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise NotifierError(
                "The file with a password cannot be read.", where=path.name,
                remedy="put it into the node's folder, readable by the node alone",
            ) from None  # fmt: skip
        server.login(self._settings.user, password)

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(
            cafile=str(self._folder / self._settings.ca_file) if self._settings.ca_file else None
        )

    def _message(self, notice: Notice) -> Message:
        domain = self._settings.sender.rpartition("@")[2]
        message = MIMEText(notice.text, "plain", _QUOTED)  # type: ignore[arg-type]  # it takes a Charset as well
        message["From"] = self._settings.sender
        message["To"] = ", ".join(self._settings.to)
        # Not email.message.EmailMessage: it folds long Korean subjects wrongly (RFC 2047 §2).
        charset = "us-ascii" if notice.subject.isascii() else "utf-8"
        message["Subject"] = Header(notice.subject, charset, header_name="Subject")  # type: ignore[assignment]
        message["Date"] = format_datetime(datetime.fromtimestamp(stix.parse_timestamp(notice.at) / 1e6, UTC))
        message["Message-ID"] = f"<{notice.id}@{domain}>"
        message["References"] = f"<{notice.thread}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is told to us
        message["X-Katchi-Event"] = notice.event
        return message

    def _trouble(self, found: str) -> NotifierError:
        said = "".join(each if each.isprintable() else " " for each in found)
        return NotifierError("The mail server did not take it.", where=self._settings.server, found=said[:200])


def _refused(found: dict[str, tuple[int, bytes]]) -> str:
    return ", ".join(f"{address} ({code})" for address, (code, _) in sorted(found.items()))[:200]
