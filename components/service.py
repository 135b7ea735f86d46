"""One Fargate service: its task, its two roles, its firewall, its scaling."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Input, Output, Resource, ResourceOptions

from components.account import Account
from components.cache import Cache
from components.component import Component
from components.contract import contract
from components.credentials import credentials, reading
from components.database import Database
from components.firewall import allow_out, connect, security_group
from components.keys import Keys
from components.load_balancer import LoadBalancer
from components.logs import log_group
from components.network import Network
from components.policies import Statement, document, service_role
from components.registry import pulling
from components.scaling import scale
from components.settings import ServiceSettings, Settings
from components.task_definition import container, volumes
from ops.outputs import ServicePart

PRINCIPAL: Final = "ecs-tasks.amazonaws.com"
CPU: Final = {"arm64": "ARM64", "x86_64": "X86_64"}


@dataclass(frozen=True)
class ServiceArgs:
    """`service` is the name in AWS, and the container's. `alarms` roll a deployment back.

    `after` are resources that must stand before the first task does.
    """

    settings: Settings
    account: Account
    keys: Keys
    network: Network
    load_balancer: LoadBalancer
    database: Database
    cache: Cache | None
    cluster: aws.ecs.Cluster
    exec_log_group: aws.cloudwatch.LogGroup | None
    service: str
    alarms: Sequence[str]
    after: Sequence[Resource]


def shares(spot_share: int) -> list[tuple[str, int, int]]:
    """Where tasks run, as (capacity provider, base, weight): the first on Fargate, of the others
    `spot_share` percent on Spot."""
    own, spot = ("FARGATE", 1, 100 - spot_share), ("FARGATE_SPOT", 0, spot_share)
    return [own, spot] if spot_share else [own]


class Service(Component):
    """`bulwark:index:Service`: a Fargate service behind the load balancer.

    Children, named from `{name}`: `-execution` and `-task` (roles), `-tasks` (security group),
    `-alb`, `-database`, `-cache`, `-https` (firewall rules), `-log`, the task definition and the
    service itself, `-scaling` and its policies, `-schedule-*`.
    Operations own the number of tasks and the revision that runs (`ops service deploy` puts the
    running image into the revision that Pulumi registered last): Pulumi ignores both.
    """

    def __init__(self, name: str, args: ServiceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Service", name, args.settings, opts)
        self._args = args
        self._own: ServiceSettings = args.settings.services[args.service]
        self._logs = log_group(
            self,
            "log",
            f"/{args.settings.project}/{args.settings.stack}/services/{args.service}",
            args.keys.logs,
        )
        self._credentials = credentials(
            self._own, args.database.secret_arn, args.cache.secret_arn if args.cache else None
        )
        execution, may_start = self._execution_role()
        task = self._task_role()
        group = self._firewall()
        definition = self._definition(execution.arn, task.arn)
        service = self._service(definition.arn, group, [may_start])
        self.scaling_resource_id = self._scaling(service)
        self.part: Output[dict[str, Any]] = contract(
            ServicePart,
            name=service.name,
            arn=service.id,
            family=definition.family,
            task_definition_arn=definition.arn,
            container=args.service,
            port=self._own.port,
            log_group=self._logs.name,
            scaling_resource_id=self.scaling_resource_id,
            task_role_arn=task.arn,
            execution_role_arn=execution.arn,
            security_group_id=group,
        )
        self.register_outputs({"arn": service.id, "task_definition_arn": definition.arn})

    def _execution_role(self) -> tuple[aws.iam.Role, Resource]:
        """What ECS needs to start a task; the application never has it. And its policy."""
        args = self._args
        # AWS documents the condition on SourceArn for task roles only.
        caller: dict[str, dict[str, Input[str]]] = {
            "StringEquals": {"aws:SourceAccount": args.account.id}
        }
        role = service_role(self, "execution", PRINCIPAL, (), conditions=caller)
        policy = aws.iam.RolePolicy(
            self.key("execution"),
            role=role.name,
            policy=document(
                *pulling(args.settings, args.account, args.service, self._own.image),
                _writing(self._logs.arn),
                *reading(args.settings, self._credentials, args.keys.data),
            ),
            opts=self.child,
        )
        return role, policy

    def _task_role(self) -> aws.iam.Role:
        """What the application may do: what the settings attach, and ECS Exec where it is on."""
        account = self._args.account
        caller: dict[str, dict[str, Input[str]]] = {
            "StringEquals": {"aws:SourceAccount": account.id},
            "ArnLike": {"aws:SourceArn": account.arn("ecs", self.settings.region, "*")},
        }
        role = service_role(self, "task", PRINCIPAL, self._exec_rights(), conditions=caller)
        for arn in self._own.policy_arns:
            aws.iam.RolePolicyAttachment(
                self.key("task", arn.rsplit("/", 1)[-1]),
                role=role.name,
                policy_arn=arn,
                opts=self.child,
            )
        return role

    def _exec_rights(self) -> list[Statement]:
        log, key = self._args.exec_log_group, self._args.keys.logs
        if log is None:
            return []
        channels = (
            "CreateControlChannel",
            "CreateDataChannel",
            "OpenControlChannel",
            "OpenDataChannel",
        )
        # Neither the channels nor DescribeLogGroups have a resource level.
        rights = [
            Statement(
                sid="Exec",
                actions=[*(f"ssmmessages:{c}" for c in channels), "logs:DescribeLogGroups"],
                resources=["*"],
            ),
            _writing(log.arn),
        ]
        if key is not None:
            rights.append(Statement(sid="Session", actions=["kms:Decrypt"], resources=[key]))
        return rights

    def _firewall(self) -> Output[str]:
        args = self._args
        group = security_group(self, "tasks", f"Tasks of {args.service}", args.network.vpc_id).id
        connect(self, "alb", args.load_balancer.security_group_id, group, self._own.port)
        if self._own.database:
            connect(self, "database", group, args.database.security_group_id, args.database.port)
        if self._own.cache and args.cache is not None:
            connect(self, "cache", group, args.cache.security_group_id, args.cache.port)
        allow_out(self, "https", group, "0.0.0.0/0", 443)  # registries, AWS's own APIs
        return group

    def _definition(self, execution: Input[str], task: Input[str]) -> aws.ecs.TaskDefinition:
        cluster, own = self.settings.cluster, self._own
        variables = self._credentials.variables.items()
        body = container(
            self._args.service,
            own,
            secrets={name: variable.value_from for name, variable in variables},
            log_group=self._logs.name,
            region=self.settings.region,
            exec_=cluster.exec,
        )
        return aws.ecs.TaskDefinition(
            self.key(),
            family=self.physical(self._args.service),
            container_definitions=Output.json_dumps([body]),
            cpu=str(own.cpu),
            memory=str(own.memory),
            network_mode="awsvpc",
            requires_compatibilities=["FARGATE"],
            runtime_platform={
                "cpu_architecture": CPU[cluster.architecture],
                "operating_system_family": "LINUX",
            },
            execution_role_arn=execution,
            task_role_arn=task,
            volumes=[{"name": volume} for volume in volumes(cluster.exec)],
            skip_destroy=True,  # a rollback needs the revisions of before
            opts=self.child,
        )

    def _service(
        self, definition: Input[str], group: Input[str], after: Sequence[Resource]
    ) -> aws.ecs.Service:
        args, own = self._args, self._own
        target = args.load_balancer.targets[args.service]
        alarms: aws.ecs.ServiceAlarmsArgsDict = {
            "alarm_names": list(args.alarms),
            "enable": True,
            "rollback": True,
        }
        network: aws.ecs.ServiceNetworkConfigurationArgsDict = {
            "subnets": list(args.network.private_subnets.values()),
            "security_groups": [group],
            "assign_public_ip": False,
        }
        balancer: aws.ecs.ServiceLoadBalancerArgsDict = {
            "target_group_arn": target.group_arn,
            "container_name": args.service,
            "container_port": own.port,
        }
        return aws.ecs.Service(
            self.key(),
            name=args.service,
            cluster=args.cluster.arn,
            task_definition=definition,
            desired_count=own.min,
            capacity_provider_strategies=[
                {"capacity_provider": provider, "base": base, "weight": weight}
                for provider, base, weight in shares(self.settings.cluster.spot_share)
            ],
            # Without it the provider would replace the service to change the strategy.
            force_new_deployment=True,
            platform_version="LATEST",
            deployment_circuit_breaker={"enable": True, "rollback": True},
            alarms=alarms if args.alarms else None,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            availability_zone_rebalancing="ENABLED",
            enable_execute_command=self.settings.cluster.exec,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            health_check_grace_period_seconds=own.grace_seconds,
            network_configuration=network,
            load_balancers=[balancer],
            wait_for_steady_state=False,  # operations watch deployments
            opts=self.guarded(
                depends_on=[*target.rules, *after, *args.after],
                ignore_changes=["desired_count", "task_definition"],
            ),
        )

    def _scaling(self, service: aws.ecs.Service) -> Output[str] | None:
        """None where nothing is to change the number of tasks."""
        if not self._own.scales:
            return None
        args = self._args
        target = args.load_balancer.targets[args.service]
        label = Output.concat(args.load_balancer.arn_suffix, "/", target.group_arn_suffix)
        return scale(
            self,
            self._own,
            Output.concat("service/", args.cluster.name, "/", service.name),
            label,
        )


def _writing(log_group_arn: Output[str]) -> Statement:
    """The right to write into one log group."""
    return Statement(
        actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        resources=[Output.concat(log_group_arn, ":*")],
    )
