"""Who may read a secret of the stack: its resource policy.

It denies what the project's other roles would have by their own policies, or by those that somebody
attaches to them. Everybody else, like an administrator of the account who deploys, is decided on by
IAM: a policy that denied all but named principals would lock out whoever is not named, the next
deployment among them (IAM User Guide, "aws:PrincipalArn": of a session it is its role's ARN).
"""

from typing import Final

from pulumi import Output

from components.account import Account
from components.policies import Statement, build_policy_document
from components.settings import Settings

# Roles of a stack that read its secrets, without the stack's prefix: the rotation functions, what
# starts tasks and instances, and who operates.
READING_ROLES: Final = (
    *("database-rotation-role", "cache-rotation-role", "services-*", "fleet-instance"),
    *("operator", "recoverer"),
)
# Roles of a stack that read none.
OTHER_STACK_ROLES: Final = (
    *("backups-service", "database-monitoring", "network-*", "operations-*", "reader"),
)
# Roles of the foundation, which `ops bootstrap` creates.
READING_FOUNDATION_ROLES: Final = ("deploy", "operate")
SECRET_VALUE_ACTIONS: Final = (
    *("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"),
    *("secretsmanager:UpdateSecret", "secretsmanager:UpdateSecretVersionStage"),
)


def build_secret_policy(settings: Settings, *, account: Account) -> Output[str]:
    """Builds the policy that denies a secret's values to the other roles of the project."""
    project, stack = settings.project, settings.stack
    project_roles = [
        *(f"{project}-*-{name}" for name in (*READING_ROLES, *OTHER_STACK_ROLES)),
        *(f"{project}-{name}-*" for name in READING_FOUNDATION_ROLES),
        *(f"{project}-preview", f"{project}-state-replication"),
    ]
    reading_roles = [
        *(f"{settings.prefix}-{name}" for name in READING_ROLES),
        *(f"{project}-{name}-{stack}" for name in READING_FOUNDATION_ROLES),
    ]

    def format_role_arns(names: list[str]) -> list[Output[str]]:
        return [
            Output.format("arn:{0}:iam::{1}:role/{2}", account.partition, account.id, name)
            for name in names
        ]

    return build_policy_document(
        Statement(
            sid="OtherRolesOfTheProject",
            effect="Deny",
            actions=SECRET_VALUE_ACTIONS,
            resources=["*"],
            principals={"*": ["*"]},
            conditions={
                "ArnLike": {"aws:PrincipalArn": format_role_arns(project_roles)},
                "ArnNotLike": {"aws:PrincipalArn": format_role_arns(reading_roles)},
            },
        )
    )
