"""A world: a stack at rest in the in-memory AWS, on which incidents are brought about.

A world is deployed once for each variant of the stack. An incident is brought about in a copy of
the process (sandbox/incidents/copies.py), so that the world stays as it is. Its clock stands still
but when it is moved.
"""

import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from moto.cloudwatch.models import cloudwatch_backends
from pydantic import JsonValue

from ops.core.clock import CLOCK_VARIABLE, SHARED_CLOCK_PREFIX
from ops.core.run import WallClock
from ops.outputs import Outputs
from sandbox import clock as sandbox_clock
from sandbox.aws import ACCOUNT_ID, get_client
from sandbox.faults import FaultHandler
from sandbox.incidents.alarm_evaluation import AlarmEvaluator
from sandbox.incidents.metric_model import MetricEffect, MetricModel, Operation
from sandbox.incidents.metric_source import MetricSource, build_metric_results, list_subjects
from sandbox.incidents.model import Incident, StackVariant
from sandbox.incidents.people import build_client
from sandbox.patches.cloudwatch.metrics import set_metric_answerer

REST_DAYS: Final = 8  # between the deployment and the incident
# The stack of each variant, and what it has beside its own settings.
VARIANTS: Final[Mapping[StackVariant, tuple[str, Mapping[str, JsonValue]]]] = {
    "dev": ("dev", {}),
    "prod": ("prod", {}),
    "full": (
        "prod",
        {
            "bulwark:compute": "both",
            "bulwark:cache": {"enabled": True},
            "bulwark:database": {"replicas": 1},
        },
    ),
}
TRAFFIC: Final[Mapping[str, float]] = {"backend": 1.0, "frontend": 1.6, "fleet": 0.4}


@dataclass(frozen=True)
class TimeSpanBack:
    """When something happens: seconds before the diagnosis."""

    begin: float
    end: float

    @property
    def begin_minutes(self) -> float:
        """Its begin in minutes before the diagnosis."""
        return self.begin / 60

    @property
    def end_minutes(self) -> float:
        """Its end in minutes before the diagnosis; 0 if it still lasts."""
        return self.end / 60


@dataclass
class World:
    """One stack at rest, and what is known of it."""

    variant: StackVariant
    outputs: Outputs
    clock: sandbox_clock.ManualClock
    folder: Path
    root_file: Path
    model: MetricModel = field(init=False)
    source: MetricSource = field(init=False)
    faults: list[FaultHandler] = field(default_factory=list)
    exit_stack: ExitStack = field(default_factory=ExitStack)
    # What is left to do once the moment of the diagnosis has come.
    at_end: list[Callable[[], None]] = field(default_factory=list)

    @property
    def region(self) -> str:
        """The stack's region."""
        return self.outputs.stack.region

    @property
    def name(self) -> str:
        """The prefix of the names of the stack's resources."""
        return f"{self.outputs.stack.project}-{self.outputs.stack.stack}"

    @property
    def outputs_file(self) -> Path:
        """The file of the stack's outputs."""
        return self.folder / "outputs.json"

    def client(self, service: str, region: str | None = None) -> Any:
        """A client of AWS itself: nothing that it does is anybody's."""
        return get_client(service, region or self.region)

    def person(self, service: str, person: str = "jane.doe", region: str | None = None) -> Any:
        """A client of a person's, or of the `pipeline`."""
        return build_client(service, region or self.region, person)

    def get_time(self, seconds_back: float) -> datetime:
        """The time so many seconds before the diagnosis."""
        return self.model.now - timedelta(seconds=seconds_back)

    def start(self, incident: Incident, moment: datetime) -> None:
        """Sets the moment of the diagnosis, and lets CloudWatch answer from the world's metrics."""
        self.model = MetricModel(moment, incident.hour, incident.seed, traffic=self._list_traffic())
        self._count_tasks()
        subjects = list_subjects(self.outputs, list_cache_nodes(self), list_instance_ids(self))
        self.source = MetricSource(self.model, subjects)
        set_metric_answerer(
            cloudwatch_backends[ACCOUNT_ID][self.region],
            lambda queries, start, end, scan: build_metric_results(
                self.source, queries, start, end, scan
            ),
        )

    def go_to(self, seconds_back: float) -> None:
        """Moves the clock to a time before the diagnosis; never back."""
        seconds = (self.get_time(seconds_back) - self.clock.now()).total_seconds()
        if seconds > 0:
            self.clock.advance(seconds)

    def change_metric(
        self,
        span: TimeSpanBack,
        subject: str,
        metric: str,
        operation: Operation,
        value: float,
        ramp: float = 0.0,
    ) -> None:
        """Lets a metric be another while the span lasts; `ramp` is in minutes."""
        begin, end = span.begin_minutes, span.end_minutes
        effect = MetricEffect(subject, metric, operation, float(value), begin, end, ramp)
        self.model.add_effect(effect)

    def evaluate_alarms(self) -> None:
        """Brings the states and the history of the stack's alarms about."""
        backend = cloudwatch_backends[ACCOUNT_ID][self.region]
        AlarmEvaluator(backend, self.source, f"{self.name}-").evaluate()

    @contextmanager
    def use_environment(self) -> Iterator[None]:
        """`ops` in this process works on this world, at its time, until the end of the block."""

        def sleep(_: WallClock, seconds: float) -> None:
            self.clock.advance(seconds)
            self.write_clock()

        self.write_clock()
        variables = {
            "BULWARK_STACK": self.outputs.stack.stack,
            "BULWARK_OUTPUTS": str(self.outputs_file),
            "PGSSLROOTCERT": str(self.root_file),
            CLOCK_VARIABLE: f"{SHARED_CLOCK_PREFIX}{self._clock_file}:-1",
        }
        with patch.dict(os.environ, variables), patch.object(WallClock, "sleep", sleep):
            yield

    def write_clock(self) -> None:
        """Tells `ops` the world's time."""
        descriptor = os.open(self._clock_file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:  # all at once: others read it meanwhile
            os.pwrite(descriptor, struct.pack("<d", self.clock.now().timestamp()), 0)
        finally:
            os.close(descriptor)

    @property
    def _clock_file(self) -> Path:
        return self.folder / "clock"

    def _list_traffic(self) -> dict[str, float]:
        balancer = self.outputs.load_balancer
        scale = 0.15 if self.variant == "dev" else 1.0
        names = balancer.targets if balancer is not None else ()
        return {name: TRAFFIC.get(name, 1.0) * scale for name in names}

    def _count_tasks(self) -> None:
        services = self.outputs.services
        for name in services.services if services is not None else ():
            answer = self.client("ecs").describe_services(
                cluster=services.cluster if services else "", services=[name]
            )
            count = float(answer["services"][0]["desiredCount"])
            for metric in ("DesiredTaskCount", "RunningTaskCount"):
                self.model.counts[(f"service/{name}", metric)] = count
            self.model.counts[(f"targets/{name}", "HealthyHostCount")] = count


def list_cache_nodes(world: World) -> list[str]:
    """The nodes of the cache; none without one."""
    if world.outputs.cache is None:
        return []
    answer = world.client("elasticache").describe_replication_groups(
        ReplicationGroupId=world.outputs.cache.identifier
    )
    return [str(node) for node in answer["ReplicationGroups"][0]["MemberClusters"]]


def list_instance_ids(world: World) -> list[str]:
    """The instances of the fleet; none without one."""
    if world.outputs.fleet is None:
        return []
    answer = world.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[world.outputs.fleet.group]
    )
    instances = answer["AutoScalingGroups"][0]["Instances"]
    return sorted(str(instance["InstanceId"]) for instance in instances)
