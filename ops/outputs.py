"""The stack's outputs, typed and versioned: the contract between the stack and ops.

`__main__` exports exactly this and ops reads exactly this. Each part is also stored in SSM
Parameter Store under `/{project}/{stack}/outputs/{part}`, in both regions, so that ops works if
one is down. It holds no secrets, only their ARNs.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

CONTRACT_VERSION: Final = 1
# Parts that grow, by field: in pieces like `outputs/services/web`, since a parameter has 4 to 8 KB.
DIVIDED_PARTS: Final[Mapping[str, str]] = {
    "loadBalancer": "targets",
    "services": "services",
    "alarms": "names",
}
LIST_VALUED_PARTS: Final = frozenset({"alarms"})  # divided parts whose entries are lists of names
EXPORTS_PREFIX: Final = "exports/"  # prefix of exported snapshots in the operations bucket
RUNS_PREFIX: Final = "runs/"  # prefix of the journals of runs, a folder a run
RecordedChecklist = Literal["weekly", "monthly"]  # can be expected to be recorded in time
RECORDED_CHECKLISTS: Final[tuple[RecordedChecklist, ...]] = get_args(RecordedChecklist)
WAIVERS_PREFIX: Final = "waivers/"  # and those of findings
PIECES_KEY: Final = "pieces"  # field of a divided part: the labels of its pieces


class OutputsError(ValueError):
    """The data is not valid outputs of this version."""


class ContractPart(BaseModel):
    """A part of the outputs; camelCase in JSON."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_absent_fields(cls, values: Any) -> Any:
        """Sets absent nullable fields to None: Pulumi omits nulls from outputs."""
        if not isinstance(values, Mapping):
            return values
        absent_fields = {
            name: None
            for name, field in cls.model_fields.items()
            if type(None) in get_args(field.annotation) and not {name, field.alias} & values.keys()
        }
        return {**absent_fields, **values}


class StackPart(ContractPart):
    """The stack's identity and main settings."""

    version: Literal[1] = CONTRACT_VERSION
    project: str
    stack: str
    profile: Literal["dev", "prod"]
    compute: Literal["services", "fleet", "both", "none"]
    protect: bool
    account: str
    region: str
    recovery_region: str | None
    zones: tuple[str, ...]
    data_key_arn: str | None
    logs_key_arn: str | None
    recovery_key_arn: str | None
    log_error_pattern: str | None = None


class NetworkPart(ContractPart):
    """Ids of the network; maps are by zone letter."""

    vpc_id: str
    cidr: str
    public_subnets: dict[str, str]
    private_subnets: dict[str, str]
    database_subnets: dict[str, str]
    nat_gateways: dict[str, str]
    nat_instances: dict[str, str]
    nat_addresses: dict[str, str]
    flow_log_group: str | None


class TargetPart(ContractPart):
    """A target group and the listener rules that forward to it.

    `priorities` are the rules', by a hash of the route; None if an older program deployed them.
    """

    target_group_arn: str
    rule_arns: tuple[str, ...]
    health_path: str
    priorities: dict[str, int] | None = None


class LoadBalancerPart(ContractPart):
    """The load balancer. `targets` is by service name; the fleet's key is `fleet`."""

    arn: str
    name: str
    dns_name: str
    url: str
    security_group_id: str
    listener_arn: str
    maintenance_rule_arn: str
    certificate_arn: str | None
    zone_id: str | None
    name_servers: tuple[str, ...]
    web_acl_arn: str | None
    access_log_bucket: str | None
    targets: dict[str, TargetPart]
    internal: bool = False  # reachable from the VPC and networks connected to it alone


class DatabasePart(ContractPart):
    """The primary DB instance, its replicas and its credentials.

    The secret holds engine, host, port, dbname, username and password. The fence is a security
    group that lets nobody in; None if the stack was deployed before there was one.
    """

    identifier: str
    arn: str
    endpoint: str
    port: int
    database: str
    admin_name: str
    secret_arn: str
    security_group_id: str
    fence_security_group_id: str | None
    subnet_group: str
    parameter_group: str
    engine_version: str
    instance_class: str
    multi_az: bool
    replicas: tuple[str, ...]
    log_groups: tuple[str, ...]
    replicated_backup_arn: str | None
    performance_insights_days: int | None = None
    extended_support: bool | None = None  # as the settings have it; None: not published yet


