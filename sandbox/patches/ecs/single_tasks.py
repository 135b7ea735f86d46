"""ECS: tasks that RunTask starts by themselves, and what their container does.

A container whose image is Python's runs: its command is carried out as a process of this machine,
when the task is started, and the lines that it prints are written to its log group at the times at
which AWS would have them. Other images end with the error of a program that is not there.
"""

import json
import tempfile
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.elasticache.models import elasticache_backends
from moto.logs.models import logs_backends
from moto.logs.responses import LogsResponse
from moto.secretsmanager.models import secretsmanager_backends

from sandbox.cache_server import serve_cache
from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.ec2.connections import Caller, try_connections
from sandbox.patches.elasticache.replication_groups import find_cache_store
from sandbox.patches.guest_python import run_guest_python
from sandbox.patches.patching import (
    AwsError,
    ServicePatch,
    backend_state,
    parse_request_parameters,
)
from sandbox.postgres.certificates import CertificateAuthority

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Simulated seconds from RunTask until its container runs, and until it has ended: assumptions.
SINGLE_TASK_START_SECONDS: Final = 40
SINGLE_TASK_STOP_SECONDS: Final = 55
TASK_HOST_NUMBER: Final = 20  # the host of its subnet that it is: an assumption
TASK_PUBLIC_ADDRESS: Final = "198.51.100.20"  # of RFC 5737; which one makes no difference
STOPPED_SECONDS: Final = 3600  # that a stopped task is shown (API reference, DescribeTasks)
TOKEN_SECONDS: Final = 24 * 3600  # that a client token holds (ECS_Idempotency)


def get_single_tasks(backend: EC2ContainerServiceBackend) -> list[ApiRecord]:
    """The tasks that RunTask started, in order."""
    return backend_state(backend, "single tasks", list)


