"""What every actuator must do, asked of each kind, with the real device behind it where it can be had."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.respond import hook
from katchi.respond.actuator import TOLERANCE, Actuator, ActuatorError, changes
from katchi.respond.actuators import (
    AnySettings,
    feed,
    list_file,
    lists,
    nftables,
    open_actuator,
    openc2_https,
    rpz,
    simulated,
    webhook,
)
from katchi.respond.keeping import Keeper
from katchi.store import Store, leases, migrate
from katchi.store.leases import LeaseRow
from tests import devices
from tests.commanded import COMMANDERS_SECRET, a_commanded_node
from tests.servers import Asked, Reply, serving

NOW, HOUR = 1_700_000_000_000_000, 3_600_000_000
THINGS = {
    "ipv4": ("ipv4:192.0.2.7", "ipv4:192.0.2.8", "ipv4:198.51.100.0/24", "ipv4:198.51.0.0/16"),
    "ipv6": ("ipv6:2001:db8::7", "ipv6:2001:db8:1::/48", "ipv6:::1"),
    "domain": ("domain:evil.example", "domain:www.evil.example", "domain:xn--oj4bp8e.example"),
    "url": ("url:http://evil.example/a?b=c",),
}  # fmt: skip


@dataclass
class Case:
    """An actuator, and a way to change by hand what it has."""

    actuator: Actuator
    by_hand: Callable[[], None]
    leaves_out: tuple[str, ...] = ()  # what it never blocks

    @property
    def things(self) -> list[str]:
        kinds = sorted(self.actuator.kinds)
        return [key for kind in kinds for key in THINGS[kind] if key not in self.leaves_out]

    def has(self) -> set[str]:
        found = self.actuator.read(NOW)
        assert found is not None
        return set(found)


def made_simulated(folder: Path) -> Iterator[Case]:
    def by_hand() -> None:
        (folder / "simulated-play.json").write_text(f'{{"ipv4:203.0.113.9":{NOW + HOUR}}}')

    yield Case(open_actuator(simulated.Settings(name="play"), folder), by_hand)


def made_file(form: str) -> Callable[[Path], Iterator[Case]]:
    def made(folder: Path) -> Iterator[Case]:
        settings = list_file.Settings(name="list", path="lists/blocked", format=form, reload=("true",))  # type: ignore[arg-type]
        path = folder / "lists/blocked"

        def by_hand() -> None:
            path.write_text(path.read_text() + "something.example\n")

        yield Case(open_actuator(settings, folder), by_hand)

    return made


def made_nftables(_: Path) -> Iterator[Case]:
    devices.require_namespaces()
    with devices.network() as network:
        device = open_actuator(nftables.Settings(name="edge", command=network.nft), Path())

        def by_hand() -> None:
            devices.run(*network.nft, "delete", "element", "inet", "katchi", "b4_32", "{ 192.0.2.7 }")
            devices.run(*network.nft, "add", "element", "inet", "katchi", "b4_32", "{ 203.0.113.9 }")

        yield Case(device, by_hand)


def made_rpz(folder: Path) -> Iterator[Case]:
    with devices.name_server(folder / "named") as server:
        settings = rpz.Settings(
            name="dns", zone=server.zone, key=server.key, key_file=str(server.key_file), port=server.port
        )
        device = open_actuator(settings, folder)
        yield Case(device, lambda: device.apply({"domain:strange.example": NOW}, {"ipv4:192.0.2.7"}, now=NOW))


SECRET = "a secret that only tests know"


@dataclass
class Adapter:
    """An operator's program for a device of its own (docs/reference/hooks.md)."""

    reads: bool = True
    holds: dict[str, int] = field(default_factory=dict)
    status: int = 200
    url: str = ""
    said: bytes = b""
    posts: int = 0

    def answer(self, asked: Asked) -> Reply:
        at, message = int(asked.headers["katchi-timestamp"]), asked.headers["katchi-id"]
        good = hook.sign(SECRET.encode(), asked.method, asked.body, at=at, message=message)
        if asked.headers["katchi-signature"] != good:
            return Reply(status=403)
        if self.status != 200:
            return Reply(status=self.status, headers={"Location": f"{self.url}/elsewhere"})
        if asked.method == "GET":
            found = self.said or json.dumps({"has": self.holds}).encode()
            return Reply(found) if self.reads else Reply(status=405)
        document = json.loads(asked.body)
        assert document["at"] // 1_000_000 == at
        self.posts += 1
        self.holds = {key: end for key, end in self.holds.items() if key not in document["drop"]} | document["put"]
        return Reply(status=204)

    def settings(self, folder: Path) -> webhook.Settings:
        (folder / "hook.key").write_text(f"{SECRET}\n")
        return webhook.Settings(name="odd", roles=("firewall", "dns"), url=self.url, secret_file="hook.key")


