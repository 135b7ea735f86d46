"""Writes on the stack's resources, and who made them, from CloudTrail's event history.

The history has management events of 90 days, about 15 minutes late at most, and of one region;
LookupEvents may be sent twice a second ("LookupEvents", API reference; "Working with CloudTrail
event history", User Guide). Events of IAM are those of one region of the partition, which is looked
up too ("Logging IAM and AWS STS API calls", IAM User Guide).
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Literal

from ops.changes.model import (
    ChangeEvent,
    SourceAnswer,
    SourceGap,
    SourceRequest,
    build_answer,
)
from ops.core.errors import OpsError
from ops.core.parts import STACK_PART, get_service_part
from ops.core.run import WallClock
from ops.core.times import format_local_and_utc, parse_aws_time
from ops.fleet.model import list_read_items
from ops.outputs import Outputs
from ops.services.model import get_arn_name

LookupKey = Literal["EventName", "EventSource", "ReadOnly", "Username"]
LOOKUP_API: Final = "cloudtrail.lookup_events"
# What a network has that the stack's outputs do not name: the call, its list, and the id in it.
NETWORK_READS: Final = (
    ("ec2.describe_network_acls", "NetworkAcls", "NetworkAclId"),
    ("ec2.describe_route_tables", "RouteTables", "RouteTableId"),
    ("ec2.describe_security_groups", "SecurityGroups", "GroupId"),
    ("ec2.describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
)
MAX_LOOKUP_PAGES: Final = 20  # of 50 events: 10 seconds at two requests a second
SECONDS_BETWEEN_PAGES: Final = 0.5
LATE_MINUTES: Final = 15
IAM_EVENT_SOURCE: Final = "iam.amazonaws.com"
# By partition, where the events of IAM are; of the last two an assumption.
GLOBAL_REGIONS: Final = {"aws": "us-east-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"}
# Writes that AWS's services and agents make all the time, and that change nothing of the stack.
UNREMARKABLE_EVENTS: Final = frozenset(
    {
        "AssumeRole",
        "AssumeRoleWithSAML",
        "AssumeRoleWithWebIdentity",
        "ConsoleLogin",
        "CreateLogStream",
        "OpenDataChannel",
        "OpenControlChannel",
        "CreateControlChannel",
        "CreateDataChannel",
        "PutInventory",
        "UpdateInstanceAssociationStatus",
        "UpdateInstanceInformation",
        "DiscoverPollEndpoint",
        "SubmitTaskStateChange",
        "SubmitContainerStateChange",
        "RegisterContainerInstance",
    }
)
# Where a call came from, by a part of its user agent.
CLIENTS: Final = (
    ("bulwark-ops", "ops"),
    ("pulumi", "Pulumi"),
    ("terraform", "Pulumi"),
    ("console.amazonaws.com", "the console"),
    ("signin.amazonaws.com", "the console"),
    ("aws-cli", "the AWS CLI"),
)


def read_api_writes(request: SourceRequest) -> SourceAnswer:
    """Calls that changed the stack's resources or were refused; read-only ones are left out.

    Stops after some pages, the newest events first, and says since when events were read.
    """
    gaps: list[SourceGap] = []
    parts = dict.fromkeys(_list_network_ids(request, gaps), "network")
    parts |= list_resource_parts(request.outputs)
    items = _look_up(request, request.outputs.stack.region, "ReadOnly", "false", gaps)
    iam_region = find_global_region(request.outputs)
    if iam_region not in (None, request.outputs.stack.region):
        try:
            items += _look_up(request, iam_region, "EventSource", IAM_EVENT_SOURCE, gaps)
        except OpsError as error:
            gaps.append(SourceGap("cloudtrail", f"changes of roles are missing: {error}"))
    events = [
        event
        for item in reversed(items)
        if (event := build_event(item, parts, request.outputs)) is not None
    ]
    if (request.now - request.span.until).total_seconds() < LATE_MINUTES * 60:
        reason = f"events of the last {LATE_MINUTES} minutes may still come"
        gaps.append(SourceGap("cloudtrail", reason, is_failure=False))
    return build_answer(request, events, *gaps)


def list_resource_parts(outputs: Outputs) -> dict[str, str]:
    """The names and ids by which a call names a resource of the stack, and the part of each."""
    network, database = outputs.network, outputs.database
    parts = dict.fromkeys(
        (
            network.vpc_id,
            *network.public_subnets.values(),
            *network.private_subnets.values(),
            *network.database_subnets.values(),
            *network.nat_gateways.values(),
            *network.nat_instances.values(),
        ),
        "network",
    )
    if (balancer := outputs.load_balancer) is not None:
        groups = [target.target_group_arn for target in balancer.targets.values()]
        certificates = [balancer.certificate_arn] if balancer.certificate_arn else []
        names = (balancer.name, balancer.arn, balancer.security_group_id, *certificates, *groups)
        parts |= dict.fromkeys(names, "load-balancer")
    if (cache := outputs.cache) is not None:
        names = (cache.identifier, cache.security_group_id, cache.secret_arn)
        parts |= dict.fromkeys(names, "cache")
    if (fleet := outputs.fleet) is not None:
        names = (fleet.group, fleet.launch_template_id, fleet.security_group_id, fleet.role_arn)
        parts |= dict.fromkeys((*names, fleet.image_parameter), "fleet")
    names = (
        database.identifier,
        database.parameter_group,
        database.subnet_group,
        database.secret_arn,
        database.security_group_id,
        *database.replicas,
    )
    parts |= dict.fromkeys(names, "database")
    for service in outputs.services.services.values() if outputs.services is not None else ():
        names = (service.arn, service.family, service.security_group_id, service.task_role_arn)
        scaling = [service.scaling_resource_id] if service.scaling_resource_id else []
        parts |= dict.fromkeys((*names, *scaling), get_service_part(outputs, service.name))
    alarms = outputs.alarms
    alarm_names = (name for names in alarms.names.values() for name in names)
    parts |= dict.fromkeys((alarms.page_topic_arn, alarms.warn_topic_arn, *alarm_names), "alarms")
    stack = outputs.stack
    keys = (stack.data_key_arn, stack.logs_key_arn, stack.recovery_key_arn)
    # A call names a key by its ARN, or by its id alone (KMS Developer Guide, "Key identifiers").
    key_names = (name for key in keys if key for name in (key, key.rpartition("/")[2]))
    parts |= dict.fromkeys(key_names, STACK_PART)
    return parts


def build_event(
    item: Mapping[str, Any], parts: Mapping[str, str], outputs: Outputs
) -> ChangeEvent | None:
    """A write to a resource of the stack; None if it belongs to another, or does not matter.

    Its parameters may hold what is secret, so that only names of resources are shown.
    """
    if str(item.get("ReadOnly")).lower() == "true" or item["EventName"] in UNREMARKABLE_EVENTS:
        return None
    record = json.loads(item.get("CloudTrailEvent") or "{}")
    parameters = record.get("requestParameters")
    source = str(item["EventSource"]).removesuffix(".amazonaws.com")
    found = (
        _find_service(parameters, outputs) if source == "ecs" else None
    ) or find_stack_resource(
        [*list_resource_names(item), *_list_texts(parameters)], source, parts, outputs
    )
    if found is None:
        return None
    name, part = found
    error_code = record.get("errorCode")
    client = find_client(str(record.get("userAgent") or ""))
    return ChangeEvent(
        parse_aws_time(item["EventTime"]),
        "cloudtrail",
        part,
        f"{source}:{item['EventName']} {name}{f' by {client}' if client else ''}",
        actor=find_actor(record.get("userIdentity") or {}) or item.get("Username"),
        outcome=f"refused: {error_code}" if error_code else None,
        subject=str(item["EventId"]),
    )


def list_resource_names(item: Mapping[str, Any]) -> list[str]:
    """The names of resources that CloudTrail itself says an event is of."""
    return [
        str(resource["ResourceName"])
        for resource in item.get("Resources") or ()
        if resource.get("ResourceName")
    ]


def find_stack_resource(
    texts: list[str], source: str, parts: Mapping[str, str], outputs: Outputs
) -> tuple[str, str] | None:
    """The first text that names a resource of the stack, and its part; None if there is none."""
    return _find_named_part(texts, parts) or _find_prefixed_part(texts, source, outputs)


def build_lookup_params(
    key: LookupKey, value: str, since: datetime, until: datetime
) -> dict[str, Any]:
    """The parameters of LookupEvents for what has an attribute: it takes one at most."""
    return {
        "LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}],
        "StartTime": int(since.timestamp()),
        "EndTime": int(until.timestamp()) + 1,
    }


def find_global_region(outputs: Outputs) -> str | None:
    """The region of the stack's partition that has the events of IAM."""
    return GLOBAL_REGIONS.get(outputs.database.arn.split(":")[1])


