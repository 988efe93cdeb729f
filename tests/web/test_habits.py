"""The TAXII server under the habits of the platforms that our users run: how MISP pushes, how OpenCTI reads and writes.

Neither platform is here; what they ask is made by the libraries that they use, in the order in which they do it.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
from misp_stix_converter import MISPtoSTIX21Parser
from pymisp import MISPEvent
from taxii2client.v21 import Collection

from katchi.exchange.taxii.media import TAXII
from katchi.node import terms
from tests.nodes import until
from tests.objects import indicator
from tests.web.conftest import OWN_TOOL, SECRET, Served, add_tool
from tests.web.test_taxii import get, hand_in, ids, is_released

# What OpenCTI writes: TLP 1.0 ids, and one of its own for AMBER+STRICT.
OPENCTI_MARKINGS = {
    "clear": "613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "green": "34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "amber": "f88d31f6-486f-44da-b317-01333bde0b82",
    "amber+strict": "826578e1-40ad-459f-bc73-ede076f81f37",
    "red": "5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}


def connect(served: Served) -> Collection:
    """The collection as the client library has it, which checks that its address ends with its id, no alias."""
    own = get(served, "").json()["id"]
    return Collection(f"{served.root}collections/{own}/", user="siem", password=SECRET)


def misp_event(tag: str) -> list[dict[str, Any]]:
    """The objects that MISP's push makes of an event with two addresses."""
    event = MISPEvent()
    event.info = "Wiper at two banks"
    event.published = True
    event.add_tag(tag)
    for number in (1, 2):
        event.add_attribute("ip-dst", f"198.51.100.{number}", to_ids=True)
    parser = MISPtoSTIX21Parser()
    parser.parse_misp_event(event)
    return [json.loads(item.serialize()) for item in parser.stix_objects]


def test_misp_pushes_an_event(served: Served) -> None:
    """MISP's taxii_push.py: discovery is left out, the envelope is cut by what the API root takes, TLP 1.0 marks it."""
    objects = misp_event("tlp:amber")
    assert any("f88d31f6" in each for item in objects for each in item.get("object_marking_refs", []))
    collection = connect(served)
    assert len(json.dumps({"objects": objects})) < httpx.get(
        served.root, auth=("siem", SECRET), headers={"Accept": "application/taxii+json;version=2.1"}
    ).json()["max_content_length"]  # fmt: skip
    status = collection.add_objects({"objects": objects})
    assert (status.status, status.failure_count) == ("complete", 0), status.failures
    again = collection.add_objects({"objects": objects})  # MISP pushes an event whole whenever somebody edits it
    assert (again.status, again.failure_count) == ("complete", 0), again.failures
    until(lambda: sum(each.startswith("indicator--") for each in ids(get(served))) == 2)


def test_opencti_reads_on_by_next_alone(served: Served) -> None:
    """Its connector asks with added_after once, and then with next and nothing else."""
    hand_in(served, *(indicator(number) for number in range(7)))
    until(lambda: is_released(served, 7))
    start = get(served, limit="3").headers["X-TAXII-Date-Added-Last"]
    collection = connect(served)
    page = collection.get_objects(added_after=start, limit=2)
    seen = [item["id"] for item in page["objects"]]
    while page.get("more"):
        page = collection.get_objects(next=page["next"])
        seen += [item["id"] for item in page["objects"]]
    assert seen == [indicator(number)["id"] for number in range(3, 7)]


def test_opencti_asks_again_from_a_date_of_its_own_making(served: Served) -> None:
    """It remembers when it ran, to the millisecond or to the second, not what the server said."""
    hand_in(served, indicator(1))
    until(lambda: is_released(served, 1))
    for moment in ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000Z", "2020-01-01T00:00:00.000000Z"):
        assert ids(get(served, added_after=moment)) == [indicator(1)["id"]]
    assert get(served, added_after="2999-01-01T00:00:00Z").json() == {"more": False}


def test_the_markings_that_opencti_writes_are_obeyed(served: Served) -> None:
    add_tool(served.node, "firewall", "its secret")
    terms.put_terms(served.node, "firewall", OWN_TOOL.format(name="firewall").replace("+strict", ""), person="kim")
    marked = {
        label: indicator(number, object_marking_refs=[f"marking-definition--{identity}"])
        for number, (label, identity) in enumerate(OPENCTI_MARKINGS.items())
    }
    assert hand_in(served, *marked.values())["failure_count"] == 0
    until(lambda: is_released(served, 4))  # the SIEM's terms go up to amber+strict
    until(lambda: served.node.store.releases.flows()["firewall"].released == 3)
    with httpx.Client(auth=("firewall", "its secret"), headers={"Accept": TAXII}) as client:
        seen = ids(client.get(served.objects_url()))
    assert seen == [marked[label]["id"] for label in ("clear", "green", "amber")]
    assert ids(get(served)) == [*seen, marked["amber+strict"]["id"]]
