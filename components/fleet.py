"""The fleet: an Auto Scaling group of EC2 instances that run one container."""

from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.account import Account
from components.alarm_registry.services import CLOUDWATCH_AGENT_NAMESPACE
from components.cache import Cache
from components.component import Component
from components.contract import build_contract_part
from components.credentials import build_container_credentials, build_secret_read_statements
from components.database import Database
from components.firewall import allow_connection, allow_outbound, create_security_group
from components.keys import Keys
from components.launch_template import LaunchTemplateArgs, create_launch_template
from components.load_balancer import LoadBalancer
from components.logs import create_log_group
from components.network import Network
from components.patching import build_patch_group_tag, create_patching
from components.policies import Statement, create_service_role
from components.registry import build_image_pull_statements
from components.settings import Settings
from components.topics import Topics
from components.user_data import build_user_data
from ops.outputs import FleetPart

# AmazonSSMManagedInstanceCore without its right to read every parameter of the account.
SSM_ACTIONS: Final = (
    *("DescribeAssociation", "DescribeDocument", "GetDeployablePatchSnapshotForInstance"),
    *("GetDocument", "GetManifest", "ListAssociations", "ListInstanceAssociations"),
    *("PutComplianceItems", "PutConfigurePackageResult", "PutInventory"),
    *("UpdateAssociationStatus", "UpdateInstanceAssociationStatus", "UpdateInstanceInformation"),
)
CHANNEL_ACTIONS: Final = (
    *("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"),
)
MESSAGE_ACTIONS: Final = (
    *("AcknowledgeMessage", "DeleteMessage", "FailMessage", "GetEndpoint", "GetMessages"),
    "SendReply",
)


@dataclass(frozen=True, kw_only=True)
class FleetArgs:
    settings: Settings
    account: Account
    keys: Keys
    network: Network
    topics: Topics
    load_balancer: LoadBalancer
    database: Database
    cache: Cache | None
    deployed_version: str | None = None  # of the launch template, that the group uses


