"""What a preview would destroy, interrupt or protect less, by resource type and property."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ops.cost.estimate import RESOURCE_PRICERS, is_free_type
from ops.database.failover import REBOOT_TIME_SOURCE
from ops.database.resize import MULTI_AZ_RESIZE_TIME_SOURCE, SINGLE_AZ_RESIZE_TIME_SOURCE
from ops.preview.changes import Preview, ResourceChange
from ops.preview.data_loss import (
    ASSUMPTION,
    DATA_TYPES,
    GUARD_TYPES,
    PROTECTION_RULES,
    ProtectionRule,
)

# Inputs of a database that is created from a backup.
RESTORE_PROPERTIES: Final = ("snapshotIdentifier", "restoreToPointInTime", "s3Import")
# The most serious first.
DangerKind = Literal["data", "unknown", "interrupts", "protects less"]
DANGER_KINDS: Final[tuple[DangerKind, ...]] = ("data", "unknown", "interrupts", "protects less")
# Types that AWS changes in the maintenance window unless applyImmediately is set.
MAINTENANCE_WINDOW_TYPES: Final = frozenset(
    {"rds/instance", "elasticache/replicationGroup", "rds/cluster"}
)


@dataclass(frozen=True)
class ChangeEffect:
    """What a change interrupts, for how long, and the source of that."""

    description: str
    downtime: str
    source: str


@dataclass(frozen=True)
class Danger:
    """One change that needs a person's attention."""

    kind: DangerKind
    change: ResourceChange
    description: str
    downtime: str
    source: str


RESTART_DOWNTIME: Final = "about 1 min; longer after many writes"
INSTANCE_CLASS_EFFECT: Final = ChangeEffect(
    "the database moves to another instance class and restarts",
    "1-2 min with Multi-AZ, else about 10 min",
    f"{MULTI_AZ_RESIZE_TIME_SOURCE}; {SINGLE_AZ_RESIZE_TIME_SOURCE}",
)
ROLLING_UPDATE_EFFECT: Final = ChangeEffect(
    "every task is replaced, the new ones first",
    "none while the new ones become healthy",
    "ECS Developer Guide, Rolling update; the circuit breaker rolls a failed one back",
)
LAUNCH_TEMPLATE_EFFECT: Final = ChangeEffect(
    "new instances use another template; an instance refresh replaces the running ones",
    "none while a refresh keeps the healthy minimum; 3-5 min with a single instance",
    f"EC2 Auto Scaling User Guide, Instance refresh; times are {ASSUMPTION}",
)
CACHE_NODES_EFFECT: Final = ChangeEffect(
    "the cache nodes are replaced one by one, with failovers",
    "writes fail for seconds to minutes; without a replica the cache is down, then empty",
    "ElastiCache User Guide, Scaling and upgrading; times are an assumption",
)

