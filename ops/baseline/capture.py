"""Takes a baseline: all that it holds is read once, in parallel, by the runner of `ops health`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ops.alarms import health as alarms
from ops.baseline.model import AREAS, Alarm, Baseline, Cache, Figure, Fleet, Gap, Instance, Service
from ops.core.aws import Aws
from ops.core.check_runner import run_checks, send_read
from ops.core.checks import (
    HEALTH_STATES,
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    HealthCheck,
    HealthState,
    ResponseItem,
    UnknownAnswerError,
    build_read,
    format_epoch_time,
    get_answer_items,
)
from ops.core.errors import OpsError, UsageError
from ops.database import health as database
from ops.database.parameters import DEFAULT_GROUP_PREFIX
from ops.fleet import health as fleet
from ops.health import cache
from ops.health.registry import HEALTH_CHECKS
from ops.outputs import Outputs
from ops.services import health as services
from ops.usage.capacity import UsageFigure, build_usage_check

PARAMETERS: Final = "rds.describe_db_parameters"
DEFINITION: Final = "ecs.describe_task_definition"
VERSIONS: Final = "ec2.describe_launch_template_versions"
PARAMETER: Final = "ssm.get_parameter"
GONE: Final = "the primary is gone, and with it which group is its own"


@dataclass
class Seen:
    """What the reads have told so far."""

    database: dict[str, Instance] = field(default_factory=dict)
    parameters: dict[str, str | None] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    fleet: dict[str, Fleet] = field(default_factory=dict)
    cache: dict[str, Cache] = field(default_factory=dict)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    def gap(
        self, area: str, subject: str | None, what: str | None, why: UnknownAnswerError | str
    ) -> None:
        """Something is not known."""
        self.gaps.append(Gap(area=area, subject=subject, what=what, why=str(why)))


@dataclass(frozen=True)
class Part:
    """One entry of the table: what is looked at together, and the areas that it tells of."""

    areas: tuple[str, ...]
    look: Callable[[Seen, CheckFacts], CheckRoutine]
    apis: tuple[str, ...]
    applies: Callable[[Outputs], bool] = lambda _: True

    def check(self, seen: Seen) -> HealthCheck:
        """The part as a check: it has no findings, only gaps where a read had no answer."""

        def look(facts: CheckFacts) -> CheckRoutine:
            try:
                yield from self.look(seen, facts)
            except UnknownAnswerError as error:
                for area in self.areas:
                    seen.gap(area, None, None, error)
            return []

        return HealthCheck(self.areas[0], "baseline", look, self.apis)


def taken(outputs: Outputs, aws: Aws, now: datetime, only: Sequence[str] = AREAS) -> Baseline:
    """The stack as it is, or some areas of it.

    Raises UsageError where the credentials are another account's, OpsError where that is not
    known: nothing that is seen would be the stack's for sure.
    """
    seen, figures = Seen(), list[UsageFigure]()
    checks = [
        *(c for c in HEALTH_CHECKS if c.area in (*only, "account") and c.is_applicable(outputs)),
        *(p.check(seen) for p in PARTS if set(p.areas) & set(only) and p.applies(outputs)),
        build_usage_check(outputs, only, figures),
    ]
    facts = CheckFacts(outputs, now, () if only == AREAS else tuple(only))
    found = run_checks(checks, facts, lambda one: send_read(aws, one, outputs.stack.region))
    _own(found)
    stack = outputs.stack
    return Baseline(
        taken=format_epoch_time(now.replace(microsecond=0).timestamp()),
        project=stack.project,
        stack=stack.stack,
        account=stack.account,
        region=stack.region,
        health=_states(found),
        usage=tuple(map(_figure, figures)),
        database=seen.database,
        parameters=seen.parameters,
        services=seen.services,
        fleet=seen.fleet,
        cache=seen.cache,
        alarms=seen.alarms,
        gaps=tuple(sorted(seen.gaps, key=lambda gap: gap.model_dump_json())),
    )


def _own(found: Sequence[CheckFinding]) -> None:
    for one in found:
        if one.area == "account" and one.state == "failing":
            raise UsageError(f"the credentials are {one.evidence}", *filter(None, [one.command]))
        if one.area == "account" and one.state == "unknown":
            raise OpsError(f"whose the credentials are is not known: {one.evidence}")


def _states(found: Sequence[CheckFinding]) -> dict[str, dict[str, HealthState]]:
    """By area and subject; of several of one subject the one that matters most."""
    states: dict[str, dict[str, HealthState]] = {}
    for one in sorted(found, key=lambda f: HEALTH_STATES.index(f.state)):
        if one.area != "account":
            states.setdefault(one.area, {}).setdefault(one.subject, one.state)
    return {area: dict(sorted(states[area].items())) for area in sorted(states)}


def _figure(used: UsageFigure) -> Figure:
    return Figure(
        area=used.area,
        subject=used.subject,
        what=used.what,
        unit=used.unit,
        now=used.now,
        mean=used.mean,
        peak=used.peak,
        unread=used.note if used.is_unread else None,
    )


def _instances(seen: Seen, facts: CheckFacts) -> CheckRoutine:
    """The primary, its replicas also where the settings do not know them, its own parameters."""
    (answer,) = yield [database.build_instances_read(facts)]
    items = list(get_answer_items(answer))
    primary = database.find_primary_item(facts, items)
    names = {item["DBInstanceIdentifier"] for item in items}
    # What is in another region is named by its ARN there.
    own = [n for n in (primary or {}).get("ReadReplicaDBInstanceIdentifiers") or () if ":" not in n]
    if more := sorted(set(own) - names):
        by_name = [{"Name": "db-instance-id", "Values": more}]
        (answer,) = yield [build_read(database.DB_INSTANCES_API, "DBInstances", Filters=by_name)]
        if isinstance(answer, UnknownAnswerError):
            for name in more:
                seen.gap("database", name, None, answer)
        else:
            items += answer
    seen.database.update((item["DBInstanceIdentifier"], _instance(item)) for item in items)
    if primary is None:
        seen.gap("parameters", None, None, GONE)
        return []
    group = primary["DBParameterGroups"][0]["DBParameterGroupName"]
    if group.startswith(DEFAULT_GROUP_PREFIX):
        return []  # nobody can set anything in it
    (answer,) = yield [
        build_read(PARAMETERS, "Parameters", DBParameterGroupName=group, Source="user")
    ]
    if isinstance(answer, UnknownAnswerError):
        seen.gap("parameters", None, None, answer)
    else:
        seen.parameters.update((p["ParameterName"], p.get("ParameterValue")) for p in answer)
    return []


def _instance(item: ResponseItem) -> Instance:
    group: ResponseItem = next(iter(item.get("DBParameterGroups") or ()), {})
    return Instance(
        instance_class=item["DBInstanceClass"],
        engine_version=item["EngineVersion"],
        multi_az=item["MultiAZ"],
        zone=item.get("AvailabilityZone"),
        storage=item["AllocatedStorage"],
        storage_type=item.get("StorageType"),
        iops=item.get("Iops"),
        parameter_group=group.get("DBParameterGroupName"),
        parameters=group.get("ParameterApplyStatus"),
        retention=item.get("BackupRetentionPeriod") or 0,
        protected=bool(item.get("DeletionProtection")),
        replicates=item.get("ReadReplicaSourceDBInstanceIdentifier"),
        pending=tuple(sorted(item.get("PendingModifiedValues") or ())),
    )


def _services(seen: Seen, facts: CheckFacts) -> CheckRoutine:
    """Each service, the images of its revision, and the limits of its scaling."""
    part = services.get_services_contract(facts)
    groups, scaled = services.build_service_reads(part), services.build_scaling_target_reads(part)
    answers = yield [*(r for _, r in groups), *(r for _, r in scaled)]
    described, targets = answers[: len(groups)], answers[len(groups) :]
    items: list[ResponseItem] = []
    for (names, _), answer in zip(groups, described, strict=True):
        if isinstance(answer, UnknownAnswerError):
            for name in names:
                seen.gap("services", name, None, answer)
        else:
            items += answer
    limits: dict[str, dict[str, int]] = {}
    for (names, _), answer in zip(scaled, targets, strict=True):
        if isinstance(answer, UnknownAnswerError):
            for name in names:
                seen.gap("services", name, "scaling", answer)
        else:
            for target in answer:
                span = {"min": target["MinCapacity"], "max": target["MaxCapacity"]}
                limits[target["ResourceId"].rpartition("/")[2]] = span
    arns = sorted({item["taskDefinition"] for item in items})
    answers = yield [build_read(DEFINITION, "", taskDefinition=arn) for arn in arns]
    revisions = dict(zip(arns, answers, strict=True))
    for item in items:
        name, revision = item["serviceName"], revisions[item["taskDefinition"]]
        images: dict[str, str] = {}
        if isinstance(revision, UnknownAnswerError):
            seen.gap("services", name, "images", revision)
        else:
            containers = revision[0]["taskDefinition"]["containerDefinitions"]
            images = {c["name"]: c["image"] for c in containers}
        seen.services[name] = Service(
            status=item["status"],
            revision=item["taskDefinition"].rpartition("/")[2],
            images=images,
            desired=item["desiredCount"],
            running=item["runningCount"],
            scaling=limits.get(name, {}),
        )
    return []


def _fleet(seen: Seen, facts: CheckFacts) -> CheckRoutine:
    """The group, the version of its template by number, and the image that instances run."""
    of = fleet.get_fleet_contract(facts)
    (answer,) = yield [fleet.build_fleet_group_read(of)]
    group = next(iter(get_answer_items(answer)), None)
    if group is None:
        return []
    policy = (group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    used = policy.get("LaunchTemplateSpecification") or group.get("LaunchTemplate") or {}
    template, version = used.get("LaunchTemplateId"), str(used.get("Version") or "$Default")
    versions = [
        build_read(
            VERSIONS, "LaunchTemplateVersions", LaunchTemplateId=template, Versions=[version]
        )
    ]
    image, *rest = yield [
        build_read(PARAMETER, "", Name=of.image_parameter, absent_codes=("ParameterNotFound",)),
        *(versions if template else ()),
    ]
    found: dict[str, Any] = {}
    for answer in rest:
        if isinstance(answer, UnknownAnswerError):
            for what in ("template_version", "machine_image"):
                seen.gap("fleet", of.group, what, answer)
        else:
            found = next(iter(answer), {})
    if isinstance(image, UnknownAnswerError):
        seen.gap("fleet", of.group, "image", image)
        image = []
    seen.fleet[of.group] = Fleet(
        desired=group["DesiredCapacity"],
        in_service=sum(i["LifecycleState"] == "InService" for i in group["Instances"]),
        min_size=group["MinSize"],
        max_size=group["MaxSize"],
        template=template,
        template_version=found.get("VersionNumber"),
        machine_image=(found.get("LaunchTemplateData") or {}).get("ImageId"),
        image=image[0]["Parameter"]["Value"] if image else None,
        suspended=tuple(sorted(p["ProcessName"] for p in group.get("SuspendedProcesses") or ())),
    )
    return []


def _cache(seen: Seen, facts: CheckFacts) -> CheckRoutine:
    (answer,) = yield [cache.build_replication_group_read(facts)]
    for item in get_answer_items(answer):
        seen.cache[item["ReplicationGroupId"]] = Cache(
            engine=item.get("Engine"),
            node_type=item.get("CacheNodeType"),
            nodes=len(item.get("MemberClusters") or ()),
            multi_az=item.get("MultiAZ"),
            failover=item.get("AutomaticFailover"),
        )
    return []


def _alarms(seen: Seen, facts: CheckFacts) -> CheckRoutine:
    answers = yield alarms.build_alarm_reads(facts.outputs)
    items = [item for answer in answers for item in get_answer_items(answer)]
    for item in sorted(items, key=lambda one: str(one["AlarmName"])):
        muted = not item.get("ActionsEnabled", True)
        seen.alarms[item["AlarmName"]] = Alarm(state=item["StateValue"], muted=muted)
    return []


PARTS: Final = (
    Part(("database", "parameters"), _instances, (database.DB_INSTANCES_API, PARAMETERS)),
    Part(
        ("services",),
        _services,
        (services.SERVICES_API, services.SCALABLE_TARGETS_API, DEFINITION),
        lambda o: o.services is not None,
    ),
    Part(
        ("fleet",),
        _fleet,
        (fleet.AUTO_SCALING_GROUPS_API, VERSIONS, PARAMETER),
        lambda o: o.fleet is not None,
    ),
    Part(("cache",), _cache, (cache.REPLICATION_GROUPS_API,), lambda o: o.cache is not None),
    Part(("alarms",), _alarms, (alarms.ALARMS_API,)),
)