def find_actor(identity: Mapping[str, Any]) -> str | None:
    """Who a call was made by: a user, a session and its role, root, or a service of AWS.

    Source: CloudTrail User Guide, "CloudTrail userIdentity element".
    """
    kind = identity.get("type")
    if kind == "Root":
        return "root"
    if kind == "AssumedRole":
        session = str(identity.get("principalId") or "").partition(":")[2]
        issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
        role = issuer.get("userName")
        if identity.get("invokedBy") and not session:
            return str(identity["invokedBy"])
        return f"{session} ({role})" if session and role else session or role
    name = identity.get("userName") or identity.get("invokedBy") or identity.get("arn")
    return str(name) if name else None


def _look_up(
    request: SourceRequest, region: str | None, key: LookupKey, value: str, gaps: list[SourceGap]
) -> list[Mapping[str, Any]]:
    """The events of a region that have an attribute, the newest first, up to a limit."""
    clock = WallClock()
    items: list[Mapping[str, Any]] = []
    params = build_lookup_params(key, value, request.span.since, request.span.until)
    for number, page in enumerate(request.context.aws.list_pages(LOOKUP_API, params, region), 1):
        items += page.get("Events") or ()
        if not page.get("NextToken"):
            break
        if number == MAX_LOOKUP_PAGES:
            oldest = min(parse_aws_time(item["EventTime"]) for item in items)
            reason = (
                f"only the account's newest {len(items)} writes were read, none before "
                f"{format_local_and_utc(oldest)}: a shorter span has them all"
            )
            gaps.append(SourceGap("cloudtrail", reason))
            break
        clock.sleep(SECONDS_BETWEEN_PAGES)
    return items


