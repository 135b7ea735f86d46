"""The tunnel to the database through a task or a fleet instance, and the psql command for it.

The database is in private subnets. Session Manager forwards a local port through a task with ECS
Exec or an instance of the fleet, both of which can connect to the database. Source: Systems Manager
User Guide, "Start a session", port forwarding to a remote host.
"""

import json
import shlex
from dataclasses import dataclass
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import CredentialsError, OpsError
from ops.core.scaling_apis import AUTO_SCALING_GROUPS_API
from ops.database.instance import describe_instance_call
from ops.database.sql.tls import DEFAULT_SSL_MODE, get_root_certificates
from ops.outputs import Outputs
from ops.services.exec import build_exec_session, list_missing_programs
from ops.services.model import ServiceState, list_service_states

PORT_FORWARDING_DOCUMENT: Final = "AWS-StartPortForwardingSessionToRemoteHost"
LOOPBACK_ADDRESS: Final = "127.0.0.1"
DEFAULT_TUNNEL_PORT: Final = 15432
# The password goes from the secret into psql's environment and is never printed.
JSON_READER_SCRIPT: Final = "import json,sys; print(json.load(sys.stdin)['password'])"


@dataclass(frozen=True)
class TunnelTarget:
    """What the tunnel goes through; `target_id` is its id at Session Manager."""

    target_id: str
    description: str


@dataclass(frozen=True)
class ConnectionCommands:
    """Commands to type; the tunnel stays open in a terminal of its own."""

    target_description: str
    tunnel_command: str
    export_command: str
    psql_command: str

    def row(self) -> dict[str, object]:
        """Returns the JSON body."""
        return {
            "through": self.target_description,
            "tunnel": self.tunnel_command,
            "variable": self.export_command,
            "psql": self.psql_command,
            "missing": list(list_missing_programs()),
        }


def get_tunnel_target(aws: Aws, outputs: Outputs) -> TunnelTarget:
    """Returns a task or instance to tunnel through. Raises OpsError if there is none."""
    service_outputs = outputs.services.services.values() if outputs.services else ()
    reasons = []
    for service in list_service_states(aws, outputs, service_outputs) if service_outputs else ():
        try:
            return _get_task_target(aws, outputs, service)
        except CredentialsError:
            raise
        except OpsError as error:
            reasons.append(error)
    if outputs.fleet is not None:
        response: Any = aws.call(
            AUTO_SCALING_GROUPS_API,
            {"AutoScalingGroupNames": [outputs.fleet.group]},
            outputs.stack.region,
        )
        for group in response["AutoScalingGroups"]:
            for instance in group["Instances"]:
                if instance["LifecycleState"] == "InService":
                    return TunnelTarget(
                        instance["InstanceId"], f"the instance {instance['InstanceId']}"
                    )
        reasons.append(OpsError("no fleet instance is in service", "ops fleet instances"))
    if not reasons:
        raise OpsError(
            "the stack has no services and no fleet to tunnel through: deploy compute, or run this "
            "from inside the VPC and set --via or BULWARK_DATABASE"
        )
    reason_text = "; ".join(str(reason) for reason in reasons)
    raise OpsError(f"no task or instance to tunnel through: {reason_text}", *reasons[0].advice)


def _get_task_target(aws: Aws, outputs: Outputs, service: ServiceState) -> TunnelTarget:
    session = build_exec_session(aws, outputs, service)
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
    """Builds the commands for the primary, or for a replica, over a local port."""
    database_outputs = outputs.database
    host = database_outputs.endpoint
    if replica is not None:
        response: Any = aws.call(
            describe_instance_call(outputs, replica).api,
            {"DBInstanceIdentifier": replica},
            outputs.stack.region,
        )
        host = response["DBInstances"][0]["Endpoint"]["Address"]
    tunnel_command = build_tunnel_command(
        outputs, target, host, database_outputs.port, port, profile
    )
    secret_command = build_secret_command(outputs, database_outputs.secret_arn, profile)
    connection_string = (
        f"host={host} hostaddr={LOOPBACK_ADDRESS} port={port} "
        f"user={database_outputs.admin_name} dbname={database_outputs.database} "
        f"sslmode={DEFAULT_SSL_MODE} sslrootcert={get_root_certificates()}"
    )
    password = f"{secret_command} | python3 -c {shlex.quote(JSON_READER_SCRIPT)}"
    psql_command = f'PGPASSWORD="$({password})" psql {shlex.quote(connection_string)}'
    return ConnectionCommands(
        target.description,
        tunnel_command,
        f"export BULWARK_DATABASE={LOOPBACK_ADDRESS}:{port}",
        psql_command,
    )


def build_tunnel_command(
    outputs: Outputs,
    target: TunnelTarget,
    host: str,
    remote_port: int,
    local_port: int,
    profile: str | None,
) -> str:
    """Builds the line that forwards a local port to a port of a host in the VPC."""
    parameters = {
        "host": [host],
        "portNumber": [str(remote_port)],
        "localPortNumber": [str(local_port)],
    }
    return shlex.join(
        [
            "aws",
            "ssm",
            "start-session",
            *_list_aws_options(outputs, profile),
            "--target",
            target.target_id,
            "--document-name",
            PORT_FORWARDING_DOCUMENT,
            "--parameters",
            json.dumps(parameters),
        ]
    )


def build_secret_command(outputs: Outputs, secret_arn: str, profile: str | None) -> str:
    """Builds the line that prints a secret, for a pipe."""
    return shlex.join(
        [
            "aws",
            "secretsmanager",
            "get-secret-value",
            *_list_aws_options(outputs, profile),
            "--secret-id",
            secret_arn,
            "--query",
            "SecretString",
            "--output",
            "text",
        ]
    )


def _list_aws_options(outputs: Outputs, profile: str | None) -> tuple[str, ...]:
    return ("--region", outputs.stack.region, *(("--profile", profile) if profile else ()))