@contextmanager
def an_adapter(**how: Any) -> Iterator[Adapter]:
    made = Adapter(**how)
    with serving(made.answer) as server:
        made.url = server.url
        yield made


def made_webhook(folder: Path) -> Iterator[Case]:
    with an_adapter() as adapter:

        def by_hand() -> None:
            adapter.holds = {"ipv4:203.0.113.9": NOW + HOUR}

        yield Case(open_actuator(adapter.settings(folder), folder), by_hand)


def made_openc2(folder: Path) -> Iterator[Case]:
    """Another Katchi that takes our commands."""
    with a_commanded_node(folder / "there") as node:
        (folder / "openc2.token").write_text(f"{COMMANDERS_SECRET}\n")
        settings = openc2_https.Settings(
            name="there", url=node.settings.url, token_file="openc2.token", profile="x-katchi"
        )
        # Nobody can be asked there: what is noted here is all that is known, and can be lost.
        yield Case(open_actuator(settings, folder), lambda: (folder / "openc2-there.json").unlink(), ("ipv6:::1",))


MADE = {
    "webhook": made_webhook, "openc2": made_openc2, "simulated": made_simulated, "nftables": made_nftables,
    "rpz": made_rpz,
    **{f"file {form}": made_file(form) for form in lists.FORMS},
}  # fmt: skip


@pytest.fixture(params=MADE, scope="module")
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    yield from MADE[request.param](tmp_path_factory.mktemp("device"))


@pytest.fixture
def case(opened: Case) -> Case:
    opened.actuator.apply({}, opened.has(), now=NOW)
    return opened


def test_it_has_what_it_is_given_and_no_longer_what_is_taken_back(case: Case) -> None:
    device, things = case.actuator, case.things
    assert case.has() == set()
    device.apply(dict.fromkeys(things, NOW + HOUR), (), now=NOW)
    found = device.read(NOW)
    assert found is not None
    assert set(found) == set(things)
    for until in found.values():
        assert until is None or abs(until - NOW - HOUR) <= TOLERANCE
    device.apply({}, things[:1], now=NOW)
    assert case.has() == set(things[1:])


def test_the_same_again_changes_nothing(case: Case) -> None:
    device, things = case.actuator, case.things
    for _ in range(2):
        device.apply({things[0]: NOW + HOUR}, (), now=NOW)
        assert case.has() == {things[0]}
    for _ in range(2):
        device.apply({}, things, now=NOW)
        assert case.has() == set()


def test_a_later_end_takes_the_earlier_ones_place(case: Case) -> None:
    device, thing = case.actuator, case.things[0]
    device.apply({thing: NOW + HOUR}, (), now=NOW)
    device.apply({thing: NOW + 5 * HOUR}, (), now=NOW)
    found = device.read(NOW)
    assert found is not None
    assert found[thing] is None or abs((found[thing] or 0) - NOW - 5 * HOUR) <= TOLERANCE


def test_what_is_put_and_dropped_at_once_is_put(case: Case) -> None:
    device, thing = case.actuator, case.things[0]
    device.apply({thing: NOW + HOUR}, {thing}, now=NOW)
    assert case.has() == {thing}


def test_a_thousand_at_once(case: Case) -> None:
    if "ipv4" in case.actuator.kinds:
        many = {f"ipv4:203.0.{number // 250}.{number % 250}": NOW + HOUR for number in range(1000)}
    elif "url" in case.actuator.kinds:
        many = {f"url:http://evil.example/{number}": NOW + HOUR for number in range(1000)}
    else:
        many = {f"domain:n{number}.example": NOW + HOUR for number in range(1000)}
    case.actuator.apply(many, (), now=NOW)
    assert case.has() == set(many)
    case.actuator.apply({}, many, now=NOW)
    assert case.has() == set()


def test_what_was_changed_by_hand_is_seen_and_put_right(case: Case) -> None:
    device = case.actuator
    wanted = dict.fromkeys(case.things, NOW + HOUR)
    device.apply(wanted, (), now=NOW)
    case.by_hand()
    found = device.read(NOW)
    assert found is not None
    again = changes(wanted, found)
    assert again
    device.apply(again.put, again.drop, now=NOW)
    assert case.has() == set(wanted)


