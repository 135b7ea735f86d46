"""Facts of roles and policies."""

from typing import Final

from components.facts.model import ASSUMPTION, ChangeEffect, ResourceFact

FACTS: Final = (
    ResourceFact(type="aws:iam/instanceProfile:InstanceProfile", is_taggable=True),
    ResourceFact(type="aws:iam/policy:Policy", is_taggable=True),
    ResourceFact(
        type="aws:iam/role:Role",
        removal=ChangeEffect(
            "whatever assumes it has no permissions meanwhile",
            f"seconds; {ASSUMPTION}",
            "IAM User Guide, Changes that I make are not always immediately visible",
        ),
        is_taggable=True,
    ),
    ResourceFact(type="aws:iam/rolePolicy:RolePolicy"),
    ResourceFact(type="aws:iam/rolePolicyAttachment:RolePolicyAttachment"),
)
