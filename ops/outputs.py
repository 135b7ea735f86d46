"""The contract between the stack and its operations: what a stack exports, typed and versioned.

`__main__` exports exactly this, operations read exactly this. Each part is also kept in SSM
Parameter Store under `/{project}/{stack}/outputs/{part}`, in the stack's region and in the
recovery region, so that operations work when the state's region does not.
No secret is here: only the ARNs of secrets.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

VERSION: Final = 1
# Parts that grow with the number of services, and the field that grows: a parameter holds 4 KB
# (8 KB in the advanced tier), so these are kept in pieces, `outputs/services/web` and so on.
GROWING: Final[Mapping[str, str]] = {
    "loadBalancer": "targets",
    "services": "services",
    "alarms": "names",
}
LISTED: Final = frozenset({"alarms"})  # growing parts whose entries are lists of names
EXPORTS: Final = "exports/"  # where in the operations bucket exported snapshots are
PIECES: Final = "pieces"  # in a divided part: the labels of its pieces, so that none is missed


class OutputsError(ValueError):
    """What was read is not the outputs of a stack that this program knows."""


class Part(BaseModel):
    """One part of the contract; camelCase outside."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _left_out(cls, values: Any) -> Any:
        """Pulumi leaves out of an output what is null."""
        if not isinstance(values, Mapping):
            return values
        absent = {
            name: None
            for name, field in cls.model_fields.items()
            if type(None) in get_args(field.annotation) and not {name, field.alias} & values.keys()
        }
        return {**absent, **values}


class StackPart(Part):
    """Which stack this is, and how it was meant."""

    version: Literal[1] = VERSION
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


class NetworkPart(Part):
    """Ids of the network; each map is by the letter of the zone."""

    vpc_id: str
    cidr: str
    public_subnets: dict[str, str]
    private_subnets: dict[str, str]
    database_subnets: dict[str, str]
    nat_gateways: dict[str, str]
    nat_instances: dict[str, str]
    nat_addresses: dict[str, str]
    flow_log_group: str | None


class TargetPart(Part):
    """A target group and the rules that lead to it."""

    target_group_arn: str
    rule_arns: tuple[str, ...]
    health_path: str


class LoadBalancerPart(Part):
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


class DatabasePart(Part):
    """The primary DB instance, its replicas and its credentials.

    The secret holds engine, host, port, dbname, username and password.
    """

    identifier: str
    arn: str
    endpoint: str
    port: int
    database: str
    admin_name: str
    secret_arn: str
    security_group_id: str
    subnet_group: str
    parameter_group: str
    engine_version: str
    instance_class: str
    multi_az: bool
    replicas: tuple[str, ...]
    log_groups: tuple[str, ...]
    replicated_backup_arn: str | None


class ServicePart(Part):
    """One Fargate service. `task_definition_arn` is the revision that Pulumi registered last."""

    name: str
    arn: str
    family: str
    task_definition_arn: str
    container: str
    port: int
    log_group: str
    scaling_resource_id: str | None
    task_role_arn: str
    execution_role_arn: str
    security_group_id: str


class ServicesPart(Part):
    """The ECS cluster and its services, by name."""

    cluster: str
    cluster_arn: str
    services: dict[str, ServicePart]


class FleetPart(Part):
    """The Auto Scaling group. The image it runs stands in `image_parameter`."""

    group: str
    arn: str
    launch_template_id: str
    image_parameter: str
    log_group: str
    security_group_id: str
    role_arn: str


class CachePart(Part):
    """The replication group and its AUTH token's secret."""

    identifier: str
    arn: str
    engine: Literal["valkey", "redis"]
    primary_endpoint: str
    reader_endpoint: str
    port: int
    secret_arn: str
    security_group_id: str


class RegistryPart(Part):
    """URLs of the ECR repositories, by name of the service."""

    repositories: dict[str, str]


class AlarmsPart(Part):
    """Topics, alarms by severity and the dashboards."""

    page_topic_arn: str
    warn_topic_arn: str
    names: dict[str, tuple[str, ...]]


class DashboardsPart(Part):
    """Names of the dashboards, by what they show."""

    dashboards: dict[str, str]


class BackupsPart(Part):
    """The vaults and the operations bucket, and what stands in the recovery region."""

    vault: str | None
    plan_id: str | None
    role_arn: str | None
    recovery_vault_arn: str | None
    restore_testing_plan: str | None
    operations_bucket: str
    recovery_bucket: str | None
    export_role_arn: str | None
    outputs_path: str


class AccessPart(Part):
    """The roles that operate the stack: each may what the one before may, and more."""

    reader_role_arn: str
    operator_role_arn: str
    recoverer_role_arn: str


class Outputs(Part):
    """Everything that a stack exports. A part is null where the stack has no such thing."""

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


def outputs_path(project: str, stack: str) -> str:
    """Where in Parameter Store a stack's outputs are."""
    return f"/{project}/{stack}/outputs"


def divide(part: str, value: Mapping[str, Any] | None, labels: Sequence[str]) -> dict[str, str]:
    """The parameters of a part, from path below `outputs` to text.

    Of a growing part, the first holds all but the growing field, and the others share that
    field: to each label the entry of that name, or, where the entries are lists, an even share
    of all their items. Raises OutputsError where the labels are not the entries' names.
    """
    if value is None or part not in GROWING:
        return {part: _text(value)}
    field = GROWING[part]
    grown: Mapping[str, Any] = value[field]
    left: dict[str, list[str]] = {}
    if part in LISTED:
        shares, left = _shares(grown, labels), {key: [] for key in grown}
    elif set(grown) == set(labels):
        shares = {label: {label: grown[label]} for label in labels}
    else:
        raise OutputsError(f"{part}.{field} has {sorted(grown)}, not {sorted(labels)}")
    first = {**value, field: left, PIECES: list(labels)}
    return {part: _text(first)} | {f"{part}/{label}": _text(shares[label]) for label in labels}


def join(parameters: Mapping[str, str]) -> "Outputs":
    """The outputs from their parameters, by path below `outputs`. Raises OutputsError."""
    outputs: dict[str, Any] = {}
    for part in (to_camel(name) for name in Outputs.model_fields):
        value = _parsed(parameters, part)
        if value and part in GROWING:
            grown = value[GROWING[part]]
            for label in value.pop(PIECES, ()):
                for key, entry in (_parsed(parameters, f"{part}/{label}") or {}).items():
                    grown[key] = [*grown[key], *entry] if part in LISTED else entry
        outputs[part] = value
    return read(outputs)


def read(outputs: Mapping[str, Any]) -> "Outputs":
    """The outputs as `pulumi stack output --json` prints them. Raises OutputsError."""
    try:
        return Outputs.model_validate(outputs)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)
        )
        raise OutputsError(
            f"these are not outputs of version {VERSION}, deploy the stack again: {wrong}"
        ) from None


def _shares(lists: Mapping[str, Sequence[str]], labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    flat = [(key, entry) for key, entries in lists.items() for entry in entries]
    shares: dict[str, dict[str, Any]] = {label: {} for label in labels}
    for number, (key, entry) in enumerate(flat):
        label = labels[number * len(labels) // len(flat)]
        shares[label].setdefault(key, []).append(entry)
    return shares


def _parsed(parameters: Mapping[str, str], path: str) -> dict[str, Any] | None:
    if path not in parameters:
        raise OutputsError(f"the parameter {path} is missing, deploy the stack again")
    try:
        value = json.loads(parameters[path])
    except ValueError:
        value = path
    if not isinstance(value, dict | None):
        raise OutputsError(f"the parameter {path} is not an object, deploy the stack again")
    return value


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
