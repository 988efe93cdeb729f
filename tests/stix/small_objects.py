"""Small objects that are in order, for tests to spoil."""

from __future__ import annotations

import json
from typing import Any

from katchi import stix

UUID = "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
COMPUTED = "8e2e2d2b-17d4-5cbf-938f-98ee46b3cd3f"
AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
MD5 = "cead3f77f6cda6ec00f57d76c9a6879f"
SHA256 = "aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f"
HASH_PATTERN = f"[file:hashes.'SHA-256' = '{SHA256}']"

# What each type needs beyond the common properties, and nothing that a check would mention.
NEEDED: dict[str, dict[str, Any]] = {
    "attack-pattern": {"name": "Spear phishing"},
    "campaign": {"name": "Ten Days of Rain"},
    "course-of-action": {"name": "Block it"},
    "grouping": {"context": "suspicious-activity", "object_refs": [f"indicator--{UUID}"]},
    "identity": {"name": "Kim", "identity_class": "individual"},
    "incident": {"name": "March 2013"},
    "indicator": {
        "name": "A dropper",
        "description": "Seen in a lure",
        "pattern": HASH_PATTERN,
        "pattern_type": "stix",
        "valid_from": "2016-04-06T20:03:48Z",
    },
    "infrastructure": {"name": "C2"},
    "intrusion-set": {"name": "Lazarus Group"},
    "location": {"country": "KR"},
    "malware": {"name": "Destover", "is_family": True},
    "malware-analysis": {"product": "sandbox", "result": "malicious"},
    "note": {"content": "Look again", "object_refs": [f"indicator--{UUID}"]},
    "observed-data": {
        "first_observed": "2016-04-06T19:00:00Z",
        "last_observed": "2016-04-06T19:00:00Z",
        "number_observed": 1,
        "object_refs": [f"ipv4-addr--{COMPUTED}"],
    },
    "opinion": {"opinion": "agree", "object_refs": [f"indicator--{UUID}"]},
    "report": {"name": "Report", "published": "2016-04-06T20:03:48Z", "object_refs": [f"indicator--{UUID}"]},
    "threat-actor": {"name": "Hidden Cobra"},
    "tool": {"name": "netcat"},
    "vulnerability": {"name": "CVE-2016-1234"},
    "relationship": {
        "relationship_type": "indicates",
        "source_ref": f"indicator--{UUID}",
        "target_ref": f"malware--{UUID}",
    },
    "sighting": {"sighting_of_ref": f"indicator--{UUID}"},
    "language-content": {
        "object_ref": f"malware--{UUID}",
        "contents": {"ko": {"name": "데스토버"}},
    },
    "extension-definition": {
        "name": "An extension",
        "description": "It extends.",
        "schema": "https://schema.example/x",
        "version": "1.0",
        "extension_types": ["property-extension"],
    },
    "artifact": {"payload_bin": "dGVzdA=="},
    "autonomous-system": {"number": 64496},
    "directory": {"path": "C:\\Windows"},
    "domain-name": {"value": "a.example"},
    "email-addr": {"value": "kim@mail.example"},
    "email-message": {"is_multipart": False, "subject": "Hello", "body": "Hello"},
    "file": {"hashes": {"MD5": MD5}},
    "ipv4-addr": {"value": "192.0.2.1"},
    "ipv6-addr": {"value": "2001:db8::1"},
    "mac-addr": {"value": "d2:fb:49:24:37:18"},
    "mutex": {"name": "__CLEANSWEEP__"},
    "network-traffic": {
        "protocols": ["tcp"],
        "src_ref": f"ipv4-addr--{COMPUTED}",
        "src_port": 1024,
        "dst_port": 443,
    },
    "process": {"pid": 314},
    "software": {"name": "Word"},
    "url": {"value": "https://a.example/x"},
    "user-account": {"user_id": "kim"},
    "windows-registry-key": {"key": "HKEY_LOCAL_MACHINE\\System\\Foo"},
    "x509-certificate": {"serial_number": "36:f7:d4:32"},
}


def made(type: str, **changes: Any) -> stix.Object:
    """An object in order, with some properties changed; None removes a property."""
    return stix.read(written(type, **changes))


def written(type: str, **changes: Any) -> bytes:
    return json.dumps(members(type, **changes)).encode()


def members(type: str, **changes: Any) -> dict[str, Any]:
    """The properties of an object in order; None among the changes removes a property."""
    has_versions = type not in stix.OBSERVABLES and type != "bundle"
    computed = type in stix.OBSERVABLES and type != "process"
    found: dict[str, Any] = {"type": type, "id": f"{type}--{COMPUTED if computed else UUID}", "spec_version": "2.1"}
    if has_versions:
        found |= {"created": "2016-04-06T20:03:48.000Z", "modified": "2016-04-06T20:03:48.000Z"}
    found |= NEEDED.get(type, {}) | changes
    return {name: value for name, value in found.items() if value is not None}