class ServicePart(ContractPart):
    """One Fargate service. `task_definition_arn` is the revision that Pulumi registered last."""

    name: str
    arn: str
    family: str
    task_definition_arn: str
    container: str
    kind: str = "web"  # a program that did not say so knew no other
    port: int | None  # None: nothing calls it
    queue: str | None = None  # name of the SQS queue that it scales by
    log_group: str
    scaling_resource_id: str | None
    task_role_arn: str
    execution_role_arn: str
    security_group_id: str


class ServicesPart(ContractPart):
    """The ECS cluster and its services, by name."""

    cluster: str
    cluster_arn: str
    services: dict[str, ServicePart]


class FleetPart(ContractPart):
    """The Auto Scaling group. The SSM parameter `image_parameter` holds its image.

    `launch_template_version` is the newest one that was deployed, which may wait for an instance
    refresh; None from a program that did not say so. `checkpoints` are those of a refresh, percent.
    `honors_cooldown`: scaling by hand is refused during the group's cooldown. `patch_baseline_id`
    is the patch baseline of its instances, None from a program that made none.
    """

    group: str
    arn: str
    launch_template_id: str
    launch_template_version: str | None = None
    checkpoints: tuple[int, ...] = ()
    checkpoint_minutes: int = 10
    honors_cooldown: bool = False
    port: int | None = None
    image_parameter: str
    log_group: str
    security_group_id: str
    role_arn: str
    patch_baseline_id: str | None = None


class CachePart(ContractPart):
    """The replication group and its AUTH token's secret."""

    identifier: str
    arn: str
    engine: Literal["valkey", "redis"]
    engine_version: str | None = None
    primary_endpoint: str
    reader_endpoint: str
    port: int
    secret_arn: str
    security_group_id: str


class RegistryPart(ContractPart):
    """URLs of the ECR repositories, by service name."""

    repositories: dict[str, str]


class ObjectivesPart(ContractPart):
    """The service level objectives: percent that must be good, and what counts as slow, in ms.

    `latency_percent` is the share of requests, and of statements, that must not be slow.
    """

    availability_percent: float
    latency_percent: float
    latency_ms: int
    database_availability_percent: float
    statement_latency_ms: int
    deployment_success_percent: float
    backup_success_percent: float


class ContactEntry(ContractPart):
    """Whom to call in an incident, and after how many minutes without an answer."""

    name: str
    reach: str
    after_minutes: int


class SpendingPart(ContractPart):
    """What watches the stack's costs. The budget is in $ a month; None: there is none."""

    budget_name: str | None
    monthly_budget: float | None
    anomaly_monitor_arn: str | None


class AlarmsPart(ContractPart):
    """Topics, alarms by severity, the objectives and the spending; None: not published yet.

    `checklists` are those that must be run and recorded in time.
    """

    page_topic_arn: str
    warn_topic_arn: str
    names: dict[str, tuple[str, ...]]
    objectives: ObjectivesPart | None = None
    contacts: tuple[ContactEntry, ...] = ()
    spending: SpendingPart | None = None
    checklists: tuple[RecordedChecklist, ...] = ()


class DashboardsPart(ContractPart):
    """Names of the dashboards, by what they show."""

    dashboards: dict[str, str]


class BackupsPart(ContractPart):
    """The backup vaults and operations buckets, in both regions."""

    vault: str | None
    plan_id: str | None
    role_arn: str | None
    recovery_vault_arn: str | None
    restore_testing_plan: str | None
    operations_bucket: str
    recovery_bucket: str | None
    export_role_arn: str | None
    outputs_path: str


class AccessPart(ContractPart):
    """The roles that operate the stack; each includes the permissions of the one before."""

    reader_role_arn: str
    operator_role_arn: str
    recoverer_role_arn: str


