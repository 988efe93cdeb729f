"""The few things an operator sets for a node, read from `katchi.toml` in its data folder."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from katchi.errors import KatchiError
from katchi.overlap.belief import STOPS
from katchi.respond import calling, shell
from katchi.respond.actuators import AnySettings
from katchi.respond.notifiers import AnySettings as AnyNotifier

FILE = "katchi.toml"

Positive = Annotated[int, msgspec.Meta(gt=0)]


class SettingsError(KatchiError):
    """The settings cannot be used."""

    code = "settings"
    exit_status = 4


class NoNodeError(KatchiError):
    """There is no node in this folder."""

    code = "no-node"
    exit_status = 4


class Commander(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """A tool of ours whose commands (OpenC2) are carried out here; `alone`: also where several people must say yes."""

    tool: str
    alone: bool = False


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """How much a stranger may hand in at once."""

    max_content_length: Positive = 104_857_600  # bytes of one request
    max_document: Positive = 1_073_741_824  # bytes of one imported file
    page_size: Annotated[int, msgspec.Meta(gt=0, le=10_000)] = 1000  # objects of one TAXII page at most


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """A node's settings. `url` is the address that partners use; `listen` where it waits for them."""

    name: Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,62}\Z")]
    node_id: Annotated[str, msgspec.Meta(pattern=r"\Aidentity--[0-9a-f-]{36}\Z")]
    title: str = ""
    language: Literal["en", "ko"] = "en"
    database: str = "sqlite:///katchi.db"
    listen: Annotated[str, msgspec.Meta(pattern=r"\A.+:[0-9]{1,5}\Z")] = "127.0.0.1:8471"
    url: str = "http://127.0.0.1:8471"
    pull_every: Positive = 60  # seconds between looks at what a partner's push may have missed
    compress: Literal["remote", "always", "never"] = "remote"  # TAXII's pages, for clients that take gzip or zstd
    half_life: dict[str, Positive] = {}  # days after which half of the belief in a kind of thing is left
    never_block: tuple[str, ...] = STOPS  # classes of warning lists that keep what is on them from lists that block
    tell_daily: Literal["", "clear", "green", "amber", "amber+strict"] = ""  # marking of daily sums; "": none are made
    overlap_kinds: tuple[str, ...] = ()  # kinds that are compared with partners though they can be listed
    overlap_budget: Positive = 300_000  # items of a partner's that are compared in a month, of one kind
    own: tuple[str, ...] = ()  # our addresses, networks and names: no playbook blocks them, or what they are in
    block_hours: Positive = 24  # how long something is blocked where a playbook does not say
    block_days: Positive = 30  # the longest that anything is blocked before it must be renewed
    block_most: Positive = 1000  # things that one response may block
    approvals: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1  # people who must say yes before a response acts
    actuator: tuple[AnySettings, ...] = ()  # what blocks for us
    service: tuple[calling.Settings, ...] = ()  # what `http-api` commands of playbooks ask
    shell: tuple[shell.Settings, ...] = ()  # what runs `bash` and `ssh` commands of playbooks that are ours
    notify: tuple[AnyNotifier, ...] = ()  # who is told when a response needs people
    commander: tuple[Commander, ...] = ()  # tools of ours that may command by OpenC2; nobody else may
    limits: Limits = Limits()

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on."""
        return int(self.listen.rpartition(":")[2])

    @property
    def is_secure(self) -> bool:
        """Whether partners reach the node over TLS."""
        return self.url.startswith("https://")


def read_settings(folder: Path) -> Settings:
    """Reads a node's settings. Raises NoNodeError or SettingsError."""
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NoNodeError(
            "There is no node in this folder.",
            where=str(folder),
            remedy="`katchi init` makes one; --node FOLDER or KATCHI_NODE says where it is",
        ) from None
    try:
        settings = msgspec.convert(tomllib.loads(text), Settings)
    except tomllib.TOMLDecodeError as problem:
        raise SettingsError("The settings are not TOML.", where=str(path), found=str(problem)) from problem
    except msgspec.ValidationError as problem:
        raise SettingsError("A setting cannot be used.", where=str(path), found=str(problem)) from problem
    names = [each.name for each in settings.actuator]
    if len(set(names)) < len(names):
        raise SettingsError("Two actuators have one name.", where=str(path), found=", ".join(sorted(names)))
    told = [each.name for each in settings.notify]
    if len(set(told)) < len(told):
        raise SettingsError("Two of those who are told have one name.", where=str(path), found=", ".join(sorted(told)))
    _require_good_services(settings, path)
    return settings


def _require_good_services(settings: Settings, path: Path) -> None:
    names = [each.name for each in settings.service] + [each.name for each in settings.shell]
    if len(set(names)) < len(names):
        raise SettingsError("Two services or shells have one name.", where=str(path), found=", ".join(sorted(names)))
    for service in settings.service:
        if trouble := calling.trouble_of(service, settings.listen, settings.url):
            raise SettingsError("A service cannot be used.", where=str(path), what=service.name, found=trouble)


def write_settings(folder: Path, settings: Settings) -> None:
    """Writes a new node's settings, with what each is for."""
    (folder / FILE).write_text(
        "# A Katchi node. Restart it after a change.\n"
        f'name = "{settings.name}"            # what partners call this node; letters, digits, hyphens\n'
        f'node-id = "{settings.node_id}"  # never changes\n'
        f"title = {_quoted(settings.title)}\n"
        f'language = "{settings.language}"          # of messages and pages until somebody chooses: en or ko\n'
        f'database = "{settings.database}"  # or postgresql+psycopg://user@host/name\n'
        f'listen = "{settings.listen}"\n'
        f'url = "{settings.url}"  # the address partners use; https, or http on loopback only\n'
        f"pull-every = {settings.pull_every}        # seconds\n"
        "\n[limits]\n"
        f"max-content-length = {settings.limits.max_content_length}  # bytes of one request\n"
        f"max-document = {settings.limits.max_document}  # bytes of one imported file\n"
        f"page-size = {settings.limits.page_size}  # objects of one TAXII page at most\n"
        + "".join(f"\n[[actuator]]\n{_members(each)}" for each in settings.actuator)
        + "".join(f"\n[[service]]\n{_members(each)}" for each in settings.service)
        + "".join(f"\n[[shell]]\n{_members(each)}" for each in settings.shell)
        + "".join(f"\n[[notify]]\n{_members(each)}" for each in settings.notify)
        + ("" if settings.actuator else _EXAMPLE),
        encoding="utf-8",
    )


_EXAMPLE = """
# What blocks for us in responses; see docs/guides/responses.md.
# [[actuator]]
# kind = "simulated"            # or nftables, rpz, file, webhook, feed, openc2
# name = "edge"
# roles = ["firewall", "dns"]   # the parts in playbooks that it plays

# Who is told when a response needs people; see docs/guides/responses.md.
# [[notify]]
# kind = "mail"                 # or webhook
# name = "duty"
# to = ["duty@example.kr"]
# from = "katchi@example.kr"
# server = "mail.example.kr:587"
"""


def _members(table: AnySettings | AnyNotifier | calling.Settings | shell.Settings) -> str:
    members = msgspec.to_builtins(table)
    return "".join(f"{name} = {msgspec.json.encode(value).decode()}\n" for name, value in members.items())


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
