"""Names that a first deployment would give, and that something in AWS has already.

Pulumi's preview asks its own state alone: it shows a create, and AWS refuses it in the middle of
the deployment, or, for alarms, dashboards and topics, takes it for the thing that is there. So
every resource with a fixed name that would be created is looked up first. What is left of a stack
that was destroyed is found as well: a log group, an alias, a bucket that was kept.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.check_runner import send_read
from ops.core.checks import ReadRequest, ResponseItem, UnknownAnswerError, build_read
from ops.core.counts import format_count
from ops.core.errors import FindingsError
from ops.core.s3 import HEAD_NOT_FOUND_CODE
from ops.preview.changes import Preview, ResourceChange

READS_AT_ONCE: Final = 8
MAX_SHOWN_NAMES: Final = 10
IMPORTS_PAGE: Final = "docs/adopt.md"


@dataclass(frozen=True)
class NameLookup:
    """How a name is looked up: a read, and which of its items has the name.

    `input_name` is the input that holds it. `build_params` makes the call's parameters from it.
    `item_field` is the item's field that must be equal to it; empty if every item is a match.
    `is_overwritten` is True if AWS does not refuse the name, and changes what is there.
    """

    api: str
    items_key: str
    input_name: str
    build_params: Callable[[str], Mapping[str, Any]]
    item_field: str = ""
    absent_codes: tuple[str, ...] = ()
    is_overwritten: bool = False
    inactive_status: str = ""  # an item with this status has given its name back
    record_type: str = ""  # of a DNS record, whose name alone is not one thing


def _take_name(key: str) -> Callable[[str], Mapping[str, Any]]:
    return lambda name: {key: name}


def _take_names(key: str) -> Callable[[str], Mapping[str, Any]]:
    return lambda name: {key: [name]}


# By Pulumi's type. Error codes: the API reference of each call. Types that are not here get a name
# from Pulumi or AWS, or stand inside another resource.
NAME_LOOKUPS: Final[Mapping[str, NameLookup]] = {
    "aws:autoscaling/group:Group": NameLookup(
        "autoscaling.describe_auto_scaling_groups",
        "AutoScalingGroups",
        "name",
        _take_names("AutoScalingGroupNames"),
    ),
    # DescribeBackupVault answers AccessDenied for a vault that is not there, so they are listed.
    "aws:backup/vault:Vault": NameLookup(
        "backup.list_backup_vaults",
        "BackupVaultList",
        "name",
        lambda _: {},
        item_field="BackupVaultName",
    ),
    "aws:cloudwatch/dashboard:Dashboard": NameLookup(
        "cloudwatch.list_dashboards",
        "DashboardEntries",
        "dashboardName",
        _take_name("DashboardNamePrefix"),
        item_field="DashboardName",
        is_overwritten=True,
    ),
    "aws:cloudwatch/logGroup:LogGroup": NameLookup(
        "logs.describe_log_groups",
        "logGroups",
        "name",
        _take_name("logGroupNamePrefix"),
        item_field="logGroupName",
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": NameLookup(
        "cloudwatch.describe_alarms",
        "MetricAlarms",
        "name",
        lambda name: {"AlarmNames": [name], "AlarmTypes": ["MetricAlarm"]},
        is_overwritten=True,
    ),
    "aws:ecr/repository:Repository": NameLookup(
        "ecr.describe_repositories",
        "repositories",
        "name",
        _take_names("repositoryNames"),
        absent_codes=("RepositoryNotFoundException",),
    ),
    "aws:ecs/cluster:Cluster": NameLookup(
        "ecs.describe_clusters",
        "clusters",
        "name",
        _take_names("clusters"),
        inactive_status="INACTIVE",
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": NameLookup(
        "elasticache.describe_replication_groups",
        "ReplicationGroups",
        "replicationGroupId",
        _take_name("ReplicationGroupId"),
        absent_codes=("ReplicationGroupNotFoundFault",),
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": NameLookup(
        "elasticache.describe_cache_subnet_groups",
        "CacheSubnetGroups",
        "name",
        _take_name("CacheSubnetGroupName"),
        absent_codes=("CacheSubnetGroupNotFoundFault",),
    ),
    "aws:iam/instanceProfile:InstanceProfile": NameLookup(
        "iam.get_instance_profile",
        "",
        "name",
        _take_name("InstanceProfileName"),
        absent_codes=("NoSuchEntity",),
    ),
    "aws:iam/policy:Policy": NameLookup(
        "iam.list_policies",
        "Policies",
        "name",
        lambda _: {"Scope": "Local"},
        item_field="PolicyName",
    ),
    "aws:iam/role:Role": NameLookup(
        "iam.get_role", "", "name", _take_name("RoleName"), absent_codes=("NoSuchEntity",)
    ),
    "aws:kms/alias:Alias": NameLookup(
        "kms.list_aliases", "Aliases", "name", lambda _: {}, item_field="AliasName"
    ),
    "aws:lambda/function:Function": NameLookup(
        "lambda.get_function",
        "",
        "name",
        _take_name("FunctionName"),
        absent_codes=("ResourceNotFoundException",),
    ),
    "aws:lb/loadBalancer:LoadBalancer": NameLookup(
        "elbv2.describe_load_balancers",
        "LoadBalancers",
        "name",
        _take_names("Names"),
        absent_codes=("LoadBalancerNotFound", "LoadBalancerNotFoundException"),
    ),
    "aws:rds/eventSubscription:EventSubscription": NameLookup(
        "rds.describe_event_subscriptions",
        "EventSubscriptionsList",
        "name",
        _take_name("SubscriptionName"),
        absent_codes=("SubscriptionNotFound", "SubscriptionNotFoundFault"),
    ),
    "aws:rds/instance:Instance": NameLookup(
        "rds.describe_db_instances",
        "DBInstances",
        "identifier",
        _take_name("DBInstanceIdentifier"),
        absent_codes=("DBInstanceNotFound", "DBInstanceNotFoundFault"),
    ),
    "aws:rds/subnetGroup:SubnetGroup": NameLookup(
        "rds.describe_db_subnet_groups",
        "DBSubnetGroups",
        "name",
        _take_name("DBSubnetGroupName"),
        absent_codes=("DBSubnetGroupNotFoundFault", "DBSubnetGroupNotFound"),
    ),
    "aws:s3/bucket:Bucket": NameLookup(
        "s3.head_bucket", "", "bucket", _take_name("Bucket"), absent_codes=(HEAD_NOT_FOUND_CODE,)
    ),
    "aws:sns/topic:Topic": NameLookup(
        "sns.list_topics",
        "Topics",
        "name",
        lambda _: {},
        item_field="TopicArn",
        is_overwritten=True,
    ),
    "aws:ssm/parameter:Parameter": NameLookup(
        "ssm.get_parameters", "Parameters", "name", _take_names("Names")
    ),
    "aws:wafv2/webAcl:WebAcl": NameLookup(
        "wafv2.list_web_acls",
        "WebACLs",
        "name",
        lambda _: {"Scope": "REGIONAL"},
        item_field="Name",
    ),
}
RECORD_TYPE: Final = "aws:route53/record:Record"
RECORDS_API: Final = "route53.list_resource_record_sets"


@dataclass(frozen=True)
class TakenName:
    """A name that a deployment would give and that is taken."""

    type: str
    name: str
    region: str
    is_overwritten: bool

    def describe(self) -> str:
        """Names the resource, and what AWS would do."""
        fate = "it would be overwritten" if self.is_overwritten else "AWS would refuse it"
        return f"{self.type.rpartition(':')[2]} {self.name} in {self.region}: {fate}"


@dataclass(frozen=True)
class NameAnswers:
    """Names that are taken, and names that could not be looked up, each with the reason."""

    taken: tuple[TakenName, ...]
    unknown: Mapping[str, str]


def require_free_names(answers: NameAnswers, override_reason: str | None) -> tuple[str, ...]:
    """The notes of a plan. Raises FindingsError if names are taken and no reason was given."""
    notes = [
        f"{format_count(len(answers.unknown), 'name')} could not be looked up, "
        f"like {name}: {reason}"
        for name, reason in list(answers.unknown.items())[:1]
    ]
    if not answers.taken:
        return tuple(notes)
    shown = [taken_name.describe() for taken_name in answers.taken[:MAX_SHOWN_NAMES]]
    if len(answers.taken) > MAX_SHOWN_NAMES:
        shown.append(f"and {len(answers.taken) - MAX_SHOWN_NAMES} more")
    text = "".join(f"\n  {line}" for line in shown)
    if override_reason is None:
        raise FindingsError(
            f"names of the stack are taken: {text}\ndelete what has them if nobody needs it, or "
            f"take it over with the setting `imports` ({IMPORTS_PAGE}); --despite REASON goes on "
            "all the same"
        )
    return (f"in spite of names that are taken, since {override_reason}: {text}", *notes)


def find_taken_names(aws: Aws, region: str, preview: Preview) -> NameAnswers:
    """Looks up every fixed name that the preview would create."""
    lookups = [
        (change, name, read, lookup)
        for change in preview.changes
        if change.kind == "created" and not change.is_imported
        for name, read, lookup in _build_lookups(change, change.region or region)
    ]
    # Many names are found in one list, which is read once.
    reads = dict.fromkeys(read for _, _, read, _ in lookups)
    with ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="names") as pool:
        answers = dict(
            zip(reads, pool.map(lambda read: send_read(aws, read, region), reads), strict=True)
        )
    taken: list[TakenName] = []
    unknown: dict[str, str] = {}
    for change, name, read, lookup in lookups:
        answer = answers[read]
        if isinstance(answer, UnknownAnswerError):
            unknown[f"{change.type.rpartition(':')[2]} {name}"] = str(answer)
        elif _is_taken(name, answer, lookup):
            taken.append(TakenName(change.type, name, read.region or region, lookup.is_overwritten))
    return NameAnswers(tuple(taken), unknown)


def _build_lookups(
    change: ResourceChange, region: str
) -> Iterable[tuple[str, ReadRequest, NameLookup]]:
    """The read of a resource's name; none if it has no name that is fixed and known."""
    if change.type == RECORD_TYPE:
        yield from _build_record_lookup(change, region)
        return
    lookup = NAME_LOOKUPS.get(change.type)
    name = change.new.get(lookup.input_name) if lookup is not None else None
    if lookup is None or not isinstance(name, str) or not name:
        return
    yield (
        name,
        build_read(
            lookup.api,
            lookup.items_key,
            region=region,
            absent_codes=lookup.absent_codes,
            **lookup.build_params(name),
        ),
        lookup,
    )


