"""ECS: what the container of a task does that runs once.

`python3 -c` of an image of Python runs as a process of this machine, with the sandbox's network.
Of other images, which are nowhere, a few programs run: PROGRAMS, and Python in those of ECR, which
are taken to be the application's. Others are not found.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ecs.models import EC2ContainerServiceBackend
from moto.elasticache.models import elasticache_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends

from sandbox.cache_server import serve_cache
from sandbox.image_behaviour import PRIVATE_IMAGE_PATTERN, get_image_behaviour
from sandbox.patches.ec2.connections import Caller, try_connections
from sandbox.patches.elasticache.replication_groups import find_cache_store
from sandbox.patches.guest_python import PROCESS_SECONDS, run_guest_python
from sandbox.postgres.certificates import CertificateAuthority

ApiRecord = dict[str, Any]
TASK_HOST_NUMBER: Final = 20  # the host of its subnet that it is: an assumption
TASK_PUBLIC_ADDRESS: Final = "198.51.100.20"  # of RFC 5737; which one makes no difference
# Programs of an image that run here: none of them can change this machine.
PROGRAMS: Final = frozenset({"echo", "env", "false", "printenv", "true"})
PYTHON_PROGRAMS: Final = frozenset({"python", "python3"})
SLEEP_PROGRAM: Final = "sleep"  # takes simulated seconds
MISSING_IMAGE_FAULT: Final = (
    "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve "
    "ref {image}: not found"
)
MISSING_PROGRAM_FAULT: Final = (
    'CannotStartContainerError: exec: "{program}": executable file not found in $PATH'
)


@dataclass(frozen=True)
class ContainerResult:
    """What a container did. Its exit code is None if it did not start, because of `fault`.

    `seconds` are simulated, on top of what every task takes.
    """

    exit_code: int | None
    lines: list[str] = field(default_factory=list)
    fault: str = ""
    seconds: float = 0


def run_container(
    backend: EC2ContainerServiceBackend, container: ApiRecord, network: ApiRecord
) -> ContainerResult:
    """Runs a container's command, with its variables and secrets."""
    program = [*(container.get("entryPoint") or ()), *(container.get("command") or ())]
    environment = {item["name"]: item["value"] for item in container.get("environment") or ()}
    environment |= {
        item["name"]: _read_secret(backend, item["valueFrom"])
        for item in container.get("secrets") or ()
    }
    if "python" in container["image"] and program[:2] == ["python3", "-c"]:
        return ContainerResult(*_run_script(backend, program[2:], environment, network))
    behaviour = get_image_behaviour(container["image"])
    if behaviour == "missing":
        return ContainerResult(None, fault=MISSING_IMAGE_FAULT.format(image=container["image"]))
    if behaviour == "exits":
        return ContainerResult(1, ["the program ends as soon as it starts"])
    has_python = PRIVATE_IMAGE_PATTERN.fullmatch(container["image"]) is not None
    return _run_program(program, environment, has_python=has_python)


def _run_program(
    program: Sequence[str], environment: dict[str, str], *, has_python: bool
) -> ContainerResult:
    """Runs a program of an image that is nowhere, as a process of this machine."""
    name, *arguments = program or [""]
    if name == SLEEP_PROGRAM and len(arguments) == 1 and arguments[0].isdecimal():
        return ContainerResult(0, seconds=int(arguments[0]))
    if has_python and name in PYTHON_PROGRAMS:
        line = [sys.executable, "-I", *arguments]
    elif name in PROGRAMS:
        line = [*program]
    else:
        return ContainerResult(None, fault=MISSING_PROGRAM_FAULT.format(program=name))
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.run(
            line,
            env={"PATH": os.defpath, **environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROCESS_SECONDS,
            check=False,
        )
    lines = [*process.stdout.splitlines(), *process.stderr.splitlines()]
    return ContainerResult(process.returncode, lines)


def _run_script(
    backend: EC2ContainerServiceBackend,
    arguments: Sequence[str],
    environment: dict[str, str],
    network: ApiRecord,
) -> tuple[int, list[str]]:
    """Runs a script, whose connections are those of the sandbox."""
    targets = json.loads(environment.get("PROBE_TARGETS", "[]"))
    if targets:
        ec2 = ec2_backends[backend.account_id][backend.region_name]
        pairs = [(target["host"], target["port"]) for target in targets]
        outcomes = try_connections(ec2, _build_caller(ec2, network), pairs)
        return run_guest_python(arguments, environment, outcomes=outcomes)
    host = environment.get("CACHE_HOST", "")
    store = find_cache_store(elasticache_backends[backend.account_id][backend.region_name], host)
    with tempfile.TemporaryDirectory() as folder:
        if store is None:
            return run_guest_python(arguments, environment)
        authority = CertificateAuthority(Path(folder), "bulwark sandbox Amazon Root CA")
        with serve_cache(store, authority.build_context(host)) as port:
            return run_guest_python(
                arguments, environment, hosts={host: port}, root_file=authority.root_file
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
    """The value as ECS puts it into a container: of a secret, of a key of it, of a parameter.

    ECS Developer Guide, "Pass Secrets Manager secrets through environment variables".
    """
    words = reference.split(":")
    if len(words) > 2 and words[2] == "ssm":
        name = words[5].removeprefix("parameter")
        parameters = ssm_backends[backend.account_id][backend.region_name]
        parameter: Any = parameters.get_parameter(name)
        return str(parameter.value)
    arn, key = ":".join(words[:7]), words[7] if len(words) > 7 else ""
    secrets = secretsmanager_backends[backend.account_id][backend.region_name]
    value = secrets.get_secret_value(arn, "", "")["SecretString"]
    return str(json.loads(value)[key]) if key else str(value)
