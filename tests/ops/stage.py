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
from tests.ops.tls_stage import answer_in_process

ACCOUNT, REGION, RECOVERY_REGION = "123456789012", "eu-north-1", "eu-west-1"
STACK_PREFIX = "bulwark-test"


class KilledError(BaseException):
    """The process is gone."""


@dataclass
class SimulatedClock:
    """The engine's clock on the sandbox's: sleeping lets simulated time pass."""

    held_clock: sandbox_clock.ManualClock

    def now(self) -> float:
        return self.held_clock.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self.held_clock.advance(seconds)


@dataclass
class KillFuse:
    """A journal's lines, and a count of touches at the end of which the process is killed."""

    touches_left: int = 10**9
    lines: list[str] = field(default_factory=list)

    def touch(self) -> None:
        self.touches_left -= 1
        if self.touches_left == 0:
            raise KilledError

    def append(self, index: int, line: str) -> None:
        self.touch()
        assert index == len(self.lines), "a line was skipped"
        self.lines.append(line)
        self.touch()

    def read(self) -> Sequence[str]:
        return self.lines


@dataclass
class Stage:
    """An empty in-memory AWS of one process, with the stack's outputs as the contract says."""

    clock: SimulatedClock
    aws: Aws
    outputs: Outputs
    fakes: dict[str, object] = field(default_factory=dict)  # what is not AWS

    def client(self, service: str, region: str = REGION) -> Any:
        return self.aws.client(service, region)

    def build_engine(self, fuse: KillFuse, sql: Any = None) -> Engine:
        actions = Actions(self.aws, sql, now=self.clock.now)

        def run_touched_action(action: Action, step_results: dict[str, JsonValue]) -> JsonValue:
            fuse.touch()
            answer = actions(action, step_results)
            fuse.touch()
            return answer

        return Engine(run_touched_action, Journal(fuse), self.clock)


@contextmanager
def open_stage(outputs: Outputs | None = None) -> Iterator[Stage]:
    """A stage; what is on it is gone afterwards."""
    held_clock = sandbox_clock.ManualClock()
    with (
        patch.dict(os.environ, MOTO_IAM_LOAD_MANAGED_POLICIES="false"),
        use_in_memory_aws(REGION),
        answer_in_process(),
    ):
        previous_clock = sandbox_clock.set_sandbox_clock(held_clock)
        try:
            yield Stage(SimulatedClock(held_clock), shared_aws(), outputs or build_stack_outputs())
        finally:
            sandbox_clock.set_sandbox_clock(previous_clock)


def run_kill_matrix(
    set_up: Callable[[Stage], None],
    build_plan: Callable[[Stage], Plan],
    collect_facts: Callable[[Stage], object],
    *,
    outcome: str = "done",
) -> int:
    """Kills the plan at every touch, resumes it, and compares the world's facts; counts the cases.

    `build` puts on the stage what is there beforehand, `plan` looks at it and plans, `facts` are
    what must not differ from the undisturbed run: no names with times, no generated ids.
    """
    with open_stage() as undisturbed_stage:
        set_up(undisturbed_stage)
        fuse = KillFuse()
        assert undisturbed_stage.build_engine(fuse).start(build_plan(undisturbed_stage)) == outcome
        touch_count, expected = 10**9 - fuse.touches_left, collect_facts(undisturbed_stage)
    for point in range(1, touch_count + 1):
        with open_stage() as killed_stage:
            set_up(killed_stage)
            killed_plan = build_plan(killed_stage)
            fuse = KillFuse(point)
            with suppress(KilledError):
                killed_stage.build_engine(fuse).start(killed_plan)
            fuse.touches_left = 10**9
            second_engine = killed_stage.build_engine(fuse)
            result = second_engine.resume() if fuse.lines else second_engine.start(killed_plan)
            assert result == outcome, f"killed at touch {point} of {touch_count}"
            assert collect_facts(killed_stage) == expected, (
                f"killed at touch {point} of {touch_count}"
            )
    return touch_count


@cache
def shared_aws() -> Aws:
    """One set of clients for all stages: making them is most of what a stage would take."""
    return Aws(REGION)


@contextmanager
def interrupt_at_sleep(clock: SimulatedClock, sleep_number: int) -> Iterator[None]:
    """Ctrl-C at the so-many-th time that a command sleeps; the times before pass on the clock."""
    sleep_count = 0

    def count_sleep(_: WallClock, seconds: float) -> None:
        nonlocal sleep_count
        sleep_count += 1
        if sleep_count == sleep_number:
            raise KeyboardInterrupt
        clock.sleep(seconds)

    with patch.object(WallClock, "sleep", count_sleep):
        yield