# By type, then by property: what a change of it, without a replacement, interrupts.
UPDATE_EFFECTS: Final[Mapping[str, Mapping[str, ChangeEffect]]] = {
    "rds/instance": {
        "instanceClass": INSTANCE_CLASS_EFFECT,
        "engineVersion": ChangeEffect(
            "the database and its standby are upgraded at once: down until that is done",
            "about 5 min for a minor version, 15 min or more for a major one",
            f"RDS User Guide, Upgrading the PostgreSQL DB engine: times are {ASSUMPTION}",
        ),
        "parameterGroupName": ChangeEffect(
            "static parameters take effect at the next reboot, which must be done by hand",
            RESTART_DOWNTIME,
            f"RDS User Guide, DB parameter groups; {REBOOT_TIME_SOURCE}",
        ),
        "multiAz": ChangeEffect(
            "a standby is added or removed; the first copy of the data slows the database",
            "none; higher latency meanwhile",
            "RDS User Guide, Converting to a Multi-AZ deployment",
        ),
        "allocatedStorage": ChangeEffect(
            "storage grows online; it cannot grow again for 6 h and never shrinks",
            "none",
            "RDS User Guide, Working with storage",
        ),
        "storageType": ChangeEffect(
            "the volume is converted",
            "none between SSD types; higher latency meanwhile",
            "RDS User Guide, Working with storage",
        ),
        "caCertIdentifier": ChangeEffect(
            "the server has another certificate; clients with an old trust store refuse it",
            "none if the engine loads it without a restart, else a restart",
            "RDS User Guide, Rotating your SSL/TLS certificate",
        ),
        "password": ChangeEffect(
            "new connections need the new password",
            "until clients have read it",
            ASSUMPTION,
        ),
        "identifier": ChangeEffect(
            "the database has another address",
            "about 10 min",
            "RDS User Guide, Renaming a DB instance",
        ),
        "vpcSecurityGroupIds": ChangeEffect(
            "who may connect changes",
            "none, unless a client loses access",
            "RDS User Guide, Controlling access with security groups",
        ),
        "port": ChangeEffect(
            "the database restarts on another port", RESTART_DOWNTIME, REBOOT_TIME_SOURCE
        ),
    },
    "rds/parameterGroup": {
        "parameters": ChangeEffect(
            "static parameters take effect at the next reboot, dynamic ones at once",
            f"none until then; the reboot {RESTART_DOWNTIME}",
            f"RDS User Guide, DB parameter groups; {REBOOT_TIME_SOURCE}",
        ),
    },
    "elasticache/replicationGroup": {
        "nodeType": CACHE_NODES_EFFECT,
        "engineVersion": CACHE_NODES_EFFECT,
        "engine": CACHE_NODES_EFFECT,
        "parameterGroupName": ChangeEffect(
            "some parameters need a reboot of each node",
            "that of a reboot, if one is needed",
            "ElastiCache User Guide, Parameter management",
        ),
    },
    "ecs/service": {
        "taskDefinition": ROLLING_UPDATE_EFFECT,
        "networkConfiguration": ROLLING_UPDATE_EFFECT,
        "loadBalancers": ROLLING_UPDATE_EFFECT,
        "capacityProviderStrategies": ROLLING_UPDATE_EFFECT,
        "platformVersion": ROLLING_UPDATE_EFFECT,
        "forceNewDeployment": ROLLING_UPDATE_EFFECT,
        "desiredCount": ChangeEffect(
            "the number of tasks changes",
            "none, unless it is 0",
            "ECS API Reference, UpdateService",
        ),
    },
    "ecs/taskDefinition": {
        "containerDefinitions": ROLLING_UPDATE_EFFECT,
        "cpu": ROLLING_UPDATE_EFFECT,
        "memory": ROLLING_UPDATE_EFFECT,
    },
    "ec2/launchTemplate": dict.fromkeys(
        ("userData", "imageId", "instanceType", "blockDeviceMappings", "networkInterfaces"),
        LAUNCH_TEMPLATE_EFFECT,
    ),
    "autoscaling/group": {
        "launchTemplate": LAUNCH_TEMPLATE_EFFECT,
        "mixedInstancesPolicy": LAUNCH_TEMPLATE_EFFECT,
        "vpcZoneIdentifiers": ChangeEffect(
            "instances move to other subnets",
            "none while the healthy minimum is kept",
            "EC2 Auto Scaling User Guide, Add and remove subnets",
        ),
    },
    "lb/loadBalancer": {
        "securityGroups": ChangeEffect(
            "who may connect changes",
            "none, unless clients lose access",
            "Application Load Balancers, Security groups",
        ),
        "subnets": ChangeEffect(
            "zones are added or removed; connections through a removed one end",
            "none for the other zones",
            "Application Load Balancers, Availability Zones",
        ),
        "subnetMappings": ChangeEffect(
            "zones are added or removed; connections through a removed one end",
            "none for the other zones",
            "Application Load Balancers, Availability Zones",
        ),
    },
    "lb/listener": dict.fromkeys(
        ("defaultActions", "port", "protocol", "certificateArn", "sslPolicy"),
        ChangeEffect(
            "the listener's behaviour changes at once",
            "seconds, if the change is right",
            f"Application Load Balancers, Update a listener; the time is {ASSUMPTION}",
        ),
    ),
    "ec2/instance": dict.fromkeys(
        ("instanceType", "userData"),
        ChangeEffect(
            "the instance is stopped and started; subnets of a NAT instance are offline",
            "1-3 min",
            f"EC2 User Guide, Change the instance type; the time is {ASSUMPTION}",
        ),
    ),
    "route53/record": dict.fromkeys(
        ("records", "aliases", "ttl"),
        ChangeEffect(
            "the name resolves to something else",
            "until cached answers expire (the TTL)",
            "Route 53 Developer Guide, Values for records",
        ),
    ),
}

