"""Runs a playbook as pure values: what has happened comes in, what is to be done comes out.

The state of a run is data (`Run`): tokens, each with a stack of the steps that it is in, and variables. `advance` takes
one event and returns the state after it with what is to be done; it never waits, asks or does anything itself. Whoever
calls it keeps state and orders in one transaction, and tells what became of each order as another event. Events of an
order that is over, or that come twice, change nothing.

Rules where CACAO 2.0 is silent (docs/reference/playbooks.md):

- A step that fails goes on at its `on_failure`. Without one, what it stands in fails: the branching step, and so on up
  to the workflow; then `workflow_exception` is run once, and the run has failed whatever that does.
- A parallel step waits until all its branches are over, and fails if any failed.
- A timeout of a branching step ends all that is in it.
- A loop goes round a thousand times at most, a run makes a hundred thousand steps at most, playbooks call each other
  eight deep at most.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from katchi.errors import KatchiError
from katchi.respond.cacao import conditions, variables
from katchi.respond.cacao.playbook import Command, Playbook, Step, Variable

MOST_ROUNDS: Final = 1000
MOST_STEPS: Final = 100_000
DEEPEST: Final = 8

# ---- what happens ----------------------------------------------------------------------------------------


class Begin(msgspec.Struct, frozen=True, tag=True):
    """The run starts, with values for its external variables."""

    values: dict[str, str] = {}


class Done(msgspec.Struct, frozen=True, tag=True):
    """What became of an order. `out` are values for the step's out_args."""

    order: str
    is_good: bool
    out: dict[str, str] = {}
    reason: str = ""


class Rang(msgspec.Struct, frozen=True, tag=True):
    """The time of an alarm has come."""

    alarm: int


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """A person ends the run."""

    reason: str = ""


Event = Begin | Done | Rang | Cancel

# ---- what is to be done ----------------------------------------------------------------------------------


class Order(msgspec.Struct, frozen=True, tag=True):
    """Do this. `key` is the same whenever this is ordered again: it is to take effect once."""

    key: str
    step: str
    name: str
    command: Command
    agent: dict[str, Any]
    target: dict[str, Any] | None
    arguments: dict[str, str] = {}
    agent_id: str = ""
    wanted: tuple[str, ...] = ()  # the step's out_args


class Stop(msgspec.Struct, frozen=True, tag=True):
    """This order's result is not waited for any longer; whoever does it should stop, and see what was done."""

    key: str


class Wake(msgspec.Struct, frozen=True, tag=True):
    """Tell when this time (µs) has come."""

    alarm: int
    at: int


class Over(msgspec.Struct, frozen=True, tag=True):
    """The run is over: `done`, `failed` or `cancelled`."""

    status: str
    reason: str = ""


class Passed(msgspec.Struct, frozen=True, tag=True):
    """A step began or ended: for the timeline. `what` is entered, succeeded or failed."""

    step: str
    what: str
    reason: str = ""


Out = Order | Stop | Wake | Over | Passed

# ---- the state -------------------------------------------------------------------------------------------


class Frame(msgspec.Struct):
    """A step that a token is in, or the workflow itself (no step). `inner` and `scope` are those of steps below it."""

    id: int
    step: str
    inner: str  # the key of the playbook whose steps come below
    scope: int  # of variables
    phase: str = ""  # delay, work, branch, join
    rounds: int = 0
    command: int = 0
    target: int = 0
    local: dict[str, Variable] = {}
    left: int = 0  # branches that are not over
    failed: str = ""
    order: str = ""


class Token(msgspec.Struct):
    """One thread of the run. `path` tells it from the others, also after a crash."""

    id: int
    path: str
    frames: list[Frame]
    parent: int = -1  # the token, and the frame of its parallel step
    parent_frame: int = -1


class Run(msgspec.Struct):
    """Where a run is. `playbook` is the key of the one that it is of.

    `pins` are the versions of what is called without one: as they were when the run began, whatever comes later.
    """

    id: str
    playbook: str
    status: str = "new"
    reason: str = ""
    tokens: dict[int, Token] = {}
    scopes: dict[int, dict[str, Variable]] = {}
    next_id: int = 1
    steps: int = 0
    in_exception: bool = False
    pins: dict[str, str] = {}

    @property
    def is_over(self) -> bool:
        """Whether nothing follows any more."""
        return self.status in ("done", "failed", "cancelled")


