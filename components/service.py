"""One Fargate service: its task, its two roles, its firewall, its scaling."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Input, Output, Resource, ResourceOptions

from components.account import Account
from components.cache import Cache
from components.component import Component
from components.contract import build_contract_part
from components.credentials import build_container_credentials, build_secret_read_statements
from components.database import Database
from components.firewall import allow_connection, allow_outbound, create_security_group
from components.keys import Keys
from components.load_balancer import LoadBalancer, LoadBalancerTarget
from components.logs import create_log_group
from components.network import Network
from components.policies import Statement, build_policy_document, create_service_role
from components.registry import build_image_pull_statements
from components.scaling import create_service_scaling
from components.settings import Settings
from components.settings.services import ServiceSettings
from components.task_definition import build_container_definition, list_volumes
from ops.outputs import ServicePart

ECS_TASKS_PRINCIPAL: Final = "ecs-tasks.amazonaws.com"
CPU_ARCHITECTURES: Final = {"arm64": "ARM64", "x86_64": "X86_64"}


@dataclass(frozen=True, kw_only=True)
class ServiceArgs:
    """`service` is the name in AWS, and the container's. `alarms` roll a deployment back.

    `prerequisites` are resources that must exist before the first task.
    """

    settings: Settings
    account: Account
    keys: Keys
    network: Network
    load_balancer: LoadBalancer | None
    database: Database
    cache: Cache | None
    cluster: aws.ecs.Cluster
    exec_log_group: aws.cloudwatch.LogGroup | None
    service: str
    alarm_names: Sequence[str]
    prerequisites: Sequence[Resource]


def compute_capacity_shares(spot_share: int) -> list[tuple[str, int, int]]:
    """Where tasks run, as (capacity provider, base, weight): the first on Fargate, of the others
    `spot_share` percent on Spot."""
    on_demand, spot = ("FARGATE", 1, 100 - spot_share), ("FARGATE_SPOT", 0, spot_share)
    return [on_demand, spot] if spot_share else [on_demand]


class Service(Component):
    """`bulwark:index:Service`: a Fargate service, behind the load balancer if its kind is.

    Children, named from `{name}`: `-execution` and `-task` (roles), `-tasks` (security group),
    `-alb`, `-database`, `-cache`, `-https` (firewall rules), `-log`, the task definition and the
    service itself, `-scaling` and its policies, `-schedule-*`.
    Operations own the number of tasks and the revision that runs (`ops service deploy` puts the
    running image into the revision that Pulumi registered last): Pulumi ignores both.
    """

    def __init__(
        self, name: str, *, args: ServiceArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Service", name, settings=args.settings, opts=opts)
        self._args = args
        self._service_settings: ServiceSettings = args.settings.services[args.service]
        self._target = self._get_target()
        self._log_group = create_log_group(
            self,
            "log",
            name=f"/{args.settings.project}/{args.settings.stack}/services/{args.service}",
            kms_key=args.keys.logs,
        )
        self.log_group = self._log_group.name
        self._credentials = build_container_credentials(
            self._service_settings,
            database_secret_arn=args.database.secret_arn,
            cache_secret_arn=args.cache.secret_arn if args.cache else None,
        )
        execution_role, execution_policy = self._create_execution_role()
        task_role = self._create_task_role()
        security_group_id = self._create_security_group()
        task_definition = self._create_task_definition(execution_role.arn, task_role.arn)
        service = self._create_service(
            task_definition.arn,
            security_group_id=security_group_id,
            prerequisites=[execution_policy],
        )
        self.scaling_resource_id = self._create_scaling(service)
        self.part: Output[dict[str, Any]] = build_contract_part(
            ServicePart,
            name=service.name,
            arn=service.id,
            family=task_definition.family,
            task_definition_arn=task_definition.arn,
            container=args.service,
            kind=self._service_settings.kind,
            port=self._service_settings.port if self._target else None,
            queue=self._service_settings.scaling.queue_name or None,
            log_group=self._log_group.name,
            scaling_resource_id=self.scaling_resource_id,
            task_role_arn=task_role.arn,
            execution_role_arn=execution_role.arn,
            security_group_id=security_group_id,
        )
        self.register_outputs({"arn": service.id, "task_definition_arn": task_definition.arn})

    def _get_target(self) -> LoadBalancerTarget | None:
        """Its target group; None if nothing calls it."""
        if not self._service_settings.kind_facts.has_targets:
            return None
        if self._args.load_balancer is None:
            raise ValueError(f"{self._args.service} answers requests, so there is a load balancer")
        return self._args.load_balancer.targets[self._args.service]

    def _create_execution_role(self) -> tuple[aws.iam.Role, Resource]:
        """Creates the role with which ECS starts a task, never the application; and its policy."""
        args = self._args
        # AWS documents the condition on SourceArn for task roles only.
        role = create_service_role(
            self, "execution", service=ECS_TASKS_PRINCIPAL, account=args.account, statements=()
        )
        policy = aws.iam.RolePolicy(
            self.format_logical_name("execution"),
            role=role.name,
            policy=build_policy_document(
                *build_image_pull_statements(
                    args.settings,
                    account=args.account,
                    service=args.service,
                    image=self._service_settings.image,
                ),
                _build_log_write_statement(self._log_group.arn),
                *build_secret_read_statements(
                    args.settings, credentials=self._credentials, data_key=args.keys.data
                ),
            ),
            opts=self.child_options,
        )
        return role, policy

    def _create_task_role(self) -> aws.iam.Role:
        """The application's role: the policies of the settings, and ECS Exec if it is enabled."""
        account = self._args.account
        role = create_service_role(
            self,
            "task",
            service=ECS_TASKS_PRINCIPAL,
            account=account,
            statements=self._build_exec_statements(),
            source_arn=account.format_arn("ecs", region=self.settings.region, resource="*"),
        )
        for policy_arn in self._service_settings.policy_arns:
            aws.iam.RolePolicyAttachment(
                self.format_logical_name("task", policy_arn.rsplit("/", 1)[-1]),
                role=role.name,
                policy_arn=policy_arn,
                opts=self.child_options,
            )
        return role

    def _build_exec_statements(self) -> list[Statement]:
        exec_log_group, logs_key = self._args.exec_log_group, self._args.keys.logs
        if exec_log_group is None:
            return []
        channels = (
            "CreateControlChannel",
            "CreateDataChannel",
            "OpenControlChannel",
            "OpenDataChannel",
        )
        # Neither the channels nor DescribeLogGroups have a resource level.
        statements = [
            Statement(
                sid="Exec",
                actions=[
                    *(f"ssmmessages:{channel}" for channel in channels),
                    "logs:DescribeLogGroups",
                ],
                resources=["*"],
            ),
            _build_log_write_statement(exec_log_group.arn),
        ]
        if logs_key is not None:
            statements.append(
                Statement(sid="Session", actions=["kms:Decrypt"], resources=[logs_key])
            )
        return statements

    def _create_security_group(self) -> Output[str]:
        args = self._args
        security_group_id = create_security_group(
            self, "tasks", description=f"Tasks of {args.service}", vpc_id=args.network.vpc_id
        ).id
        if self._target is not None and args.load_balancer is not None:
            allow_connection(
                self,
                "alb",
                client_group_id=args.load_balancer.security_group_id,
                server_group_id=security_group_id,
                port=self._service_settings.port,
            )
        if self._service_settings.database:
            allow_connection(
                self,
                "database",
                client_group_id=security_group_id,
                server_group_id=args.database.security_group_id,
                port=args.database.port,
            )
        if self._service_settings.cache and args.cache is not None:
            allow_connection(
                self,
                "cache",
                client_group_id=security_group_id,
                server_group_id=args.cache.security_group_id,
                port=args.cache.port,
            )
        allow_outbound(
            self, "https", client_group_id=security_group_id, cidr="0.0.0.0/0", port=443
        )  # registries, AWS's own APIs
        return security_group_id

    def _create_task_definition(
        self, execution_role_arn: Input[str], task_role_arn: Input[str]
    ) -> aws.ecs.TaskDefinition:
        cluster, service_settings = self.settings.cluster, self._service_settings
        variables = self._credentials.variables.items()
        container_definition = build_container_definition(
            self._args.service,
            service_settings,
            secrets={name: variable.value_from for name, variable in variables},
            log_group=self._log_group.name,
            region=self.settings.region,
            has_exec=cluster.exec,
        )
        return aws.ecs.TaskDefinition(
            self.format_logical_name(),
            family=self.format_physical_name(self._args.service),
            container_definitions=Output.json_dumps([container_definition]),
            cpu=str(service_settings.cpu),
            memory=str(service_settings.memory),
            network_mode="awsvpc",
            requires_compatibilities=["FARGATE"],
            runtime_platform={
                "cpu_architecture": CPU_ARCHITECTURES[cluster.architecture],
                "operating_system_family": "LINUX",
            },
            execution_role_arn=execution_role_arn,
            task_role_arn=task_role_arn,
            volumes=[{"name": volume} for volume in list_volumes(cluster.exec)],
            skip_destroy=True,  # a rollback needs the revisions of before
            opts=self.child_options,
        )

    def _create_service(
        self,
        task_definition_arn: Input[str],
        *,
        security_group_id: Input[str],
        prerequisites: Sequence[Resource],
    ) -> aws.ecs.Service:
        args, service_settings, target = self._args, self._service_settings, self._target
        alarm_configuration: aws.ecs.ServiceAlarmsArgsDict = {
            "alarm_names": list(args.alarm_names),
            "enable": True,
            "rollback": True,
        }
        network_configuration: aws.ecs.ServiceNetworkConfigurationArgsDict = {
            "subnets": list(args.network.private_subnets.values()),
            "security_groups": [security_group_id],
            "assign_public_ip": False,
        }
        load_balancers: list[aws.ecs.ServiceLoadBalancerArgsDict] | None = None
        if target is not None:
            load_balancers = [
                {
                    "target_group_arn": target.group_arn,
                    "container_name": args.service,
                    "container_port": service_settings.port,
                }
            ]
        return aws.ecs.Service(
            self.format_logical_name(),
            name=args.service,
            cluster=args.cluster.arn,
            task_definition=task_definition_arn,
            desired_count=service_settings.min,
            capacity_provider_strategies=[
                {"capacity_provider": provider, "base": base, "weight": weight}
                for provider, base, weight in compute_capacity_shares(
                    self.settings.cluster.spot_share
                )
            ],
            # Without it the provider would replace the service to change the strategy.
            force_new_deployment=True,
            platform_version="LATEST",
            deployment_circuit_breaker={"enable": True, "rollback": True},
            alarms=alarm_configuration if args.alarm_names else None,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            availability_zone_rebalancing="ENABLED",
            enable_execute_command=self.settings.cluster.exec,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            health_check_grace_period_seconds=service_settings.grace_seconds if target else None,
            network_configuration=network_configuration,
            load_balancers=load_balancers,
            wait_for_steady_state=False,  # operations watch deployments
            opts=self.build_protected_options(
                depends_on=[
                    *(target.rules if target else ()),
                    *prerequisites,
                    *args.prerequisites,
                ],
                ignore_changes=["desired_count", "task_definition"],
            ),
        )

    def _create_scaling(self, service: aws.ecs.Service) -> Output[str] | None:
        """None where nothing is to change the number of tasks."""
        if not self._service_settings.has_autoscaling:
            return None
        args = self._args
        resource_label = (
            Output.concat(args.load_balancer.arn_suffix, "/", self._target.group_arn_suffix)
            if self._target is not None and args.load_balancer is not None
            else None
        )
        return create_service_scaling(
            self,
            self._service_settings,
            resource_id=Output.concat("service/", args.cluster.name, "/", service.name),
            resource_label=resource_label,
        )


def _build_log_write_statement(log_group_arn: Output[str]) -> Statement:
    """The right to write into one log group."""
    return Statement(
        actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        resources=[Output.concat(log_group_arn, ":*")],
    )