RECREATION_DOWNTIME: Final = "until it is created again"
RECREATION_MINUTES: Final = f"minutes; {ASSUMPTION}"
# By type: what a replacement or deletion interrupts, for types that hold no data.
REMOVAL_EFFECTS: Final[Mapping[str, ChangeEffect]] = {
    "lb/loadBalancer": ChangeEffect(
        "the load balancer is removed with its name and addresses: the site is down",
        "3-5 min, then until cached answers expire (60 s)",
        f"Elastic Load Balancing User Guide, How it works; the creation: {ASSUMPTION}",
    ),
    "lb/listener": ChangeEffect(
        "nothing answers on its port until it is created again",
        "seconds, if it is created again",
        f"Application Load Balancers, Delete a listener; the time is {ASSUMPTION}",
    ),
    "lb/listenerRule": ChangeEffect(
        "requests match the next rule meanwhile",
        "seconds, if it is created again",
        ASSUMPTION,
    ),
    "lb/targetGroup": ChangeEffect(
        "the listener has no healthy targets until new ones are registered",
        "none if the new one exists before the old one goes, else minutes",
        ASSUMPTION,
    ),
    "ecs/service": ChangeEffect(
        "all its tasks stop before or after the new ones start",
        RECREATION_MINUTES,
        "ECS Developer Guide, Deleting a service",
    ),
    "ecs/cluster": ChangeEffect(
        "all its services are created again", RECREATION_MINUTES, ASSUMPTION
    ),
    "ecs/taskDefinition": ROLLING_UPDATE_EFFECT,
    "ec2/launchTemplate": LAUNCH_TEMPLATE_EFFECT,
    "autoscaling/group": ChangeEffect(
        "all its instances are terminated",
        "none if the new group exists before the old one goes, else minutes",
        "EC2 Auto Scaling User Guide, Delete your Auto Scaling group",
    ),
    "ec2/instance": ChangeEffect(
        "the instance and its root disk are deleted; subnets of a NAT instance are offline",
        f"1-3 min; {ASSUMPTION}",
        "EC2 User Guide, Terminate EC2 instances",
    ),
    "ec2/natGateway": ChangeEffect(
        "its subnets have no internet access, and another address afterwards",
        "1-3 min; connections through it end",
        f"VPC User Guide, NAT gateways; the time is {ASSUMPTION}",
    ),
    "ec2/eip": ChangeEffect(
        "the public address is released; allow lists of third parties no longer match",
        RECREATION_DOWNTIME,
        "EC2 User Guide, Elastic IP addresses",
    ),
    "ec2/vpc": ChangeEffect(
        "everything in the network is created again", RECREATION_DOWNTIME, ASSUMPTION
    ),
    "ec2/subnet": ChangeEffect(
        "everything in it must move or is created again",
        RECREATION_DOWNTIME,
        "VPC User Guide, Delete a subnet: it must be empty",
    ),
    "ec2/routeTable": ChangeEffect("its subnets have no routes meanwhile", "seconds", ASSUMPTION),
    "ec2/routeTableAssociation": ChangeEffect(
        "the subnet has the main table's routes meanwhile",
        "seconds",
        f"VPC User Guide, Subnet route tables; the time is {ASSUMPTION}",
    ),
    "ec2/route": ChangeEffect("traffic on the route is dropped meanwhile", "seconds", ASSUMPTION),
    "ec2/internetGateway": ChangeEffect("nothing gets in or out", RECREATION_MINUTES, ASSUMPTION),
    "ec2/securityGroup": ChangeEffect(
        "clients that it admits lose access, unless the new one exists first",
        RECREATION_DOWNTIME,
        ASSUMPTION,
    ),
    "ec2/vpcEndpoint": ChangeEffect(
        "calls to the service go through NAT or fail meanwhile",
        RECREATION_MINUTES,
        ASSUMPTION,
    ),
    "acm/certificate": ChangeEffect(
        "the listener needs the new one, which must be validated first",
        "none while the old one is kept until then",
        "ACM User Guide, DNS validation",
    ),
    "route53/record": ChangeEffect(
        "the name does not resolve meanwhile",
        "seconds, plus the time that resolvers cache the answer",
        "Route 53 Developer Guide, Values for records",
    ),
    "rds/subnetGroup": ChangeEffect(
        "a database in it is replaced too, or AWS refuses",
        RECREATION_DOWNTIME,
        "RDS User Guide, Working with a DB instance in a VPC",
    ),
    "rds/parameterGroup": ChangeEffect(
        "the database uses another group, whose static parameters need a reboot",
        RESTART_DOWNTIME,
        REBOOT_TIME_SOURCE,
    ),
    "lambda/function": ChangeEffect(
        "its invocations fail meanwhile: a rotation or a hook",
        "seconds",
        ASSUMPTION,
    ),
    "iam/role": ChangeEffect(
        "services and people that assume it lose access meanwhile",
        f"seconds; {ASSUMPTION}",
        "IAM User Guide, Changes that I make are not always immediately visible",
    ),
    "sns/topic": ChangeEffect(
        "its subscriptions are deleted and e-mail must be confirmed again: alarms reach no one",
        "until they are confirmed",
        "SNS Developer Guide, Deleting a topic",
    ),
    "wafv2/webAcl": ChangeEffect(
        "requests are not filtered meanwhile", RECREATION_MINUTES, ASSUMPTION
    ),
    "secretsmanager/secretVersion": ChangeEffect(
        "the secret has another value",
        "until clients have read it",
        "Secrets Manager User Guide, Secret versions",
    ),
}
RANDOM_VALUE_EFFECT: Final = ChangeEffect(
    "a new random value is generated, which other resources use",
    "that of those resources",
    ASSUMPTION,
)
REPLICA_EFFECT: Final = ChangeEffect(
    "a read replica is deleted: clients that read from it fail",
    f"about 15 min until a new one serves; {ASSUMPTION}",
    "RDS User Guide, Working with DB instance read replicas",
)