class Fleet(Component):
    """`bulwark:index:Fleet`: instances behind the load balancer, each with the same container.

    Children: `{name}` (launch template, Auto Scaling group, instance profile), `{name}-instance`
    (role), `{name}-instances` (security group), `{name}-alb`, `-database`, `-cache`, `-https`
    (firewall rules), `{name}-log`, `{name}-image` (the SSM parameter that names the image),
    `{name}-cpu` and `{name}-requests` (scaling); `{name}-patches` (baseline and patch group),
    `{name}-scan` and `{name}-noncompliant` (see components/patching.py).
    Operations own the number of instances, the image and the launch template's version that the
    group uses: Pulumi ignores the first two, and sets the version that the group has. A newer one
    waits for `ops deploy`, or `ops fleet refresh start --template-version latest`. It goes back to
    what the group had when it began: a refresh that Pulumi starts after it has changed the group
    has nothing to go back to (EC2 Auto Scaling User Guide, "Undo changes with a rollback";
    terraform-provider-aws#34189).
    """

    def __init__(self, name: str, *, args: FleetArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Fleet", name, settings=args.settings, opts=opts)
        self._args, self._fleet_settings = args, args.settings.fleet
        path_prefix = f"/{args.settings.project}/{args.settings.stack}/fleet"
        self._log_group = create_log_group(self, "log", name=path_prefix, kms_key=args.keys.logs)
        self.log_group = self._log_group.name
        self._image_parameter = aws.ssm.Parameter(
            self.format_logical_name("image"),
            name=f"{path_prefix}/image",
            type="String",
            value=self._fleet_settings.image,
            description="Image that new instances of the fleet run; operations change it",
            opts=self.build_child_options(ignore_changes=["value"]),
        )
        self._credentials = build_container_credentials(
            self._fleet_settings,
            database_secret_arn=args.database.secret_arn,
            cache_secret_arn=args.cache.secret_arn if args.cache else None,
        )
        role = self._create_role()
        profile = aws.iam.InstanceProfile(
            name, name=self.format_physical_name(name), role=role.name, opts=self.child_options
        )
        security_group_id = self._create_security_group()
        template = create_launch_template(
            self,
            LaunchTemplateArgs(
                profile_arn=profile.arn,
                security_group_id=security_group_id,
                user_data=build_user_data(args.settings.project, self._build_container_config()),
                data_key=args.keys.data,
            ),
        )
        template_version = template.latest_version.apply(str)
        template_version.apply(self._warn_of_waiting_version)
        group = self._create_group(template)
        self._create_scaling_policies(group)
        baseline_id = create_patching(self, topics=args.topics)
        self.part: Output[dict[str, Any]] = build_contract_part(
            FleetPart,
            group=group.name,
            arn=group.arn,
            launch_template_id=template.id,
            launch_template_version=template_version,
            checkpoints=self._fleet_settings.checkpoints,
            checkpoint_minutes=self._fleet_settings.checkpoint_minutes,
            port=self._fleet_settings.port,
            honors_cooldown=self._fleet_settings.honor_cooldown,
            image_parameter=self._image_parameter.name,
            log_group=self._log_group.name,
            security_group_id=security_group_id,
            role_arn=role.arn,
            patch_baseline_id=baseline_id,
        )
        self.register_outputs({"group": group.name})

    def _build_container_config(self) -> dict[str, Any]:
        """The configuration of the container, with the ARNs of secrets, not their values."""
        fleet_settings, credentials = self._fleet_settings, self._credentials
        return {
            "region": self.settings.region,
            "imageParameter": self._image_parameter.name,
            "logGroup": self._log_group.name,
            "port": fleet_settings.port,
            "user": fleet_settings.user,
            "command": fleet_settings.command,
            "tmpMb": fleet_settings.tmp_mb,
            "environment": fleet_settings.environment,
            "secrets": {
                name: {"arn": variable.arn, "key": variable.key}
                for name, variable in credentials.variables.items()
            },
        }

    def _create_role(self) -> aws.iam.Role:
        """The instances' role. The container has no permissions: it cannot reach the role."""
        args, credentials = self._args, self._credentials
        return create_service_role(
            self,
            "instance",
            service="ec2.amazonaws.com",
            account=args.account,
            statements=[
                *build_image_pull_statements(
                    args.settings,
                    account=args.account,
                    service="fleet",
                    image=self._fleet_settings.image,
                ),
                *build_secret_read_statements(
                    args.settings, credentials=credentials, data_key=args.keys.data
                ),
                Statement(
                    sid="Image", actions=["ssm:GetParameter"], resources=[self._image_parameter.arn]
                ),
                Statement(
                    sid="Logs",
                    actions=[
                        "logs:CreateLogStream",
                        "logs:DescribeLogStreams",
                        "logs:PutLogEvents",
                    ],
                    resources=[Output.concat(self._log_group.arn, ":*")],
                ),
                Statement(
                    sid="Metrics",
                    actions=["cloudwatch:PutMetricData"],
                    resources=["*"],
                    conditions={
                        "StringEquals": {"cloudwatch:namespace": CLOUDWATCH_AGENT_NAMESPACE}
                    },
                ),
                # What follows has no resource level in IAM, or none that says "this instance".
                Statement(
                    sid="Managed",
                    actions=[
                        "ec2:DescribeTags",
                        *(f"ssm:{action}" for action in SSM_ACTIONS),
                        *(f"ssmmessages:{action}" for action in CHANNEL_ACTIONS),
                        *(f"ec2messages:{action}" for action in MESSAGE_ACTIONS),
                    ],
                    resources=["*"],
                ),
            ],
        )

    def _create_security_group(self) -> Output[str]:
        args = self._args
        security_group_id = create_security_group(
            self, "instances", description="Instances of the fleet", vpc_id=args.network.vpc_id
        ).id
        allow_connection(
            self,
            "alb",
            client_group_id=args.load_balancer.security_group_id,
            server_group_id=security_group_id,
            port=self._fleet_settings.port,
        )
        if self._fleet_settings.database:
            allow_connection(
                self,
                "database",
                client_group_id=security_group_id,
                server_group_id=args.database.security_group_id,
                port=args.database.port,
            )
        if self._fleet_settings.cache and args.cache is not None:
            allow_connection(
                self,
                "cache",
                client_group_id=security_group_id,
                server_group_id=args.cache.security_group_id,
                port=args.cache.port,
            )
        allow_outbound(
            self, "https", client_group_id=security_group_id, cidr="0.0.0.0/0", port=443
        )  # registries, packages, AWS's own APIs
        return security_group_id

    def _create_group(self, template: aws.ec2.LaunchTemplate) -> aws.autoscaling.Group:
        args, fleet_settings = self._args, self._fleet_settings
        target = args.load_balancer.targets["fleet"]
        return aws.autoscaling.Group(
            self.name,
            name=self.settings.fleet_name,
            min_size=fleet_settings.min,
            max_size=fleet_settings.max,
            desired_capacity=fleet_settings.min,
            vpc_zone_identifiers=list(args.network.private_subnets.values()),
            target_group_arns=[target.group_arn],
            health_check_type="ELB",
            health_check_grace_period=fleet_settings.grace_seconds,
            default_instance_warmup=fleet_settings.warmup_seconds,
            default_cooldown=fleet_settings.cooldown_seconds,
            mixed_instances_policy=self._build_mixed_instances_policy(template),
            capacity_rebalance=fleet_settings.spot_share > 0,
            instance_maintenance_policy={
                "min_healthy_percentage": fleet_settings.min_healthy_percent,
                "max_healthy_percentage": fleet_settings.max_healthy_percent,
            },
            max_instance_lifetime=fleet_settings.max_lifetime_days
            and 86_400 * fleet_settings.max_lifetime_days,
            enabled_metrics=[
                metric for metric in aws.autoscaling.Metric if "WarmPool" not in metric.value
            ],
            metrics_granularity="1Minute",
            force_delete=not self.settings.protect,
            tags=[build_patch_group_tag(self)],
            wait_for_capacity_timeout="0",  # operations watch instances
            opts=self.build_protected_options(
                depends_on=[*target.rules, self._image_parameter],
                ignore_changes=["desired_capacity"],
            ),
        )

    def _warn_of_waiting_version(self, version: str) -> None:
        deployed_version = self._args.deployed_version
        if deployed_version not in (None, version):
            pulumi.log.warn(
                f"version {version} of the fleet's launch template waits; the instances have "
                f"version {deployed_version}. To replace them, with a way back: "
                "ops fleet refresh start --template-version latest",
                self,
            )

    def _build_mixed_instances_policy(
        self, template: aws.ec2.LaunchTemplate
    ) -> aws.autoscaling.GroupMixedInstancesPolicyArgsDict:
        fleet_settings = self._fleet_settings
        return {
            "instances_distribution": {
                "on_demand_allocation_strategy": "prioritized",
                "on_demand_base_capacity": fleet_settings.min,
                "on_demand_percentage_above_base_capacity": 100 - fleet_settings.spot_share,
                "spot_allocation_strategy": "price-capacity-optimized",
            },
            "launch_template": {
                "launch_template_specification": {
                    "launch_template_id": template.id,
                    # A number, never $Latest: a refresh compares it, a rollback goes back to it.
                    "version": self._args.deployed_version or template.latest_version.apply(str),
                },
                "overrides": [
                    {"instance_type": instance_type}
                    for instance_type in fleet_settings.instance_types
                ],
            },
        }

    def _create_scaling_policies(self, group: aws.autoscaling.Group) -> None:
        load_balancer, target = self._args.load_balancer, self._args.load_balancer.targets["fleet"]
        resource_label = Output.concat(load_balancer.arn_suffix, "/", target.group_arn_suffix)
        self._create_tracking_policy(
            group,
            key="cpu",
            metric="ASGAverageCPUUtilization",
            value=self._fleet_settings.cpu_target,
        )
        if self._fleet_settings.requests_target is not None:
            requests_target = self._fleet_settings.requests_target
            self._create_tracking_policy(
                group,
                key="requests",
                metric="ALBRequestCountPerTarget",
                value=requests_target,
                resource_label=resource_label,
            )

    def _create_tracking_policy(
        self,
        group: aws.autoscaling.Group,
        *,
        key: str,
        metric: str,
        value: int,
        resource_label: Input[str] | None = None,
    ) -> None:
        metric_specification: aws.autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgsDict = {  # noqa: E501
            "predefined_metric_type": metric
        }
        if resource_label is not None:
            metric_specification["resource_label"] = resource_label
        aws.autoscaling.Policy(
            self.format_logical_name(key),
            name=self.format_physical_name(self.name, key),
            autoscaling_group_name=group.name,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration={
                "predefined_metric_specification": metric_specification,
                "target_value": value,
            },
            opts=self.child_options,
        )
