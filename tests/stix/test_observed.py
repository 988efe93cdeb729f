"""From a key to the observable that it names, and back."""

from __future__ import annotations

import msgspec
import pytest

from katchi import stix

KEYS = [
    "ipv4:192.0.2.1", "ipv4:192.0.2.0/24", "ipv6:2001:db8::1", "domain:a.example", "domain:xn--9q8h.example",
    "url:https://a.example/b?c", "email:a@b.example", "mac:00:11:22:33:44:55", "mutex:Global\\x",
    "registry:hkey_local_machine\\software\\x", "path:c:\\a\\b", f"file:md5:{'a' * 32}", f"file:sha256:{'b' * 64}",
    f"file:sha3-256:{'c' * 64}", f"certificate:sha1:{'d' * 40}", "as:64500",
]  # fmt: skip
NONE = ["actor:G0032", "software:S0367", "vulnerability:CVE-2026-1", "as:many", "file:crc:1", "domain", "", "x:y"]


@pytest.mark.parametrize("key", KEYS)
def test_the_observable_of_a_key_has_that_key(key: str) -> None:
    made = stix.observable_of(key)
    obj = stix.read(msgspec.json.encode(made))
    assert stix.thing_keys(obj) == (key,)
    assert not [each for each in stix.check(obj) if each.level is stix.Level.MUST and each.code != "registry-key"]


@pytest.mark.parametrize("key", NONE)
def test_a_name_or_no_key_has_none(key: str) -> None:
    assert stix.observable_of(key) is None