def build_stack_outputs() -> Outputs:
    """The outputs of a stack called `test`, in prod's shape with two services and a fleet."""
    format_arn = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}".format
    balancer = format_arn(
        "elasticloadbalancing", f"loadbalancer/app/{STACK_PREFIX}-alb/50dc6c495c0c9188"
    )
    zones = ("a", "b", "c")

    def build_ids(kind: str) -> dict[str, str]:
        return {zone: f"{kind}-{zone}" for zone in zones}

    def build_service_fields(name: str) -> dict[str, object]:
        return {
            "name": name,
            "arn": format_arn("ecs", f"service/{STACK_PREFIX}/{name}"),
            "family": f"{STACK_PREFIX}-{name}",
            "task_definition_arn": format_arn("ecs", f"task-definition/{STACK_PREFIX}-{name}:1"),
            "container": name,
            "port": 8080,
            "log_group": f"/bulwark/test/services/{name}",
            "scaling_resource_id": f"service/{STACK_PREFIX}/{name}",
            "task_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{STACK_PREFIX}-{name}-task",
            "execution_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{STACK_PREFIX}-{name}-execution",
            "security_group_id": f"sg-{name}",
        }

    def build_target_fields(name: str) -> dict[str, object]:
        group = format_arn(
            "elasticloadbalancing", f"targetgroup/alb-{name}-a1b2c3d/6d0ecf831eec9f09"
        )
        return {"target_group_arn": group, "rule_arns": [], "health_path": "/"}

    identifier = f"{STACK_PREFIX}-database"
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
                "recovery_region": RECOVERY_REGION,
                "zones": zones,
                "data_key_arn": None,
                "logs_key_arn": None,
                "recovery_key_arn": None,
            },
            "network": {
                "vpc_id": "vpc-1",
                "cidr": "10.0.0.0/16",
                "public_subnets": build_ids("subnet-public"),
                "private_subnets": build_ids("subnet-private"),
                "database_subnets": build_ids("subnet-database"),
                "nat_gateways": build_ids("nat"),
                "nat_instances": {},
                "nat_addresses": build_ids("203.0.113.1"),
                "flow_log_group": "/bulwark/test/flow-logs",
            },
            "load_balancer": {
                "arn": balancer,
                "name": f"{STACK_PREFIX}-alb",
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
                "targets": {
                    name: build_target_fields(name) for name in ("backend", "frontend", "fleet")
                },
            },
            "database": {
                "identifier": identifier,
                "arn": format_arn("rds", f"db:{identifier}"),
                "endpoint": f"{identifier}.rds.amazonaws.com",
                "port": 5433,
                "database": "app",
                "admin_name": "bulwark_admin",
                "secret_arn": format_arn("secretsmanager", f"secret:{identifier}-AbCdEf"),
                "security_group_id": "sg-database",
                "fence_security_group_id": None,
                "subnet_group": f"{STACK_PREFIX}-database",
                "parameter_group": "database-a1b2c3d",
                "engine_version": "16",
                "instance_class": "db.t4g.small",
                "multi_az": True,
                "replicas": (),
                "log_groups": (),
                "replicated_backup_arn": None,
            },
            "services": {
                "cluster": STACK_PREFIX,
                "cluster_arn": format_arn("ecs", f"cluster/{STACK_PREFIX}"),
                "services": {name: build_service_fields(name) for name in ("backend", "frontend")},
            },
            "fleet": {
                "group": f"{STACK_PREFIX}-fleet",
                "arn": format_arn(
                    "autoscaling", f"autoScalingGroup::autoScalingGroupName/{STACK_PREFIX}-fleet"
                ),
                "launch_template_id": "lt-1",
                "image_parameter": "/bulwark/test/fleet/image",
                "log_group": "/bulwark/test/fleet",
                "security_group_id": "sg-fleet",
                "role_arn": f"arn:aws:iam::{ACCOUNT}:role/{STACK_PREFIX}-fleet",
            },
            "cache": None,
            "registry": {
                "repositories": {
                    "backend": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/bulwark/test/backend"
                }
            },
            "alarms": {
                "page_topic_arn": format_arn("sns", f"{STACK_PREFIX}-page"),
                "warn_topic_arn": format_arn("sns", f"{STACK_PREFIX}-warn"),
                "names": {},
            },
            "dashboards": None,
            "backups": {
                "vault": f"{STACK_PREFIX}-backups",
                "plan_id": None,
                "role_arn": None,
                "recovery_vault_arn": None,
                "restore_testing_plan": None,
                "operations_bucket": f"{STACK_PREFIX}-operations",
                "recovery_bucket": None,
                "export_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{STACK_PREFIX}-operations-export",
                "outputs_path": "/bulwark/test/outputs",
            },
            "access": {
                f"{role}_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{STACK_PREFIX}-{role}"
                for role in ("reader", "operator", "recoverer")
            },
        }
    )
