"""Policies from calls: the statements that commands and roles need, as IAM documents."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.core.declaration import ROLES, Role
from ops.permissions.apis import IN_ITS_REGIONS, Condition, Grant, grants
from ops.permissions.declared import COMMAND_ROLES, DECLARATIONS, OUTPUTS_CALLS
from ops.permissions.names import Names
from ops.permissions.resources import EVERYWHERE, RESOURCES

LIMIT: Final = 6144  # characters of a managed policy without white space (IAM quotas)
# A role's policies, by the services that each is about: a policy a purpose, each within the limit.
PARTS: Final[Mapping[str, tuple[str, ...]]] = {
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
class Allowed:
    """Actions on the same resources under the same conditions, and the commands that need them."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    when: tuple[Condition, ...]
    commands: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """The statement as IAM spells it."""
        conditions: dict[str, dict[str, list[str]]] = {}
        for operator, key, values in self.when:
            conditions.setdefault(operator, {})[key] = list(values)
        return {
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
            **({"Condition": conditions} if conditions else {}),
        }


def of_role(role: Role) -> tuple[str, ...]:
    """The commands that a role may run: its own, and those of the roles before it."""
    least = ROLES.index(role)
    return tuple(c for c, own in COMMAND_ROLES.items() if ROLES.index(own) <= least)


def allowed(names: Names, commands: Iterable[str]) -> tuple[Allowed, ...]:
    """What these commands need on a stack, merged, in an order that does not change.

    Raises LookupError for a call that ops/permissions/apis.py does not know.
    """
    known = names.known
    needed: dict[tuple[tuple[str, ...], tuple[Condition, ...]], dict[str, list[str]]] = {}
    for command in commands:
        for api in (*DECLARATIONS[command].calls, *OUTPUTS_CALLS):
            for grant in grants(api):
                resources, when = _filled(grant, known)
                if resources:
                    actions = needed.setdefault((resources, when), {})
                    actions.setdefault(grant.action, []).append(command)
    found = (
        Allowed(
            actions=tuple(sorted(actions)),
            resources=resources,
            when=when,
            commands=tuple(dict.fromkeys(c for listed in actions.values() for c in listed)),
        )
        for (resources, when), actions in needed.items()
    )
    return tuple(sorted(found, key=lambda one: (one.actions, one.resources)))


def document(statements: Iterable[Allowed]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": [one.plain() for one in statements]}


def role_policies(names: Names, role: Role) -> dict[str, dict[str, Any]]:
    """The policies of a role, by what they are about."""
    found, whole = {}, allowed(names, of_role(role))
    for part, services in PARTS.items():
        statements = []
        for one in whole:
            actions = tuple(a for a in one.actions if a.split(":")[0] in services)
            if actions:
                statements.append(Allowed(actions, one.resources, one.when, one.commands))
        found[part] = document(statements)
    return found


def compact(policy: Mapping[str, Any]) -> str:
    """A policy without white space: what IAM counts."""
    return json.dumps(policy, separators=(",", ":"))


def _filled(
    grant: Grant, names: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[Condition, ...]]:
    """A grant's resources and conditions with the names of a stack, without those that it lacks."""
    templates = (t for name in grant.on for t in RESOURCES[name])
    resources = tuple(dict.fromkeys(_fill(templates, names)))
    given = (*grant.when, *([IN_ITS_REGIONS] if resources == (EVERYWHERE,) else []))
    when = tuple((op, key, tuple(_fill(values, names))) for op, key, values in given)
    return resources, when


def _fill(templates: Iterable[str], names: Mapping[str, str]) -> Iterable[str]:
    for template in templates:
        try:
            yield template.format_map(names)
        except KeyError:  # a name that this stack has not
            continue
