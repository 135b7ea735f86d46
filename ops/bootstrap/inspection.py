"""Checks which parts of a foundation exist, by evaluating the goal of each step."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import JsonValue

from ops.bootstrap.boundary import build_boundary_steps, list_boundary_versions_call
from ops.bootstrap.buckets import build_bucket_steps, list_foundation_buckets
from ops.bootstrap.environments import (
    build_environment_read,
    build_environment_steps,
    describe_unread_answer,
    list_environments,
)
from ops.bootstrap.keys import build_key_steps, describe_key_call, find_usable_key_id
from ops.bootstrap.names import FoundationNames
from ops.bootstrap.neighbours import require_no_neighbours
from ops.bootstrap.roles import build_oidc_provider_step, build_role_steps, list_role_reads
from ops.core.actions import Actions
from ops.core.aws import Aws
from ops.core.errors import (
    CredentialsError,
    DeniedError,
    RefusedError,
    ThrottledError,
    UnreachableError,
)
from ops.core.goal_evaluation import describe_conditions, evaluate
from ops.core.plan import Action, Plan, ProgramCommand, Step
from ops.core.stack_plan import NOT_PRICED

INSPECTION_THREADS: Final = 8
GITHUB_NOT_ASKED: Final = "GitHub is not asked if --repository-ids is given"
UNKNOWN_STATE_ERRORS: Final = (DeniedError, ThrottledError, UnreachableError)


@dataclass(frozen=True)
class FoundationPart:
    """One part of the foundation and its state. `detail` says what is wrong."""

    step: Step
    state: Literal["ok", "missing", "unknown"]
    detail: str = ""

    def row(self) -> dict[str, object]:
        """Returns the row of `ops bootstrap check`."""
        return {"state": self.state, "what": self.step.description, "seen": self.detail or None}


FOUNDATION_COLUMNS: Final = ("state", "what", "seen")


@dataclass(frozen=True)
class _CachedReads:
    """Sends each read once: the steps depend on reads that they repeat."""

    actions: Actions
    responses: dict[str, JsonValue] = field(default_factory=dict)

    def __call__(self, action: Action) -> JsonValue:
        key = action.model_dump_json()
        if key not in self.responses:
            self.responses[key] = self.actions(action, {})
        return self.responses[key]


def inspect_foundation(names: FoundationNames, aws: Aws, run: str) -> list[FoundationPart]:
    """Returns every part of a foundation with its state, in the order of creation.

    Raises OpsError if a key exists and cannot be used, or another project's stack has these names.
    """
    actions = _CachedReads(Actions(aws))
    require_no_neighbours(names, lambda call: _find_response(actions, call))
    key_ids = _find_key_ids(names, actions)
    existing_names = _list_existing_names(names, actions)
    provider_response = _find_response(actions, build_oidc_provider_step(names, None).goal.read)
    client_ids = (
        provider_response.get("ClientIDList") if isinstance(provider_response, dict) else None
    )
    audiences = (
        [str(client_id) for client_id in client_ids] if isinstance(client_ids, list) else None
    )
    steps: list[Step] = []
    for purpose in names.key_purposes:
        steps += build_key_steps(names, purpose, key_ids[purpose], run)
    steps.append(build_oidc_provider_step(names, audiences))
    for stack in names.environments:
        steps += _build_boundary_steps(names, actions, stack)
    steps += build_role_steps(names, existing_names)
    steps += build_bucket_steps(names, existing_names)
    with ThreadPoolExecutor(INSPECTION_THREADS) as pool:
        return [
            *_inspect_environments(names, actions),
            *pool.map(lambda step: _inspect_step(actions, step), steps),
        ]


def _build_boundary_steps(names: FoundationNames, actions: _CachedReads, stack: str) -> list[Step]:
    """Builds the steps of a stack's boundary, given the versions that it has."""
    versions = _find_response(actions, list_boundary_versions_call(names, stack))
    return build_boundary_steps(names, stack, versions)


