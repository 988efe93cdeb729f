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
from katchi.policy import addresses
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

    def ours(kind: str, value: str) -> bool:
        if kind in ("ipv4", "ipv6"):
            network = ipaddress.ip_network(value)
            return any(network.version == each.version and network.overlaps(each) for each in networks)
        # Ours, what is below it, and what it is in.
        return kind == "domain" and any(
            value == each or each.endswith(f".{value}") or value.endswith(f".{each}") for each in names
        )

    def stops(key: str) -> str:
        meant = [key, *_behind(key)]
        for kind, _, value in (each.partition(":") for each in meant):
            if ours(kind, value):
                return "own"
            if is_never_blocked(Entry(kind, value, "")):
                return "too-wide-or-private"
        if key.startswith("url:") and len(meant) == 1:
            return "too-wide-or-private"  # a host that is no name or address of the internet
        for each in meant:
            for info in lists.struck(each):
                if info.category in wanted:
                    return f"{info.category}: {info.name}"
        return ""

    return stops


def _behind(key: str) -> list[str]:
    """What a key leads to: of a page its host, of a translated IPv6 address or network the IPv4 one."""
    kind, _, value = key.partition(":")
    if kind == "url":
        host = urlsplit(value).hostname or ""
        found = canonical.address(host) or canonical.domain(host)
        return [found, *_behind(found)] if found else []
    if kind != "ipv6":
        return []
    network = ipaddress.IPv6Network(value)
    inner = addresses.behind(ipaddress.ip_address(network.network_address))
    # 6to4 has the IPv4 address from bit 16 on, a translator from bit 96 on.
    begins = 16 if network.subnet_of(_SIX_TO_FOUR) else 96
    if inner is None or network.prefixlen < begins:
        return []
    within = ipaddress.ip_network((inner, min(32, network.prefixlen - begins)), strict=False)
    return [f"ipv4:{within.network_address if within.prefixlen == 32 else within}"]


_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")


def _ours(node: Node) -> tuple[set[str], list[_Network]]:
    """Our own names and networks, and where our partners' nodes are."""
    urls = [node.settings.url, *(Partner.from_json(row.document).url or "" for row in node.store.partners.all())]
    said = [*node.settings.own, *(host for url in urls if (host := urlsplit(url).hostname))]
    keys = [canonical.address(each) or canonical.domain(each) or "" for each in said]
    names = {key.partition(":")[2] for key in keys if key.startswith("domain:")}
    networks = [ipaddress.ip_network(key.partition(":")[2]) for key in keys if key.startswith("ipv")]
    return names, networks
