"""Plays a response that asks services, killed with SIGKILL wherever a crash could be, and while a service is asked.

`python -m tests.node.killing_calls FOLDER [DATABASE-URL]`: a real HTTP server in a process of its own writes down what
it is asked, and kills who asks before it answers, when it is told to. One service knows a request again by its key, the
other does not: of the first there is one key, of the second never two requests; a program is never run twice. Prints
how many kills there were.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec

from katchi.node import responding, responses
from katchi.node.responses import Wish
from katchi.node.settings import Settings, write_settings
from katchi.node.wiring import create_node, new_node_id, open_node
from katchi.respond import calling, shell
from tests.node.killing_responses import go_on, node_id, through
from tests.respond.playbooks import name_of, playbook

KINDS = ("once", "again")


def document() -> dict[str, Any]:
    """Asks the service that knows nothing again; if that is not known to be done, says so; then asks the other."""
    agents = {
        name_of("security-category", kind): {"type": "security-category", "name": kind, "category": [kind]}
        for kind in KINDS
    }
    made = playbook(name="Call", agents=agents)
    ids = {name: name_of("action", name) for name in ("once", "unknown", "again", "put", "program")}
    ways = {
        "once": {"on_success": ids["again"], "on_failure": ids["unknown"]}, "unknown": {"on_completion": ids["again"]},
        "again": {"on_completion": ids["put"]}, "put": {"on_completion": ids["program"]},
    }  # fmt: skip
    for name, way in ways.items():
        agent = name_of("security-category", "once" if name == "once" else "again")
        line = f"{'PUT' if name == 'put' else 'POST'} /{name} HTTP/1.1"
        command = {"type": "http-api", "command": line, "content": '{"a": "__things__:value"}'}
        made["workflow"][ids[name]] = {"type": "action", "name": name, "agent": agent, "commands": [command], **way}
    end = name_of("end", "Call")
    made["workflow"][ids["program"]] = {
        "type": "action", "name": "program", "agent": name_of("security-category", "once"), "on_success": end,
        "on_failure": end, "commands": [{"type": "bash", "command": "echo ran __things__:value >> ran"}],
    }  # fmt: skip
    made["workflow"][made["workflow_start"]]["on_completion"] = ids["once"]
    return made


@contextmanager
def a_server(folder: Path) -> Iterator[str]:
    """Its address. It notes requests in `asked`; while there is a file `kill` with a path, it kills who asks that."""
    asked, kill = folder / "asked", folder / "kill"

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with asked.open("a") as file:
                file.write(f"{self.path} {self.headers['Idempotency-Key']}\n")
            if kill.exists() and kill.read_text() == self.path:
                kill.unlink()
                os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
            self.send_response(201)
            self.end_headers()

        do_PUT = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        child = os.fork()
        if child == 0:
            server.serve_forever()
            os._exit(0)
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def require_once(folder: Path, response: str, fresh: list[tuple[str, str]], ran: int) -> int:
    """Nothing twice, nothing lost, nothing stuck. Returns of how many steps it was left unknown what became of them."""
    with open_node(folder) as node:
        found = responses.read(node, response)
        assert found.row.state == "done", found.row
        orders = {each.order.name: each.row for each in responding.show(node, found.row.run or "").orders}
    paths = [path for path, _ in fresh]
    keys = {path: {key for each, key in fresh if each == path} for path in paths}
    is_unknown = orders["once"].phase == "failed"
    assert paths.count("/once") <= 1, paths
    assert is_unknown or paths.count("/once") == 1, paths
    assert not is_unknown or calling.UNKNOWN in (orders["once"].reason or ""), orders["once"]
    assert ("unknown" in orders) == is_unknown
    wanted = ["again", "put", *(["unknown"] if is_unknown else [])]
    for name in wanted:
        assert keys[f"/{name}"] == {orders[name].key}, (name, fresh)
        assert orders[name].phase == "done", orders[name]
    is_program_unknown = orders["program"].phase == "failed"
    assert ran <= 1, ran
    assert is_program_unknown or ran == 1, orders["program"]
    assert not is_program_unknown or orders["program"].reason == calling.UNKNOWN, orders["program"]
    return is_unknown + is_program_unknown


def ran_so_far(folder: Path) -> int:
    return len((folder / "ran").read_text().splitlines()) if (folder / "ran").exists() else 0


def asked_so_far(folder: Path) -> list[tuple[str, str]]:
    lines = (folder / "asked").read_text().splitlines() if (folder / "asked").exists() else []
    return [(path, key) for path, _, key in (line.partition(" ") for line in lines)]


def play(folder: Path, kill_at: int, kill_in: str = "") -> tuple[int, int]:
    """One response; returns how many kills it took, and of how many steps nobody knows whether they were done."""
    before, ran = len(asked_so_far(folder)), ran_so_far(folder)
    with open_node(folder) as node:
        responding.accept(node, json.dumps(document()).encode(), person="kim")
        response = responses.propose(node, Wish("Call", {"things": "192.0.2.7"}), person="kim").id
    if kill_in:
        (folder / "kill").write_text(kill_in)
    kills = through(folder, kill_at) if not kill_in else killed_by_the_server(folder)
    return kills, require_once(folder, response, asked_so_far(folder)[before:], ran_so_far(folder) - ran)


def killed_by_the_server(folder: Path) -> int:
    child = os.fork()
    if child == 0:
        (folder / "pid").write_text(str(os.getpid()))
        go_on(folder, 0)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    go_on(folder, 0)
    return int(os.WIFSIGNALED(status))


def main() -> None:
    folder = Path(sys.argv[1])
    database = sys.argv[2] if len(sys.argv) > 2 else "sqlite:///katchi.db"
    folder.mkdir(parents=True, exist_ok=True)
    kills = points = unknown = 0
    with a_server(folder) as url:
        services = tuple(
            calling.Settings(name=kind, roles=(kind,), url=url, repeatable=kind == "again") for kind in KINDS
        )
        command = ("env", "-C", str(folder), "bash", "-c")
        runs = (shell.Settings(name="sh", roles=("once",), types=("bash",), command=command),)
        settings = Settings(name="kr-cert", node_id=new_node_id(), database=database, service=services, shell=runs)
        if (folder / "katchi.toml").exists():
            write_settings(folder, msgspec.structs.replace(settings, node_id=node_id(folder)))
        else:
            create_node(folder, settings)
        for path in ("/once", "/again", "/put", ""):
            more, unsure = play(folder, 0, kill_in=path or "/none")
            assert (more, unsure) == (int(bool(path)), int(path == "/once")), (path, more, unsure)
            kills, unknown = kills + more, unknown + unsure
        (folder / "kill").unlink()
        while True:
            points += 1
            more, unsure = play(folder, points)
            kills, unknown = kills + more, unknown + unsure
            if not more:
                break
    sys.stdout.write(f"{points} points, {kills} kills, {unknown} left unknown, 0 wrong\n")


if __name__ == "__main__":
    main()
