"""What a workflow is as a graph: what no schema sees. Each branch has its own end, nothing goes round, all is reached.

A step goes on to others (`on_completion`, `on_success`, `on_failure`) and, if it branches, into others (`on_true`,
cases, `next_steps`), which end in an end of their own and come back to it. A branch must not share steps with what
follows the branching step: they would be done twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from katchi.respond.cacao.playbook import Finding, Playbook, Step


def findings(playbook: Playbook) -> Iterator[Finding]:
    """Everything that is wrong with the workflow."""
    steps = playbook.workflow
    broken = list(_edges_that_lead_nowhere(playbook))
    yield from broken
    if broken:
        return
    entries = [playbook.workflow_start, *([playbook.workflow_exception] if playbook.workflow_exception else [])]
    circle = _circle(steps)
    if circle:
        yield Finding(
            "cycle", f"workflow.{circle[0]}",
            f"The workflow goes round without a while step: {' → '.join(circle[:6])}.",
        )  # fmt: skip
        return
    reached = _reach(steps)
    known = {name for entry in entries for name in (entry, *reached[entry])}
    for name in steps.keys() - known:
        yield Finding("unreachable", f"workflow.{name}", "No way leads to this step.")
    if playbook.workflow_exception:
        for name in ({entries[0]} | reached[entries[0]]) & ({entries[1]} | reached[entries[1]]):
            if steps[name].type != "end":
                yield Finding("shared-step", f"workflow.{name}", "The exception handler shares it with the workflow.")
    for name in steps:
        yield from _regions(name, steps, reached)


def _edges_that_lead_nowhere(playbook: Playbook) -> Iterator[Finding]:
    steps = playbook.workflow
    for name in ("workflow_start", "workflow_exception"):
        value = getattr(playbook, name)
        if value and value not in steps:
            yield Finding("dangling", name, f"There is no step {value}.")
    for name, step in steps.items():
        for member, other in (*step.follows, *step.branches):
            if other not in steps:
                yield Finding("dangling", f"workflow.{name}.{member}", f"There is no step {other}.")
            elif steps[other].type == "start":
                yield Finding("start-again", f"workflow.{name}.{member}", "Nothing goes back to the start.")


def _next(step: Step) -> list[str]:
    return [other for _, other in (*step.follows, *step.branches)]


def _circle(steps: Mapping[str, Step]) -> list[str]:
    """The steps of one circle, or none."""
    done: set[str] = set()
    for start in steps:
        path: list[str] = []
        on_path: set[str] = set()
        todo: list[tuple[str, bool]] = [(start, False)]
        while todo:
            name, is_leaving = todo.pop()
            if is_leaving:
                path.pop()
                on_path.discard(name)
                done.add(name)
            elif name in on_path:
                return [*path[path.index(name) :], name]
            elif name not in done:
                path.append(name)
                on_path.add(name)
                todo.append((name, True))
                todo += [(other, False) for other in _next(steps[name])]
    return []


def _reach(steps: Mapping[str, Step]) -> dict[str, set[str]]:
    """For each step all that come after it, in whatever way; there are no circles."""
    found: dict[str, set[str]] = {}
    for start in steps:
        todo = [start]
        while todo:
            name = todo[-1]
            open_ones = [other for other in _next(steps[name]) if other not in found]
            if open_ones:
                todo += open_ones
                continue
            todo.pop()
            if name not in found:
                found[name] = {each for other in _next(steps[name]) for each in (other, *found[other])}
    return found


def _regions(name: str, steps: Mapping[str, Step], reached: Mapping[str, set[str]]) -> Iterator[Finding]:
    step = steps[name]
    after = {each for _, other in step.follows for each in (other, *reached[other])}
    seen: set[str] = set()
    for member, entry in step.branches:
        branch = {entry, *reached[entry]}
        for other in sorted((branch & after) | (branch & seen if step.type == "parallel" else set())):
            if steps[other].type != "end":
                yield Finding(
                    "shared-step", f"workflow.{name}.{member}",
                    f"{other} belongs to this branch and to what else follows: it would be done twice.",
                )  # fmt: skip
                break
        seen |= branch
