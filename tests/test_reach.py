"""What the roles of dev reach in prod, in the same account: nothing that changes, no secret.

Every role of dev is asked for every action of the services that prod has resources of, on prod's
resources as they are named and tagged. The actions are the operations of botocore's models, and
those of IAM's alone that the policies name. That AWS evaluates the tags of a resource for every
action on it is assumed, but for those in UNTAGGED_SERVICES, which are judged by name.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import botocore.session
import pytest

from ops.bootstrap.deployment_policy import build_boundary_policy
from ops.bootstrap.names import FoundationNames, RepositoryIds
from ops.bootstrap.roles import list_foundation_roles
from ops.core.declaration import ROLES
from ops.permissions.grants import USER_TAG
from ops.permissions.names import StackNames
from ops.permissions.policies import build_role_policies
from ops.permissions.resources import RESOURCE_ARNS
from sandbox.policy_evaluation import is_allowed, list_statements
from tests.world import run_whole_program

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-north-1"
FOUNDATION: Final = FoundationNames(
    project="bulwark",
    repository="acme/stack",
    repository_ids=RepositoryIds(1, 2),
    partition="aws",
    account=ACCOUNT,
    region=REGION,
    recovery_region="eu-west-1",
    environments=("dev", "prod"),
    domains=(("dev", "dev.example.com"), ("prod", "example.com")),
)


def build_names(stack: str) -> StackNames:
    return StackNames(
        partition="aws",
        account=ACCOUNT,
        region=REGION,
        project="bulwark",
        stack=stack,
        bucket=f"bulwark-{stack}-operations-{ACCOUNT}",
        recovery_region="eu-west-1",
        **{
            f"{key}_key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{stack}-{key}"
            for key in ("data", "logs", "recovery")
        },
        zone=f"Z{stack.upper()}",
    )


# What looks: the verbs of operations that change nothing.
READ_VERBS: Final = (
    "BatchCheck|BatchDescribe|BatchGet|Check|Decode|Describe|Discover|Estimate|Filter|Get|Head|"
    "List|Lookup|Poll|Preview|Query|Scan|Search|Select|Simulate|Test|Validate|View"
)
# Reads that show what users or operators have stored, or open a way in.
SECRET_READS: Final = (
    "ec2:GetPasswordData",
    "ecr:GetDownloadUrlForLayer",
    "lambda:GetFunction",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "s3:GetObject",
    "secretsmanager:BatchGetSecretValue",
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
    "ssm:GetParametersByPath",
)
# botocore's service and IAM's prefix, of what prod has resources of.
SERVICES: Final = {
    "acm": "acm",
    "application-autoscaling": "application-autoscaling",
    "autoscaling": "autoscaling",
    "backup": "backup",
    "cloudwatch": "cloudwatch",
    "ec2": "ec2",
    "ecr": "ecr",
    "ecs": "ecs",
    "elasticache": "elasticache",
    "elbv2": "elasticloadbalancing",
    "iam": "iam",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "rds": "rds",
    "route53": "route53",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "ssm": "ssm",
    "sts": "sts",
    "wafv2": "wafv2",
}
UNTAGGED_SERVICES: Final = ("iam", "route53", "s3", "sts")
# What IAM calls otherwise than the API, and actions without an operation.
MORE_ACTIONS: Final = {"iam": ["PassRole"], "s3": ["GetObject", "PutObject", "DeleteObject"]}
# Resources of prod that no template of the runbook's policies names.
MORE_ARNS: Final = {
    "ec2": [
        f"arn:aws:ec2:{REGION}:{ACCOUNT}:{kind}/prod-1"
        for kind in ("instance", "security-group", "subnet", "volume", "vpc", "launch-template")
    ],
    "elasticloadbalancing": [
        f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/bulwark-prod-alb/1"
    ],
    "iam": [
        f"arn:aws:iam::{ACCOUNT}:role/bulwark-prod-services-backend-task",
        f"arn:aws:iam::{ACCOUNT}:role/bulwark-deploy-prod",
        f"arn:aws:iam::{ACCOUNT}:policy/bulwark-boundary-prod",
        f"arn:aws:iam::{ACCOUNT}:policy/bulwark-boundary-dev",
    ],
    "kms": [f"arn:aws:kms:{REGION}:{ACCOUNT}:key/secrets-prod"],
    "rds": [f"arn:aws:rds:{REGION}:{ACCOUNT}:snapshot:awsbackup:job-1"],
    "route53": ["arn:aws:route53:::hostedzone/Z1"],
    "s3": [
        f"arn:aws:s3:::bulwark-state-{ACCOUNT}/.pulumi/stacks/bulwark/prod.json",
        f"arn:aws:s3:::bulwark-prod-operations-{ACCOUNT}/runs/x/000000.json",
    ],
    "sts": [
        f"arn:aws:iam::{ACCOUNT}:role/bulwark-{name}"
        for name in ("prod-recoverer", "prod-operator", "deploy-prod", "operate-prod")
    ],
    "wafv2": [f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/bulwark-prod-waf/1"],
}
PROD_CONTEXT: Final[Mapping[str, str]] = {
    "aws:RequestedRegion": REGION,
    "aws:ResourceAccount": ACCOUNT,
    "aws:PrincipalAccount": ACCOUNT,
    **{
        f"{prefix}:{word}/{tag}": value
        for prefix, word in (("aws", "ResourceTag"), ("ec2", "ResourceTag"), ("ssm", "resourceTag"))
        for tag, value in (
            *(("Project", "bulwark"), ("Environment", "prod")),
            *(("Component", "x"), ("ManagedBy", "pulumi")),
        )
    },
    "ecs:cluster": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/bulwark-prod",
    "ec2:LaunchTemplate": f"arn:aws:ec2:{REGION}:{ACCOUNT}:launch-template/dev",
    "route53:ChangeResourceRecordSetsNormalizedRecordNames": "app.example.com",
    "ssm:SessionDocumentAccessCheck": "true",
}


def build_context(arn: str, project: str = "bulwark") -> dict[str, str]:
    """What a request on a resource of prod carries beside its action."""
    context = {key: value.replace("bulwark", project) for key, value in PROD_CONTEXT.items()}
    if "key/secrets-" in arn:  # the foundation's, which has fewer tags
        context.pop("aws:ResourceTag/ManagedBy")
        context.pop("aws:ResourceTag/Component")
    if arn.split(":")[2] in UNTAGGED_SERVICES:
        context = {key: value for key, value in context.items() if "Tag/" not in key}
    if ":key/" in arn:
        context["kms:ResourceAliases"] = f"alias/{project}-{arn.rpartition('/')[2]}"
    return context


@cache
def list_changing_actions(service: str) -> tuple[str, ...]:
    """Every operation of a service that is no read, and the reads of secrets."""
    prefix = SERVICES[service]
    model = botocore.session.get_session().get_service_model(service)
    names = [*model.operation_names, *MORE_ACTIONS.get(service, ())]
    changing = [name for name in names if not re.match(f"({READ_VERBS})(?![a-z])", name)]
    secret_reads = [action for action in SECRET_READS if action.split(":")[0] == prefix]
    return (*(f"{prefix}:{name}" for name in changing), *secret_reads)


def list_prod_arns(prefix: str) -> list[str]:
    """prod's resources of a service: those of its own policies, with something for each pattern."""
    values = build_names("prod").values
    arns = [
        template.format_map({**values})
        for name, templates in RESOURCE_ARNS.items()
        if name not in ("shared snapshots", "shell", "port forwarding", "own sessions")
        for template in templates
        if template.startswith(("arn:", "{"))
    ]
    return [
        *{arn.replace("*", "x-1") for arn in arns if arn.split(":")[2] == prefix and "prod" in arn},
        *MORE_ARNS.get(prefix, ()),
    ]