def _list_network_ids(request: SourceRequest, gaps: list[SourceGap]) -> list[str]:
    """Ids of the network's rules and routes; what cannot be read is a gap."""
    network_filter = {"Name": "vpc-id", "Values": [request.outputs.network.vpc_id]}
    ids: list[str] = []
    for api, key, field in NETWORK_READS:
        try:
            items = list_read_items(request.context.aws, api, key, {"Filters": [network_filter]})
            ids += [str(item[field]) for item in items]
        except OpsError as error:
            reason = f"changes of the network's {key} are missing: {error}"
            gaps.append(SourceGap("cloudtrail", reason))
    return ids


def _list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if "password" not in str(key).lower() and "secretstring" not in str(key).lower():
                yield from _list_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _list_texts(item)


def _find_service(parameters: Any, outputs: Outputs) -> tuple[str, str] | None:
    """The service that a call of ECS names beside the stack's cluster, and its part."""
    if not isinstance(parameters, Mapping) or outputs.services is None:
        return None
    if get_arn_name(str(parameters.get("cluster"))) != outputs.services.cluster:
        return None
    name = get_arn_name(str(parameters.get("service") or parameters.get("serviceName")))
    if name not in outputs.services.services:
        return None
    return name, get_service_part(outputs, name)


def _find_named_part(values: list[str], parts: Mapping[str, str]) -> tuple[str, str] | None:
    """The first value that is a resource of the stack, or an ARN that has one in its path."""
    for value in values:
        last_part = value.rpartition(":")[2]
        for candidate in (value, last_part, *reversed(last_part.split("/"))):
            if candidate in parts:
                return candidate.rpartition(":")[2] or candidate, parts[candidate]
    return None


def _find_prefixed_part(values: list[str], source: str, outputs: Outputs) -> tuple[str, str] | None:
    """The first value whose name or path begins as those of the stack, and its part.

    Another stack whose name begins with this one's and a hyphen would be taken for this one.
    """
    project, stack = outputs.stack.project, outputs.stack.stack
    prefix = f"{project}-{stack}"
    services = outputs.services.services if outputs.services is not None else {}
    for value in values:
        last_part = value.rpartition(":")[2]
        if last_part.removeprefix("parameter").startswith(f"/{project}/{stack}/"):
            return last_part, STACK_PART
        for name in last_part.split("/"):
            if name != prefix and not name.startswith(f"{prefix}-"):
                continue
            if source == "monitoring":
                return name, "alarms"
            short_name = name.removeprefix(prefix).removeprefix("-").removeprefix("services-")
            for word in ("database", "cache", "fleet"):
                if short_name == word or short_name.startswith(f"{word}-"):
                    return name, word
            for service in services:
                if short_name == service or short_name.startswith(f"{service}-"):
                    return name, get_service_part(outputs, service)
            return name, STACK_PART
    return None


def find_client(user_agent: str) -> str | None:
    """The program that a call came from, by its user agent; None if it is none that is known."""
    lower = user_agent.lower()
    return next((name for part, name in CLIENTS if part in lower), None)
