"""The ends of a path as they are typed: parsed before anything is read.

An end is a part of the stack, a task, an instance, an address, `internet` or an AWS service.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, Literal

from ops.core.errors import UsageError
from ops.core.parts import FixedPartName
from ops.outputs import Outputs

EndKind = Literal[
    "service",
    "task",
    "fleet",
    "instance",
    "load-balancer",
    "database",
    "cache",
    "function",
    "address",
    "internet",
    "aws",
]
INSTANCE_PATTERN: Final = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})")
FUNCTION_PREFIX: Final = "function/"
# API reference, GetFunctionConfiguration: letters, digits, hyphens and underscores.
FUNCTION_NAME_PATTERN: Final = re.compile(r"[a-zA-Z0-9-_]{1,64}")
TASK_PATTERN: Final = re.compile(r"[0-9a-f]{32}")
SERVICE_HOST_PATTERN: Final = re.compile(
    r"([a-z0-9][a-z0-9.-]*)\.([a-z]{2}-[a-z-]+-\d)\.amazonaws\.com(\.cn)?"
)
ENDPOINT_PORT: Final = 443
ROTATION_PARTS: Final[tuple[FixedPartName, ...]] = ("rotation", "cache-rotation")
MAX_PORT: Final = 65535
# Names of endpoints, as PrivateLink has them without the region (AWS PrivateLink Guide, "AWS
# services that integrate with AWS PrivateLink"); others are typed as com.amazonaws.REGION.NAME.
AWS_SERVICES: Final = (
    "athena",
    "autoscaling",
    "backup",
    "cloudformation",
    "dynamodb",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "ecs",
    "ecs-agent",
    "ecs-telemetry",
    "elasticache",
    "elasticloadbalancing",
    "events",
    "kinesis-streams",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "rds",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "states",
    "sts",
    "xray",
)
END_FORMS_TEXT: Final = (
    "the id of a task or instance, an IPv4 address, internet, or an AWS service like secretsmanager"
)

CALLER_FORMS_TEXT: Final = (
    "the id of a task or instance, function/NAME, an IPv4 address, or internet"
)
ANSWERING_KINDS: Final[tuple[EndKind, ...]] = ("aws", "database", "cache")  # which call nobody
SOURCE_FORMS_TEXT: Final = f"a service, fleet, load-balancer, {CALLER_FORMS_TEXT}"


@dataclass(frozen=True)
class End:
    """One end of a path: its kind, its name, and the port that it listens on if that is known."""

    kind: EndKind
    name: str
    port: int | None = None


def parse_end(outputs: Outputs, option: str, text: str) -> End:
    """Parses an end. Raises UsageError, naming what there is, if it is none."""
    parts = list_part_ends(outputs)
    if text in parts and (option == "FROM" or parts[text].kind != "function"):
        return parts[text]
    if INSTANCE_PATTERN.fullmatch(text):
        return End("instance", text, outputs.fleet.port if outputs.fleet else None)
    if TASK_PATTERN.fullmatch(text) and outputs.services is not None:
        return End("task", text)
    if text == "internet":
        return End("internet", text)
    name = text.removeprefix(FUNCTION_PREFIX)
    if option == "FROM" and name != text and FUNCTION_NAME_PATTERN.fullmatch(name):
        return End("function", name)
    service = _find_aws_service(outputs, text)
    if service is not None:
        return End("aws", service, ENDPOINT_PORT)
    try:
        return End("address", str(IPv4Address(text)))
    except ValueError:
        pass
    if option == "FROM":
        names = ", ".join(name for name, end in parts.items() if end.kind not in ANSWERING_KINDS)
        raise UsageError(f"FROM must be {names}, {CALLER_FORMS_TEXT}, not {text!r}")
    names = ", ".join(name for name, end in parts.items() if end.kind != "function")
    raise UsageError(f"{option} must be {names}, {END_FORMS_TEXT}, not {text!r}")


def parse_target(outputs: Outputs, text: str) -> tuple[End, int]:
    """Parses TO[:PORT]. Raises UsageError unless the port is one, or known of the part."""
    name, colon, port_text = text.partition(":")
    end = parse_end(outputs, "TO", name)
    if not colon:
        if end.port is None:
            raise UsageError(f"TO must have a port, like {name}:443, not {text!r}")
        return end, end.port
    if not port_text.isascii() or not port_text.isdecimal() or not 1 <= int(port_text) <= MAX_PORT:
        raise UsageError(f"TO must have a port from 1 to {MAX_PORT}, not {port_text!r}")
    return end, int(port_text)


def parse_source(outputs: Outputs, text: str) -> End:
    """Parses FROM. Raises UsageError if nothing calls from there."""
    end = parse_end(outputs, "FROM", text)
    if end.kind in ANSWERING_KINDS:
        raise UsageError(f"FROM must be {SOURCE_FORMS_TEXT}, not {text!r}, which only answers")
    return end


def list_part_ends(outputs: Outputs) -> dict[str, End]:
    """The parts of the stack, by the name that is typed; a service also as `service/NAME`."""
    stack, database = outputs.stack, outputs.database
    prefix = f"{stack.project}-{stack.stack}-"
    ends: dict[str, End] = {}
    for service in outputs.services.services.values() if outputs.services is not None else ():
        end = End("service", service.name, service.port)
        ends |= {service.name: end, f"service/{service.name}": end}
    ends["database"] = End("database", database.identifier, database.port)
    for identifier in (database.identifier, *database.replicas):
        end = End("database", identifier, database.port)
        ends |= {identifier.removeprefix(prefix): end, identifier: end}
    ends[database.endpoint] = End("database", database.identifier, database.port)
    for name in ROTATION_PARTS if outputs.cache is not None else ROTATION_PARTS[:1]:
        ends[name] = End("function", f"{prefix}{name}")
    if outputs.cache is not None:
        cache = End("cache", outputs.cache.identifier, outputs.cache.port)
        ends |= {"cache": cache, outputs.cache.primary_endpoint: cache}
    if outputs.fleet is not None:
        ends["fleet"] = End("fleet", outputs.fleet.group, outputs.fleet.port)
    if outputs.load_balancer is not None:
        port = ENDPOINT_PORT if outputs.load_balancer.url.startswith("https:") else 80
        balancer = End("load-balancer", outputs.load_balancer.name, port)
        ends |= {"load-balancer": balancer, outputs.load_balancer.dns_name: balancer}
    return ends


def _find_aws_service(outputs: Outputs, text: str) -> str | None:
    """The name of an AWS service's endpoint in the stack's region."""
    if text in AWS_SERVICES:
        return text
    full_name = re.fullmatch(r"com\.amazonaws\.([a-z0-9-]+)\.([a-z0-9.-]+)", text)
    if full_name is not None:
        return full_name[2] if full_name[1] == outputs.stack.region else None
    host = SERVICE_HOST_PATTERN.fullmatch(text)
    if host is None or host[2] != outputs.stack.region:
        return None
    hosts: Mapping[str, str] = {"api.ecr": "ecr.api"}
    return hosts.get(host[1], "ecr.dkr" if host[1].endswith(".dkr.ecr") else host[1])