def list_dangers(preview: Preview) -> list[Danger]:
    """Lists the dangers of a preview, most serious first."""
    unsorted_dangers = [
        danger for change in preview.changes for danger in _list_change_dangers(change)
    ]
    return sorted(unsorted_dangers, key=lambda item: DANGER_KINDS.index(item.kind))


def has_data_loss(dangers: Iterable[Danger]) -> bool:
    """True if data would be lost."""
    return any(danger.kind == "data" for danger in dangers)


def get_short_type(type_: str) -> str:
    """Returns a type as the tables spell it: rds/instance for aws:rds/instance:Instance."""
    type_parts = type_.split(":")
    return type_parts[1] if len(type_parts) == 3 and type_parts[0] == "aws" else type_


def _list_change_dangers(change: ResourceChange) -> Iterable[Danger]:
    short_type = get_short_type(change.type)
    if change.kind == "changed":
        yield from _list_update_dangers(change, short_type)
    elif change.kind in ("replaced", "deleted"):
        yield from _list_removal_dangers(change, short_type)


def _list_removal_dangers(change: ResourceChange, short_type: str) -> Iterable[Danger]:
    """Yields the dangers of a replacement or a deletion."""
    suffix = "; it is protected, so Pulumi refuses" if change.protect else ""
    if change.retained:
        suffix += "; the old one stays in AWS, unused"
    data_type, effect = DATA_TYPES.get(short_type), REMOVAL_EFFECTS.get(short_type)
    if data_type is not None and not change.is_replica:
        description = f"{_describe_removal(change)}: {data_type.describe_loss(change.old)}{suffix}"
        yield Danger("data", change, description, data_type.downtime, data_type.source)
        return
    if change.kind == "deleted" and short_type in GUARD_TYPES:
        description_text, source = GUARD_TYPES[short_type]
        yield Danger("protects less", change, f"{description_text}{suffix}", "none", source)
        return
    if data_type is not None:
        effect = REPLICA_EFFECT
    elif change.type.startswith("random:"):
        effect = RANDOM_VALUE_EFFECT
    if effect is not None:
        description = f"{effect.description}{suffix}"
        yield Danger("interrupts", change, description, effect.downtime, effect.source)
    elif not _is_known_type(change.type):
        description_text = f"unknown type, it may hold data: check before it is {change.kind}"
        yield Danger("unknown", change, f"{description_text}{suffix}", "not known", "-")


def _describe_removal(change: ResourceChange) -> str:
    if change.kind == "deleted":
        return "DELETED"
    if any(change.new.get(name) for name in RESTORE_PROPERTIES):
        return "REPLACED BY ONE FROM A BACKUP, everything written since is lost"
    return "REPLACED BY AN EMPTY ONE"


def _is_known_type(type_: str) -> bool:
    """True if the type is in the price tables, so it is known to hold no data."""
    return type_.startswith("aws:") and (type_ in RESOURCE_PRICERS or is_free_type(type_))


def _list_update_dangers(change: ResourceChange, short_type: str) -> Iterable[Danger]:
    effects = UPDATE_EFFECTS.get(short_type, {})
    for effect in dict.fromkeys(effects[name] for name in change.properties if name in effects):
        description = f"{effect.description}{_describe_timing(change, short_type)}"
        yield Danger("interrupts", change, description, effect.downtime, effect.source)
    for rule in PROTECTION_RULES.get(short_type, ()):
        if rule.property in change.properties and _is_protection_reduced(rule, change):
            danger_kind: DangerKind = "data" if rule.loses_data else "protects less"
            yield Danger(danger_kind, change, rule.description, "none", rule.source)


def _describe_timing(change: ResourceChange, short_type: str) -> str:
    if short_type not in MAINTENANCE_WINDOW_TYPES:
        return ""
    return "; at once" if change.new.get("applyImmediately") else "; in its maintenance window"


def _is_protection_reduced(rule: ProtectionRule, change: ResourceChange) -> bool:
    """True if the new value keeps less than the old one. False if it is not known yet."""
    old: Any = change.old.get(rule.property)
    new: Any = change.new.get(rule.property)
    if rule.property in change.unknown_properties:
        return False
    if rule.change in ("lower", "shorter"):  # for "shorter", 0 or no value means for ever
        was_unlimited = rule.change == "shorter" and not old
        return isinstance(new, int | float) and new > 0 and (was_unlimited or new < (old or 0))
    if rule.change == "zero":
        return bool(old) and new == 0 and new is not None
    return bool(new) and not old if rule.change == "on" else bool(old) and not new