@patch.replace_operation(EC2ContainerServiceResponse, "RunTask")
def run_task(response: EC2ContainerServiceResponse, params: ApiRecord) -> ApiRecord:
    backend = response.ecs_backend
    cluster = backend._get_cluster(params.get("cluster", "default"))
    token = params.get("clientToken")
    for record in get_single_tasks(backend):
        if token and record["token"] == token and not _is_token_over(record):
            if record["params"] != params:
                raise AwsError(
                    "ConflictException",
                    "The clientToken is already in use with a different RunTask request.",
                )
            return {"tasks": [build_task(record)], "failures": []}
    definition = backend.describe_task_definition(params["taskDefinition"])
    if definition.status != "ACTIVE":
        raise AwsError("ClientException", "TaskDefinition is inactive")
    network = (params.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    if definition.network_mode == "awsvpc" and not network.get("subnets"):
        raise AwsError(
            "InvalidParameterException",
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        )
    (container,) = definition.container_definitions
    overrides = (params.get("overrides") or {}).get("containerOverrides") or ()
    variables = {
        item["name"]: item["value"]
        for override in overrides
        if override["name"] == container["name"]
        for item in override.get("environment") or ()
    }
    exit_code, lines = _run_container(backend, container, variables, network)
    record = {
        "token": token,
        "params": params,
        "id": uuid.uuid4().hex,
        "cluster": cluster.name,
        "account": backend.account_id,
        "region": backend.region_name,
        "definition": definition.arn,
        "family": definition.family,
        "container": container,
        "created": get_sandbox_clock().now(),
        "starts": get_sandbox_clock().get_completion_time(SINGLE_TASK_START_SECONDS),
        "stops": get_sandbox_clock().get_completion_time(SINGLE_TASK_STOP_SECONDS),
        "exit": exit_code,
        "lines": lines,
        "has_lines_to_write": True,
    }
    get_single_tasks(backend).append(record)
    return {"tasks": [build_task(record)], "failures": []}


def build_task(record: ApiRecord) -> ApiRecord:
    """A task as DescribeTasks has it now."""
    prefix = f"arn:aws:ecs:{record['region']}:{record['account']}"
    status = "PROVISIONING" if is_in_future(record["starts"]) else "RUNNING"
    is_over = not is_in_future(record["stops"])
    could_start = record["exit"] is not None
    container = {"name": record["container"]["name"], "image": record["container"]["image"]}
    task = {
        "taskArn": f"{prefix}:task/{record['cluster']}/{record['id']}",
        "clusterArn": f"{prefix}:cluster/{record['cluster']}",
        "taskDefinitionArn": record["definition"],
        "group": f"family:{record['family']}",
        "startedBy": record["params"].get("startedBy", ""),
        "launchType": record["params"].get("launchType"),
        "createdAt": record["created"],
        "lastStatus": "STOPPED" if is_over else status,
        "desiredStatus": "STOPPED" if is_over else "RUNNING",
        "containers": [container],
    }
    if not is_over:
        return task
    container["exitCode"] = record["exit"] if could_start else 127
    return task | {
        "stoppedAt": record["stops"],
        "stopCode": "EssentialContainerExited" if could_start else "TaskFailedToStart",
        "stoppedReason": "Essential container in task exited"
        if could_start
        else "CannotStartContainerError: exec: python3: executable file not found in $PATH",
    }


def list_single_tasks(backend: EC2ContainerServiceBackend, cluster: str) -> Iterator[ApiRecord]:
    """The tasks of a cluster that ECS still shows."""
    name = backend._get_cluster(cluster).name
    for record in get_single_tasks(backend):
        age = (get_sandbox_clock().now() - record["stops"]).total_seconds()
        if record["cluster"] == name and age <= STOPPED_SECONDS:
            yield build_task(record)


@patch.wrap(EC2ContainerServiceResponse, "list_tasks")
def list_started_tasks(original: Any, response: EC2ContainerServiceResponse) -> ActionResult:
    answer, params = original(response), parse_request_parameters(response)
    family = params.get("family")
    arns = [
        task["taskArn"]
        for task in list_single_tasks(response.ecs_backend, params.get("cluster", "default"))
        if task["desiredStatus"] == params.get("desiredStatus", "RUNNING")
        and "serviceName" not in params
        and params.get("startedBy", task["startedBy"]) == task["startedBy"]
        and family in (None, task["group"].removeprefix("family:"))
    ]
    return ActionResult({"taskArns": [*answer.result["taskArns"], *arns]})


@patch.wrap(EC2ContainerServiceResponse, "describe_tasks")
def describe_started_tasks(original: Any, response: EC2ContainerServiceResponse) -> ActionResult:
    answer, params = original(response), parse_request_parameters(response)
    ids = {name.split("/")[-1] for name in params["tasks"]}
    tasks = [
        task
        for task in list_single_tasks(response.ecs_backend, params.get("cluster", "default"))
        if task["taskArn"].split("/")[-1] in ids
    ]
    return ActionResult({**answer.result, "tasks": [*answer.result["tasks"], *tasks]})


@patch.wrap(LogsResponse, "filter_log_events")
def write_lines_before(original: Any, response: LogsResponse) -> Any:
    """Writes what containers have printed by now."""
    from moto.ecs.models import ecs_backends

    backend = response.logs_backend
    for record in get_single_tasks(ecs_backends[backend.account_id][backend.region_name]):
        if record["has_lines_to_write"] and not is_in_future(record["stops"]):
            record["has_lines_to_write"] = False
            _write_lines(record)
    return original(response)


def _is_token_over(record: ApiRecord) -> bool:
    """True a day after the task was started, or an hour after it has stopped (ECS_Idempotency)."""
    ends: tuple[datetime, datetime] = (
        record["created"] + timedelta(seconds=TOKEN_SECONDS),
        record["stops"] + timedelta(seconds=STOPPED_SECONDS),
    )
    return get_sandbox_clock().now() > min(ends)


def _write_lines(record: ApiRecord) -> None:
    options = (record["container"].get("logConfiguration") or {}).get("options") or {}
    backend = logs_backends[record["account"]][record["region"]]
    group = options.get("awslogs-group")
    if not record["lines"] or group not in backend.groups:
        return
    name = record["container"]["name"]
    stream = f"{options.get('awslogs-stream-prefix')}/{name}/{record['id']}"
    backend.create_log_stream(group, stream)
    time = int(record["stops"].timestamp() * 1000)
    events = [{"timestamp": time, "message": line} for line in record["lines"]]
    backend.put_log_events(group, stream, events)


def _run_container(
    backend: EC2ContainerServiceBackend,
    container: ApiRecord,
    variables: dict[str, str],
    network: ApiRecord,
) -> tuple[int | None, list[str]]:
    """Runs the container's command; the exit code is None if its image lacks the program."""
    program = [*(container.get("entryPoint") or ()), *(container.get("command") or ())]
    if "python" not in container["image"] or program[:2] != ["python3", "-c"]:
        return None, []
    environment = {item["name"]: item["value"] for item in container.get("environment") or ()}
    environment |= {
        item["name"]: _read_secret(backend, item["valueFrom"])
        for item in container.get("secrets") or ()
    }
    environment |= variables
    targets = json.loads(environment.get("PROBE_TARGETS", "[]"))
    if targets:
        ec2 = ec2_backends[backend.account_id][backend.region_name]
        pairs = [(target["host"], target["port"]) for target in targets]
        outcomes = try_connections(ec2, _build_caller(ec2, network), pairs)
        return run_guest_python(program[2:], environment, outcomes=outcomes)
    host = environment.get("CACHE_HOST", "")
    store = find_cache_store(elasticache_backends[backend.account_id][backend.region_name], host)
    with tempfile.TemporaryDirectory() as folder:
        if store is None:
            return run_guest_python(program[2:], environment)
        authority = CertificateAuthority(Path(folder), "bulwark sandbox Amazon Root CA")
        with serve_cache(store, authority.build_context(host)) as port:
            return run_guest_python(
                program[2:], environment, hosts={host: port}, root_file=authority.root_file
            )


def _build_caller(ec2: EC2Backend, network: ApiRecord) -> Caller:
    """A task in the first of its subnets; with assignPublicIp it has a public address."""
    subnet = network["subnets"][0]
    address = str(IPv4Network(ec2.get_subnet(subnet).cidr_block)[TASK_HOST_NUMBER])
    is_public = network.get("assignPublicIp") == "ENABLED"
    return Caller(
        subnet,
        address,
        tuple(network.get("securityGroups") or ()),
        TASK_PUBLIC_ADDRESS if is_public else None,
    )


def _read_secret(backend: EC2ContainerServiceBackend, reference: str) -> str:
    """The value of `ARN:KEY::`, as ECS puts it into a container."""
    arn, key = ":".join(reference.split(":")[:7]), reference.split(":")[7]
    secrets = secretsmanager_backends[backend.account_id][backend.region_name]
    value = secrets.get_secret_value(arn, "", "")["SecretString"]
    return str(json.loads(value)[key])
