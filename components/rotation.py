"""Rotation of a secret by a Lambda function that changes it through AWS's own APIs."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypedDict

import pulumi_aws as aws
from pulumi import Input, Output, Resource, ResourceOptions

from components.account import Account
from components.component import Component
from components.facts.secret import FIRST_VERSION_STAGE
from components.keys import Keys
from components.logs import create_log_group
from components.policies import (
    Statement,
    build_policy_document,
    create_service_role,
    format_compact_json,
)
from components.settings import Settings

ROTATION_CODE_FILE: Final = Path(__file__).parent / "lambdas" / "rotate.py"
LAMBDA_RUNTIME: Final = "python3.13"
LAMBDA_TIMEOUT_SECONDS: Final = 900  # Lambda's longest: ElastiCache takes minutes for each token

RotationTargetName = Literal["database", "cache"]
# What the function may do to the database or cache whose secret it rotates.
ROTATION_ACTIONS: Final[dict[RotationTargetName, tuple[str, ...]]] = {
    "database": ("rds:DescribeDBInstances", "rds:ModifyDBInstance"),
    "cache": ("elasticache:DescribeReplicationGroups", "elasticache:ModifyReplicationGroup"),
}


class FleetRefreshPreferences(TypedDict):
    """How an Auto Scaling group replaces its instances; the preferences as the API names them."""

    group: str
    MinHealthyPercentage: int
    MaxHealthyPercentage: int


class SecretReaders(TypedDict):
    """Services of a cluster and a fleet."""

    cluster: str
    services: list[str]
    fleet: FleetRefreshPreferences | None


@dataclass(frozen=True, kw_only=True)
class RotationArgs:
    """`secret_arn` is the secret of `target`, whose name is `identifier` and ARN `target_arn`.

    `target_resource` is the instance or group itself; with it the rotation is created again.
    `code_bucket` gets the function's package; `prerequisites` must exist before the first rotation.
    """

    settings: Settings
    account: Account
    keys: Keys
    function_name: str
    target: RotationTargetName
    identifier: str
    target_arn: Input[str]
    target_resource: Resource
    secret_arn: Output[str]
    interval_days: int
    code_bucket: Input[str]
    prerequisites: Sequence[Resource]


class Rotation(Component):
    """`bulwark:index:Rotation`: the function, its role and log group, and the schedule.

    Children, all named `{name}` but the role `{name}-role`. The first rotation follows the
    creation at once, after all that a change of the password would disturb: the first password,
    which Pulumi's state holds, opens nothing from then on. A new schedule rotates at once too
    (Secrets Manager API reference, RotateSecret, RotateImmediately; terraform-provider-aws sends it
    with each change of the rules, and not when it alone changes).
    Services and the fleet read secrets at their start, so each rotation replaces their tasks and
    instances, one after the other.
    """

    def __init__(
        self, name: str, *, args: RotationArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Rotation", name, settings=args.settings, opts=opts)
        log_group = create_log_group(
            self, "log", name=f"/aws/lambda/{args.function_name}", kms_key=args.keys.logs
        )
        self.log_group = log_group.name
        role = create_service_role(
            self,
            "role",
            service="lambda.amazonaws.com",
            account=args.account,
            statements=(),
        )
        role_policy = aws.iam.RolePolicy(
            self.format_logical_name("role"),
            role=role.name,
            policy=build_policy_document(*self._build_statements(args, log_group)),
            opts=self.child_options,
        )
        package = build_deployment_package(ROTATION_CODE_FILE)
        digest = hashlib.sha256(package)
        package_object = aws.s3.BucketObjectv2(
            name,
            bucket=args.code_bucket,
            key=f"functions/{args.function_name}/{digest.hexdigest()[:16]}.zip",
            content_base64=base64.b64encode(package).decode(),
            content_type="application/zip",
            opts=self.child_options,
        )
        function = aws.lambda_.Function(
            name,
            name=args.function_name,
            description=f"Rotates the secret of {args.identifier}",
            runtime=LAMBDA_RUNTIME,
            architectures=["arm64"],
            handler="rotate.handler",
            s3_bucket=package_object.bucket,
            s3_key=package_object.key,
            source_code_hash=base64.b64encode(digest.digest()).decode(),
            role=role.arn,
            timeout=LAMBDA_TIMEOUT_SECONDS,
            memory_size=256,
            environment={
                "variables": {
                    "TARGET": args.target,
                    "IDENTIFIER": args.identifier,
                    "FIRST_STAGE": FIRST_VERSION_STAGE,
                    "RESTART": format_compact_json(
                        build_secret_readers(args.settings, args.target)
                    ),
                }
            },
            logging_config={"log_format": "JSON", "log_group": log_group.name},
            opts=self.child_options,
        )
        permission = aws.lambda_.Permission(
            name,
            action="lambda:InvokeFunction",
            function=function.name,
            principal="secretsmanager.amazonaws.com",
            source_arn=args.secret_arn,
            source_account=args.account.id,
            opts=self.child_options,
        )
        aws.secretsmanager.SecretRotation(
            name,
            secret_id=args.secret_arn,
            rotation_lambda_arn=function.arn,
            rotate_immediately=True,
            rotation_rules={"automatically_after_days": args.interval_days},
            # A target that is replaced comes back with the first password, which opens it again
            # and which the secret no longer holds: a rotation gives both a new one.
            opts=self.build_child_options(
                depends_on=[permission, role_policy, args.target_resource, *args.prerequisites],
                replace_with=[args.target_resource],
                delete_before_replace=True,
            ),
        )
        self.function_name = args.function_name
        self.register_outputs({"function_name": self.function_name})

    def _build_statements(
        self, args: RotationArgs, log_group: aws.cloudwatch.LogGroup
    ) -> list[Statement]:
        account, region = args.account, args.settings.region
        secret_readers = build_secret_readers(args.settings, args.target)
        statements = [
            Statement(actions=ROTATION_ACTIONS[args.target], resources=[args.target_arn]),
            Statement(
                actions=[
                    "secretsmanager:DescribeSecret",
                    "secretsmanager:GetSecretValue",
                    "secretsmanager:PutSecretValue",
                    "secretsmanager:UpdateSecretVersionStage",
                ],
                resources=[args.secret_arn],
            ),
            Statement(actions=["secretsmanager:GetRandomPassword"], resources=["*"]),
            Statement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[Output.concat(log_group.arn, ":*")],
            ),
        ]
        if args.keys.data is not None:
            via_conditions = {
                "StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}
            }
            statements.append(
                Statement(
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=[args.keys.data],
                    conditions=via_conditions,
                )
            )
        if services := secret_readers["services"]:
            cluster = args.settings.cluster_name
            statements.append(
                Statement(
                    actions=["ecs:UpdateService"],
                    resources=[
                        account.format_arn(
                            "ecs", region=region, resource=f"service/{cluster}/{name}"
                        )
                        for name in services
                    ],
                )
            )
        if secret_readers["fleet"]:
            group = f"autoScalingGroup:*:autoScalingGroupName/{args.settings.fleet_name}"
            statements.append(
                Statement(
                    actions=["autoscaling:StartInstanceRefresh"],
                    resources=[account.format_arn("autoscaling", region=region, resource=group)],
                )
            )
        return statements


def build_deployment_package(code_file: Path) -> bytes:
    """A deployment package of one file; the same bytes for the same file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        entry = zipfile.ZipInfo(code_file.name)  # dated 1980, whenever it is made
        entry.external_attr = 0o644 << 16  # Lambda runs it as a user who must be able to read it
        package.writestr(entry, code_file.read_bytes())
    return buffer.getvalue()


def build_secret_readers(settings: Settings, target: RotationTargetName) -> SecretReaders:
    """Lists who reads the secret at its start, in the form that the function needs."""
    fleet = settings.fleet
    refresh: FleetRefreshPreferences = {
        "group": settings.fleet_name,
        "MinHealthyPercentage": fleet.min_healthy_percent,
        "MaxHealthyPercentage": fleet.max_healthy_percent,
    }
    return {
        "cluster": settings.cluster_name,
        "services": sorted(
            name
            for name, service in settings.services.items()
            if settings.has_services and getattr(service, target)
        ),
        "fleet": refresh if settings.has_fleet and getattr(fleet, target) else None,
    }
