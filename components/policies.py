"""IAM as data: statements, policy documents, and roles made from them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Input, Output

from components.account import Account
from components.component import Component

# Services that state the account for which they act, as AWS documents: ECS Developer Guide, "Task
# IAM role"; VPC User Guide, "IAM role for publishing flow logs"; RDS User Guide, "Enhanced
# Monitoring"; SNS Developer Guide, "aws:SourceAccount versus aws:SourceOwner"; S3 User Guide,
# "Enabling server access logging". A policy that demands what a service does not state shuts
# it out: of any other, what it states must be this account, and it may state nothing. EventBridge
# is known to state none ("Troubleshooting Amazon EventBridge"), as are EC2, Lambda and Backup
# (prowler-cloud/prowler#2810 cites AWS Support); of S3's replication and RDS's exports nothing is
# documented.
SERVICES_THAT_STATE_SOURCE: Final = frozenset(
    {
        "ecs-tasks",
        "vpc-flow-logs",
        "monitoring.rds",
        "cloudwatch",
        "events.rds",
        "sns",
        "budgets",
        "costalerts",
        "logging.s3",
        "delivery.logs",
    }
)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy; `resources` empty in a trust or a resource's own policy."""

    actions: Sequence[str]
    resources: Sequence[Input[str]] = ()
    principals: Mapping[str, Sequence[Input[str]]] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, Input[str] | Sequence[Input[str]]]] = field(
        default_factory=dict
    )
    effect: str = "Allow"
    sid: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The statement as IAM spells it."""
        is_public = self.principals.get("*") is not None
        return {
            **({"Sid": self.sid} if self.sid else {}),
            "Effect": self.effect,
            "Action": list(self.actions),
            **({"Resource": list(self.resources)} if self.resources else {}),
            **(
                {
                    "Principal": "*"
                    if is_public
                    else {k: list(v) for k, v in self.principals.items()}
                }
                if self.principals
                else {}
            ),
            **({"Condition": self.conditions} if self.conditions else {}),
        }


def build_policy_document(*statements: Statement) -> Output[str]:
    """A policy document as JSON."""
    body = {"Version": "2012-10-17", "Statement": [statement.to_json() for statement in statements]}
    return Output.json_dumps(body)


def build_source_conditions(
    service: str, *, account: Account, source_arn: Input[str] | None = None
) -> dict[str, dict[str, Input[str]]]:
    """Conditions that a service, like ecs-tasks.amazonaws.com, acts for this account alone.

    `source_arn` is a pattern of what it acts for, if the service states that too.
    """
    states_source = service.removesuffix(".amazonaws.com") in SERVICES_THAT_STATE_SOURCE
    return {
        "StringEquals" if states_source else "StringEqualsIfExists": {
            "aws:SourceAccount": account.id
        },
        **({} if source_arn is None else {"ArnLike": {"aws:SourceArn": source_arn}}),
    }


def build_trust_policy(
    service: str, *, account: Account, source_arn: Input[str] | None = None
) -> Output[str]:
    """Lets an AWS service, like ecs-tasks.amazonaws.com, assume a role for this account."""
    return build_policy_document(
        Statement(
            actions=["sts:AssumeRole"],
            principals={"Service": [service]},
            conditions=build_source_conditions(service, account=account, source_arn=source_arn),
        )
    )


def create_service_role(
    component: Component,
    key: str,
    *,
    service: str,
    account: Account,
    statements: Sequence[Statement],
    managed_policies: Sequence[str] = (),
    source_arn: Input[str] | None = None,
) -> aws.iam.Role:
    """A role of `component` for an AWS service, with one inline policy and AWS managed ones.

    `managed_policies` are names like service-role/AmazonRDSEnhancedMonitoringRole; `source_arn` is
    a pattern of the resources for which the service may assume it, if the service states them.
    """
    role = aws.iam.Role(
        component.format_logical_name(key),
        name=component.format_physical_name(component.name, key),
        assume_role_policy=build_trust_policy(service, account=account, source_arn=source_arn),
        permissions_boundary=component.settings.access.permissions_boundary,
        opts=component.child_options,
    )
    if statements:
        aws.iam.RolePolicy(
            component.format_logical_name(key),
            role=role.name,
            policy=build_policy_document(*statements),
            opts=component.child_options,
        )
    for policy_name in managed_policies:
        aws.iam.RolePolicyAttachment(
            component.format_logical_name(key, policy_name.rsplit("/", 1)[-1]),
            role=role.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy_name}",
            opts=component.child_options,
        )
    return role


def format_compact_json(value: object) -> str:
    """Compact JSON, the same for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