@cache
def list_dev_roles() -> dict[str, tuple[list[Any], Any]]:
    """The policies and the boundary of each role of dev, by its name."""
    roles: dict[str, tuple[list[Any], Any]] = {
        role.name: ([role.permissions_policy], None)
        for role in list_foundation_roles(FOUNDATION)
        if role.name in ("deploy-dev", "operate-dev", "preview")
    }
    for role in ROLES:
        roles[role] = ([*build_role_policies(build_names("dev"), role).values()], None)
    administrator = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}],
    }
    roles["administrator in dev"] = ([administrator], build_boundary_policy(FOUNDATION, "dev"))
    return roles


ROLE_NAMES: Final = (*ROLES, "deploy-dev", "operate-dev", "preview", "administrator in dev")


def list_reached(role: str, project: str = "bulwark") -> set[tuple[str, str]]:
    """The changes that a role of dev can make in a project's prod, with their resources."""
    policies, boundary = list_dev_roles()[role]
    reached = set()
    asked = 0
    for service, prefix in SERVICES.items():
        for prod_arn in list_prod_arns(prefix):
            arn = prod_arn.replace("bulwark", project)
            context = build_context(arn, project)
            for action in list_changing_actions(service):
                asked += 1
                if is_allowed(policies, action, arn, context, boundary):
                    reached.add((action, arn))
    assert asked > 3000
    return reached


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_a_role_of_dev_changes_nothing_in_prod(role: str) -> None:
    reached = list_reached(role)
    expected = {(action, arn) for action, arn in reached if action in KNOWN_REACH.get(role, ())}
    unexpected = sorted(f"{action} {arn}" for action, arn in reached - expected)
    assert not unexpected, f"{len(unexpected)}: {', '.join(unexpected[:30])}"
    assert {action for action, _ in expected} == set(KNOWN_REACH.get(role, ()))


