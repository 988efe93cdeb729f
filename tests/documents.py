"""Documents that people hand in, made here: a PDF, an advisory, rules."""

from __future__ import annotations

import json
from typing import Any

YARA = """/* what it is
rule not_a_rule { condition: true } */
import "pe"
private rule Helper { condition: pe.is_pe }

rule Wiper : nation {
  meta:
    description = "a \\"wiper\\" } of disks"
    date = "2024-05-06"
  strings:
    $a = { E2 34 [4-6] ( 62 | 63 ) } // }
    $b = /[}"]+\\// nocase
    $c = "}"
  condition:
    Helper and any of them and filesize \\ 2 < 1MB
}
rule Broken { condition: nowhere }
"""

SIGMA = """title: Shadow copies deleted
id: 6a1d7a3e-0c55-4a30-9a3c-7b1f6f2d9d12
description: Somebody deletes shadow copies
date: 2024-05-06
modified: 2024/06/07
tags:
  - attack.impact
  - attack.t1490
logsource:
  category: process_creation
  product: windows
detection:
  selection:
    CommandLine|contains: delete shadows
  condition: selection
level: high
"""

SURICATA = """# a file of rules
alert dns $HOME_NET any -> any any (msg:"Wiper asks"; dns.query; content:"evil.example"; classtype:trojan-activity; \\
    sid:1000001; rev:2;)
# alert ip any any -> any any (msg:"off"; sid:1000002; rev:1;)
alert tcp any any -> any 443 (msg:"a; \\"quoted\\" message"; content:"x"; sid:1000003; rev:1;)
"""

SNORT = (
    'alert tcp $EXTERNAL_NET any -> $HOME_NET 80 (msg:"old"; content:"x"; metadata:service http; sid:1234; rev:3;)\n'
)


def csaf(label: str = "AMBER", **document: Any) -> dict[str, Any]:
    """An advisory on two weaknesses."""
    head = {
        "csaf_version": "2.0", "category": "csaf_security_advisory", "title": "Two weaknesses in the Katchi Kettle",
        "publisher": {"name": "Park CERT", "namespace": "https://park.example", "category": "coordinator"},
        "distribution": {"tlp": {"label": label}},
        "tracking": {
            "id": "PARK-2026-001", "version": "2", "status": "final",
            "initial_release_date": "2026-01-01T00:00:00Z", "current_release_date": "2026-02-01T00:00:00Z",
        },
        "references": [{"url": "https://park.example/001", "summary": "here"}, {"url": "javascript:alert(1)"}],
        "notes": [{"category": "summary", "text": "Kettles boil over."}, {"category": "legal_disclaimer", "text": "x"}],
    }  # fmt: skip
    kettle = {"product_id": "K1", "name": "Kettle 1.0"}
    return {
        "document": head | document,
        "product_tree": {"branches": [{"category": "vendor", "name": "K", "branches": [{"product": kettle}]}]},
        "vulnerabilities": [
            {
                "cve": "CVE-2026-1000", "title": "It boils", "product_status": {"known_affected": ["K1"]},
                "notes": [{"category": "description", "text": "Steam."}],
                "scores": [{"cvss_v3": {"baseScore": 9.8, "vectorString": "CVSS:3.1/AV:N"}, "products": ["K1"]}],
            },
            {"ids": [{"system_name": "Park", "text": "PARK-7"}]},
            {},
        ],
    }  # fmt: skip


def kev(**entry: Any) -> dict[str, Any]:
    """The catalogue with one entry."""
    said = {
        "cveID": "CVE-2026-1000", "vendorProject": "Katchi", "product": "Kettle", "vulnerabilityName": "Kettle boils",
        "dateAdded": "2026-03-04", "shortDescription": "It boils.", "requiredAction": "Unplug it.",
        "dueDate": "2026-03-25", "knownRansomwareCampaignUse": "Known", "notes": "", "cwes": ["CWE-79"],
    }  # fmt: skip
    return {"catalogVersion": "2026.03.04", "vulnerabilities": [said | entry]}


def as_json(whole: object) -> bytes:
    """As a document."""
    return json.dumps(whole).encode()


def pdf(*lines: str) -> bytes:
    """A PDF of one page with these lines."""
    shown = b"".join(f"({line}) Tj T*\n".encode() for line in lines)
    content = b"BT /F1 12 Tf 14 TL 50 750 Td\n" + shown + b"ET"
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    whole, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(whole))
        whole += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return whole + b"xref\n0 6\n0000000000 65535 f \n%strailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        table,
        len(whole),
    )
