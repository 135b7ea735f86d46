"""Takes a baseline: all that it holds is read once, in parallel, by the runner of `ops health`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ops.alarms import health as alarms
from ops.baseline.model import (
    BASELINE_AREAS,
    Baseline,
    BaselineAlarm,
    BaselineCache,
    BaselineFigure,
    BaselineFleet,
    BaselineGap,
    BaselineInstance,
    BaselineService,
)
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
from ops.core.scaling_apis import (
    AUTO_SCALING_GROUPS_API,
    SCALABLE_TARGETS_API,
    TEMPLATE_VERSIONS_API,
)
from ops.database import health as database
from ops.database.parameters import DEFAULT_GROUP_PREFIX
from ops.fleet import health as fleet
from ops.health import cache
from ops.health.registry import select_health_checks
from ops.outputs import Outputs
from ops.services import health as services
from ops.usage.capacity import UsageFigure, build_usage_check

DB_PARAMETERS_API: Final = "rds.describe_db_parameters"
TASK_DEFINITION_API: Final = "ecs.describe_task_definition"
SSM_PARAMETER_API: Final = "ssm.get_parameter"
PRIMARY_GONE_REASON: Final = "the primary is gone, and with it which group is its own"


@dataclass
class BaselineObservation:
    """What the reads have told so far."""

    database: dict[str, BaselineInstance] = field(default_factory=dict)
    parameters: dict[str, str | None] = field(default_factory=dict)
    services: dict[str, BaselineService] = field(default_factory=dict)
    fleet: dict[str, BaselineFleet] = field(default_factory=dict)
    cache: dict[str, BaselineCache] = field(default_factory=dict)
    alarms: dict[str, BaselineAlarm] = field(default_factory=dict)
    gaps: list[BaselineGap] = field(default_factory=list)

    def add_gap(
        self,
        area: str,
        subject: str | None,
        field_name: str | None,
        reason: UnknownAnswerError | str,
    ) -> None:
        """Something is not known."""
        self.gaps.append(BaselineGap(area=area, subject=subject, what=field_name, why=str(reason)))


@dataclass(frozen=True)
class BaselinePart:
    """One entry of the table: what is looked at together, and the areas that it tells of."""

    areas: tuple[str, ...]
    build_routine: Callable[[BaselineObservation, CheckFacts], CheckRoutine]
    apis: tuple[str, ...]
    is_applicable: Callable[[Outputs], bool] = lambda _: True

    def build_check(self, observation: BaselineObservation) -> HealthCheck:
        """The part as a check: it has no findings, only gaps where a read had no answer."""

        def run_routine(facts: CheckFacts) -> CheckRoutine:
            try:
                yield from self.build_routine(observation, facts)
            except UnknownAnswerError as error:
                for area in self.areas:
                    observation.add_gap(area, None, None, error)
            return []

        return HealthCheck(self.areas[0], "baseline", run_routine, self.apis)


def capture_baseline(
    outputs: Outputs, aws: Aws, now: datetime, areas: Sequence[str] = BASELINE_AREAS
) -> Baseline:
    """The stack as it is, or some areas of it.

    Raises UsageError where the credentials are another account's, OpsError where that is not
    known: nothing that is seen would be the stack's for sure.
    """
    observation, figures = BaselineObservation(), list[UsageFigure]()
    checks = [
        *(
            check
            for check in select_health_checks(
                "baseline", lambda record: record.area in (*areas, "account")
            )
            if check.is_applicable(outputs)
        ),
        *(
            part.build_check(observation)
            for part in BASELINE_PARTS
            if set(part.areas) & set(areas) and part.is_applicable(outputs)
        ),
        build_usage_check(outputs, areas, figures),
    ]
    facts = CheckFacts(outputs, now, () if areas == BASELINE_AREAS else tuple(areas))
    findings = run_checks(
        checks, facts, lambda request: send_read(aws, request, outputs.stack.region)
    )
    _require_own_account(findings)
    stack = outputs.stack
    return Baseline(
        taken=format_epoch_time(now.replace(microsecond=0).timestamp()),
        project=stack.project,
        stack=stack.stack,
        account=stack.account,
        region=stack.region,
        health=_group_states(findings),
        usage=tuple(map(_build_figure, figures)),
        database=observation.database,
        parameters=observation.parameters,
        services=observation.services,
        fleet=observation.fleet,
        cache=observation.cache,
        alarms=observation.alarms,
        gaps=tuple(sorted(observation.gaps, key=lambda gap: gap.model_dump_json())),
    )


def _require_own_account(findings: Sequence[CheckFinding]) -> None:
    for finding in findings:
        if finding.area == "account" and finding.state == "failing":
            raise UsageError(
                f"the credentials are {finding.evidence}", *filter(None, [finding.command])
            )
        if finding.area == "account" and finding.state == "unknown":
            raise OpsError(f"whose the credentials are is not known: {finding.evidence}")


def _group_states(findings: Sequence[CheckFinding]) -> dict[str, dict[str, HealthState]]:
    """By area and subject; of several of one subject the one that matters most."""
    states: dict[str, dict[str, HealthState]] = {}
    for finding in sorted(findings, key=lambda f: HEALTH_STATES.index(f.state)):
        if finding.area != "account":
            states.setdefault(finding.area, {}).setdefault(finding.subject, finding.state)
    return {area: dict(sorted(states[area].items())) for area in sorted(states)}


def _build_figure(usage_figure: UsageFigure) -> BaselineFigure:
    return BaselineFigure(
        area=usage_figure.area,
        subject=usage_figure.subject,
        what=usage_figure.what,
        unit=usage_figure.unit,
        now=usage_figure.now,
        mean=usage_figure.mean,
        peak=usage_figure.peak,
        unread=usage_figure.note if usage_figure.is_unread else None,
    )


def _read_instances(observation: BaselineObservation, facts: CheckFacts) -> CheckRoutine:
    """The primary, its replicas also where the settings do not know them, its own parameters."""
    (answer,) = yield [database.build_instances_read(facts)]
    items = list(get_answer_items(answer))
    primary = database.find_primary_item(facts, items)
    names = {item["DBInstanceIdentifier"] for item in items}
    # What is in another region is named by its ARN there.
    replica_names = [
        replica
        for replica in (primary or {}).get("ReadReplicaDBInstanceIdentifiers") or ()
        if ":" not in replica
    ]
    if unlisted_names := sorted(set(replica_names) - names):
        filters = [{"Name": "db-instance-id", "Values": unlisted_names}]
        (answer,) = yield [build_read(database.DB_INSTANCES_API, "DBInstances", Filters=filters)]
        if isinstance(answer, UnknownAnswerError):
            for name in unlisted_names:
                observation.add_gap("database", name, None, answer)
        else:
            items += answer
    observation.database.update(
        (item["DBInstanceIdentifier"], _parse_instance(item)) for item in items
    )
    if primary is None:
        observation.add_gap("parameters", None, None, PRIMARY_GONE_REASON)
        return []
    group = primary["DBParameterGroups"][0]["DBParameterGroupName"]
    if group.startswith(DEFAULT_GROUP_PREFIX):
        return []  # nobody can set anything in it
    (answer,) = yield [
        build_read(DB_PARAMETERS_API, "Parameters", DBParameterGroupName=group, Source="user")
    ]
    if isinstance(answer, UnknownAnswerError):
        observation.add_gap("parameters", None, None, answer)
    else:
        observation.parameters.update(
            (parameter["ParameterName"], parameter.get("ParameterValue")) for parameter in answer
        )
    return []


def _parse_instance(item: ResponseItem) -> BaselineInstance:
    group: ResponseItem = next(iter(item.get("DBParameterGroups") or ()), {})
    return BaselineInstance(
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


def _read_services(observation: BaselineObservation, facts: CheckFacts) -> CheckRoutine:
    """Each service, the images of its revision, and the limits of its scaling."""
    part = services.get_services_contract(facts)
    service_reads, target_reads = (
        services.build_service_reads(part),
        services.build_scaling_target_reads(part),
    )
    answers = yield [
        *(request for _, request in service_reads),
        *(request for _, request in target_reads),
    ]
    service_answers, target_answers = answers[: len(service_reads)], answers[len(service_reads) :]
    items: list[ResponseItem] = []
    for (names, _), answer in zip(service_reads, service_answers, strict=True):
        if isinstance(answer, UnknownAnswerError):
            for name in names:
                observation.add_gap("services", name, None, answer)
        else:
            items += answer
    limits: dict[str, dict[str, int]] = {}
    for (names, _), answer in zip(target_reads, target_answers, strict=True):
        if isinstance(answer, UnknownAnswerError):
            for name in names:
                observation.add_gap("services", name, "scaling", answer)
        else:
            for target in answer:
                span = {"min": target["MinCapacity"], "max": target["MaxCapacity"]}
                limits[target["ResourceId"].rpartition("/")[2]] = span
    arns = sorted({item["taskDefinition"] for item in items})
    answers = yield [build_read(TASK_DEFINITION_API, "", taskDefinition=arn) for arn in arns]
    revisions = dict(zip(arns, answers, strict=True))
    for item in items:
        name, revision = item["serviceName"], revisions[item["taskDefinition"]]
        images: dict[str, str] = {}
        if isinstance(revision, UnknownAnswerError):
            observation.add_gap("services", name, "images", revision)
        else:
            containers = revision[0]["taskDefinition"]["containerDefinitions"]
            images = {container["name"]: container["image"] for container in containers}
        observation.services[name] = BaselineService(
            status=item["status"],
            revision=item["taskDefinition"].rpartition("/")[2],
            images=images,
            desired=item["desiredCount"],
            running=item["runningCount"],
            scaling=limits.get(name, {}),
        )
    return []


def _read_fleet(observation: BaselineObservation, facts: CheckFacts) -> CheckRoutine:
    """The group, the version of its template by number, and the image that instances run."""
    contract = fleet.get_fleet_contract(facts)
    (answer,) = yield [fleet.build_fleet_group_read(contract)]
    group = next(iter(get_answer_items(answer)), None)
    if group is None:
        return []
    policy = (group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    template_spec = policy.get("LaunchTemplateSpecification") or group.get("LaunchTemplate") or {}
    template, version = (
        template_spec.get("LaunchTemplateId"),
        str(template_spec.get("Version") or "$Default"),
    )
    versions = [
        build_read(
            TEMPLATE_VERSIONS_API,
            "LaunchTemplateVersions",
            LaunchTemplateId=template,
            Versions=[version],
        )
    ]
    image, *version_answers = yield [
        build_read(
            SSM_PARAMETER_API,
            "",
            Name=contract.image_parameter,
            absent_codes=("ParameterNotFound",),
        ),
        *(versions if template else ()),
    ]
    template_version: dict[str, Any] = {}
    for answer in version_answers:
        if isinstance(answer, UnknownAnswerError):
            for field_name in ("template_version", "machine_image"):
                observation.add_gap("fleet", contract.group, field_name, answer)
        else:
            template_version = next(iter(answer), {})
    if isinstance(image, UnknownAnswerError):
        observation.add_gap("fleet", contract.group, "image", image)
        image = []
    observation.fleet[contract.group] = BaselineFleet(
        desired=group["DesiredCapacity"],
        in_service=sum(
            instance["LifecycleState"] == "InService" for instance in group["Instances"]
        ),
        min_size=group["MinSize"],
        max_size=group["MaxSize"],
        template=template,
        template_version=template_version.get("VersionNumber"),
        machine_image=(template_version.get("LaunchTemplateData") or {}).get("ImageId"),
        image=image[0]["Parameter"]["Value"] if image else None,
        suspended=tuple(
            sorted(process["ProcessName"] for process in group.get("SuspendedProcesses") or ())
        ),
    )
    return []


def _read_cache(observation: BaselineObservation, facts: CheckFacts) -> CheckRoutine:
    (answer,) = yield [cache.build_replication_group_read(facts)]
    for item in get_answer_items(answer):
        observation.cache[item["ReplicationGroupId"]] = BaselineCache(
            engine=item.get("Engine"),
            node_type=item.get("CacheNodeType"),
            nodes=len(item.get("MemberClusters") or ()),
            multi_az=item.get("MultiAZ"),
            failover=item.get("AutomaticFailover"),
        )
    return []


def _read_alarms(observation: BaselineObservation, facts: CheckFacts) -> CheckRoutine:
    answers = yield alarms.build_alarm_reads(facts.outputs)
    items = [item for answer in answers for item in get_answer_items(answer)]
    for item in sorted(items, key=lambda alarm: str(alarm["AlarmName"])):
        is_muted = not item.get("ActionsEnabled", True)
        observation.alarms[item["AlarmName"]] = BaselineAlarm(
            state=item["StateValue"], muted=is_muted
        )
    return []


BASELINE_PARTS: Final = (
    BaselinePart(
        ("database", "parameters"), _read_instances, (database.DB_INSTANCES_API, DB_PARAMETERS_API)
    ),
    BaselinePart(
        ("services",),
        _read_services,
        (services.SERVICES_API, SCALABLE_TARGETS_API, TASK_DEFINITION_API),
        lambda outputs: outputs.services is not None,
    ),
    BaselinePart(
        ("fleet",),
        _read_fleet,
        (AUTO_SCALING_GROUPS_API, TEMPLATE_VERSIONS_API, SSM_PARAMETER_API),
        lambda outputs: outputs.fleet is not None,
    ),
    BaselinePart(
        ("cache",),
        _read_cache,
        (cache.REPLICATION_GROUPS_API,),
        lambda outputs: outputs.cache is not None,
    ),
    BaselinePart(("alarms",), _read_alarms, (alarms.ALARMS_API,)),
)