@pytest.mark.parametrize("role", [*ROLES, "deploy-dev", "operate-dev", "preview"])
def test_a_role_of_dev_changes_nothing_in_the_prod_of_another_project(role: str) -> None:
    """Two projects in one account. Applications may use what another project shares with them,
    so that a boundary alone does not keep them from it."""
    known = () if role == "preview" else KNOWN_REACH.get(role, ())
    unexpected = sorted(
        f"{action} {arn}" for action, arn in list_reached(role, "atlas") if action not in known
    )
    assert not unexpected, f"{len(unexpected)}: {', '.join(unexpected[:30])}"


# What a role reaches in prod all the same, and why.
KNOWN_REACH: Final[Mapping[str, tuple[str, ...]]] = {
    # A pull request is previewed on every stack, with the stack's own state and its published
    # outputs, which hold no secret.
    "preview": ("kms:Decrypt", "s3:GetObject", "ssm:GetParametersByPath"),
    # The id of a query is random and is told to who starts it alone; a stopped query loses nothing.
    "reader": ("logs:StopQuery",),
    # Unregistering has no resource level and no condition (Service Authorization Reference).
    # Services go on with what is unregistered, and scale; new ones and rollbacks cannot use it (API
    # reference, DeregisterTaskDefinition). It is what `cache clear` and a probe leave behind.
    **dict.fromkeys(("operator", "recoverer"), ("ecs:DeregisterTaskDefinition", "logs:StopQuery")),
    # The boundary leaves it: IAM's report of the whole account, which has no resource level.
    "administrator in dev": ("iam:GenerateCredentialReport",),
    # A zone with records cannot be deleted, and its records are their domain's.
    "deploy-dev": (
        "route53:ChangeTagsForResource",
        "route53:CreateHostedZone",
        "route53:DeleteHostedZone",
    ),
}


def test_a_deployment_of_dev_does_to_dev_what_it_may_not_to_prod() -> None:
    """The requests are such that they would be allowed on one's own resources."""
    policies, _ = list_dev_roles()["deploy-dev"]
    context = {key: value.replace("prod", "dev") for key, value in PROD_CONTEXT.items()}
    context["kms:ResourceAliases"] = "alias/bulwark-secrets-dev"
    for action, arn in (
        ("rds:DeleteDBInstance", f"arn:aws:rds:{REGION}:{ACCOUNT}:db:bulwark-dev-database"),
        ("ec2:TerminateInstances", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1"),
        ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"),
        ("s3:PutObject", f"arn:aws:s3:::bulwark-state-{ACCOUNT}/.pulumi/stacks/bulwark/dev.json"),
    ):
        assert is_allowed(policies, action, arn, context), action


@pytest.mark.parametrize("stack", ["prod", "dev"])
def test_every_role_of_a_stack_has_the_boundary_that_the_settings_name(stack: str) -> None:
    boundary = FOUNDATION.build_boundary_arn(stack)
    resources = run_whole_program(
        stack, {"compute": "both", "access": {"permissionsBoundary": boundary}}
    ).resources
    roles = [resource for resource in resources if resource.type == "aws:iam/role:Role"]
    assert len(roles) >= 8
    for role in roles:
        assert role.inputs["permissionsBoundary"] == boundary, role.name


def test_what_a_role_of_a_stack_needs_is_within_its_boundary() -> None:
    """Each statement of each policy of dev, with its first action and resource."""
    boundary = build_boundary_policy(FOUNDATION, "dev")
    resources = run_whole_program("dev", {"compute": "both"}).resources
    documents = [
        json.loads(resource.inputs["policy"])
        for resource in resources
        if resource.type in ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy")
    ]
    context = {
        "aws:ResourceTag/Project": "bulwark",
        "aws:ResourceTag/Environment": "dev",
        f"aws:ResourceTag/{USER_TAG}": "bulwark-dev",
    }
    asked = 0
    for document in documents:
        for statement in list_statements(document):
            if statement["Effect"] == "Deny" or "Resource" not in statement:
                continue
            for action in statement["Action"]:
                for arn in statement["Resource"]:
                    asked += 1
                    action_name, resource = action.replace("*", "X"), arn.replace("*", "x")
                    assert is_allowed([document, boundary], action_name, resource, context) or (
                        is_allowed([boundary], action_name, resource, context)
                    ), (action, arn)
    assert asked > 100
