"""GitHub's OIDC provider, and the roles of previews, deployments, operations and replication."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from ops.bootstrap.deployment_policy import build_deploy_policy
from ops.bootstrap.names import GITHUB_OIDC_AUDIENCE, GITHUB_OIDC_ISSUER, FoundationNames
from ops.bootstrap.policies import (
    PolicyDocument,
    build_operate_policy,
    build_preview_policy,
    build_replication_policy,
    format_policy_document,
)
from ops.bootstrap.trust_policies import (
    build_environment_trust_policy,
    build_preview_trust_policy,
    build_service_trust_policy,
)
from ops.core.access_key_action import IAM_NOT_FOUND
from ops.core.plan import Call, JsonObject, Step, Wait

SESSION_SECONDS: Final = 3600  # seconds of a session; each GitHub job requests its own
DEPLOY_SESSION_SECONDS: Final = (
    3 * 3600
)  # seconds: a deployment with a restore takes longer than an hour
ROLE_POLICY_NAME: Final = "bulwark"


@dataclass(frozen=True)
class FoundationRole:
    """A role: who may assume it and what it may do. `name` is without the project."""

    name: str
    description: str
    trust_policy: PolicyDocument
    permissions_policy: PolicyDocument
    session_seconds: int = SESSION_SECONDS


def list_deploy_workflows(stack: str) -> dict[str, tuple[str, ...]]:
    """Lists the environments in which a stack is deployed, and the workflows that may do it."""
    return {stack: ("deploy-stack", "destroy", "image")}


def list_operate_workflows(stack: str) -> dict[str, tuple[str, ...]]:
    """Lists the environments in which a stack is operated, and the workflows that may do it."""
    return {f"{stack}-operations": ("operations",)}


def list_foundation_roles(names: FoundationNames) -> Iterator[FoundationRole]:
    """Yields all roles of a foundation."""
    yield FoundationRole(
        "preview",
        "previews of pull requests, read-only",
        build_preview_trust_policy(names),
        build_preview_policy(names),
    )
    for stack in names.environments:
        yield FoundationRole(
            f"deploy-{stack}",
            f"deployment of {stack} from the environment {stack}",
            build_environment_trust_policy(names, list_deploy_workflows(stack)),
            build_deploy_policy(names, stack),
            DEPLOY_SESSION_SECONDS,
        )
        yield FoundationRole(
            f"operate-{stack}",
            f"scheduled operations of {stack}",
            build_environment_trust_policy(names, list_operate_workflows(stack)),
            build_operate_policy(names, stack),
        )
    if names.recovery_region:
        yield FoundationRole(
            "state-replication",
            f"copies of the state in {names.recovery_region}",
            build_service_trust_policy("s3.amazonaws.com", names.account),
            build_replication_policy(names, names.recovery_region),
        )


def build_oidc_provider_step(names: FoundationNames, audiences: Collection[str] | None) -> Step:
    """Builds the step that creates GitHub's OIDC provider or adds AWS STS to its audiences.

    `audiences` are the existing provider's, None if there is none. An undo never deletes an
    existing provider.
    """
    params: JsonObject = {"OpenIDConnectProviderArn": names.oidc_provider_arn}
    get_call = Call(
        api="iam.get_open_id_connect_provider", params=params, expected_errors=(IAM_NOT_FOUND,)
    )
    goal = Wait(
        read=get_call,
        met={f"contains(ClientIDList || `[]`, '{GITHUB_OIDC_AUDIENCE}')": True},
        every=2,
        within=120,
    )
    if audiences is not None:
        return Step(
            name="provider",
            description=f"allow the audience {GITHUB_OIDC_AUDIENCE} for {GITHUB_OIDC_ISSUER}",
            action=Call(
                api="iam.add_client_id_to_open_id_connect_provider",
                params={**params, "ClientID": GITHUB_OIDC_AUDIENCE},
            ),
            goal=goal,
        )
    return Step(
        name="provider",
        description=f"create the OIDC provider {GITHUB_OIDC_ISSUER}",
        action=Call(
            api="iam.create_open_id_connect_provider",
            params={
                "Url": f"https://{GITHUB_OIDC_ISSUER}",
                "ClientIDList": [GITHUB_OIDC_AUDIENCE],
                "Tags": _build_role_tags(names),
            },
            expected_errors=("EntityAlreadyExists",),
        ),
        goal=goal,
        undo=(
            Step(
                name="unprovider",
                description=f"delete the OIDC provider {GITHUB_OIDC_ISSUER}",
                action=Call(
                    api="iam.delete_open_id_connect_provider",
                    params=params,
                    expected_errors=(IAM_NOT_FOUND,),
                ),
                goal=Wait(read=get_call, met={"answer": IAM_NOT_FOUND}, every=2, within=120),
            ),
        ),
    )


def list_role_reads(names: FoundationNames) -> dict[str, Call]:
    """Describes the call that reads each role, by name without the project."""
    return {role.name: _get_role_call(names, role) for role in list_foundation_roles(names)}


def build_role_steps(names: FoundationNames, existing_names: Collection[str]) -> list[Step]:
    """Builds the steps of all roles and policies; existing roles get the trust policy too."""
    role_steps = []
    for role in list_foundation_roles(names):
        role_steps.append(
            _build_trust_step(names, role)
            if role.name in existing_names
            else _build_role_step(names, role)
        )
        role_steps.append(
            _build_role_policy_step(names, role, is_new=role.name not in existing_names)
        )
    return role_steps


def _build_role_tags(names: FoundationNames) -> list[JsonValue]:
    return [{"Key": "Project", "Value": names.project}]


def _format_step_name(role: FoundationRole, verb: str) -> str:
    return f"{verb}_{role.name.replace('-', '_')}"


def _get_role_call(names: FoundationNames, role: FoundationRole) -> Call:
    return Call(
        api="iam.get_role",
        params={"RoleName": names.get_role_name(role.name)},
        expected_errors=(IAM_NOT_FOUND,),
    )


def _build_trust_wait(names: FoundationNames, role: FoundationRole) -> Wait:
    return Wait(
        read=_get_role_call(names, role),
        met={"Role.AssumeRolePolicyDocument": role.trust_policy},
        every=2,
        within=120,
    )


def _build_role_step(names: FoundationNames, role: FoundationRole) -> Step:
    params: JsonObject = {"RoleName": names.get_role_name(role.name)}
    return Step(
        name=_format_step_name(role, "role"),
        description=f"create the role {params['RoleName']}: {role.description}",
        action=Call(
            api="iam.create_role",
            params={
                **params,
                "Description": role.description,
                "MaxSessionDuration": role.session_seconds,
                "AssumeRolePolicyDocument": format_policy_document(role.trust_policy),
                "Tags": _build_role_tags(names),
            },
            expected_errors=("EntityAlreadyExists",),
        ),
        goal=_build_trust_wait(names, role),
        undo=(
            Step(
                name=_format_step_name(role, "unrole"),
                description=f"delete the role {params['RoleName']}",
                action=Call(api="iam.delete_role", params=params, expected_errors=(IAM_NOT_FOUND,)),
                goal=Wait(
                    read=_get_role_call(names, role),
                    met={"answer": IAM_NOT_FOUND},
                    every=2,
                    within=120,
                ),
            ),
        ),
    )


def _build_trust_step(names: FoundationNames, role: FoundationRole) -> Step:
    name = names.get_role_name(role.name)
    return Step(
        name=_format_step_name(role, "trust"),
        description=f"set the trust policy of {name}: {role.description}",
        action=Call(
            api="iam.update_assume_role_policy",
            params={
                "RoleName": name,
                "PolicyDocument": format_policy_document(role.trust_policy),
            },
        ),
        goal=_build_trust_wait(names, role),
    )


def _build_role_policy_step(names: FoundationNames, role: FoundationRole, *, is_new: bool) -> Step:
    params: JsonObject = {
        "RoleName": names.get_role_name(role.name),
        "PolicyName": ROLE_POLICY_NAME,
    }
    get_call = Call(api="iam.get_role_policy", params=params, expected_errors=(IAM_NOT_FOUND,))
    undo_step = Step(
        name=_format_step_name(role, "unmay"),
        description=f"delete the policy of {params['RoleName']}",
        action=Call(api="iam.delete_role_policy", params=params, expected_errors=(IAM_NOT_FOUND,)),
        goal=Wait(read=get_call, met={"answer": IAM_NOT_FOUND}, every=2, within=120),
    )
    return Step(
        name=_format_step_name(role, "may"),
        description=f"set the policy of {params['RoleName']}",
        action=Call(
            api="iam.put_role_policy",
            params={
                **params,
                "PolicyDocument": format_policy_document(role.permissions_policy),
            },
        ),
        goal=Wait(
            read=get_call, met={"PolicyDocument": role.permissions_policy}, every=2, within=120
        ),
        undo=(undo_step,) if is_new else (),
    )
