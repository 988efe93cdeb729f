"""Which marking-definition ids mean which TLP label."""

from __future__ import annotations

from typing import Final

_TLP_1 = {
    "613f2e26-407d-48c7-9eca-b8e91df99dc9": "clear",  # TLP:WHITE, renamed CLEAR in TLP 2.0
    "34098fce-860f-48ae-8e50-ebd3cc5e41da": "green",
    "f88d31f6-486f-44da-b317-01333bde0b82": "amber",
    "5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "red",
}
_TLP_2 = {
    "94868c89-83c2-464b-929b-a1a8aa3c8487": "clear",
    "bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "green",
    "55d920b0-5e8b-4f79-9ee9-91f868d9b421": "amber",
    "939a9414-2ddd-4d32-a0cd-375ea402b003": "amber+strict",
    "e828b379-4e03-4974-9ac4-e53a884c97c1": "red",
}
_OPENCTI = {"826578e1-40ad-459f-bc73-ede076f81f37": "amber+strict"}


def _named(labels: dict[str, str]) -> dict[str, str]:
    return {f"marking-definition--{uuid}": label for uuid, label in labels.items()}


TLP_1_IDS: Final = _named(_TLP_1)
"""STIX 2.1 §7.2.1.4: the four fixed TLP 1.0 marking objects."""

TLP_2_IDS: Final = _named(_TLP_2)
"""The TLP 2.0 marking objects that OASIS published in 2022 (cti-stix-common-objects)."""

TLP_IDS: Final = {**TLP_1_IDS, **TLP_2_IDS, **_named(_OPENCTI)}
"""Every marking-definition id known to mean a TLP label, with that label."""
