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
from ops.services.model import Service

DOCUMENT: Final = "AWS-StartPortForwardingSessionToRemoteHost"
LOCAL: Final = "127.0.0.1"
PORT: Final = 15432
# The password goes from the secret into psql's environment, and is shown nowhere.
READ: Final = "import json,sys; print(json.load(sys.stdin)['password'])"


@dataclass(frozen=True)
class Tunnel:
    """What the tunnel goes through: the id that Session Manager knows it by."""

    target: str
    says: str


@dataclass(frozen=True)
class Lines:
    """What to type, each line in a terminal: the tunnel stays open in its own."""

    through: str
    tunnel: str
    variable: str
    psql: str

    def row(self) -> dict[str, object]:
        """What a program reads of it."""
        return {
            "through": self.through,
            "tunnel": self.tunnel,
            "variable": self.variable,
            "psql": self.psql,
            "missing": list(executing.missing()),
        }


def tunnel(aws: Aws, outputs: Outputs) -> Tunnel:
    """What of the stack a tunnel can go through now. Raises OpsError where nothing can."""
    parts = outputs.services.services.values() if outputs.services else ()
    reasons = []
    for service in services.observed(aws, outputs, parts) if parts else ():
        try:
            return _through_task(aws, outputs, service)
        except OpsError as error:
            reasons.append(error)
    if outputs.fleet is not None:
        found: Any = aws.call(
            "autoscaling.describe_auto_scaling_groups",
            {"AutoScalingGroupNames": [outputs.fleet.group]},
            outputs.stack.region,
        )
        for group in found["AutoScalingGroups"]:
            for one in group["Instances"]:
                if one["LifecycleState"] == "InService":
                    return Tunnel(one["InstanceId"], f"the instance {one['InstanceId']}")
        reasons.append(OpsError("no instance of the fleet is in service", "ops fleet instances"))
    if not reasons:
        raise OpsError(
            "the stack has neither services nor a fleet that a tunnel could go through: give "
            "compute, or connect from within the VPC and say so by --via or BULWARK_DATABASE"
        )
    said = "; ".join(str(each) for each in reasons)
    raise OpsError(f"there is nothing to tunnel through: {said}", *reasons[0].advice)


def _through_task(aws: Aws, outputs: Outputs, service: Service) -> Tunnel:
    session = executing.session(aws, outputs, service)
    answer: Any = aws.call(
        "ecs.describe_tasks", {"cluster": service.cluster, "tasks": [session.task]}
    )
    containers = answer["tasks"][0]["containers"]
    runtime = next((c.get("runtimeId") for c in containers if c["name"] == session.container), None)
    if not runtime:
        raise OpsError(f"task {session.task} of {service.name} has no runtime id yet")
    target = f"ecs:{service.cluster}_{session.task}_{runtime}"
    return Tunnel(target, f"the task {session.task} of {service.name}")


def lines(
    aws: Aws,
    outputs: Outputs,
    through: Tunnel,
    *,
    replica: str | None = None,
    port: int = PORT,
    profile: str | None = None,
) -> Lines:
    """The lines for the primary, or for a replica. Raises OpsError where that is not there."""
    part = outputs.database
    host = part.endpoint
    if replica is not None:
        seen: Any = aws.call(
            database.looking(outputs, replica).api,
            {"DBInstanceIdentifier": replica},
            outputs.stack.region,
        )
        host = seen["DBInstances"][0]["Endpoint"]["Address"]
    own = ("--region", outputs.stack.region, *(("--profile", profile) if profile else ()))
    parameters = {
        "host": [host],
        "portNumber": [str(part.port)],
        "localPortNumber": [str(port)],
    }
    tunnel_ = shlex.join(
        [
            "aws",
            "ssm",
            "start-session",
            *own,
            "--target",
            through.target,
            "--document-name",
            DOCUMENT,
            "--parameters",
            json.dumps(parameters),
        ]
    )
    secret = shlex.join(
        [
            "aws",
            "secretsmanager",
            "get-secret-value",
            *own,
            "--secret-id",
            part.secret_arn,
            "--query",
            "SecretString",
            "--output",
            "text",
        ]
    )
    where = (
        f"host={LOCAL} port={port} user={part.admin_name} dbname={part.database} sslmode=require"
    )
    psql = f'PGPASSWORD="$({secret} | python3 -c {shlex.quote(READ)})" psql {shlex.quote(where)}'
    return Lines(through.says, tunnel_, f"export BULWARK_DATABASE={LOCAL}:{port}", psql)
