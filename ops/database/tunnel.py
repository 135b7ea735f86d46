"""The way from outside to the database: a tunnel through a task or an instance, and psql behind it.

The database is in subnets that nothing outside reaches. Session Manager forwards a local port
through whatever of the stack may open connections to it: a task with ECS Exec, or an instance of
the fleet. Source: Systems Manager User Guide, "Start a session", port forwarding to a remote host.
"""

import json
import shlex
from dataclasses import dataclass
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.database import instance as database
from ops.outputs import Outputs
from ops.services import exec as executing
from ops.services import model as services
from ops.services.model import ServiceState

PORT_FORWARDING_DOCUMENT: Final = "AWS-StartPortForwardingSessionToRemoteHost"
LOOPBACK_ADDRESS: Final = "127.0.0.1"
DEFAULT_TUNNEL_PORT: Final = 15432
# The password goes from the secret into psql's environment, and is shown nowhere.
JSON_READER_SCRIPT: Final = "import json,sys; print(json.load(sys.stdin)['password'])"


@dataclass(frozen=True)
class TunnelTarget:
    """What the tunnel goes through: the id that Session Manager knows it by."""

    target_id: str
    description: str


@dataclass(frozen=True)
class ConnectionCommands:
    """What to type, each line in a terminal: the tunnel stays open in its own."""

    target_description: str
    tunnel_command: str
    export_command: str
    psql_command: str

    def row(self) -> dict[str, object]:
        """What a program reads of it."""
        return {
            "through": self.target_description,
            "tunnel": self.tunnel_command,
            "variable": self.export_command,
            "psql": self.psql_command,
            "missing": list(executing.list_missing_programs()),
        }


def get_tunnel_target(aws: Aws, outputs: Outputs) -> TunnelTarget:
    """What of the stack a tunnel can go through now. Raises OpsError where nothing can."""
    service_outputs = outputs.services.services.values() if outputs.services else ()
    reasons = []
    for service in (
        services.list_service_states(aws, outputs, service_outputs) if service_outputs else ()
    ):
        try:
            return _get_task_target(aws, outputs, service)
        except OpsError as error:
            reasons.append(error)
    if outputs.fleet is not None:
        response: Any = aws.call(
            "autoscaling.describe_auto_scaling_groups",
            {"AutoScalingGroupNames": [outputs.fleet.group]},
            outputs.stack.region,
        )
        for group in response["AutoScalingGroups"]:
            for instance in group["Instances"]:
                if instance["LifecycleState"] == "InService":
                    return TunnelTarget(
                        instance["InstanceId"], f"the instance {instance['InstanceId']}"
                    )
        reasons.append(OpsError("no instance of the fleet is in service", "ops fleet instances"))
    if not reasons:
        raise OpsError(
            "the stack has neither services nor a fleet that a tunnel could go through: give "
            "compute, or connect from within the VPC and say so by --via or BULWARK_DATABASE"
        )
    reason_text = "; ".join(str(reason) for reason in reasons)
    raise OpsError(f"there is nothing to tunnel through: {reason_text}", *reasons[0].advice)


def _get_task_target(aws: Aws, outputs: Outputs, service: ServiceState) -> TunnelTarget:
    session = executing.build_exec_session(aws, outputs, service)
    response: Any = aws.call(
        "ecs.describe_tasks", {"cluster": service.cluster, "tasks": [session.task]}
    )
    containers = response["tasks"][0]["containers"]
    runtime_id = next(
        (
            container.get("runtimeId")
            for container in containers
            if container["name"] == session.container
        ),
        None,
    )
    if not runtime_id:
        raise OpsError(f"task {session.task} of {service.name} has no runtime id yet")
    target_id = f"ecs:{service.cluster}_{session.task}_{runtime_id}"
    return TunnelTarget(target_id, f"the task {session.task} of {service.name}")


def build_connection_commands(
    aws: Aws,
    outputs: Outputs,
    target: TunnelTarget,
    *,
    replica: str | None = None,
    port: int = DEFAULT_TUNNEL_PORT,
    profile: str | None = None,
) -> ConnectionCommands:
    """The lines for the primary, or for a replica. Raises OpsError where that is not there."""
    database_outputs = outputs.database
    host = database_outputs.endpoint
    if replica is not None:
        response: Any = aws.call(
            database.describe_instance_call(outputs, replica).api,
            {"DBInstanceIdentifier": replica},
            outputs.stack.region,
        )
        host = response["DBInstances"][0]["Endpoint"]["Address"]
    aws_options = ("--region", outputs.stack.region, *(("--profile", profile) if profile else ()))
    parameters = {
        "host": [host],
        "portNumber": [str(database_outputs.port)],
        "localPortNumber": [str(port)],
    }
    tunnel_command = shlex.join(
        [
            "aws",
            "ssm",
            "start-session",
            *aws_options,
            "--target",
            target.target_id,
            "--document-name",
            PORT_FORWARDING_DOCUMENT,
            "--parameters",
            json.dumps(parameters),
        ]
    )
    secret_command = shlex.join(
        [
            "aws",
            "secretsmanager",
            "get-secret-value",
            *aws_options,
            "--secret-id",
            database_outputs.secret_arn,
            "--query",
            "SecretString",
            "--output",
            "text",
        ]
    )
    connection_string = (
        f"host={LOOPBACK_ADDRESS} port={port} "
        f"user={database_outputs.admin_name} dbname={database_outputs.database} sslmode=require"
    )
    password = f"{secret_command} | python3 -c {shlex.quote(JSON_READER_SCRIPT)}"
    psql_command = f'PGPASSWORD="$({password})" psql {shlex.quote(connection_string)}'
    return ConnectionCommands(
        target.description,
        tunnel_command,
        f"export BULWARK_DATABASE={LOOPBACK_ADDRESS}:{port}",
        psql_command,
    )
