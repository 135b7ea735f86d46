"""The permissions boundary of the roles that a stack makes: a managed policy and its versions.

Source: IAM User Guide, "Versioning IAM policies" (a managed policy has at most five versions, and
the default one cannot be deleted).
"""

from typing import Any, Final

from pydantic import JsonValue

from ops.bootstrap.deployment_policy import build_boundary_policy
from ops.bootstrap.names import FoundationNames
from ops.bootstrap.policies import format_policy_document
from ops.core.access_key_action import IAM_NOT_FOUND
from ops.core.plan import Call, JsonObject, Step, Wait

MAX_VERSIONS: Final = 5


def describe_boundary_call(names: FoundationNames, stack: str) -> Call:
    """Describes the call that reads a boundary."""
    return Call(
        api="iam.get_policy",
        params={"PolicyArn": names.build_boundary_arn(stack)},
        expected_errors=(IAM_NOT_FOUND,),
    )


def list_boundary_versions_call(names: FoundationNames, stack: str) -> Call:
    """Describes the call that lists the versions of a boundary."""
    return Call(
        api="iam.list_policy_versions",
        params={"PolicyArn": names.build_boundary_arn(stack)},
        expected_errors=(IAM_NOT_FOUND,),
    )


def build_boundary_steps(names: FoundationNames, stack: str, versions: JsonValue) -> list[Step]:
    """Builds the steps that create a boundary, or set its document; roles that have it follow.

    `versions` is what the call above answered.
    """
    if isinstance(versions, dict) and versions.get("answer") == IAM_NOT_FOUND:
        return [_build_creation_step(names, stack)]
    oldest_version_id = _find_superfluous_version(versions)
    steps = [_build_document_step(names, stack)]
    if oldest_version_id is not None:
        steps.insert(0, _build_version_deletion_step(names, stack, oldest_version_id))
    return steps


def _find_superfluous_version(versions: JsonValue) -> str | None:
    """Returns the oldest version that is not the default one, if there is no room for another."""
    items: Any = versions.get("Versions") if isinstance(versions, dict) else None
    if not isinstance(items, list) or len(items) < MAX_VERSIONS:
        return None
    version_ids = [str(item["VersionId"]) for item in items if not item["IsDefaultVersion"]]
    return min(version_ids, key=lambda version_id: int(version_id.removeprefix("v")))


def _build_document_step(names: FoundationNames, stack: str) -> Step:
    """Builds the step that sets the document; the number of the new version is IAM's to choose."""
    name, arn = names.get_boundary_name(stack), names.build_boundary_arn(stack)
    document = build_boundary_policy(names, stack)
    default_document = (
        f"Policies[?Arn=='{arn}'] | [0].PolicyVersionList[?IsDefaultVersion] | [0].Document"
    )
    return Step(
        name=f"boundary_{_format_key(stack)}",
        description=f"set the boundary {name} of the roles of {stack}",
        action=Call(
            api="iam.create_policy_version",
            params={
                "PolicyArn": arn,
                "PolicyDocument": format_policy_document(document),
                "SetAsDefault": True,
            },
        ),
        goal=Wait(
            read=Call(
                api="iam.get_account_authorization_details",
                params={"Filter": ["LocalManagedPolicy"]},
            ),
            met={default_document: document},
            every=2,
            within=120,
        ),
    )


def _build_version_deletion_step(names: FoundationNames, stack: str, version_id: str) -> Step:
    """Builds the step that makes room: a policy has five versions at most."""
    params: JsonObject = {"PolicyArn": names.build_boundary_arn(stack)}
    return Step(
        name=f"version_{_format_key(stack)}",
        description=f"delete the version {version_id} of {names.get_boundary_name(stack)}",
        action=Call(
            api="iam.delete_policy_version",
            params={**params, "VersionId": version_id},
            expected_errors=(IAM_NOT_FOUND,),
        ),
        goal=Wait(
            read=list_boundary_versions_call(names, stack),
            met={f"contains(Versions[].VersionId, '{version_id}')": False},
            every=2,
            within=120,
        ),
    )


def _format_key(stack: str) -> str:
    return stack.replace("-", "_")


def _build_creation_step(names: FoundationNames, stack: str) -> Step:
    key, name = _format_key(stack), names.get_boundary_name(stack)
    read = describe_boundary_call(names, stack)
    return Step(
        name=f"boundary_{key}",
        description=f"create the boundary {name} of the roles of {stack}",
        action=Call(
            api="iam.create_policy",
            params={
                "PolicyName": name,
                "Description": f"what the roles of {stack} may do at most",
                "PolicyDocument": format_policy_document(build_boundary_policy(names, stack)),
                "Tags": [{"Key": "Project", "Value": names.project}],
            },
            expected_errors=("EntityAlreadyExists",),
        ),
        goal=Wait(
            read=read, met={"Policy.Arn": names.build_boundary_arn(stack)}, every=2, within=120
        ),
        undo=(
            Step(
                name=f"unboundary_{key}",
                description=f"delete the boundary {name}",
                action=Call(
                    api="iam.delete_policy",
                    params={"PolicyArn": names.build_boundary_arn(stack)},
                    expected_errors=(IAM_NOT_FOUND,),
                ),
                goal=Wait(read=read, met={"answer": IAM_NOT_FOUND}, every=2, within=120),
            ),
        ),
    )
