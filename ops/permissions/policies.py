"""Policies from calls: the statements that commands and roles need, as IAM documents."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.core.declaration import ROLES, Role
from ops.permissions.apis import STACK_REGIONS_CONDITION, Condition, Grant, get_api_grants
from ops.permissions.declared import COMMAND_ROLES, DECLARATIONS, OUTPUTS_CALLS
from ops.permissions.names import StackNames
from ops.permissions.resources import ALL_RESOURCES, RESOURCE_ARNS

MAX_POLICY_CHARACTERS: Final = (
    6144  # characters of a managed policy without white space (IAM quotas)
)
# A role's policies, by the services that each is about: a policy a purpose, each within the limit.
POLICY_SERVICES: Final[Mapping[str, tuple[str, ...]]] = {
    "database": ("lambda", "rds", "secretsmanager"),
    "data": ("backup", "elasticache", "kms", "s3"),
    "services": (
        "acm",
        "application-autoscaling",
        "ecr",
        "ecs",
        "elasticloadbalancing",
        "iam",
        "logs",
    ),
    "instances": ("autoscaling", "ec2", "ssm"),
    "alarms": ("cloudwatch", "sns"),
}


@dataclass(frozen=True)
class PolicyStatement:
    """Actions on the same resources under the same conditions, and the commands that need them."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]
    commands: tuple[str, ...]

    def to_iam_json(self) -> dict[str, Any]:
        """The statement as IAM spells it."""
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
    """The commands that a role may run: its own, and those of the roles before it."""
    role_index = ROLES.index(role)
    return tuple(
        command for command, own in COMMAND_ROLES.items() if ROLES.index(own) <= role_index
    )


def build_policy_statements(
    names: StackNames, commands: Iterable[str]
) -> tuple[PolicyStatement, ...]:
    """What these commands need on a stack, merged, in an order that does not change.

    Raises LookupError for a call that ops/permissions/apis.py does not know.
    """
    name_values = names.values
    actions_by_scope: dict[tuple[tuple[str, ...], tuple[Condition, ...]], dict[str, list[str]]] = {}
    for command in commands:
        for api in (*DECLARATIONS[command].calls, *OUTPUTS_CALLS):
            for grant in get_api_grants(api):
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
    """A policy document."""
    return {
        "Version": "2012-10-17",
        "Statement": [statement.to_iam_json() for statement in statements],
    }


def build_role_policies(names: StackNames, role: Role) -> dict[str, dict[str, Any]]:
    """The policies of a role, by what they are about."""
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
    return policies


def serialize_policy(policy: Mapping[str, Any]) -> str:
    """A policy without white space: what IAM counts."""
    return json.dumps(policy, separators=(",", ":"))


def _fill_grant(
    grant: Grant, names: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[Condition, ...]]:
    """A grant's resources and conditions with the names of a stack, without those that it lacks."""
    templates = (template for name in grant.resources for template in RESOURCE_ARNS[name])
    resources = tuple(dict.fromkeys(_fill_templates(templates, names)))
    condition_templates = (
        *grant.conditions,
        *([STACK_REGIONS_CONDITION] if resources == (ALL_RESOURCES,) else []),
    )
    conditions = tuple(
        (operator, key, tuple(_fill_templates(values, names)))
        for operator, key, values in condition_templates
    )
    return resources, conditions


def _fill_templates(templates: Iterable[str], names: Mapping[str, str]) -> Iterable[str]:
    for template in templates:
        try:
            yield template.format_map(names)
        except KeyError:  # a name that this stack has not
            continue
