"""Facts of roles and policies."""

from typing import Final

from components.facts.model import ASSUMPTION, ChangeEffect, ResourceFact

_OTHER_PERMISSIONS: Final = ChangeEffect(
    "whoever has it is allowed other calls: one that is missing fails",
    "until it is allowed again",
    "IAM User Guide, Policies and permissions",
)
FACTS: Final = (
    ResourceFact(
        type="aws:iam/instanceProfile:InstanceProfile",
        updates={
            "role": ChangeEffect(
                "instances have another role", "seconds", "IAM User Guide, Instance profiles"
            ),
        },
        removal=ChangeEffect(
            "instances have no role", "until they have another", "IAM User Guide, Instance profiles"
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:iam/policy:Policy",
        updates={
            "policy": _OTHER_PERMISSIONS,
        },
        removal=_OTHER_PERMISSIONS,
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:iam/role:Role",
        harmless=("maxSessionDuration",),
        updates={
            "assumeRolePolicy": ChangeEffect(
                "who may assume it changes",
                "at once for new sessions",
                "IAM User Guide, Trust policies",
            ),
            "permissionsBoundary": _OTHER_PERMISSIONS,
        },
        removal=ChangeEffect(
            "whatever assumes it has no permissions meanwhile",
            f"seconds; {ASSUMPTION}",
            "IAM User Guide, Changes that I make are not always immediately visible",
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:iam/rolePolicy:RolePolicy",
        replacing=("role",),
        updates={
            "policy": _OTHER_PERMISSIONS,
        },
        removal=_OTHER_PERMISSIONS,
    ),
    ResourceFact(
        type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        replacing=("role", "policyArn"),
        removal=_OTHER_PERMISSIONS,
    ),
)
