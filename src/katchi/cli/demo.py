"""`katchi demo`: two nodes on this machine tell how they work together, and every sentence is checked."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from rich.console import Console

    from katchi.cli.invocation import Invocation
    from katchi.cli.scenes import Scene, Statement
    from katchi.cli.stage import Stage


class Told(msgspec.Struct, frozen=True):
    """One statement in the demo's account."""

    scene: str
    statement: str
    is_true: bool
    seen: str


def play(invocation: Invocation, *, check: bool, wait: bool) -> int:
    """Plays the story; 0 if every statement was found to be true, 1 if one was not."""
    from katchi.cli import scenes, stage

    console = _console(invocation)
    told: list[Told] = []
    with tempfile.TemporaryDirectory(prefix="katchi-demo-") as folder:
        with console.status(_either(invocation, "Two nodes start …", "두 노드를 시작합니다 …")):
            setting = contextlib.ExitStack()
            both = setting.enter_context(stage.set_up(Path(folder)))
        with setting:
            for number, scene in enumerate(scenes.SCENES, start=1):
                told += _tell(invocation, console, number, scene, both)
            untrue = [statement for statement in told if not statement.is_true]
            _conclude(invocation, console, told, untrue)
            if wait and not check:
                _keep_open(invocation, console, both)
    invocation.answer({"verified": not untrue, "statements": told})
    return 1 if untrue else 0


def _console(invocation: Invocation) -> Console:
    from rich.console import Console

    return Console(quiet=invocation.as_json or invocation.is_quiet, highlight=False, soft_wrap=False)


def _tell(invocation: Invocation, console: Console, number: int, scene: Scene, both: Stage) -> list[Told]:
    from rich.markup import escape

    title = _either(invocation, scene.en, scene.ko)
    console.print(f"\n[bold]{number}. {escape(title)}[/bold]")
    told: list[Told] = []
    playing = scene.play(both)
    while True:
        with console.status("…"):
            statement = next(playing, None)
        if statement is None:
            return told
        sentence = _either(invocation, statement.en, statement.ko)
        _show(console, sentence, statement)
        told.append(Told(title, sentence, statement.is_true, statement.seen))


def _show(console: Console, sentence: str, statement: Statement) -> None:
    from rich.markup import escape
    from rich.padding import Padding

    mark = "[green]✓[/green]" if statement.is_true else "[red]✗[/red]"
    console.print(Padding(f"{mark} {escape(sentence)}", (0, 0, 0, 2)))
    if statement.seen:
        console.print(Padding(f"[dim]{escape(statement.seen)}[/dim]", (0, 0, 0, 4)))


def _conclude(invocation: Invocation, console: Console, told: list[Told], untrue: list[Told]) -> None:
    if untrue:
        sentence = _either(
            invocation,
            f"{len(untrue)} of {len(told)} statements were not true.",
            f"{len(told)}개 중 {len(untrue)}개가 사실이 아니었습니다.",
        )
        console.print(f"\n[bold red]{sentence}[/bold red]")
        return
    sentence = _either(
        invocation,
        f"All {len(told)} statements were verified.",
        f"{len(told)}개 문장을 모두 확인했습니다.",
    )
    console.print(f"\n[bold green]{sentence}[/bold green]")


def _keep_open(invocation: Invocation, console: Console, both: Stage) -> None:
    from rich.table import Table

    labels = _either(invocation, "console,name,password", "콘솔,이름,비밀번호").split(",")
    table = Table(*labels, title=_either(invocation, "Both consoles are open", "두 콘솔이 열려 있습니다"))
    for side in both.sides:
        table.add_row(side.node.settings.url, side.person, side.password)
    console.print()
    console.print(table)
    console.print(_either(invocation, "Ctrl-C ends both nodes.", "Ctrl-C를 누르면 두 노드가 종료됩니다."))
    ended = threading.Event()
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, lambda *_: ended.set())
    while not ended.wait(0.5):
        pass


def _either(invocation: Invocation, en: str, ko: str) -> str:
    return ko if invocation.language == "ko" else en
