"""The fleet: an Auto Scaling group of EC2 instances that run one container."""

from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.account import Account
from components.cache import Cache
from components.component import Component
from components.contract import contract
from components.credentials import credentials, reading
from components.database import Database
from components.firewall import allow_out, connect, security_group
from components.keys import Keys
from components.launch_template import InstanceArgs, launch_template
from components.load_balancer import LoadBalancer
from components.logs import log_group
from components.network import Network
from components.policies import Statement, service_role
from components.registry import pulling
from components.settings import Settings
from components.user_data import NAMESPACE, user_data
from ops.outputs import FleetPart

# AmazonSSMManagedInstanceCore without its right to read every parameter of the account.
SSM: Final = (
    *("DescribeAssociation", "DescribeDocument", "GetDeployablePatchSnapshotForInstance"),
    *("GetDocument", "GetManifest", "ListAssociations", "ListInstanceAssociations"),
    *("PutComplianceItems", "PutConfigurePackageResult", "PutInventory"),
    *("UpdateAssociationStatus", "UpdateInstanceAssociationStatus", "UpdateInstanceInformation"),
)
CHANNELS: Final = (
    *("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"),
)
MESSAGES: Final = (
    *("AcknowledgeMessage", "DeleteMessage", "FailMessage", "GetEndpoint", "GetMessages"),
    "SendReply",
)


@dataclass(frozen=True)
class FleetArgs:
    settings: Settings
    account: Account
    keys: Keys
    network: Network
    load_balancer: LoadBalancer
    database: Database
    cache: Cache | None


