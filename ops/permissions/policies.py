"""Builds the IAM policies of commands and roles from the calls that they make."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.declaration import ROLES, Role
from ops.permissions.apis import get_command_grants
from ops.permissions.declared import COMMAND_ROLES, DECLARATIONS, OUTPUTS_CALLS
from ops.permissions.grants import STACK_REGIONS_CONDITION, Condition, Grant, build_grant
from ops.permissions.names import StackNames
from ops.permissions.resources import ALL_RESOURCES, RESOURCE_ARNS

MAX_POLICY_CHARACTERS: Final = (
    6144  # characters of a managed policy without white space (IAM quotas)
)
# A role's policies and the services in each, split so that each is within the limit.
POLICY_SERVICES: Final[Mapping[str, tuple[str, ...]]] = {
    "database": ("rds",),
    "data": ("elasticache", "kms", "lambda", "secretsmanager"),
    "storage": ("backup", "dynamodb", "elasticfilesystem", "s3"),
    "services": (
        "acm",
        "application-autoscaling",
        "ecr",
        "ecs",
        "elasticloadbalancing",
    ),
    "instances": ("autoscaling", "ec2"),
    "systems": ("ssm",),
    "account": (
        "access-analyzer",
        "budgets",
        "ce",
        "config",
        "events",
        "guardduty",
        "iam",
        "inspector2",
        "route53",
        "securityhub",
        "servicequotas",
        "tag",
    ),
    "alarms": ("cloudtrail", "cloudwatch", "health", "logs", "pi", "sns", "sqs", "wafv2"),
}


# What a role may not although its commands' calls would cover it, by part: a reader sees no
# transcripts of what others typed, and no state of Pulumi, which holds the first passwords.
DENIED_GRANTS: Final[Mapping[Role, Mapping[str, tuple[Grant, ...]]]] = {
    "reader": {
        "alarms": (build_grant("logs:*", "exec logs"),),
        "storage": (build_grant("s3:GetObject*", "states"),),
    },
}


@dataclass(frozen=True)
class PolicyStatement:
    """Actions with the same resources and conditions, and the commands that need them."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]
    commands: tuple[str, ...]

    def to_iam_json(self) -> dict[str, Any]:
        """Returns the statement as IAM JSON."""
        conditions: dict[str, dict[str, list[str]]] = {}
        for operator, key, values in self.conditions:
            conditions.setdefault(operator, {})[key] = list(values)
        return {
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
            **({"Condition": conditions} if conditions else {}),
        }


def list_role_commands(role: Role) -> tuple[str, ...]:
    """Lists the commands of a role, including those of the less privileged roles."""
    role_index = ROLES.index(role)
    return tuple(
        command for command, own in COMMAND_ROLES.items() if ROLES.index(own) <= role_index
    )


def build_policy_statements(
    names: StackNames, commands: Iterable[str]
) -> tuple[PolicyStatement, ...]:
    """Builds the merged statements that commands need on a stack, in a stable order.

    Raises LookupError for a call without an entry in ops/permissions/apis.py.
    """
    name_values = names.values
    actions_by_scope: dict[tuple[tuple[str, ...], tuple[Condition, ...]], dict[str, list[str]]] = {}
    for command in commands:
        for api in (*DECLARATIONS[command].calls, *OUTPUTS_CALLS):
            for grant in get_command_grants(command, api):
                resources, conditions = _fill_grant(grant, name_values)
                if resources:
                    actions = actions_by_scope.setdefault((resources, conditions), {})
                    actions.setdefault(grant.action, []).append(command)
    statements = (
        PolicyStatement(
            actions=tuple(sorted(actions)),
            resources=resources,
            conditions=conditions,
            commands=tuple(
                dict.fromkeys(
                    action_command
                    for action_commands in actions.values()
                    for action_command in action_commands
                )
            ),
        )
        for (resources, conditions), actions in actions_by_scope.items()
    )
    return tuple(sorted(statements, key=lambda statement: (statement.actions, statement.resources)))


def build_statements_document(statements: Iterable[PolicyStatement]) -> dict[str, Any]:
    """Builds a policy document."""
    return {
        "Version": "2012-10-17",
        "Statement": [statement.to_iam_json() for statement in statements],
    }


def build_command_policies(
    name: str, statements: Sequence[PolicyStatement]
) -> dict[str, dict[str, Any]]:
    """Builds the policies of commands: one, or as many as the limit needs, numbered."""
    parts: list[list[PolicyStatement]] = [[]]
    for statement in statements:
        whole = serialize_policy(build_statements_document([*parts[-1], statement]))
        if parts[-1] and len(whole) > MAX_POLICY_CHARACTERS:
            parts.append([])
        parts[-1].append(statement)
    if len(parts) == 1:
        return {name: build_statements_document(statements)}
    return {
        f"{name}-{number}": build_statements_document(part) for number, part in enumerate(parts, 1)
    }


def build_role_policies(names: StackNames, role: Role) -> dict[str, dict[str, Any]]:
    """Builds the policies of a role, by their names in POLICY_SERVICES."""
    policies, role_statements = {}, build_policy_statements(names, list_role_commands(role))
    for part, services in POLICY_SERVICES.items():
        statements = []
        for statement in role_statements:
            actions = tuple(
                action for action in statement.actions if action.split(":")[0] in services
            )
            if actions:
                statements.append(
                    PolicyStatement(
                        actions, statement.resources, statement.conditions, statement.commands
                    )
                )
        policies[part] = build_statements_document(statements)
        policies[part]["Statement"] += list_role_denials(names, role, part)
    return policies


def list_role_denials(
    names: StackNames, role: Role, part: str | None = None
) -> list[dict[str, Any]]:
    """Lists the statements with what a role may not do at all, of one policy or of all."""
    return [
        _build_denial(grant, names)
        for policy_name, grants in DENIED_GRANTS.get(role, {}).items()
        if part in (None, policy_name)
        for grant in grants
    ]


def _build_denial(grant: Grant, names: StackNames) -> dict[str, Any]:
    resources, _ = _fill_grant(grant, names.values)
    return {"Effect": "Deny", "Action": [grant.action], "Resource": list(resources)}


def serialize_policy(policy: Mapping[str, Any]) -> str:
    """Serializes a policy without white space, which IAM does not count."""
    return json.dumps(policy, separators=(",", ":"))


def _fill_grant(
    grant: Grant, names: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[Condition, ...]]:
    """Fills in a grant's resources and conditions; drops ARNs with names that the stack lacks."""
    templates = (template for name in grant.resources for template in RESOURCE_ARNS[name])
    resources = tuple(dict.fromkeys(_fill_templates(templates, names)))
    has_regions = any(key == STACK_REGIONS_CONDITION[1] for _, key, _ in grant.conditions)
    is_limited = resources == (ALL_RESOURCES,) and not has_regions
    condition_templates = (*grant.conditions, *([STACK_REGIONS_CONDITION] if is_limited else []))
    conditions = tuple(
        (operator, key, tuple(_fill_templates(values, names)))
        for operator, key, values in condition_templates
    )
    return resources, conditions


def _fill_templates(templates: Iterable[str], names: Mapping[str, str]) -> Iterable[str]:
    for template in templates:
        try:
            yield template.format_map(names)
        except KeyError:  # the stack lacks this name
            continue
