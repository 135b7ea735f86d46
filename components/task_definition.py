"""A Fargate task as data: its container and its volumes."""

from collections.abc import Mapping
from typing import Any, Final

from pulumi import Input

from components.settings.services import ServiceSettings

STOP_TIMEOUT_SECONDS: Final = 30  # between SIGTERM and SIGKILL; as long as the load balancer drains
WORKER_RESTART_SECONDS: Final = 60  # the least that ECS takes
LOG_BUFFER_SIZE: Final = (
    "25m"  # what waits in memory while CloudWatch does not answer; then it is lost
)

# Where the agent of ECS Exec writes. It runs as root, so root's own volumes do, and the root file
# system stays read-only. AWS names no paths (aws/containers-roadmap issues 1359 and 2824).
EXEC_VOLUMES: Final[Mapping[str, str]] = {
    "managed-agents": "/managed-agents",
    "ssm-state": "/var/lib/amazon/ssm",
    "ssm-log": "/var/log/amazon/ssm",
}


def list_volumes(has_exec: bool) -> list[str]:
    """Names of the task's volumes."""
    return list(EXEC_VOLUMES) if has_exec else []


def build_container_definition(
    name: str,
    settings: ServiceSettings,
    *,
    secrets: Mapping[str, Input[str]],
    log_group: Input[str],
    region: str,
    has_exec: bool,
) -> dict[str, Any]:
    """The task's container, as RegisterTaskDefinition takes it.

    `secrets` are variables by name, each with what ECS reads it from. /tmp is a tmpfs because a
    volume of Fargate belongs to root, and the container does not run as root.
    """
    return {
        "name": name,
        "image": settings.image,
        "essential": True,
        "user": settings.user,
        "privileged": False,
        "readonlyRootFilesystem": True,
        **({"command": list(settings.command)} if settings.command else {}),
        **_build_kind_fields(settings),
        "environment": [
            {"name": key, "value": value} for key, value in sorted(settings.environment.items())
        ],
        "secrets": [{"name": key, "valueFrom": source} for key, source in sorted(secrets.items())],
        "linuxParameters": {
            "initProcessEnabled": True,  # reaps what ECS Exec leaves behind
            "tmpfs": [
                {
                    "containerPath": "/tmp",
                    "size": settings.tmp_mb,
                    "mountOptions": ["rw", "nosuid", "nodev"],
                }
            ],
        },
        "mountPoints": [
            {"sourceVolume": volume, "containerPath": path, "readOnly": False}
            for volume, path in (EXEC_VOLUMES if has_exec else {}).items()
        ],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log_group,
                "awslogs-region": region,
                "awslogs-stream-prefix": "task",
                # A full buffer drops lines instead of stopping the application.
                "mode": "non-blocking",
                "max-buffer-size": LOG_BUFFER_SIZE,
            },
        },
        "stopTimeout": STOP_TIMEOUT_SECONDS,
    }


def _build_kind_fields(settings: ServiceSettings) -> dict[str, Any]:
    """What only the kind of the service gives its container: a port, or a check of its own.

    What nobody calls is restarted in its task if it ends, which Container Insights counts (ECS
    Developer Guide, "Restart individual containers in Amazon ECS tasks"). One that ends within
    `WORKER_RESTART_SECONDS` is not: its task is replaced, and the circuit breaker counts it.
    """
    if settings.kind_facts.has_targets:
        mapping = {"containerPort": settings.port, "hostPort": settings.port, "protocol": "tcp"}
        return {"portMappings": [mapping]}
    health_check = settings.health_check
    return {
        "portMappings": [],
        "restartPolicy": {"enabled": True, "restartAttemptPeriod": WORKER_RESTART_SECONDS},
        **(
            {
                "healthCheck": {
                    "command": list(health_check.command),
                    "interval": health_check.interval_seconds,
                    "timeout": health_check.timeout_seconds,
                    "retries": health_check.retries,
                    "startPeriod": health_check.start_period_seconds,
                }
            }
            if health_check.command
            else {}
        ),
    }