class MachineError(KatchiError):
    """A run cannot begin like this."""

    code = "run"


def key_of(playbook_id: str, version: str = "") -> str:
    """How a library names a playbook of a version; without one, the newest it has."""
    return f"{playbook_id} {version}".strip()


def advance(
    run: Run, event: Event, library: Mapping[str, Playbook], *, now: int
) -> tuple[Run, list[Out]]:  # fmt: skip
    """The state after an event, and what is to be done. The state given is not changed.

    `library` has the run's playbook and all that it calls, by `key_of`. Raises MachineError or BadValueError for bad
    values at the start.
    """
    after: Run = msgspec.json.decode(msgspec.json.encode(run), type=Run)
    stepper = _Stepper(after, library, now)
    stepper.take(event)
    return after, stepper.out


class _Stepper:
    def __init__(self, run: Run, library: Mapping[str, Playbook], now: int) -> None:
        self.run, self.library, self.now = run, library, now
        self.out: list[Out] = []
        self._todo: deque[tuple[str, int, str]] = deque()

    def take(self, event: Event) -> None:
        if isinstance(event, Begin):
            if self.run.status == "new":
                self._begin(event)
        elif self.run.is_over or self.run.status == "new":
            return
        elif isinstance(event, Cancel):
            self._stop_all(self.run.tokens.values())
            self._over("cancelled", event.reason)
        elif isinstance(event, Done):
            self._done(event)
        else:
            self._rang(event.alarm)
        self._work()

    # ---- events ----------------------------------------------------------------------------------------

    def _begin(self, event: Begin) -> None:
        playbook = self.library[self.run.playbook]
        held = dict(playbook.playbook_variables)
        for name, value in event.values.items():
            if name not in held or held[name].constant:
                raise MachineError("There is no such variable to set.", what=name)
            held[name] = msgspec.structs.replace(held[name], value=value)
            variables.require(name, held[name])
        self._require_room(sum(len(each.value or "") for each in held.values()))
        missing = sorted(name for name, each in held.items() if each.external and each.value is None)
        if missing:
            raise MachineError("A value is missing.", what=missing[0], expected=held[missing[0]].type)
        self.run.scopes[0] = held
        self.run.status = "running"
        token = Token(self._new(), "0", [Frame(self._new(), "", self.run.playbook, 0)])
        self.run.tokens[token.id] = token
        self._later("enter", token.id, playbook.workflow_start)

    def _done(self, event: Done) -> None:
        for token in self.run.tokens.values():
            frame = token.frames[-1]
            if frame.order == event.order and frame.phase == "work":
                frame.order = ""
                if not event.is_good:
                    self._later("fail", token.id, event.reason or "command")
                    return
                try:
                    self._assign(token, self._step(token, frame), event.out)
                except variables.BadValueError as problem:
                    self._later("fail", token.id, f"value: {problem.what}")
                    return
                self._next_command(token, frame)
                return

    def _rang(self, alarm: int) -> None:
        for token in list(self.run.tokens.values()):
            for place, frame in enumerate(token.frames):
                if frame.id == alarm and frame.phase == "delay":
                    frame.id = self._new()
                    self._later("work", token.id, "")
                    return
                if -frame.id == alarm and frame.phase not in ("", "delay"):
                    self._stop_all(each for each in self._below(token, place))
                    for each in self._children(token, {below.id for below in token.frames[place:]}):
                        del self.run.tokens[each.id]
                    del token.frames[place + 1 :]
                    frame.order = ""
                    self._later("fail", token.id, "timeout")
                    return

    # ---- work ------------------------------------------------------------------------------------------

    def _later(self, what: str, token: int, value: str) -> None:
        self._todo.append((what, token, value))

    def _work(self) -> None:
        acts = {
            "enter": self._enter, "work": self._work_on, "good": self._succeed, "fail": self._fail, "loop": self._loop,
        }  # fmt: skip
        while self._todo and not self.run.is_over:
            what, number, value = self._todo.popleft()
            token = self.run.tokens.get(number)
            if token is not None:
                acts[what](token, value)

    def _enter(self, token: Token, name: str) -> None:
        below = token.frames[-1]
        step = self.library[below.inner].workflow[name]
        if not self._may_go_on():
            return
        if step.type == "end":
            self._ended(token)
            return
        frame = Frame(self._new(), name, below.inner, below.scope, local=dict(step.step_variables))
        token.frames.append(frame)
        self.out.append(Passed(name, "entered"))
        if step.delay:
            frame.phase = "delay"
            self.out.append(Wake(frame.id, self.now + step.delay * 1000))
        else:
            self._work_on(token, "")

    def _work_on(self, token: Token, _: str) -> None:
        frame = token.frames[-1]
        step = self._step(token, frame)
        if step.timeout:
            self.out.append(Wake(-frame.id, self.now + step.timeout * 1000))
        frame.phase = "branch"
        match step.type:
            case "start":
                self._later("good", token.id, "")
            case "action":
                frame.phase = "work"
                self._order(token, frame, step)
            case "while-condition":
                self._loop(token, "")
            case "if-condition":
                self._decide(token, step)
            case "switch-condition":
                found = self._look(token, step.switch.removesuffix(":value"))
                chosen = step.cases.get(found.value or "") if found is not None else None
                self._branch(token, chosen or step.cases.get("default", ""))
            case "parallel":
                self._part(token, frame, step)
            case _:
                self._call(token, frame, step)

    def _branch(self, token: Token, name: str) -> None:
        """Into a branch, or past the step where there is none to take."""
        self._later(*(("enter", token.id, name) if name else ("good", token.id, "")))

    def _decide(self, token: Token, step: Step) -> None:
        is_true = self._holds(token, step)
        if is_true is not None:
            self._branch(token, step.on_true if is_true else step.on_false)

    def _loop(self, token: Token, _: str) -> None:
        frame = token.frames[-1]
        step = self._step(token, frame)
        is_true = self._holds(token, step)
        if is_true is None:
            return
        if is_true and frame.rounds >= MOST_ROUNDS:
            self._later("fail", token.id, "too-many-rounds")
            return
        frame.rounds += 1
        self._branch(token, step.on_true if is_true else "")

    def _holds(self, token: Token, step: Step) -> bool | None:
        """Whether the step's condition is true; None where that cannot be said, and the step has failed."""
        try:
            return conditions.holds(conditions.parse(step.condition), lambda name: self._look(token, name))
        except conditions.BadConditionError as problem:
            self._later("fail", token.id, f"condition: {problem.what}")
            return None

    def _part(self, token: Token, frame: Frame, step: Step) -> None:
        frame.phase, frame.left = "join", len(step.next_steps)
        for place, name in enumerate(step.next_steps):
            child = Token(
                self._new(), f"{token.path}.{frame.step}.{_rounds(token)}.{place}",
                [Frame(self._new(), "", frame.inner, frame.scope)], token.id, frame.id,
            )  # fmt: skip
            self.run.tokens[child.id] = child
            self._later("enter", child.id, name)

    def _call(self, token: Token, frame: Frame, step: Step) -> None:
        key = key_of(step.playbook_id, step.playbook_version or self.run.pins.get(step.playbook_id, ""))
        called = self.library.get(key)
        if called is None:
            self._later("fail", token.id, "no-playbook")
            return
        if sum(each.phase == "call" for each in token.frames) >= DEEPEST:
            self._later("fail", token.id, "too-deep")
            return
        held = dict(called.playbook_variables)
        for name in step.in_args:
            bare = name.removesuffix(":value")
            given = self._look(token, bare)
            if bare in held and given is not None and not held[bare].constant:
                held[bare] = msgspec.structs.replace(held[bare], value=given.value)
        scope = self._new()
        self.run.scopes[scope] = held
        frame.phase, frame.inner, frame.scope = "call", key, scope
        self._later("enter", token.id, called.workflow_start)

    def _order(self, token: Token, frame: Frame, step: Step) -> None:
        if not self._may_go_on():  # commands times targets can be many more than steps
            return
        playbook = self.library[frame.inner]
        target_id = step.targets[frame.target] if step.targets else ""
        target = playbook.target_definitions.get(target_id) or playbook.agent_definitions.get(target_id)
        arguments = {}
        for name in step.in_args:
            found = self._look(token, name.removesuffix(":value"))
            if found is not None and found.value is not None:
                arguments[name.removesuffix(":value")] = found.value
        try:
            command = variables.filled(step.commands[frame.command], lambda name: self._look(token, name))
            agent = variables.filled_in(playbook.agent_definitions[step.agent], lambda name: self._look(token, name))
            target = variables.filled_in(target, lambda name: self._look(token, name))
        except variables.BadValueError as problem:
            self._later("fail", token.id, f"value: {problem.what}")
            return
        # With all steps that it stands in, and the target's place: a playbook may be called, a target named, twice.
        steps = "/".join(each.step for each in token.frames)
        parts = (
            self.run.id, token.path, frame.inner, steps, _rounds(token), str(frame.command),
            f"{frame.target} {target_id}",
        )  # fmt: skip
        frame.order = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        out = tuple(name.removesuffix(":value") for name in step.out_args)
        self.out.append(Order(frame.order, frame.step, step.name, command, agent, target, arguments, step.agent, out))

    def _next_command(self, token: Token, frame: Frame) -> None:
        """Each command is done for each target; commands in their order (§5)."""
        step = self._step(token, frame)
        frame.target += 1
        if frame.target >= max(1, len(step.targets)):
            frame.target, frame.command = 0, frame.command + 1
        if frame.command < len(step.commands):
            self._order(token, frame, step)
        else:
            self._later("good", token.id, "")

    def _may_go_on(self) -> bool:
        """Counts one more step or order; too many end the run."""
        self.run.steps += 1
        if self.run.steps > MOST_STEPS:
            self._stop_all(self.run.tokens.values())
            self._over("failed", "too-many-steps")
        return not self.run.is_over

    # ---- ways out --------------------------------------------------------------------------------------

    def _succeed(self, token: Token, _: str) -> None:
        frame = token.frames.pop()
        step = self.library[token.frames[-1].inner].workflow[frame.step]
        self.out.append(Passed(frame.step, "succeeded"))
        if frame.scope != token.frames[-1].scope:
            del self.run.scopes[frame.scope]
        self._later("enter", token.id, step.after)

    def _fail(self, token: Token, reason: str) -> None:
        frame = token.frames[-1]
        if not frame.step:
            self._unwound(token, frame, reason)
            return
        if frame.phase == "call" and not frame.failed:
            called = self.library[frame.inner]
            if called.workflow_exception and reason not in ("timeout", "no-playbook"):
                frame.failed = reason
                self._later("enter", token.id, called.workflow_exception)
                return
        token.frames.pop()
        step = self.library[token.frames[-1].inner].workflow[frame.step]
        self.out.append(Passed(frame.step, "failed", reason))
        if frame.scope != token.frames[-1].scope:
            self.run.scopes.pop(frame.scope, None)
        self._later(*(("enter", token.id, step.on_failure) if step.on_failure else ("fail", token.id, reason)))

    def _unwound(self, token: Token, frame: Frame, reason: str) -> None:
        """Nothing in this branch, or this workflow, took care of the failure."""
        if token.parent >= 0:
            self._settle(token, reason)
            return
        exception = self.library[frame.inner].workflow_exception
        if exception and not frame.failed:
            frame.failed = reason
            self._later("enter", token.id, exception)
            return
        self._over("failed", frame.failed or reason)

    def _ended(self, token: Token) -> None:
        """An end: back to what the branch is of, or out of the run."""
        frame = token.frames[-1]
        if not frame.step:
            if token.parent >= 0:
                self._settle(token, "")
            elif frame.failed:
                self._over("failed", frame.failed)
            else:
                self._over("done", "")
            return
        kind = self.library[token.frames[-2].inner].workflow[frame.step].type
        if kind == "while-condition":
            self._later("loop", token.id, "")
        elif frame.phase != "call":
            self._later("good", token.id, "")
        elif frame.failed:
            self._later("fail", token.id, frame.failed)
        else:
            self._returned(token, frame)

    def _returned(self, token: Token, frame: Frame) -> None:
        """A called playbook is through: its out_args come back."""
        inner = self.run.scopes[frame.scope]
        step = self.library[token.frames[-2].inner].workflow[frame.step]
        values = {
            name: inner[name].value or "" for each in step.out_args if (name := each.removesuffix(":value")) in inner
        }
        scope = token.frames[-2].scope
        frame.scope, closed = scope, frame.scope
        del self.run.scopes[closed]
        try:
            self._assign(token, step, values)
        except variables.BadValueError as problem:
            self._later("fail", token.id, f"value: {problem.what}")
            return
        self._later("good", token.id, "")

    def _settle(self, token: Token, reason: str) -> None:
        """A parallel branch is over."""
        del self.run.tokens[token.id]
        parent = self.run.tokens.get(token.parent)
        if parent is None or parent.frames[-1].id != token.parent_frame:
            return
        frame = parent.frames[-1]
        frame.left -= 1
        frame.failed = frame.failed or reason
        if frame.left == 0:
            self._later(*(("fail", parent.id, frame.failed) if frame.failed else ("good", parent.id, "")))

    def _over(self, status: str, reason: str) -> None:
        self.run.status, self.run.reason = status, reason
        self.run.tokens.clear()
        self.out.append(Over(status, reason))

    # ---- what is where ---------------------------------------------------------------------------------

    def _new(self) -> int:
        self.run.next_id += 1
        return self.run.next_id - 1

    def _step(self, token: Token, frame: Frame) -> Step:
        below = token.frames[token.frames.index(frame) - 1]
        return self.library[below.inner].workflow[frame.step]

    def _look(self, token: Token, name: str) -> Variable | None:
        """A variable: the step's own first, then the playbook's (§10.18.3)."""
        frame = token.frames[-1]
        return frame.local.get(name) or self.run.scopes[frame.scope].get(name)

    def _assign(self, token: Token, step: Step, values: Mapping[str, str]) -> None:
        """Raises BadValueError; then nothing was assigned."""
        frame = token.frames[-1]
        fresh: list[tuple[dict[str, Variable], str, Variable]] = []
        for each in step.out_args:
            name = each.removesuffix(":value")
            if name in values:
                scope = frame.local if name in frame.local else self.run.scopes[frame.scope]
                changed = msgspec.structs.replace(scope[name], value=values[name])
                variables.require(name, changed)
                fresh.append((scope, name, changed))
        self._require_room(sum(len(each.value or "") for _, _, each in fresh))
        for scope, name, changed in fresh:
            scope[name] = changed

    def _require_room(self, more: int) -> None:
        """That the values of a run, which are written with each of its steps, do not get too long altogether."""
        held = [each for scope in self.run.scopes.values() for each in scope.values()]
        if more + sum(len(each.value or "") for each in held) > variables.MOST_TOGETHER:
            raise variables.BadValueError(
                "The values of this run are too long together.", what="values",
                expected=f"{variables.MOST_TOGETHER} characters at most",
            )  # fmt: skip

    def _children(self, token: Token, frames: set[int]) -> list[Token]:
        """The tokens of parallel branches in these frames, and of branches in them."""
        found = [each for each in self.run.tokens.values() if each.parent == token.id and each.parent_frame in frames]
        return [*found, *(below for each in found for below in self._children(each, {f.id for f in each.frames}))]

    def _below(self, token: Token, place: int) -> Iterable[Token]:
        return [token, *self._children(token, {each.id for each in token.frames[place:]})]

    def _stop_all(self, tokens: Iterable[Token]) -> None:
        self.out += [Stop(each.frames[-1].order) for each in tokens if each.frames[-1].order]


def _rounds(token: Token) -> str:
    """Which round of each loop a token is in."""
    return ",".join(f"{each.step}:{each.rounds}" for each in token.frames if each.rounds)
