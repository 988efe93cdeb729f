"""Which addresses a node connects to, in all their spellings."""

from __future__ import annotations

import pytest

from katchi.policy.addresses import is_nobodys, is_nobodys_name, is_public

METADATA = (
    "169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "FD00:EC2:0::254",
    "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", "100.100.100.200",
    "168.63.129.16", "0.0.0.0", "::", "224.0.0.1", "ff02::1",
)  # fmt: skip
SPELLED = (
    "2852039166", "0251.0376.0251.0376", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "169.254.43518", "0xA9.254.0251.0xfe",
    "169.16689662", "metadata.google.internal", "METADATA.google.internal.", "instance-data", "127.1", "017700000001",
)  # fmt: skip


@pytest.mark.parametrize("address", METADATA)
def test_no_server_that_one_means_is_there(address: str) -> None:
    assert is_nobodys(address)
    assert is_nobodys_name(address)
    assert not is_public(address) or address in ("168.63.129.16",)


@pytest.mark.parametrize("host", SPELLED)
def test_no_host_is_spelled_so_that_it_hides(host: str) -> None:
    assert is_nobodys_name(host)


@pytest.mark.parametrize(
    "host", ["tickets.example", "localhost", "127.0.0.1", "10.1.2.3", "::1", "2001:db8::1", "a1", "1.example", "x0x1"]
)
def test_an_operator_s_own_servers_may_be_anywhere_else(host: str) -> None:
    assert not is_nobodys_name(host)