class Outputs(ContractPart):
    """All outputs of a stack. A part is null if the stack lacks it."""

    stack: StackPart
    network: NetworkPart
    load_balancer: LoadBalancerPart | None
    database: DatabasePart
    services: ServicesPart | None
    fleet: FleetPart | None
    cache: CachePart | None
    registry: RegistryPart | None
    alarms: AlarmsPart
    dashboards: DashboardsPart | None
    backups: BackupsPart
    access: AccessPart | None


def build_outputs_path(project: str, stack: str) -> str:
    """Returns the path of a stack's outputs in Parameter Store."""
    return f"/{project}/{stack}/outputs"


def divide_part(
    part: str, value: Mapping[str, Any] | None, labels: Sequence[str]
) -> dict[str, str]:
    """Returns the parameters of a part, as text by path below `outputs`.

    The first parameter of a divided part has all but the growing field. Each label's parameter has
    the entry of that name or, if the entries are lists, an even share of their items. Raises
    OutputsError unless the labels are the entries' names.
    """
    if value is None or part not in DIVIDED_PARTS:
        return {part: _format_json(value)}
    field = DIVIDED_PARTS[part]
    divided_entries: Mapping[str, Any] = value[field]
    remaining_entries: dict[str, list[str]] = {}
    if part in LIST_VALUED_PARTS:
        shares, remaining_entries = (
            _divide_evenly(divided_entries, labels),
            {key: [] for key in divided_entries},
        )
    elif set(divided_entries) == set(labels):
        shares = {label: {label: divided_entries[label]} for label in labels}
    else:
        raise OutputsError(f"{part}.{field} has {sorted(divided_entries)}, not {sorted(labels)}")
    first_parameter = {**value, field: remaining_entries, PIECES_KEY: list(labels)}
    return {part: _format_json(first_parameter)} | {
        f"{part}/{label}": _format_json(shares[label]) for label in labels
    }


def join_parts(parameters: Mapping[str, str]) -> "Outputs":
    """Joins parameters, by path below `outputs`, into outputs. Raises OutputsError if invalid."""
    outputs: dict[str, Any] = {}
    for part in (to_camel(name) for name in Outputs.model_fields):
        value = _get_json_parameter(parameters, part)
        if value and part in DIVIDED_PARTS:
            divided_entries = value[DIVIDED_PARTS[part]]
            for label in value.pop(PIECES_KEY, ()):
                for key, entry in (
                    _get_json_parameter(parameters, f"{part}/{label}") or {}
                ).items():
                    divided_entries[key] = (
                        [*divided_entries[key], *entry] if part in LIST_VALUED_PARTS else entry
                    )
        outputs[part] = value
    return parse_outputs(outputs)


def parse_outputs(outputs: Mapping[str, Any]) -> "Outputs":
    """Parses the output of `pulumi stack output --json`. Raises OutputsError if it is invalid."""
    try:
        return Outputs.model_validate(outputs)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise OutputsError(
            f"these are not outputs of version {CONTRACT_VERSION}; deploy the stack again: "
            f"{problems}"
        ) from None


def _divide_evenly(
    lists: Mapping[str, Sequence[str]], labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    flat_entries = [(key, entry) for key, entries in lists.items() for entry in entries]
    shares: dict[str, dict[str, Any]] = {label: {} for label in labels}
    for number, (key, entry) in enumerate(flat_entries):
        label = labels[number * len(labels) // len(flat_entries)]
        shares[label].setdefault(key, []).append(entry)
    return shares


def _get_json_parameter(parameters: Mapping[str, str], path: str) -> dict[str, Any] | None:
    if path not in parameters:
        raise OutputsError(f"the parameter {path} is missing; deploy the stack again")
    try:
        value = json.loads(parameters[path])
    except ValueError:
        value = path
    if not isinstance(value, dict | None):
        raise OutputsError(f"the parameter {path} is not a JSON object; deploy the stack again")
    return value


def _format_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