def _build_record_lookup(
    change: ResourceChange, region: str
) -> Iterable[tuple[str, ReadRequest, NameLookup]]:
    """The record of a zone that is there already; one that may be overwritten asks nothing."""
    zone, name, kind = (change.new.get(key) for key in ("zoneId", "name", "type"))
    if not (zone and name and kind) or change.new.get("allowOverwrite"):
        return
    full_name = f"{str(name).rstrip('.').lower()}."
    lookup = NameLookup(
        RECORDS_API,
        "ResourceRecordSets",
        "name",
        lambda _: {},
        item_field="Name",
        record_type=str(kind),
    )
    read = build_read(
        RECORDS_API,
        "ResourceRecordSets",
        region=region,
        max_pages=1,
        HostedZoneId=str(zone),
        StartRecordName=full_name,
        StartRecordType=str(kind),
        MaxItems="1",
    )
    yield full_name, read, lookup


def _is_taken(name: str, items: Sequence[ResponseItem], lookup: NameLookup) -> bool:
    for item in items:
        if lookup.inactive_status and item.get("status") == lookup.inactive_status:
            continue
        if not lookup.item_field:
            return True
        if lookup.record_type and item.get("Type") != lookup.record_type:
            continue
        # Route 53 writes an asterisk as its octal code (API reference, ListResourceRecordSets).
        value = str(item.get(lookup.item_field, "")).replace("\\052", "*")
        if value == name or (lookup.item_field.endswith("Arn") and value.endswith(f":{name}")):
            return True
    return False
