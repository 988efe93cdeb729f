"""The doors keep to their description, whatever is asked of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS

from katchi.web import openapi
from katchi.web.app import create_app
from katchi.web.serve import serving
from tests.nodes import a_node, until
from tests.objects import indicator
from tests.web.conftest import SECRET, Served, add_tool
from tests.web.test_taxii import hand_in, is_released

SCHEMA = schemathesis.openapi.from_dict(openapi.describe())
NAMES = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
LAWS = [CHECKS.get_one(name) for name in NAMES]


@pytest.fixture(scope="module")
def open_doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One served node for all the questions: none of them may harm it."""
    folder: Path = tmp_path_factory.mktemp("doors")
    with a_node(folder / "node", "kr-cert") as node:
        add_tool(node, "siem", SECRET)
        with serving(node):
            served = Served(node, node.settings.url)
            hand_in(served, indicator(1), indicator(2))
            until(lambda: is_released(served, 2))
            yield served


@SCHEMA.parametrize()
@settings(
    max_examples=int(os.environ.get("KATCHI_EXAMPLES", "12")), deadline=None, suppress_health_check=list(HealthCheck)
)
def test_every_answer_is_one_of_those_described(case: Any, open_doors: Served) -> None:
    case.headers["Authorization"] = f"Bearer {SECRET}"
    _lead_somewhere(case)
    answer = case.call(base_url=open_doors.url, timeout=30)
    case.validate_response(answer, checks=LAWS)


def _lead_somewhere(case: Any) -> None:
    """Three of four times to what is there: else every answer would be that there is nothing."""
    known = {
        "collection": "all" if case.operation.path.startswith(("/feeds", "/misp")) else "exchange",
        "object_id": indicator(1)["id"],
    }
    for name, value in known.items():
        if name in (case.path_parameters or {}) and len(str(case.path_parameters[name])) % 4:
            case.path_parameters[name] = value


def test_the_description_has_every_door_for_programs_and_no_other(open_doors: Served) -> None:
    described = {
        (path.replace("{format}", "{name}").replace("{event}", "{name}"), method.upper())
        for path, operations in openapi.describe()["paths"].items()
        for method in operations
    }
    found = set()
    for route in create_app(open_doors.node).routes:
        path = getattr(route, "path_format", route.path)
        if not path.startswith(("/taxii2", "/katchi", "/feeds", "/misp", "/openapi", "/.well-known/openc2")):
            continue
        for method in getattr(route, "methods", ()):
            if method not in ("HEAD", "OPTIONS"):
                found.add((path, method))
    assert {(_plain(path), method) for path, method in described} == {(_plain(path), method) for path, method in found}


def _plain(path: str) -> str:
    """A path whatever its parameters are called, with or without its last slash."""
    parts = ["{}" if part.startswith("{") else part for part in path.strip("/").split("/")]
    return "/".join(parts)


def test_it_is_for_whoever_is_signed_in_and_names_nobody(open_doors: Served) -> None:
    assert httpx.get(f"{open_doors.url}/openapi.json").status_code == 401
    answer = httpx.get(f"{open_doors.url}/openapi.json", auth=("siem", SECRET))
    assert answer.json() == openapi.describe()
    assert not [word for word in (SECRET, "siem", "kr-cert", open_doors.node.settings.node_id) if word in answer.text]
