"""A playbook and its parts as typed values (CACAO 2.0 §3 to §10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec

STEP_TYPES: Final = (
    "start", "end", "action", "playbook-action", "parallel", "if-condition", "while-condition", "switch-condition",
)  # fmt: skip
NAME: Final = r"__[a-zA-Z_][a-zA-Z0-9_-]{0,199}__"

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
Id = Annotated[str, msgspec.Meta(pattern=rf"^[a-z][a-z0-9-]+[a-z0-9]--{_UUID}$")]
Time = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$")]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=2_592_000_000)]  # a month at most


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong with a playbook; one that is an error refuses it. `where` is a path into it."""

    code: str
    where: str
    message: str
    is_error: bool = True


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A value with a type (§10.18). Values are always text, or none yet."""

    type: str
    value: str | None = None
    description: str = ""
    constant: bool = False
    external: bool = False


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent is to do (§5)."""

    type: str
    command: str = ""
    command_b64: str = ""
    content: str = ""
    content_b64: str = ""
    headers: dict[str, list[str]] = {}
    version: str = ""
    description: str = ""
    playbook_activity: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of any type (§4); what a type does not have is empty. Times are milliseconds."""

    type: str
    name: str = ""
    description: str = ""
    delay: Milliseconds = 0
    timeout: Milliseconds = 0
    step_variables: dict[str, Variable] = {}
    owner: str = ""
    on_completion: str = ""
    on_success: str = ""
    on_failure: str = ""
    step_extensions: dict[str, Any] = {}
    # action, playbook-action
    commands: tuple[Command, ...] = ()
    agent: str = ""
    targets: tuple[str, ...] = ()
    in_args: tuple[str, ...] = ()
    out_args: tuple[str, ...] = ()
    playbook_id: str = ""
    playbook_version: str = ""
    # parallel, conditions
    next_steps: tuple[str, ...] = ()
    condition: str = ""
    on_true: str = ""
    on_false: str = ""
    switch: str = ""
    cases: dict[str, str] = {}

    @property
    def after(self) -> str:
        """Where it goes on when it went well."""
        return self.on_success or self.on_completion

    @property
    def follows(self) -> Iterator[tuple[str, str]]:
        """(property, step) for each way out of it."""
        for name in ("on_completion", "on_success", "on_failure"):
            if value := getattr(self, name):
                yield name, value

    @property
    def branches(self) -> Iterator[tuple[str, str]]:
        """(property, step) for each way into it: steps that end in an end of their own and come back."""
        for name in ("on_true", "on_false"):
            if value := getattr(self, name):
                yield name, value
        for place, step in enumerate(self.next_steps):
            yield f"next_steps[{place}]", step
        for case, step in self.cases.items():
            yield f"cases.{case}", step


class Playbook(msgspec.Struct, frozen=True, kw_only=True):
    """A playbook (§3.1). Its version is `modified`."""

    type: str
    spec_version: str
    id: Id
    name: str
    created_by: Id
    created: Time
    modified: Time
    workflow_start: str
    workflow: dict[str, Step]
    description: str = ""
    playbook_types: tuple[str, ...] = ()
    playbook_activities: tuple[str, ...] = ()
    playbook_processing_summary: dict[str, bool] = {}
    revoked: bool = False
    valid_from: Time | None = None
    valid_until: Time | None = None
    derived_from: tuple[str, ...] = ()
    related_to: tuple[str, ...] = ()
    priority: int | None = None
    severity: int | None = None
    impact: int | None = None
    industry_sectors: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    external_references: tuple[dict[str, Any], ...] = ()
    markings: tuple[str, ...] = ()
    playbook_variables: dict[str, Variable] = {}
    workflow_exception: str = ""
    playbook_extensions: dict[str, Any] = {}
    authentication_info_definitions: dict[str, dict[str, Any]] = {}
    agent_definitions: dict[str, dict[str, Any]] = {}
    target_definitions: dict[str, dict[str, Any]] = {}
    extension_definitions: dict[str, dict[str, Any]] = {}
    data_marking_definitions: dict[str, dict[str, Any]] = {}
    signatures: tuple[dict[str, Any], ...] = ()

    @property
    def commands(self) -> Iterator[Command]:
        """All commands of all steps."""
        return (command for step in self.workflow.values() for command in step.commands)