# ---- what only some do -----------------------------------------------------------------------------------


def test_a_firewall_whose_rules_are_gone_blocks_nothing_and_gets_them_back() -> None:
    for case in made_nftables(Path()):
        case.actuator.apply({"ipv4:192.0.2.7": NOW + HOUR}, (), now=NOW)
        network = case.actuator._command  # type: ignore[attr-defined]
        devices.run(*network, "flush", "chain", "inet", "katchi", "output")
        assert case.has() == set()
        case.actuator.apply({"ipv4:192.0.2.7": NOW + HOUR}, (), now=NOW)
        assert case.has() == {"ipv4:192.0.2.7"}


def test_a_packet_goes_through_until_it_is_blocked_and_again_after_the_kernel_ended_it() -> None:
    devices.require_namespaces()
    with devices.network("198.51.100.7", "203.0.113.9") as network:
        device = open_actuator(nftables.Settings(name="edge", command=network.nft), Path())
        assert network.reaches("198.51.100.7")
        device.apply({"ipv4:198.51.100.0/24": NOW + 2_000_000}, (), now=NOW)
        assert not network.reaches("198.51.100.7")
        assert network.reaches("203.0.113.9")
        # Nobody takes it back: the kernel does. Each attempt itself waits for a second at most.
        assert any(network.reaches("198.51.100.7") for _ in range(8))


def test_a_name_is_answered_until_it_is_blocked_with_all_below_it(tmp_path: Path) -> None:
    with devices.name_server(tmp_path / "named") as server:
        settings = rpz.Settings(
            name="dns", zone=server.zone, key=server.key, key_file=str(server.key_file), port=server.port
        )
        device = open_actuator(settings, tmp_path)
        assert server.knows("evil.example")
        assert server.knows("www.evil.example")
        device.apply({"domain:evil.example": NOW}, (), now=NOW)
        assert until(lambda: not server.knows("evil.example"))
        assert not server.knows("www.evil.example")
        assert server.knows("good.example")
        device.apply({}, {"domain:evil.example"}, now=NOW)
        assert until(lambda: server.knows("evil.example"))


def until(is_so: Callable[[], bool]) -> bool:
    """BIND applies a changed policy zone after a second at most: it is asked until then."""
    from time import monotonic

    deadline = monotonic() + 10
    while not is_so():
        if monotonic() > deadline:
            return False
    return True


