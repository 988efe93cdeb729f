"""This node's own devices: which are there, which part of a playbook each plays, and what is never blocked."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from katchi.exchange.entries import Entry
from katchi.exchange.warned import is_never_blocked
from katchi.node.telling import lists_of, warning_lists
from katchi.node.wiring import Node
from katchi.policy.partner import Partner
from katchi.respond.actuator import Actuator
from katchi.respond.actuators import open_actuator
from katchi.respond.blocking import HOUR, Limits
from katchi.respond.machine import Order
from katchi.stix import canonical

SHELL_TARGETS: Final = ("linux", "net-address", "ssh")
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def actuators(node: Node) -> dict[str, Actuator]:
    """The devices that katchi.toml names. Raises ActuatorError for settings that cannot be."""
    return {each.name: open_actuator(each, node.folder) for each in node.settings.actuator}


def limits(node: Node) -> Limits:
    """How much one response may block here, and for how long."""
    settings = node.settings
    return Limits(settings.block_most, settings.block_hours * HOUR, settings.block_days * 24 * HOUR)


class Part(Protocol):
    """What plays parts in playbooks: an actuator, a service, a shell."""

    @property
    def name(self) -> str:
        """What it is called here."""
        ...

    @property
    def roles(self) -> tuple[str, ...]:
        """The parts that it plays."""
        ...


def playing(node: Node) -> Callable[[Order], list[str]]:
    """Tells which of our actuators play the agent of an order: by its categories, or by its name."""
    return lambda order: _played_by(node, order, order.agent, node.settings.actuator)


def answering(node: Node, parts: Sequence[Part], types: Collection[str]) -> Callable[[Order], list[str]]:
    """The same of services and shells: the target of an order is played where it is of one of these types."""

    def named(order: Order) -> list[str]:
        target = order.target or {}
        return _played_by(node, order, target if target.get("type") in types else order.agent, parts)

    return named


def _played_by(node: Node, order: Order, played: Mapping[str, Any], parts: Sequence[Part]) -> list[str]:
    if played.get("type") == "organization" and is_ours(node, order.agent_id, order.agent):
        return [each.name for each in parts]
    names = parts_of(played)
    return [each.name for each in parts if each.name in names or names & set(each.roles)]


def parts_of(agent: Mapping[str, Any]) -> set[str]:
    """What an agent of a playbook is called: its categories, as a security-category has them, and its name."""
    categories = agent.get("category")
    listed = categories if isinstance(categories, list) else [categories]
    return {str(each) for each in (*listed, agent.get("name")) if each}


def is_ours(node: Node, agent_id: str, agent: Mapping[str, Any]) -> bool:
    """Whether an agent of a playbook is here: only an organisation is said to be somewhere.

    It is ours when its id ends as our node's does, or it has our name. All others stand for a part that everybody
    plays who takes part.
    """
    if agent.get("type") != "organization":
        return True
    own = node.settings
    return agent_id.partition("--")[2] == own.node_id.partition("--")[2] or agent.get("name") in (own.name, own.title)


def never_block(node: Node) -> Callable[[str], str]:
    """Tells why a thing is never blocked here, "" where nothing speaks against it.

    Ours, our partners' nodes, private networks and the widest, and what is on a warning list of the classes of
    `never-block`.
    """
    names, networks = _ours(node)
    wanted = frozenset(node.settings.never_block)
    lists = warning_lists(lists_of(node.folder))

    def stops(key: str) -> str:
        kind, _, value = key.partition(":")
        if kind in ("ipv4", "ipv6"):
            network = ipaddress.ip_network(value)
            if any(network.version == each.version and network.overlaps(each) for each in networks):
                return "own"
        host = urlsplit(value).hostname or "" if kind == "url" else value
        if kind in ("domain", "url") and any(host == each or each.endswith(f".{host}") for each in names):
            return "own"
        if is_never_blocked(Entry(kind, value, "")):
            return "too-wide-or-private"
        for each in (key, *_hosts(kind, value)):
            for info in lists.struck(each):
                if info.category in wanted:
                    return f"{info.category}: {info.name}"
        return ""

    return stops


def _hosts(kind: str, value: str) -> list[str]:
    """A page is blocked by itself, but a device that knows only names would block the whole host."""
    host = urlsplit(value).hostname if kind == "url" else None
    found = (canonical.address(host) or canonical.domain(host)) if host else None
    return [found] if found else []


def _ours(node: Node) -> tuple[set[str], list[_Network]]:
    """Our own names and networks, and where our partners' nodes are."""
    urls = [node.settings.url, *(Partner.from_json(row.document).url or "" for row in node.store.partners.all())]
    said = [*node.settings.own, *(host for url in urls if (host := urlsplit(url).hostname))]
    keys = [canonical.address(each) or canonical.domain(each) or "" for each in said]
    names = {key.partition(":")[2] for key in keys if key.startswith("domain:")}
    networks = [ipaddress.ip_network(key.partition(":")[2]) for key in keys if key.startswith("ipv")]
    return names, networks
