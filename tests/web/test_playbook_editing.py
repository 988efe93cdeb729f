"""Playbooks written and changed in the console, as people do it: with forms, without scripts, two at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from katchi.node import people, responding
from katchi.node.wiring import Node
from katchi.respond import cacao, library
from katchi.respond.cacao import editing
from katchi.store.runs import PlaybookRow
from katchi.web.serve import serving
from tests.nodes import a_node
from tests.respond.playbooks import asking, name_of, playbook
from tests.web.test_overlap_pages import signed_in

HOSTILE = """"><script>alert('1')</script>{{ 7*7 }}\u202e'&amp;__x__:value"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with a_node(tmp_path / "node", "kr-cert") as made, serving(made):
        people.add(made, "lee", "releaser", "en", "correct horse battery")
        people.add(made, "kim", "releaser", "ko", "correct horse battery")
        people.add(made, "choi", "analyst", "ko", "correct horse battery")
        yield made


class Form(HTMLParser):
    """The values of the page's form, as a browser would send them, and its buttons."""

    def __init__(self, page: httpx.Response) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.acts: list[str] = []
        self.text = page.text
        self._is_in, self._area, self._select = False, "", ""
        self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        name = found.get("name", "")
        if tag == "form":
            self._is_in = found.get("action") == "/playbook/edit"
        elif not self._is_in:
            return
        elif tag == "button":
            self.acts.append(found["value"])
        elif tag == "input" and (found.get("type") != "checkbox" or "checked" in found):
            self.values[name] = found.get("value", "")
        elif tag == "textarea":
            self._area, self.values[name] = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and ("selected" in found or self._select not in self.values):
            self.values[self._select] = found.get("value", "")
            self._area = "" if "value" in found else self._select

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("textarea", "option"):
            if tag == "textarea":
                self.values[self._area] = self.values[self._area].removeprefix("\n").replace("\n", "\r\n")
            self._area = ""

    def press(self, client: httpx.Client, act: str, **typed: str) -> httpx.Response:
        """The button, after some values were typed; the button must be there."""
        assert act in self.acts, act
        values = self.values | {name.replace("__", "/"): value for name, value in typed.items()} | {"act": act}
        return client.post("/playbook/edit", data=values, follow_redirects=False)

    def pressed(self, client: httpx.Client, act: str, **typed: str) -> Form:
        """The same, and the form that comes back."""
        answer = self.press(client, act, **typed)
        assert answer.status_code == 200, answer.text
        return Form(answer)


def ours(node: Node, **more: Any) -> PlaybookRow:
    """A playbook that this node wrote."""
    agents = {name_of("group", "duty"): {"type": "group", "name": "당직자"}}
    steps = [asking(text, name_of("group", "duty"), text) for text in ("call", "write", "look")]
    document = playbook(*steps, name="우리 대응", agents=agents, created_by=node.settings.node_id, **more)
    return responding.accept(node, json.dumps(document).encode(), person="lee")[0]


def newest(node: Node, name: str) -> dict[str, Any]:
    return editing.opened(responding.playbook_named(node, name).document)


def names(members: dict[str, Any]) -> list[str]:
    return [members["workflow"][name].get("name", "") for name, _, _ in editing.outline(members)]


def numbered(form: Form, name: str) -> str:
    """The number of the step of this name, in the form."""
    return next(key.split("/")[1] for key, value in form.values.items() if key.endswith("/name") and value == name)


def test_a_playbook_is_written_from_nothing(node: Node) -> None:
    with signed_in(node.settings.url, "kim") as kim:
        form = Form(kim.get("/playbook/new"))
        form = form.pressed(
            kim, "add/0", name="은행 공격 대응", step__0__says="은행에 전화한다", description="와이퍼\r\n대응"
        )
        assert form.values["name"] == "은행 공격 대응"
        form = form.pressed(kim, "add/2", step__2__name="전화", step__2__new="devices", step__2__timeout="2시간")
        assert form.values["step/2/timeout"] == "2 h"
        form = form.pressed(kim, "add/3", step__3__name="차단", step__3__command__0__lasts="7일",
                            step__3__new="question", step__3__says="피해가 있는가?")  # fmt: skip
        branch = next(name.split("/")[1] for name in form.values if name.endswith("/way"))
        form = form.pressed(
            kim, f"add/{branch}", **{f"step__{branch}__way": "1", f"step__{branch}__says": "지원한다"},
            **{f"step__{branch}__name": "피해?"}, type__mitigation="1", valid_until="2027-01-01T00:00",
        )  # fmt: skip
        seen = form.pressed(kim, "save")
        assert "confirm" in seen.acts
        assert "바뀌는 내용" in seen.text
        assert node.store.runs.playbooks() == []
        saved = seen.press(kim, "confirm")
        (row,) = node.store.runs.playbooks()
        assert (saved.status_code, saved.headers["location"]) == (303, f"/playbook?id={row.id}")
        assert (row.name, row.person) == ("은행 공격 대응", "kim")
        read, found = cacao.read(row.document)
        assert found == ()
        assert read.created_by == node.settings.node_id
        assert (read.description, read.playbook_types) == ("와이퍼\n대응", ("mitigation",))
        assert read.valid_until == "2027-01-01T00:00:00.000Z"
        assert names(editing.opened(row.document))[1:5] == ["전화", "차단", "피해가 있는가?", "피해?"]
        assert '"duration\\": 604800000' in row.document.decode()
        assert "name" in seen.press(kim, "confirm").text  # pressed twice: the second comes too late
        assert len(node.store.runs.playbooks()) == 1


