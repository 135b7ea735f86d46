"""The environments on GitHub: each admits the deployed branch alone, and some have reviewers.

An environment that is missing is created unprotected by the first workflow that names it. Sources:
GitHub REST API, "Create or update an environment" (what is omitted is reset) and "Create a
deployment branch policy"; `gh help api` (nested parameters).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from ops.bootstrap.names import DEPLOY_BRANCH, FoundationNames
from ops.bootstrap.roles import list_deploy_workflows, list_operate_workflows
from ops.core.plan import JsonObject, ProgramCommand, Step, Wait

NOT_FOUND_STATUS: Final = "404"
# The stack whose deployments follow each merge, so that nobody has to agree to them.
MERGED_STACK: Final = "dev"
REVIEWERS_PATH: Final = (
    "output.protection_rules[?type=='required_reviewers'] | [0].reviewers[].reviewer.id"
)


@dataclass(frozen=True)
class GitHubEnvironment:
    """An environment and whether a reviewer must agree to what runs in it."""

    name: str
    has_reviewers: bool


def list_environments(names: FoundationNames) -> tuple[GitHubEnvironment, ...]:
    """Lists the environments that the workflows of all stacks run in.

    In STACK-destroy nothing runs: who agrees to a destruction is asked there first.
    """
    environments: list[GitHubEnvironment] = []
    for stack in names.environments:
        is_reviewed = stack != MERGED_STACK
        environments += (
            *(GitHubEnvironment(name, is_reviewed) for name in list_deploy_workflows(stack)),
            *(GitHubEnvironment(name, False) for name in list_operate_workflows(stack)),
            GitHubEnvironment(f"{stack}-destroy", True),
        )
    return tuple(environments)


def build_environment_read(names: FoundationNames, environment: str) -> ProgramCommand:
    """Builds the command that reads an environment; it is an answer that there is none."""
    return build_github_command("GET", _format_path(names, environment))


def build_github_command(method: str, path: str, *fields: str) -> ProgramCommand:
    """Builds a command of `gh api`; `fields` are NAME=VALUE."""
    is_change = method != "GET"
    words = ["--silent"] if is_change else []  # what it prints is read, not shown
    words += [word for field in fields for word in ("-F", field)]
    return ProgramCommand(
        tool="gh", arguments=("api", "--method", method, path, *words), strict=is_change
    )


def build_environment_steps(
    names: FoundationNames, responses: Mapping[str, JsonValue]
) -> list[Step]:
    """Builds the steps that protect every environment, given what each is now."""
    steps = []
    for environment in list_environments(names):
        steps += _build_protection_steps(names, environment, responses.get(environment.name))
    return steps


def _build_protection_steps(
    names: FoundationNames, environment: GitHubEnvironment, response: JsonValue
) -> list[Step]:
    name, path = environment.name, _format_path(names, environment.name)
    key = name.replace("-", "_")
    reviewers = names.reviewers if environment.has_reviewers else ()
    read = build_environment_read(names, name)
    met: JsonObject = {"output.deployment_branch_policy.custom_branch_policies": True}
    met |= {f"contains({REVIEWERS_PATH} || `[]`, `{reviewer}`)": True for reviewer in reviewers}
    is_new = is_not_found(response)
    undo_step = Step(
        name=f"unprotect_{key}",
        description=f"delete the environment {name} of {names.repository}",
        action=build_github_command("DELETE", path),
        goal=Wait(read=read, met={"output.status": NOT_FOUND_STATUS}, every=2, within=60),
    )
    policies_path = f"{path}/deployment-branch-policies"
    return [
        Step(
            name=f"protect_{key}",
            description=f"{'create' if is_new else 'protect'} the environment {name} of "
            f"{names.repository}, for chosen branches"
            + (f", with {len(reviewers)} reviewers" if reviewers else ""),
            action=build_github_command(
                "PUT",
                path,
                "deployment_branch_policy[protected_branches]=false",
                "deployment_branch_policy[custom_branch_policies]=true",
                *_list_kept_fields(response, reviewers),
            ),
            goal=Wait(read=read, met=met, every=2, within=60),
            undo=(undo_step,) if is_new else (),
        ),
        Step(
            name=f"branch_{key}",
            description=f"admit {DEPLOY_BRANCH} to the environment {name}",
            action=build_github_command(
                "POST", policies_path, f"name={DEPLOY_BRANCH}", "type=branch"
            ),
            goal=Wait(
                read=build_github_command("GET", policies_path),
                met={f"contains(output.branch_policies[].name || `[]`, '{DEPLOY_BRANCH}')": True},
                every=2,
                within=60,
            ),
        ),
    ]


def is_not_found(response: JsonValue) -> bool:
    """True if GitHub said that something is not there."""
    return _get_output(response).get("status") == NOT_FOUND_STATUS


def describe_unread_answer(response: JsonValue) -> str | None:
    """Describes why GitHub did not answer, or returns None if it did or if nothing is there."""
    if not isinstance(response, dict) or response.get("exit") == 0 or is_not_found(response):
        return None
    return f"gh: {' '.join(str(response.get('said')).split())[-200:]}"


def _list_kept_fields(response: JsonValue, reviewer_ids: tuple[int, ...]) -> list[str]:
    """Lists the fields of what is protected already, which a change without them would reset."""
    rules = {rule.get("type"): rule for rule in _get_output(response).get("protection_rules", ())}
    reviewers = {("User", reviewer_id): None for reviewer_id in reviewer_ids}
    reviewer_rule = rules.get("required_reviewers", {})
    for reviewer in reviewer_rule.get("reviewers", ()):
        reviewers[(reviewer["type"], reviewer["reviewer"]["id"])] = None
    fields = []
    if wait_minutes := rules.get("wait_timer", {}).get("wait_timer"):
        fields.append(f"wait_timer={wait_minutes}")
    if reviewer_rule.get("prevent_self_review"):
        fields.append("prevent_self_review=true")
    for kind, reviewer_id in reviewers:
        fields += [f"reviewers[][type]={kind}", f"reviewers[][id]={reviewer_id}"]
    return fields


def _get_output(response: JsonValue) -> dict[str, Any]:
    output = response.get("output") if isinstance(response, dict) else None
    return output if isinstance(output, dict) else {}


def _format_path(names: FoundationNames, environment: str) -> str:
    return f"repos/{names.repository}/environments/{environment}"