def _inspect_environments(names: FoundationNames, actions: _CachedReads) -> list[FoundationPart]:
    """Returns the environments on GitHub first: a plan fails there before anything is created."""
    if not names.is_github_known:
        steps = build_environment_steps(names, {})
        return [FoundationPart(step, "unknown", GITHUB_NOT_ASKED) for step in steps]
    responses = {
        environment.name: _find_response(actions, build_environment_read(names, environment.name))
        for environment in list_environments(names)
    }
    steps = build_environment_steps(names, responses)
    return [_inspect_step(actions, step) for step in steps]


def build_bootstrap_plan(
    names: FoundationNames, parts: Sequence[FoundationPart], run: str
) -> Plan | None:
    """Builds the plan that creates what is missing, or returns None if nothing is."""
    steps = tuple(
        part.step for part in parts if part.state != "ok" and part.detail != GITHUB_NOT_ASKED
    )
    if not steps:
        return None
    notes: tuple[str, ...] = (
        "there is no bucket yet, so the journal is on this machine: resume or undo this run here",
        "an undo keeps what existed before and the buckets of access logs; it deletes new keys "
        "after 30 days",
    )
    if not names.is_github_known:
        notes += (f"the environments are not protected: {GITHUB_NOT_ASKED}",)
    elif not names.reviewers:
        notes += ("nobody has to agree to a deployment unless --reviewers names them",)
    return Plan(
        run=run,
        kind="bootstrap",
        stack=names.project,
        account=names.account,
        region=names.region,
        steps=steps,
        changes=(f"parts of the foundation: {len(parts) - len(steps)} -> {len(parts)}",),
        notes=notes,
        cost=f"{NOT_PRICED}: keys, and what is stored in the buckets",
    )


def _find_key_ids(names: FoundationNames, actions: _CachedReads) -> dict[str, str | None]:
    return {
        purpose: find_usable_key_id(
            names,
            purpose,
            _find_response(actions, describe_key_call(names, purpose, names.region)),
        )
        for purpose in names.key_purposes
    }


def _list_existing_names(names: FoundationNames, actions: _CachedReads) -> frozenset[str]:
    """Returns the buckets and roles that exist; one that cannot be read counts as existing."""
    reads = list_role_reads(names) | {
        response.name: response.head_call for response in list_foundation_buckets(names)
    }
    with ThreadPoolExecutor(INSPECTION_THREADS) as pool:
        responses = dict(
            zip(
                reads,
                pool.map(lambda action: _find_response(actions, action), reads.values()),
                strict=True,
            )
        )
    return frozenset(
        name
        for name, response in responses.items()
        if not (isinstance(response, dict) and "answer" in response)
    )


def _find_response(actions: _CachedReads, action: Action) -> JsonValue:
    """Sends a read and returns the response, or None if it cannot be read."""
    try:
        return actions(action)
    except CredentialsError:
        raise
    except UNKNOWN_STATE_ERRORS:
        return None


def _inspect_step(actions: _CachedReads, step: Step) -> FoundationPart:
    refs = getattr(step.goal.read, "refs", {})
    if refs or step.goal.same_as:  # to a part that does not exist yet
        return FoundationPart(step, "missing")
    try:
        response = actions(step.goal.read)
    except CredentialsError:
        raise
    except UNKNOWN_STATE_ERRORS as error:
        return FoundationPart(step, "unknown", str(error))
    except RefusedError as error:
        return FoundationPart(step, "missing", str(error))
    if isinstance(step.goal.read, ProgramCommand) and (problem := describe_unread_answer(response)):
        return FoundationPart(step, "unknown", problem)
    if evaluate(step.goal, response) == "met":
        return FoundationPart(step, "ok")
    answer = response.get("answer") if isinstance(response, dict) else None
    return FoundationPart(step, "missing", str(answer or describe_conditions(step.goal, response)))