def test_a_version_follows_another_and_what_changed_is_shown(node: Node) -> None:
    before = ours(node, x_ours={"kept": [1.0, None]}, signatures=[])
    with signed_in(node.settings.url, "lee") as lee, signed_in(node.settings.url, "choi") as choi:
        form = Form(lee.get(f"/playbook/edit?id={before.id}"))
        same = form.pressed(lee, "save")
        assert "Nothing is different" in same.text
        assert "confirm" not in same.acts
        look = numbered(form, "look")
        form = form.pressed(lee, f"up/{look}", **{f"step__{look}__command__0": "look into the logs"})
        form = form.pressed(lee, f"remove/{numbered(form, 'write')}")
        form = form.pressed(
            lee, "keep", **{"new-variable": "hits so far", "new-agent": "names", "new-roles": "dns, proxy"}
        )
        form = form.pressed(lee, "save", variable__1__type="integer", variable__1__value="0")
        assert form.press(lee, "confirm").status_code == 303
        after = newest(node, "우리")
        assert (after["id"], after["created"], after["x_ours"]) == (before.id, before.version, {"kept": [1.0, None]})
        assert names(after) == ["", "call", "look", ""]
        assert "signatures" not in after
        assert after["playbook_variables"]["__hits_so_far__"] == {"type": "integer", "value": "0", "external": True}
        assert [each for each in after["agent_definitions"].values() if each["name"] == "names"] == [
            {"type": "security-category", "name": "names", "category": ["dns", "proxy"]}
        ]
        versions = f"id={before.id}&from={before.version}&to={after['modified']}"
        text = lee.get(f"/playbook/compare?{versions}").text
        for said in ("look into the logs", "hits_so_far", "removed", "names", "goes on with"):
            assert said in text, said
        assert "look into the logs" in lee.get(f"/playbook/compare?id={before.id}").text
        korean = choi.get(f"/playbook/compare?{versions}")
        assert (korean.status_code, "삭제" in korean.text, "/playbook/edit" in korean.text) == (200, True, False)
        assert choi.get(f"/playbook/edit?id={before.id}").status_code == 403
        assert choi.get("/playbook/new").status_code == 403
        assert choi.post("/playbook/edit", data=form.values).status_code == 403
        assert (
            "Both say the same"
            in lee.get(f"/playbook/compare?id={before.id}&from={before.version}&to={before.version}").text
        )


def test_another_s_playbook_becomes_one_of_ours(node: Node) -> None:
    row = responding.accept(node, library.document("block-and-watch"), person="kim")[0]
    with signed_in(node.settings.url, "lee") as lee:
        form = Form(lee.get(f"/playbook/edit?id={row.id}"))
        assert form.values["name"] == "Block and watch (kr-cert)"
        taken = form.pressed(lee, "save", name="Block and watch")
        assert "confirm" not in taken.acts
        assert "is called so" in taken.text
        seen = form.pressed(lee, "save", step__3__command__0__lasts="2 d")
        assert "deny __things__:value (2 d)" in seen.text
        assert seen.press(lee, "confirm").status_code == 303
        made = newest(node, "Block and watch (")
        assert (made["derived_from"], made["created_by"]) == ([row.id], node.settings.node_id)
        assert responding.playbook_named(node, row.id).document == row.document


def test_what_cannot_be_read_stays_in_its_field(node: Node) -> None:
    row = ours(node)
    with signed_in(node.settings.url, "lee") as lee:
        form = Form(lee.get(f"/playbook/edit?id={row.id}"))
        call = numbered(form, "call")
        typed = {f"step__{call}__delay": "soon", f"step__{call}__command__0": "", "new-variable": "한글",
                 f"step__{call}__agent": "group--none", "valid_from": "later", "name": " "}  # fmt: skip
        seen = form.pressed(lee, "save", **typed)
        for name in (f"step__{call}__delay", "new-variable", "valid_from"):
            assert seen.values[name.replace("__", "/")] == typed[name]
        assert seen.text.count('aria-invalid="true"') == 6
        assert "There is no agent group--none" in seen.text
        assert "confirm" not in seen.acts
        again = seen.pressed(lee, "keep")
        assert again.values[f"step/{call}/delay"] == "soon"
        for act, wrong in (("add/99", "no such step"), ("up/x", "no such step"), ("drop/7", "no such variable"),
                           ("remove/0", "A beginning")):  # fmt: skip
            answer = lee.post("/playbook/edit", data=again.values | {"act": act})
            assert (answer.status_code, wrong in answer.text) == (400, True), act
            assert Form(answer).values[f"step/{call}/delay"] == "soon"
        assert len(node.store.runs.playbooks()) == 1


