"""What a playbook would do here, before anybody says yes: step by step, whose it is, at which device, to what.

Nothing is touched and nobody is asked. Values that come up only during a run are not known yet; what they lead to is
held against the same limits when the step is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Final, Literal

import msgspec

from katchi.errors import KatchiError
from katchi.node import actuating
from katchi.node.telling import lists_of, warning_lists
from katchi.node.wiring import Node
from katchi.respond import blocking, cacao, calling, shell
from katchi.respond.actuator import Actuator
from katchi.respond.blocking import Limits, Mandate
from katchi.respond.cacao import Playbook, variables
from katchi.respond.cacao.playbook import Command, Step, Variable
from katchi.respond.machine import DEEPEST, Order, key_of

Verdict = Literal["here", "people", "elsewhere", "cannot", "later"]
"""Done by our devices; asked of people here; another's; cannot be done here; known only during the run."""
MANUAL: Final = "manual"
MOST_PLANNED: Final = 5000
LONGEST_SHOWN: Final = 10_000  # characters of a command: many long ones would fill the memory


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What one command of a step would do. `places` are (actuator, thing); `reason` says why it cannot.

    `at` is the service or the shell that would be given `command`.
    """

    step: str
    name: str
    agent: str
    command: str
    verdict: Verdict
    places: tuple[tuple[str, str], ...] = ()
    until: int = 0
    reason: str = ""
    warned: tuple[tuple[str, str], ...] = ()
    """(thing, warning list): what speaks against it, and does not stop it."""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Localiser:
    """What is needed to say what a playbook would do here."""

    node: Node
    actuators: Mapping[str, Actuator]
    stops: Callable[[str], str]
    warned: Callable[[str], tuple[str, ...]]
    limits: Limits

    def steps(self, playbooks: Mapping[str, Playbook], values: Mapping[str, str], mandate: Mandate) -> list[StepPlan]:
        """All that a playbook and those that it calls may do; the first of them is the one that is run."""
        main = next(iter(playbooks.values()))
        found: list[StepPlan] = []
        try:
            found.extend(self._of(main, dict(values), playbooks, mandate, 0, count(1)))
        except _TooManyError as problem:
            found.append(StepPlan(problem.step, problem.step, "", "", "cannot", reason="too-many-steps"))
        return found

    def _of(
        self, playbook: Playbook, values: dict[str, str], known: Mapping[str, Playbook], mandate: Mandate, depth: int,
        seen: count[int],
    ) -> Iterator[StepPlan]:  # fmt: skip
        held = {
            name: each if name not in values or each.constant else msgspec.structs.replace(each, value=values[name])
            for name, each in playbook.playbook_variables.items()
        }
        for step_id, step in in_order(playbook):
            _require_few(seen, step_id)
            if step.type == "action":
                for command in step.commands:
                    for target in step.targets or ("",):
                        _require_few(seen, step_id)
                        yield self._of_command(playbook, step_id, step, command, target, held, mandate)
            elif step.type == "playbook-action":
                called = known.get(key_of(step.playbook_id, step.playbook_version)) or known.get(step.playbook_id)
                if called is None or depth >= DEEPEST:
                    reason = "no-playbook" if called is None else "too-deep"
                    yield StepPlan(step_id, step.name or step_id, "", step.playbook_id, "cannot", reason=reason)
                else:
                    given = {
                        name: text for each in step.in_args
                        if (found := held.get(name := each.removesuffix(":value"))) and (text := found.value)
                    }  # fmt: skip
                    yield from self._of(called, given, known, mandate, depth + 1, seen)

    def _of_command(
        self, playbook: Playbook, step_id: str, step: Step, command: Command, target: str,
        held: Mapping[str, Variable], mandate: Mandate,
    ) -> StepPlan:  # fmt: skip
        agent = playbook.agent_definitions[step.agent]
        shown = StepPlan(step_id, step.name or step_id, str(agent.get("name", "")), command.command, "people")
        if not actuating.is_ours(self.node, step.agent, agent):
            return replace(shown, verdict="elsewhere")
        scope = {**held, **step.step_variables}
        try:
            filled = variables.filled(command, scope.get)
        except variables.BadValueError:
            return replace(shown, verdict="people" if command.type == MANUAL else "later")
        shown = replace(shown, command=_short(filled.command or filled.content or filled.description))
        if command.type == MANUAL:
            return shown
        there = playbook.target_definitions.get(target) or playbook.agent_definitions.get(target)
        order = Order("", step_id, step.name, filled, agent, there, {}, step.agent)
        try:
            if command.type in calling.COMMANDS or command.type in cacao.SHELLS:
                return self._of_call(order, mandate, shown)
            found = blocking.plan(
                order, mandate, self.actuators, playing=actuating.playing(self.node), stops=self.stops,
                limits=self.limits, now=self.node.clock.now(),
            )  # fmt: skip
        except KatchiError as problem:
            return replace(shown, verdict="cannot", reason=str(problem))
        things = dict.fromkeys(thing for _, thing in found.places)
        warned = tuple((thing, name) for thing in things for name in self.warned(thing))
        return replace(shown, verdict="here", places=found.places, until=found.until, warned=warned)

    def _of_call(self, order: Order, mandate: Mandate, shown: StepPlan) -> StepPlan:
        """What a service would be asked, without the secret that lets us in, or what a shell would run."""
        settings, now = self.node.settings, self.node.clock.now()
        if order.command.type in cacao.SHELLS:
            playing = actuating.answering(self.node, settings.shell, actuating.SHELL_TARGETS)
            run = shell.plan(order, mandate, settings.shell, playing=playing, now=now)
            return replace(shown, verdict="here", at=run.shell.name)
        playing = actuating.answering(self.node, settings.service, calling.COMMANDS)
        call = calling.plan(order, mandate, settings.service, playing=playing, now=now)
        lines = [f"{call.request.method} {call.request.url}"]
        lines += [f"{name}: {value}" for name, value in call.request.headers.items()]
        text = "\n".join([*lines, "", call.request.body.decode()]).strip()
        return replace(shown, verdict="here", at=call.service.name, command=_short(text))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}… (+{len(text) - LONGEST_SHOWN})"


class _TooManyError(Exception):
    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


def _require_few(seen: count[int], step: str) -> None:
    """Playbooks that call each other several times make more steps than anybody would look through."""
    if next(seen) > MOST_PLANNED:
        raise _TooManyError(step)


def localiser(node: Node) -> Localiser:
    """For this node as it is set up now. Raises ActuatorError."""
    lists = warning_lists(lists_of(node.folder))

    def warned(key: str) -> tuple[str, ...]:
        return tuple(info.name for info in lists.struck(key))

    return Localiser(node, actuating.actuators(node), actuating.never_block(node), warned, actuating.limits(node))


def in_order(playbook: Playbook) -> Iterator[tuple[str, Step]]:
    """The steps as a person would read them: a branching step, its branches, what comes after; exceptions last."""
    seen: set[str] = set()
    todo = [each for each in (playbook.workflow_exception, playbook.workflow_start) if each]
    while todo:
        name = todo.pop()
        step = playbook.workflow.get(name)
        if step is None or name in seen:
            continue
        seen.add(name)
        yield name, step
        todo += [each for _, each in reversed([*step.branches, *step.follows])]