class Fleet(Component):
    """`bulwark:index:Fleet`: instances behind the load balancer, each with the same container.

    Children: `{name}` (launch template, Auto Scaling group, instance profile), `{name}-instance`
    (role), `{name}-instances` (security group), `{name}-alb`, `-database`, `-cache`, `-https`
    (firewall rules), `{name}-log`, `{name}-image` (the SSM parameter that names the image),
    `{name}-cpu` and `{name}-requests` (scaling).
    Operations own the number of instances and the image: Pulumi ignores both. A new launch
    template starts an instance refresh, which rolls back by itself.
    """

    def __init__(self, name: str, args: FleetArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Fleet", name, args.settings, opts)
        self._args, self._own = args, args.settings.fleet
        home = f"/{args.settings.project}/{args.settings.stack}/fleet"
        self._logs = log_group(self, "log", home, args.keys.logs)
        self._image = aws.ssm.Parameter(
            self.key("image"),
            name=f"{home}/image",
            type="String",
            value=self._own.image,
            description="Image that new instances of the fleet run; operations change it",
            opts=self.options(ignore_changes=["value"]),
        )
        self._credentials = credentials(
            self._own, args.database.secret_arn, args.cache.secret_arn if args.cache else None
        )
        role = self._role()
        profile = aws.iam.InstanceProfile(
            name, name=self.physical(name), role=role.name, opts=self.child
        )
        group = self._firewall()
        template = launch_template(
            self,
            InstanceArgs(
                profile_arn=profile.arn,
                security_group_id=group,
                user_data=user_data(args.settings.project, self._container()),
                data_key=args.keys.data,
            ),
        )
        fleet = self._group(template)
        self._scaling(fleet)
        self.part: Output[dict[str, Any]] = contract(
            FleetPart,
            group=fleet.name,
            arn=fleet.arn,
            launch_template_id=template.id,
            image_parameter=self._image.name,
            log_group=self._logs.name,
            security_group_id=group,
            role_arn=role.arn,
        )
        self.register_outputs({"group": fleet.name})

    def _container(self) -> dict[str, Any]:
        """What the instance is told of its container; where secrets are, not what they hold."""
        own, found = self._own, self._credentials
        return {
            "region": self.settings.region,
            "imageParameter": self._image.name,
            "logGroup": self._logs.name,
            "port": own.port,
            "user": own.user,
            "command": own.command,
            "tmpMb": own.tmp_mb,
            "environment": own.environment,
            "secrets": {
                name: {"arn": variable.arn, "key": variable.key}
                for name, variable in found.variables.items()
            },
        }

    def _role(self) -> aws.iam.Role:
        """What an instance may do. Its container may do nothing: it cannot reach the role."""
        args, found = self._args, self._credentials
        return service_role(
            self,
            "instance",
            "ec2.amazonaws.com",
            [
                *pulling(args.settings, args.account, "fleet", self._own.image),
                *reading(args.settings, found, args.keys.data),
                Statement(sid="Image", actions=["ssm:GetParameter"], resources=[self._image.arn]),
                Statement(
                    sid="Logs",
                    actions=[
                        "logs:CreateLogStream",
                        "logs:DescribeLogStreams",
                        "logs:PutLogEvents",
                    ],
                    resources=[Output.concat(self._logs.arn, ":*")],
                ),
                Statement(
                    sid="Metrics",
                    actions=["cloudwatch:PutMetricData"],
                    resources=["*"],
                    conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
                ),
                # What follows has no resource level in IAM, or none that says "this instance".
                Statement(
                    sid="Managed",
                    actions=[
                        "ec2:DescribeTags",
                        *(f"ssm:{action}" for action in SSM),
                        *(f"ssmmessages:{action}" for action in CHANNELS),
                        *(f"ec2messages:{action}" for action in MESSAGES),
                    ],
                    resources=["*"],
                ),
            ],
        )

    def _firewall(self) -> Output[str]:
        args = self._args
        group = security_group(self, "instances", "Instances of the fleet", args.network.vpc_id).id
        connect(self, "alb", args.load_balancer.security_group_id, group, self._own.port)
        if self._own.database:
            connect(self, "database", group, args.database.security_group_id, args.database.port)
        if self._own.cache and args.cache is not None:
            connect(self, "cache", group, args.cache.security_group_id, args.cache.port)
        allow_out(self, "https", group, "0.0.0.0/0", 443)  # registries, packages, AWS's own APIs
        return group

    def _group(self, template: aws.ec2.LaunchTemplate) -> aws.autoscaling.Group:
        args, own = self._args, self._own
        target = args.load_balancer.targets["fleet"]
        preferences: aws.autoscaling.GroupInstanceRefreshPreferencesArgsDict = {
            "min_healthy_percentage": own.min_healthy_percent,
            "max_healthy_percentage": own.max_healthy_percent,
            "auto_rollback": True,
            "skip_matching": True,
        }
        if own.checkpoints:
            preferences["checkpoint_percentages"] = list(own.checkpoints)
            preferences["checkpoint_delay"] = str(60 * own.checkpoint_minutes)
        refresh: aws.autoscaling.GroupInstanceRefreshArgsDict = {
            "strategy": "Rolling",
            "preferences": preferences,
        }
        return aws.autoscaling.Group(
            self.name,
            name=self.settings.fleet_name,
            min_size=own.min,
            max_size=own.max,
            desired_capacity=own.min,
            vpc_zone_identifiers=list(args.network.private_subnets.values()),
            target_group_arns=[target.group_arn],
            health_check_type="ELB",
            health_check_grace_period=own.grace_seconds,
            default_instance_warmup=own.warmup_seconds,
            mixed_instances_policy=self._mixed(template),
            capacity_rebalance=own.spot_share > 0,
            instance_maintenance_policy={
                "min_healthy_percentage": own.min_healthy_percent,
                "max_healthy_percentage": own.max_healthy_percent,
            },
            instance_refresh=refresh,
            max_instance_lifetime=own.max_lifetime_days and 86_400 * own.max_lifetime_days,
            enabled_metrics=[
                metric for metric in aws.autoscaling.Metric if "WarmPool" not in metric.value
            ],
            metrics_granularity="1Minute",
            force_delete=not self.settings.protect,
            wait_for_capacity_timeout="0",  # operations watch instances
            opts=self.guarded(
                depends_on=[*target.rules, self._image], ignore_changes=["desired_capacity"]
            ),
        )

    def _mixed(
        self, template: aws.ec2.LaunchTemplate
    ) -> aws.autoscaling.GroupMixedInstancesPolicyArgsDict:
        own = self._own
        return {
            "instances_distribution": {
                "on_demand_allocation_strategy": "prioritized",
                "on_demand_base_capacity": own.min,
                "on_demand_percentage_above_base_capacity": 100 - own.spot_share,
                "spot_allocation_strategy": "price-capacity-optimized",
            },
            "launch_template": {
                "launch_template_specification": {
                    "launch_template_id": template.id,
                    # A number, never $Latest: a refresh compares it, a rollback goes back to it.
                    "version": template.latest_version.apply(str),
                },
                "overrides": [{"instance_type": name} for name in own.instance_types],
            },
        }

    def _scaling(self, group: aws.autoscaling.Group) -> None:
        balancer, target = self._args.load_balancer, self._args.load_balancer.targets["fleet"]
        label = Output.concat(balancer.arn_suffix, "/", target.group_arn_suffix)
        self._track(group, "cpu", "ASGAverageCPUUtilization", self._own.cpu_target)
        if self._own.requests_target is not None:
            wanted = self._own.requests_target
            self._track(group, "requests", "ALBRequestCountPerTarget", wanted, label)

    def _track(
        self,
        group: aws.autoscaling.Group,
        key: str,
        metric: str,
        value: int,
        label: Input[str] | None = None,
    ) -> None:
        predefined: aws.autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgsDict = {  # noqa: E501
            "predefined_metric_type": metric
        }
        if label is not None:
            predefined["resource_label"] = label
        aws.autoscaling.Policy(
            self.key(key),
            name=self.physical(self.name, key),
            autoscaling_group_name=group.name,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration={
                "predefined_metric_specification": predefined,
                "target_value": value,
            },
            opts=self.child,
        )
