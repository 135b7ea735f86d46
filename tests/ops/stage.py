"""A stage for procedures: an in-memory AWS on a clock that the engine moves, and kills everywhere.

`Stage` holds only what a procedure's test puts on it, so that hundreds of worlds a second can be
made and thrown away. `matrix` carries a plan out undisturbed, then once for each touch of AWS or
of the journal, killed there and resumed, and compares what is left in the world.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from unittest.mock import patch

from pydantic import JsonValue

from ops.core.actions import Actions
from ops.core.aws import Aws
from ops.core.engine import Engine
from ops.core.journal import Journal
from ops.core.plan import Action, Plan
from ops.core.run import WallClock
from ops.outputs import Outputs
from sandbox import clock as sandbox_clock
from sandbox.aws import use_in_memory_aws

ACCOUNT, REGION, RECOVERY = "123456789012", "eu-north-1", "eu-west-1"
PREFIX = "bulwark-test"


class KilledError(BaseException):
    """The process is gone."""


@dataclass
class Simulated:
    """The engine's clock on the sandbox's: sleeping lets simulated time pass."""

    held: sandbox_clock.ManualClock

    def now(self) -> float:
        return self.held.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self.held.advance(seconds)


@dataclass
class Fuse:
    """A journal's lines, and a count of touches at the end of which the process is killed."""

    left: int = 10**9
    kept: list[str] = field(default_factory=list)

    def touch(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KilledError

    def append(self, index: int, line: str) -> None:
        self.touch()
        assert index == len(self.kept), "a line was skipped"
        self.kept.append(line)
        self.touch()

    def read(self) -> Sequence[str]:
        return self.kept


@dataclass
class Stage:
    """An empty in-memory AWS of one process, with the stack's outputs as the contract says."""

    clock: Simulated
    aws: Aws
    outputs: Outputs
    beside: dict[str, object] = field(default_factory=dict)  # what is not AWS

    def client(self, service: str, region: str = REGION) -> Any:
        return self.aws.client(service, region)

    def engine(self, fuse: Fuse, sql: Any = None) -> Engine:
        actions = Actions(self.aws, sql)

        def act(action: Action, seen: dict[str, JsonValue]) -> JsonValue:
            fuse.touch()
            answer = actions(action, seen)
            fuse.touch()
            return answer

        return Engine(act, Journal(fuse), self.clock)


@contextmanager
def stage(outputs: Outputs | None = None) -> Iterator[Stage]:
    """A stage; what is on it is gone afterwards."""
    held = sandbox_clock.ManualClock()
    with patch.dict(os.environ, MOTO_IAM_LOAD_MANAGED_POLICIES="false"), use_in_memory_aws(REGION):
        before = sandbox_clock.set_sandbox_clock(held)
        try:
            yield Stage(Simulated(held), shared_aws(), outputs or stack_outputs())
        finally:
            sandbox_clock.set_sandbox_clock(before)


def matrix(
    build: Callable[[Stage], None],
    plan: Callable[[Stage], Plan],
    facts: Callable[[Stage], object],
    *,
    outcome: str = "done",
) -> int:
    """Kills the plan at every touch, resumes it, and compares the world's facts; counts the cases.

    `build` puts on the stage what is there beforehand, `plan` looks at it and plans, `facts` are
    what must not differ from the undisturbed run: no names with times, no generated ids.
    """
    with stage() as undisturbed:
        build(undisturbed)
        fuse = Fuse()
        assert undisturbed.engine(fuse).start(plan(undisturbed)) == outcome
        last, wanted = 10**9 - fuse.left, facts(undisturbed)
    for point in range(1, last + 1):
        with stage() as killed:
            build(killed)
            made = plan(killed)
            fuse = Fuse(point)
            with suppress(KilledError):
                killed.engine(fuse).start(made)
            fuse.left = 10**9
            again = killed.engine(fuse)
            ended = again.resume() if fuse.kept else again.start(made)
            assert ended == outcome, f"killed at touch {point} of {last}"
            assert facts(killed) == wanted, f"killed at touch {point} of {last}"
    return last


@cache
def shared_aws() -> Aws:
    """One set of clients for all stages: making them is most of what a stage would take."""
    return Aws(REGION)


@contextmanager
def interrupted(clock: Simulated, sleeps: int) -> Iterator[None]:
    """Ctrl-C at the so-many-th time that a command sleeps; the times before pass on the clock."""
    slept = 0

    def stop(_: WallClock, seconds: float) -> None:
        nonlocal slept
        slept += 1
        if slept == sleeps:
            raise KeyboardInterrupt
        clock.sleep(seconds)

    with patch.object(WallClock, "sleep", stop):
        yield


def stack_outputs() -> Outputs:
    """The outputs of a stack called `test`, in prod's shape with two services and a fleet."""
    arn = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}".format
    balancer = arn("elasticloadbalancing", f"loadbalancer/app/{PREFIX}-alb/50dc6c495c0c9188")
    zones = ("a", "b", "c")

    def ids(kind: str) -> dict[str, str]:
        return {zone: f"{kind}-{zone}" for zone in zones}

    def service(name: str) -> dict[str, object]:
        return {
            "name": name,
            "arn": arn("ecs", f"service/{PREFIX}/{name}"),
            "family": f"{PREFIX}-{name}",
            "task_definition_arn": arn("ecs", f"task-definition/{PREFIX}-{name}:1"),
            "container": name,
            "port": 8080,
            "log_group": f"/bulwark/test/services/{name}",
            "scaling_resource_id": f"service/{PREFIX}/{name}",
            "task_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-{name}-task",
            "execution_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-{name}-execution",
            "security_group_id": f"sg-{name}",
        }

    def target(name: str) -> dict[str, object]:
        group = arn("elasticloadbalancing", f"targetgroup/alb-{name}-a1b2c3d/6d0ecf831eec9f09")
        return {"target_group_arn": group, "rule_arns": [], "health_path": "/"}

    identifier = f"{PREFIX}-database"
    return Outputs.model_validate(
        {
            "stack": {
                "project": "bulwark",
                "stack": "test",
                "profile": "prod",
                "compute": "both",
                "protect": True,
                "account": ACCOUNT,
                "region": REGION,
                "recovery_region": RECOVERY,
                "zones": zones,
                "data_key_arn": None,
                "logs_key_arn": None,
                "recovery_key_arn": None,
            },
            "network": {
                "vpc_id": "vpc-1",
                "cidr": "10.0.0.0/16",
                "public_subnets": ids("subnet-public"),
                "private_subnets": ids("subnet-private"),
                "database_subnets": ids("subnet-database"),
                "nat_gateways": ids("nat"),
                "nat_instances": {},
                "nat_addresses": ids("203.0.113.1"),
                "flow_log_group": "/bulwark/test/flow-logs",
            },
            "load_balancer": {
                "arn": balancer,
                "name": f"{PREFIX}-alb",
                "dns_name": "alb.elb.amazonaws.com",
                "url": "https://app.example.com",
                "security_group_id": "sg-alb",
                "listener_arn": f"{balancer}/listener",
                "maintenance_rule_arn": f"{balancer}/rule",
                "certificate_arn": None,
                "zone_id": None,
                "name_servers": (),
                "web_acl_arn": None,
                "access_log_bucket": None,
                "targets": {name: target(name) for name in ("backend", "frontend", "fleet")},
            },
            "database": {
                "identifier": identifier,
                "arn": arn("rds", f"db:{identifier}"),
                "endpoint": f"{identifier}.rds.amazonaws.com",
                "port": 5433,
                "database": "app",
                "admin_name": "bulwark_admin",
                "secret_arn": arn("secretsmanager", f"secret:{identifier}-AbCdEf"),
                "security_group_id": "sg-database",
                "subnet_group": f"{PREFIX}-database",
                "parameter_group": "database-a1b2c3d",
                "engine_version": "16",
                "instance_class": "db.t4g.small",
                "multi_az": True,
                "replicas": (),
                "log_groups": (),
                "replicated_backup_arn": None,
            },
            "services": {
                "cluster": PREFIX,
                "cluster_arn": arn("ecs", f"cluster/{PREFIX}"),
                "services": {name: service(name) for name in ("backend", "frontend")},
            },
            "fleet": {
                "group": f"{PREFIX}-fleet",
                "arn": arn("autoscaling", f"autoScalingGroup::autoScalingGroupName/{PREFIX}-fleet"),
                "launch_template_id": "lt-1",
                "image_parameter": "/bulwark/test/fleet/image",
                "log_group": "/bulwark/test/fleet",
                "security_group_id": "sg-fleet",
                "role_arn": f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-fleet",
            },
            "cache": None,
            "registry": {"repositories": {}},
            "alarms": {
                "page_topic_arn": arn("sns", f"{PREFIX}-page"),
                "warn_topic_arn": arn("sns", f"{PREFIX}-warn"),
                "names": {},
            },
            "dashboards": None,
            "backups": {
                "vault": f"{PREFIX}-backups",
                "plan_id": None,
                "role_arn": None,
                "recovery_vault_arn": None,
                "restore_testing_plan": None,
                "operations_bucket": f"{PREFIX}-operations",
                "recovery_bucket": None,
                "export_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-operations-export",
                "outputs_path": "/bulwark/test/outputs",
            },
            "access": {
                f"{role}_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-{role}"
                for role in ("reader", "operator", "recoverer")
            },
        }
    )
