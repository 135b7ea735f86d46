"""The parts of a stack that write logs, and where: a log group, or files in a bucket."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ops.core.console_links import build_bucket_link, build_log_group_link
from ops.core.errors import UsageError
from ops.core.parts import find_part, get_service_part, list_database_names
from ops.outputs import Outputs
from ops.services.model import get_arn_name

PartKind = Literal[
    "service",
    "fleet",
    "database",
    "cache",
    "load-balancer",
    "waf",
    "flow-logs",
    "function",
    "containers",
]
POSTGRES_LOG_TYPE: Final = "postgresql"
# The logs of the cache (components/cache.py), by the names that are typed.
CACHE_LOGS: Final = {"cache": "engine-log", "cache/slow-log": "slow-log"}
# The prefix of Fargate's streams (components/task_definition.py): task/CONTAINER/ID.
TASK_STREAM_PREFIX: Final = "task"
FLEET_INSTANCE_PATTERN: Final = re.compile(r"i-[0-9a-f]{1,17}")
TASK_ID_PATTERN: Final = re.compile(r"[0-9a-f]{1,32}")
# Where what a person may look for is, if no log group has it.
OTHER_PLACES: Final[Mapping[str, str]] = {
    "user-data": "the log of user data stays on its instance: ops fleet run --instance ID -- tail "
    "-n 200 /var/log/cloud-init-output.log",
    "exec": "the transcripts of ECS Exec are what others typed: they are read in the console",
}
# How late lines may come, in seconds. Flow logs: aggregated for a minute, and published within five
# more (VPC User Guide, "Flow logs basics"). RDS ships about every five minutes, an assumption that
# the health check of its logs makes too. Others: an assumption.
LATE_SECONDS: Final[Mapping[PartKind, int]] = {
    "flow-logs": 600,
    "database": 600,
    "load-balancer": 600,
    "waf": 300,
}
DEFAULT_LATE_SECONDS: Final = 120


@dataclass(frozen=True)
class LogPart:
    """A part and the log group that it writes to; `bucket` instead if AWS writes files to S3.

    `container` is the one whose streams belong to the part. `is_optional` is set if the contract
    does not say whether the stack has the group.
    """

    name: str
    kind: PartKind
    group: str | None = None
    bucket: str | None = None
    container: str | None = None
    is_optional: bool = False

    @property
    def late_seconds(self) -> int:
        """How late a line may come."""
        return LATE_SECONDS.get(self.kind, DEFAULT_LATE_SECONDS)

    @property
    def place(self) -> str:
        """Where its lines are, for a person."""
        return self.group or f"s3://{self.bucket}"

    def build_stream_prefix(self, task: str | None) -> str | None:
        """The start of the names of a task's or an instance's streams; None for all.

        Raises UsageError unless the part has tasks or instances, and it can be the start of an id.
        """
        if task is None:
            return None
        task_id = get_arn_name(task) if task.startswith("arn:") else task
        if self.kind == "service":
            if not TASK_ID_PATTERN.fullmatch(task_id):
                raise UsageError(f"--task must be the id of a task, or its start, not {task!r}")
            return f"{TASK_STREAM_PREFIX}/{self.container}/{task_id}"
        if self.kind == "fleet":
            if not FLEET_INSTANCE_PATTERN.fullmatch(task_id):
                raise UsageError(
                    f"--task must be the id of an instance of the fleet, like i-0123456789abcdef0, "
                    f"or its start, not {task!r}"
                )
            return task_id
        raise UsageError(f"--task must be used with a service or the fleet, not {self.name}")


def list_log_parts(outputs: Outputs) -> dict[str, LogPart]:
    """The parts of the stack that write logs, by the name that is typed.

    Names are those of `ops.core.parts`.
    """
    stack = outputs.stack
    prefix = f"{stack.project}-{stack.stack}"
    parts: list[LogPart] = []
    for short_name, identifier in list_database_names(outputs).items():
        for group in outputs.database.log_groups:
            log_type = get_arn_name(group)
            name = short_name if log_type == POSTGRES_LOG_TYPE else f"{short_name}/{log_type}"
            parts.append(LogPart(name, "database", f"/aws/rds/instance/{identifier}/{log_type}"))
    if outputs.cache is not None:
        for name, log_type in CACHE_LOGS.items():
            group = f"/aws/vendedlogs/elasticache/{outputs.cache.identifier}/{log_type}"
            parts.append(LogPart(name, "cache", group))
    if outputs.load_balancer is not None:
        if outputs.load_balancer.access_log_bucket:
            bucket = outputs.load_balancer.access_log_bucket
            parts.append(LogPart("load-balancer", "load-balancer", bucket=bucket))
        if outputs.load_balancer.web_acl_arn:
            parts.append(LogPart("waf", "waf", f"aws-waf-logs-{prefix}"))
    if outputs.network.flow_log_group:
        parts.append(LogPart("flow-logs", "flow-logs", outputs.network.flow_log_group))
    for function in ("rotation", "cache-rotation") if outputs.cache else ("rotation",):
        group = f"/aws/lambda/{prefix}-{function}"
        parts.append(LogPart(function, "function", group, is_optional=True))
    if outputs.fleet is not None:
        parts.append(LogPart("fleet", "fleet", outputs.fleet.log_group))
    if outputs.services is not None:
        group = f"/aws/ecs/containerinsights/{outputs.services.cluster}/performance"
        parts.append(LogPart("containers", "containers", group, is_optional=True))
    by_name = {part.name: part for part in parts}
    for service in outputs.services.services.values() if outputs.services is not None else ():
        name = get_service_part(outputs, service.name)
        by_name[name] = LogPart(name, "service", service.log_group, container=service.container)
    return dict(sorted(by_name.items()))


def get_log_part(outputs: Outputs, name: str, option: str = "PART") -> LogPart:
    """The part that an option names. Raises UsageError with the parts that there are."""
    parts = list_log_parts(outputs)
    if (part := find_part(parts, name)) is not None:
        return part
    names = ", ".join(parts)
    if name in OTHER_PLACES:
        raise UsageError(f"{option} must be one of {names}, not {name!r}: {OTHER_PLACES[name]}")
    if name == "flow-logs":
        raise UsageError(
            f"{option} must be one of {names}, not {name!r}: network.flowLogs has no cloudwatch, "
            "and those in S3 are Parquet files, which Athena reads"
        )
    if name == "load-balancer" and outputs.load_balancer is not None:
        raise UsageError(
            f"{option} must be one of {names}, not {name!r}: loadBalancer.accessLogs is off"
        )
    raise UsageError(f"{option} must be one of {names}, not {name!r}")


def build_missing_group_error(part: LogPart) -> UsageError:
    """The error of a part whose log group AWS does not have."""
    reason = "the stack's settings have it off" if part.is_optional else "it was deleted"
    return UsageError(
        f"PART is {part.name!r}, whose log group {part.place} is not there: {reason}",
        "ops logs list",
    )


def build_console_link(outputs: Outputs, part: LogPart) -> str:
    """The console's page of the part's log group, or of its bucket."""
    if part.group is None:
        return build_bucket_link(outputs, str(part.bucket))
    return build_log_group_link(outputs, part.group)