def test_a_policy_zone_is_read_by_bind(tmp_path: Path) -> None:
    program = shutil.which("named-checkzone") or shutil.which("named-checkzone", path="/usr/sbin")
    if program is None:
        pytest.skip("needs BIND's named-checkzone")
    device = open_actuator(list_file.Settings(name="list", path="rpz", format="rpz"), tmp_path)
    device.apply(dict.fromkeys([*THINGS["domain"], *THINGS["ipv4"], *THINGS["ipv6"]], NOW + HOUR), (), now=NOW)
    done = subprocess.run([program, "rpz.katchi", str(tmp_path / "rpz")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_suricata_rules_are_rules(tmp_path: Path) -> None:
    import suricataparser

    device = open_actuator(list_file.Settings(name="ids", path="rules", format="suricata"), tmp_path)
    device.apply(dict.fromkeys([*THINGS["domain"], *THINGS["ipv4"]], NOW + HOUR), (), now=NOW)
    rules = suricataparser.parse_file(str(tmp_path / "rules"))
    assert len([rule for rule in rules if rule.enabled]) == 3 * len(THINGS["domain"]) + len(THINGS["ipv4"])


def test_a_device_that_says_no_is_an_error_that_names_it(tmp_path: Path) -> None:
    failing = list_file.Settings(name="list", path="list", format="plain", reload=("false",))
    with pytest.raises(ActuatorError, match="false"):
        open_actuator(failing, tmp_path).apply({"ipv4:192.0.2.7": NOW}, (), now=NOW)
    missing = nftables.Settings(name="edge", command=("no-such-program",))
    with pytest.raises(ActuatorError, match="no-such-program"):
        open_actuator(missing, tmp_path).read(NOW)
    (tmp_path / "key").write_text("c2VjcmV0")
    nobody = rpz.Settings(name="dns", zone="rpz.katchi", key="katchi", key_file="key", port=1)
    with pytest.raises(ActuatorError, match=r"rpz\.katchi"):
        open_actuator(nobody, tmp_path).read(NOW)
    with pytest.raises(ActuatorError, match=r"other\.key"):
        open_actuator(rpz.Settings(name="d", zone="z", key="k", key_file="other.key"), tmp_path).read(NOW)


def test_a_webhook_that_refuses_redirects_or_talks_nonsense_is_an_error(tmp_path: Path) -> None:
    with an_adapter() as adapter:
        device = open_actuator(adapter.settings(tmp_path), tmp_path)
        for adapter.status in (301, 403, 500):
            with pytest.raises(ActuatorError, match=f"HTTP {adapter.status}"):
                device.apply({"ipv4:192.0.2.7": NOW + HOUR}, (), now=NOW)
            with pytest.raises(ActuatorError, match=f"HTTP {adapter.status}"):
                device.read(NOW)
        adapter.status = 200
        for adapter.said in (
            b"{",
            b"[]",
            b'{"has": ["ipv4:192.0.2.7"]}',
            b'{"has": {"ipv4:192.0.2.7": "soon"}}',
            b"\xff",
        ):
            with pytest.raises(ActuatorError, match="cannot be read"):
                device.read(NOW)
        assert adapter.posts == 0
        (tmp_path / "hook.key").write_text("another secret than theirs")
        with pytest.raises(ActuatorError, match="HTTP 403"):
            device.apply({}, (), now=NOW)
    with pytest.raises(ActuatorError, match="cannot be reached"):
        device.apply({}, (), now=NOW)


def test_who_cannot_be_asked_is_told_everything_again_and_takes_part_in_renewals(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'katchi.db'}")
    migrate.upgrade(store.database)
    clock = [NOW]
    with an_adapter(reads=False) as adapter:
        device = open_actuator(adapter.settings(tmp_path), tmp_path)
        assert device.read(NOW) is None
        keeper = Keeper(store.database, lambda: clock[0], {"odd": device})
        row = LeaseRow("1", "odd", "ipv4:192.0.2.7", "r", "r", "o", "s", "", "kim", NOW, NOW + HOUR)
        with store.database.writing() as transaction:
            leases.put(transaction, [row])
        keeper.keep("odd")
        assert adapter.holds == {"ipv4:192.0.2.7": NOW + HOUR}
        with store.database.writing() as transaction:
            leases.renew(transaction, "r", until=NOW + 5 * HOUR)
        keeper.keep("odd")
        assert adapter.holds == {"ipv4:192.0.2.7": NOW + 5 * HOUR}
        adapter.holds = {}  # it was started anew, and has forgotten
        keeper.keep("odd")
        assert adapter.holds == {"ipv4:192.0.2.7": NOW + 5 * HOUR}
        clock[0] += 6 * HOUR
        keeper.keep("odd")
        assert adapter.holds == {}
        seen = store.leases.devices()["odd"]
        assert (seen.put_back, seen.taken_out, seen.problem) == (0, 0, None)
        assert store.leases.of_owner("r")[0].lifted_at == clock[0]
    store.close()


@pytest.mark.parametrize("form", lists.FORMS)
def test_a_feed_is_written_as_a_file_is(tmp_path: Path, form: lists.Format) -> None:
    written = list_file.Settings(name="list", path="list", format=form)
    device = open_actuator(written, tmp_path)
    keys = [key for kind in sorted(device.kinds) for key in THINGS[kind]]
    device.apply(dict.fromkeys(keys, NOW + HOUR), (), now=NOW)
    lines = (tmp_path / "list").read_text().splitlines()
    fetched = feed.document(feed.Settings(name="list", format=form), keys, 7).splitlines()
    comment = lists.FORMS[form].comment
    assert [line for line in fetched if line[0] != comment and "SOA" not in line] == [
        line for line in lines if line[0] != comment and "SOA" not in line
    ]


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "webhook", "name": "odd", "url": "http://adapter.example/", "secret-file": "k"},
        {"kind": "webhook", "name": "odd", "url": "https://k:s@adapter.example/", "secret-file": "k"},
        {"kind": "webhook", "name": "odd", "url": "https://adapter.example/", "secret-file": "k", "kinds": ["file"]},
        {"kind": "feed", "name": "../x", "format": "plain"}, {"kind": "feed", "name": "x", "format": "pdf"},
        {"kind": "feed", "name": "x", "format": "plain", "expect-every": -1},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(bad, AnySettings)


KEYS = st.sampled_from([f"ipv4:192.0.2.{number}" for number in range(6)])
ENDS = st.integers(min_value=NOW + HOUR, max_value=NOW + 9 * HOUR)


@given(wanted=st.dictionaries(KEYS, ENDS), has=st.dictionaries(KEYS, ENDS | st.none()))
def test_changes_make_what_is_there_what_is_wanted(wanted: dict[str, int], has: dict[str, int | None]) -> None:
    found = changes(wanted, has)
    after = {key: until for key, until in has.items() if key not in found.drop} | dict(found.put)
    assert after.keys() == wanted.keys()
    assert all(held is None or abs(held - wanted[key]) <= TOLERANCE for key, held in after.items())
    assert not changes(wanted, after)


# ---- a firewall under way ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def router() -> Iterator[devices.Network]:
    devices.require_namespaces()
    with devices.routed("198.51.100.7", "203.0.113.9", "2001:db8:7::7", "2001:db8:9::9") as network:
        yield network


@pytest.fixture
def edge(router: devices.Network) -> Iterator[Actuator]:
    yield open_actuator(nftables.Settings(name="edge", command=router.nft), Path())
    devices.run(*router.nft, "flush", "ruleset")


PASSING = {
    "ipv4:198.51.100.7": ("198.51.100.7", "203.0.113.9"),
    "ipv4:198.51.100.0/24": ("198.51.100.7", "203.0.113.9"),
    "ipv6:2001:db8:7::7": ("2001:db8:7::7", "2001:db8:9::9"),
    "ipv6:2001:db8:7::/48": ("2001:db8:7::7", "2001:db8:9::9"),
}


@pytest.mark.parametrize("thing", PASSING)
def test_what_only_passes_a_router_is_blocked_there_and_let_go(
    router: devices.Network, edge: Actuator, thing: str
) -> None:
    there, other = PASSING[thing]
    assert router.reaches(there)
    edge.apply({thing: NOW + HOUR}, (), now=NOW)
    assert not router.reaches(there)
    assert router.reaches(other)
    edge.apply({}, {thing}, now=NOW)
    assert router.reaches(there)


def test_a_host_blocks_ipv6_until_the_kernel_ends_it() -> None:
    devices.require_namespaces()
    with devices.network("2001:db8:7::7", "2001:db8:9::9") as network:
        device = open_actuator(nftables.Settings(name="edge", command=network.nft), Path())
        assert network.reaches("2001:db8:7::7")
        device.apply({"ipv6:2001:db8:7::/48": NOW + 2_000_000}, (), now=NOW)
        assert not network.reaches("2001:db8:7::7")
        assert network.reaches("2001:db8:9::9")
        assert until(lambda: network.reaches("2001:db8:7::7"))
        assert device.read(NOW) == {}


@pytest.mark.parametrize("thing", PASSING)
def test_no_packet_slips_through_while_a_block_is_renewed(router: devices.Network, edge: Actuator, thing: str) -> None:
    edge.apply({thing: NOW + HOUR}, (), now=NOW)
    with router.probing(PASSING[thing][0]) as probe:
        for number in range(1, 16):
            # Another network's length brings another set and its rules, in the same transaction.
            more = {f"ipv4:172.0.0.0/{number + 8}": NOW + HOUR, f"ipv6:2001:db8:f::/{number + 48}": NOW + HOUR}
            edge.apply({thing: NOW + HOUR + number * 60_000_000, **more}, (), now=NOW)
    assert probe.sent > 100
    assert probe.arrived == 0
    found = edge.read(NOW)
    assert found is not None
    assert abs((found[thing] or 0) - NOW - HOUR - 900_000_000) <= TOLERANCE
    edge.apply({}, {thing}, now=NOW)
    with router.probing(PASSING[thing][0]) as probe:
        assert router.reaches(PASSING[thing][0])
    assert probe.arrived  # the probe sees what gets through


def test_ten_thousand_addresses_are_set_renewed_and_lifted(router: devices.Network, edge: Actuator) -> None:
    many = [f"ipv4:10.{number // 65536}.{number // 256 % 256}.{number % 256}" for number in range(10_000)]
    edge.apply(dict.fromkeys((*many, "ipv4:198.51.100.7"), NOW + HOUR), (), now=NOW)
    edge.apply(dict.fromkeys((*many, "ipv4:198.51.100.7"), NOW + 2 * HOUR), (), now=NOW)
    found = edge.read(NOW)
    assert found is not None
    assert len(found) == 10_001
    assert all(abs((until or 0) - NOW - 2 * HOUR) <= 30_000_000 for until in found.values())
    assert not router.reaches("198.51.100.7")
    edge.apply({}, found.keys(), now=NOW)
    assert edge.read(NOW) == {}
    assert router.reaches("198.51.100.7")


# ---- a name server under way ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[devices.NameServer]:
    with devices.name_server(tmp_path_factory.mktemp("named")) as server:
        yield server


def policy(server: devices.NameServer, **otherwise: str) -> Actuator:
    said = {"zone": server.zone, "key": server.key, "key-file": str(server.key_file)} | otherwise
    return open_actuator(
        msgspec.convert({"kind": "rpz", "name": "dns", "port": server.port, **said}, rpz.Settings), Path()
    )


def test_a_thousand_names_are_answered_no_more_and_again(named: devices.NameServer) -> None:
    names = [f"domain:n{number}.evil.example" for number in range(1000)]
    device = policy(named)
    assert named.knows("n999.evil.example")
    device.apply(dict.fromkeys(names, NOW), (), now=NOW)
    assert until(lambda: not named.knows("n999.evil.example"))
    assert not named.knows("n0.evil.example")
    assert named.knows("good.example")
    device.apply({}, names, now=NOW)
    assert until(lambda: named.knows("n999.evil.example"))
    assert device.read(NOW) == {}


def test_a_key_that_the_server_does_not_know_is_an_error_that_says_so(
    named: devices.NameServer, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.key"
    wrong.write_text("d3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmch")
    for otherwise in ({"key-file": str(wrong)}, {"key": "somebody"}):
        device = policy(named, **otherwise)
        with pytest.raises(ActuatorError, match="key") as told:
            device.apply({"domain:evil.example": NOW}, (), now=NOW)
        assert "d3Jvbmcg" not in str(told.value)
        with pytest.raises(ActuatorError, match="key"):
            device.read(NOW)
    assert policy(named).read(NOW) == {}


def test_an_update_that_the_server_refuses_is_an_error(named: devices.NameServer) -> None:
    device = policy(named, zone="example")  # a zone of its own, which nobody may change
    with pytest.raises(ActuatorError, match="REFUSED"):
        device.apply({"domain:evil.example": NOW}, (), now=NOW)


# ---- a device that has not read its file -------------------------------------------------------------------


@pytest.mark.parametrize("form", ["rpz", "squid", "suricata"])
def test_what_a_device_has_not_read_is_not_in_force_until_it_has(form: str, tmp_path: Path) -> None:
    is_up = tmp_path / "up"
    settings = list_file.Settings(name="list", path="list", format=form, reload=("ls", str(is_up)))  # type: ignore[arg-type]
    key = "domain:evil.example"
    for put, drop, wanted in (({key: NOW + HOUR}, (), {key: None}), ({}, (key,), {})):
        with pytest.raises(ActuatorError, match="up"):
            open_actuator(settings, tmp_path).apply(put, drop, now=NOW)
        with pytest.raises(ActuatorError, match="up"):  # also asked by a node that started anew
            open_actuator(settings, tmp_path).read(NOW)
        is_up.touch()
        assert open_actuator(settings, tmp_path).read(NOW) == wanted
        is_up.unlink()
        assert open_actuator(settings, tmp_path).read(NOW) == wanted  # told once, not at every look


def test_a_zone_has_a_greater_serial_number_whenever_it_changed(tmp_path: Path) -> None:
    device = open_actuator(list_file.Settings(name="list", path="rpz", format="rpz"), tmp_path)
    serials: list[int] = []
    for now in (NOW, NOW, NOW - HOUR, NOW + HOUR):
        device.apply({f"domain:n{len(serials)}.example": NOW}, (), now=now)
        said = next(line for line in (tmp_path / "rpz").read_text().splitlines() if " SOA " in line)
        serials.append(int(said.split()[4]))
        assert len(device.read(now) or ()) == len(serials)
    assert serials == sorted(set(serials))


def test_no_two_rules_have_one_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_SIDS", 40)  # so few that many would collide
    device = open_actuator(list_file.Settings(name="ids", path="rules", format="suricata"), tmp_path)
    device.apply({f"domain:n{number}.example": NOW for number in range(40)}, (), now=NOW)
    numbers = re.findall(r"sid:(\d+);", (tmp_path / "rules").read_text())
    assert len(numbers) == len(set(numbers)) == 120
    assert len(device.read(NOW) or ()) == 40


def test_a_list_of_squids_says_nothing_twice(tmp_path: Path) -> None:
    names = open_actuator(list_file.Settings(name="list", path="names", format="squid"), tmp_path)
    names.apply(dict.fromkeys(THINGS["domain"], NOW), (), now=NOW)
    written = [line for line in (tmp_path / "names").read_text().splitlines() if not line.startswith("#")]
    assert written == [".evil.example", ".xn--oj4bp8e.example"]
    assert set(names.read(NOW) or ()) == set(THINGS["domain"])
    addresses = open_actuator(list_file.Settings(name="list", path="addresses", format="squid-dst"), tmp_path)
    addresses.apply(dict.fromkeys([*THINGS["ipv4"], "ipv4:198.51.100.7"], NOW), (), now=NOW)
    written = [line for line in (tmp_path / "addresses").read_text().splitlines() if not line.startswith("#")]
    assert written == ["192.0.2.7", "192.0.2.8", "198.51.0.0/16"]


# ---- what is too long for a list --------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["rpz.katchi", "z" * 60 + ".example"])
def test_what_is_too_long_is_never_written_and_is_said(tmp_path: Path, zone: str) -> None:
    longest = ".".join(["a" * 60] * 4)
    cases: list[tuple[lists.Format, str]] = [("squid-url", f"url:http://evil.example/{'a.' * 700}")]
    if len(longest) + len(zone) > 252:
        cases.append(("rpz", f"domain:{longest}"))
    for form, key in cases:
        good = THINGS[key.partition(":")[0]][0]
        device = open_actuator(list_file.Settings(name="list", path=form, format=form, zone=zone), tmp_path)
        polled = feed.Settings(name="list", format=form, zone=zone)
        for each in (device, open_actuator(polled, tmp_path)):
            each.apply({good: NOW}, (), now=NOW)
            with pytest.raises(ActuatorError, match="too long") as told:
                each.apply({good: NOW, key: NOW}, (), now=NOW)
            assert key[:40] in str(told.value)
        assert device.read(NOW) == {good: None}
        assert feed.document(polled, [good, key], 7) == feed.document(polled, [good], 7)
        # A file of before has it: it is not believed, and written anew.
        path = tmp_path / form
        path.write_text(path.read_text() + f"{lists.FORMS[form].comment} katchi {key}\nline\n")
        assert device.read(NOW) == {}
        device.apply({good: NOW}, {key}, now=NOW)
        assert device.read(NOW) == {good: None}


def test_where_the_wildcard_does_not_fit_the_name_alone_is_written(tmp_path: Path) -> None:
    zone = "rpz.katchi"
    name = ".".join(["a" * 60] * 3 + ["b" * (253 - 183 - len(zone) - 1 - 10), "c" * 9])
    assert len(f"{name}.{zone}") == 253
    assert list(rpz.names_of(f"domain:{name}", zone)) == [name]
    assert list(rpz.names_of(f"domain:{name[2:]}", f"{zone}.")) == [name[2:], f"*.{name[2:]}"]
    assert list(rpz.names_of(f"domain:a{name}", zone)) == []
    (tmp_path / "key").write_text("c2VjcmV0")
    device = open_actuator(rpz.Settings(name="dns", zone=zone, key="k", key_file="key", port=1), tmp_path)
    with pytest.raises(ActuatorError, match="too long"):
        device.apply({f"domain:a{name}": NOW}, (), now=NOW)


@pytest.mark.parametrize("form", lists.FORMS)
def test_a_file_in_which_somebody_wrote_nonsense_is_written_anew(tmp_path: Path, form: lists.Format) -> None:
    device = open_actuator(list_file.Settings(name="list", path="list", format=form), tmp_path)
    comment = lists.FORMS[form].comment
    (tmp_path / "list").write_text(f"{comment} katchi ipv4:zzz\n{comment} katchi nonsense\n{comment} katchi \n")
    assert device.read(NOW) == {}
    thing = next(key for kind in sorted(device.kinds) for key in THINGS[kind])
    device.apply({thing: NOW + HOUR}, (), now=NOW)
    assert set(device.read(NOW) or ()) == {thing}