def test_nobody_writes_over_what_another_has_just_saved(node: Node) -> None:
    row = ours(node)
    with signed_in(node.settings.url, "lee") as lee, signed_in(node.settings.url, "kim") as kim:
        mine, theirs = (Form(each.get(f"/playbook/edit?id={row.id}")) for each in (lee, kim))
        assert theirs.pressed(kim, "save", description="kim's").press(kim, "confirm").status_code == 303
        late = mine.pressed(lee, "save", description="lee's").press(lee, "confirm")
        assert (late.status_code, "Somebody has saved another version" in late.text) == (409, True)
        form = Form(late)
        assert form.values["description"] == "lee's"
        assert "confirm" not in form.acts
        assert newest(node, "우리")["description"] == "kim's"
        assert form.pressed(lee, "over").press(lee, "confirm").status_code == 303
        assert newest(node, "우리")["description"] == "lee's"
        # From an older version on purpose: it is said, and it may.
        older = Form(lee.get(f"/playbook/edit?id={row.id}&version={row.version}"))
        assert "begins with an older version" in older.text
        assert older.pressed(lee, "save", name="older").press(lee, "confirm").status_code == 303
        assert "description" not in newest(node, "older")


def test_what_was_looked_at_is_what_is_saved(node: Node) -> None:
    row = ours(node)
    with signed_in(node.settings.url, "lee") as lee:
        seen = Form(lee.get(f"/playbook/edit?id={row.id}")).pressed(lee, "save", description="one")
        other = seen.press(lee, "confirm", description="another")
        assert (other.status_code, len(node.store.runs.playbooks())) == (200, 1)
        assert "another" in other.text


def test_hostile_text_stays_text(node: Node) -> None:
    row = ours(node)
    with signed_in(node.settings.url, "lee") as lee:
        form = Form(lee.get(f"/playbook/edit?id={row.id}"))
        call = numbered(form, "call")
        typed = {f"step__{call}__{name}": HOSTILE for name in ("name", "description", "command__0")}
        seen = form.pressed(
            lee, "save", name=HOSTILE + "\x00\x1b[2J", description="</textarea>" + HOSTILE, **typed,
            **{"new-agent": HOSTILE, "type/<script>": "1"},
        )  # fmt: skip
        assert "<script>alert" not in seen.text
        assert "49" not in seen.values["name"]
        assert seen.values["name"] == HOSTILE + "[2J"
        assert seen.values["description"] == "</textarea>" + HOSTILE
        assert "confirm" not in seen.acts  # __x__ is no variable
        seen = seen.pressed(lee, "save", **{f"step__{call}__command__0": HOSTILE.replace(":value", "")})
        assert seen.press(lee, "confirm").status_code == 303
        assert newest(node, row.id)["name"] == HOSTILE + "[2J"
        assert "<script>alert" not in lee.get(f"/playbook/compare?id={row.id}").text


def test_what_is_no_form_of_ours_is_refused(node: Node) -> None:
    row = ours(node)
    with signed_in(node.settings.url, "lee") as lee:
        form = Form(lee.get(f"/playbook/edit?id={row.id}"))
        assert lee.post("/playbook/edit", data=form.values | {"token": "x"}).status_code == 403
        for draft in ("", "{}", "[" * 5000, '{"type": "playbook"}'):
            assert lee.post("/playbook/edit", data=form.values | {"draft": draft, "act": "save"}).status_code == 400
        assert lee.get("/playbook/edit?id=playbook--none").status_code == 404
        assert lee.get(f"/playbook/edit?id={row.id}&version=none").status_code == 404
        assert lee.get("/playbook/compare?id=none").status_code == 404
        assert lee.get(f"/playbook/compare?id={row.id}&from=none").status_code == 404
        assert "no version before" in lee.get(f"/playbook/compare?id={row.id}").text
        # Whose it is, is not for a form to say.
        stolen = json.loads(form.values["draft"]) | {
            "id": name_of("playbook", "x"),
            "created_by": name_of("identity", "x"),
        }
        seen = Form(lee.post("/playbook/edit", data=form.values | {"draft": json.dumps(stolen), "act": "save"}))
        assert "confirm" not in seen.acts  # nothing else was changed
        seen = seen.pressed(lee, "save", description="x")
        assert seen.press(lee, "confirm").status_code == 303
        assert {each.id for each in node.store.runs.playbooks()} == {row.id}


def test_a_long_playbook_can_be_changed(node: Node) -> None:
    agents = {name_of("group", "duty"): {"type": "group", "name": "duty"}}
    steps = [asking(f"do {number}", name_of("group", "duty"), f"step {number}") for number in range(300)]
    document = playbook(*steps, name="long", agents=agents, created_by=node.settings.node_id)
    row = responding.accept(node, json.dumps(document).encode(), person="lee")[0]
    with signed_in(node.settings.url, "lee") as lee:
        form = Form(lee.get(f"/playbook/edit?id={row.id}"))
        assert form.pressed(lee, "save", description="x").press(lee, "confirm").status_code == 303
        assert newest(node, "long")["description"] == "x"
