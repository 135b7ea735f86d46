"""What a preview would destroy, interrupt or protect less: by type and property, from tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ops.cost import estimate as costs
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

# What an instance is made from, where it is not made empty.
RESTORE_PROPERTIES: Final = ("snapshotIdentifier", "restoreToPointInTime", "s3Import")
# The gravest first.
DangerKind = Literal["data", "unknown", "interrupts", "protects less"]
DANGER_KINDS: Final[tuple[DangerKind, ...]] = ("data", "unknown", "interrupts", "protects less")
# What AWS changes in the maintenance window, unless it is told to at once.
MAINTENANCE_WINDOW_TYPES: Final = frozenset(
    {"rds/instance", "elasticache/replicationGroup", "rds/cluster"}
)


@dataclass(frozen=True)
class ChangeEffect:
    """What a change does to whatever uses the resource, and for how long."""

    description: str
    downtime: str
    source: str


@dataclass(frozen=True)
class Danger:
    """One change that a person has to have seen."""

    kind: DangerKind
    change: ResourceChange
    description: str
    downtime: str
    source: str


RESTART_DOWNTIME: Final = "about 1 min; with many writes before it longer"
INSTANCE_CLASS_EFFECT: Final = ChangeEffect(
    "the database changes its machine and restarts",
    "1-2 min with Multi-AZ, else about 10 min",
    f"{MULTI_AZ_RESIZE_TIME_SOURCE}; {SINGLE_AZ_RESIZE_TIME_SOURCE}",
)
ROLLING_UPDATE_EFFECT: Final = ChangeEffect(
    "every task is replaced, the new ones first",
    "none while the new ones become healthy",
    "ECS Developer Guide, Rolling update; the circuit breaker takes a failed one back",
)
LAUNCH_TEMPLATE_EFFECT: Final = ChangeEffect(
    "instances from now on are made of another template; a refresh replaces those that run",
    "none while a refresh keeps the healthy minimum; one of a single instance: 3-5 min",
    f"EC2 Auto Scaling User Guide, Instance refresh; times are {ASSUMPTION}",
)
CACHE_NODES_EFFECT: Final = ChangeEffect(
    "the cache's nodes are replaced one by one, with failovers",
    "seconds to some minutes of failing writes; without a replica the cache is empty and away",
    "ElastiCache User Guide, Scaling and upgrading; times are an assumption",
)

# By type, then by property: what a change of it, without a replacement, interrupts.
UPDATE_EFFECTS: Final[Mapping[str, Mapping[str, ChangeEffect]]] = {
    "rds/instance": {
        "instanceClass": INSTANCE_CLASS_EFFECT,
        "engineVersion": ChangeEffect(
            "the database is upgraded, and its standby with it: down for all of it",
            "a minor version about 5 min, a major one 15 min and more",
            f"RDS User Guide, Upgrading the PostgreSQL DB engine: times are {ASSUMPTION}",
        ),
        "parameterGroupName": ChangeEffect(
            "static parameters take effect at the next reboot, which somebody has to do",
            RESTART_DOWNTIME,
            f"RDS User Guide, DB parameter groups; {REBOOT_TIME_SOURCE}",
        ),
        "multiAz": ChangeEffect(
            "a standby is made or given up; the first copy of the data slows the database",
            "none; latency rises meanwhile",
            "RDS User Guide, Converting to a Multi-AZ deployment",
        ),
        "allocatedStorage": ChangeEffect(
            "storage grows online, and then not again for 6 h; it never shrinks",
            "none",
            "RDS User Guide, Working with storage",
        ),
        "storageType": ChangeEffect(
            "the volume is converted",
            "none between SSD types; latency rises meanwhile",
            "RDS User Guide, Working with storage",
        ),
        "caCertIdentifier": ChangeEffect(
            "the server has another certificate; an old trust store refuses it",
            "none where the engine takes it without a restart, else a restart",
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
            "none, unless a client is no more let in",
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
            "some parameters want a reboot of each node",
            "as of a reboot, where one is done",
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
            "another number of tasks",
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
            "none, unless clients are no more let in",
            "Application Load Balancers, Security groups",
        ),
        "subnets": ChangeEffect(
            "zones are added or taken away; connections through one taken away end",
            "none for the other zones",
            "Application Load Balancers, Availability Zones",
        ),
        "subnetMappings": ChangeEffect(
            "zones are added or taken away; connections through one taken away end",
            "none for the other zones",
            "Application Load Balancers, Availability Zones",
        ),
    },
    "lb/listener": dict.fromkeys(
        ("defaultActions", "port", "protocol", "certificateArn", "sslPolicy"),
        ChangeEffect(
            "what the listener answers, and how, changes at once",
            "seconds, where it is right",
            f"Application Load Balancers, Update a listener; the time is {ASSUMPTION}",
        ),
    ),
    "ec2/instance": dict.fromkeys(
        ("instanceType", "userData"),
        ChangeEffect(
            "the instance is stopped and started; a NAT instance is the way out of its subnets",
            "1-3 min",
            f"EC2 User Guide, Change the instance type; the time is {ASSUMPTION}",
        ),
    ),
    "route53/record": dict.fromkeys(
        ("records", "aliases", "ttl"),
        ChangeEffect(
            "the name leads elsewhere",
            "until resolvers forget the old answer: its TTL",
            "Route 53 Developer Guide, Values for records",
        ),
    ),
}

RECREATION_DOWNTIME: Final = "until it is there again, if it is"
RECREATION_MINUTES: Final = f"minutes; {ASSUMPTION}"
# By type: what its replacement or deletion interrupts, where it holds no data.
REMOVAL_EFFECTS: Final[Mapping[str, ChangeEffect]] = {
    "lb/loadBalancer": ChangeEffect(
        "the load balancer goes, with its name and its addresses: nobody gets in",
        "3-5 min, then until resolvers forget the old name (60 s)",
        f"Elastic Load Balancing User Guide, How it works; the making: {ASSUMPTION}",
    ),
    "lb/listener": ChangeEffect(
        "nothing answers on its port meanwhile",
        "seconds, if it is made again",
        f"Application Load Balancers, Delete a listener; the time is {ASSUMPTION}",
    ),
    "lb/listenerRule": ChangeEffect(
        "requests fall to the next rule meanwhile",
        "seconds, if it is made again",
        ASSUMPTION,
    ),
    "lb/targetGroup": ChangeEffect(
        "the listener needs targets that are healthy again",
        "none while the new one stands beside the old, else some minutes",
        ASSUMPTION,
    ),
    "ecs/service": ChangeEffect(
        "all its tasks stop before or after the new ones start",
        RECREATION_MINUTES,
        "ECS Developer Guide, Deleting a service",
    ),
    "ecs/cluster": ChangeEffect(
        "all services in it are made again", RECREATION_MINUTES, ASSUMPTION
    ),
    "ecs/taskDefinition": ROLLING_UPDATE_EFFECT,
    "ec2/launchTemplate": LAUNCH_TEMPLATE_EFFECT,
    "autoscaling/group": ChangeEffect(
        "all its instances are terminated",
        "none while the new group stands beside it, else some minutes",
        "EC2 Auto Scaling User Guide, Delete your Auto Scaling group",
    ),
    "ec2/instance": ChangeEffect(
        "the instance and its root disk go; a NAT instance is the way out of its subnets",
        f"1-3 min; {ASSUMPTION}",
        "EC2 User Guide, Terminate EC2 instances",
    ),
    "ec2/natGateway": ChangeEffect(
        "its subnets have no way out, and another address afterwards",
        "1-3 min; connections through it end",
        f"VPC User Guide, NAT gateways; the time is {ASSUMPTION}",
    ),
    "ec2/eip": ChangeEffect(
        "the public address is given up: lists of others that allow it are wrong",
        RECREATION_DOWNTIME,
        "EC2 User Guide, Elastic IP addresses",
    ),
    "ec2/vpc": ChangeEffect(
        "everything in the network is made again", RECREATION_DOWNTIME, ASSUMPTION
    ),
    "ec2/subnet": ChangeEffect(
        "whatever stands in it has to leave or is made again",
        RECREATION_DOWNTIME,
        "VPC User Guide, Delete a subnet: it has to be empty",
    ),
    "ec2/routeTable": ChangeEffect("its subnets have no routes meanwhile", "seconds", ASSUMPTION),
    "ec2/routeTableAssociation": ChangeEffect(
        "the subnet has the main table's routes meanwhile",
        "seconds",
        f"VPC User Guide, Subnet route tables; the time is {ASSUMPTION}",
    ),
    "ec2/route": ChangeEffect("what took the route finds no way meanwhile", "seconds", ASSUMPTION),
    "ec2/internetGateway": ChangeEffect("nothing gets in or out", RECREATION_MINUTES, ASSUMPTION),
    "ec2/securityGroup": ChangeEffect(
        "whoever is let in by it is not meanwhile, unless the new one is there first",
        RECREATION_DOWNTIME,
        ASSUMPTION,
    ),
    "ec2/vpcEndpoint": ChangeEffect(
        "calls to the service take the NAT or fail meanwhile",
        RECREATION_MINUTES,
        ASSUMPTION,
    ),
    "acm/certificate": ChangeEffect(
        "the listener needs the new one, which has to be validated first",
        "none while the old one is kept until then",
        "ACM User Guide, DNS validation",
    ),
    "route53/record": ChangeEffect(
        "the name leads nowhere meanwhile",
        "seconds, and as long as resolvers keep the answer",
        "Route 53 Developer Guide, Values for records",
    ),
    "rds/subnetGroup": ChangeEffect(
        "a database in it is replaced too, or AWS refuses",
        RECREATION_DOWNTIME,
        "RDS User Guide, Working with a DB instance in a VPC",
    ),
    "rds/parameterGroup": ChangeEffect(
        "the database takes another group, whose static parameters need a reboot",
        RESTART_DOWNTIME,
        REBOOT_TIME_SOURCE,
    ),
    "lambda/function": ChangeEffect(
        "calls of it fail meanwhile: a rotation, or a hook",
        "seconds",
        ASSUMPTION,
    ),
    "iam/role": ChangeEffect(
        "whoever acts as it may nothing meanwhile",
        f"seconds; {ASSUMPTION}",
        "IAM User Guide, Changes that I make are not always immediately visible",
    ),
    "sns/topic": ChangeEffect(
        "its subscriptions go; e-mail has to be confirmed again: alarms reach nobody",
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
    "a value that others are made of is drawn anew", "as theirs", ASSUMPTION
)
REPLICA_EFFECT: Final = ChangeEffect(
    "a replica of the database goes: whoever reads from it fails",
    f"about 15 min until a new one serves; {ASSUMPTION}",
    "RDS User Guide, Working with DB instance read replicas",
)


def list_dangers(preview: Preview) -> list[Danger]:
    """All that a person has to have seen before the preview is carried out, the gravest first."""
    unsorted_dangers = [
        danger for change in preview.changes for danger in _list_change_dangers(change)
    ]
    return sorted(unsorted_dangers, key=lambda item: DANGER_KINDS.index(item.kind))


def has_data_loss(dangers: Iterable[Danger]) -> bool:
    """Whether anything that holds data is deleted or replaced."""
    return any(danger.kind == "data" for danger in dangers)


def get_short_type(type_: str) -> str:
    """A type as the tables have it: aws:rds/instance:Instance is rds/instance."""
    type_parts = type_.split(":")
    return type_parts[1] if len(type_parts) == 3 and type_parts[0] == "aws" else type_


def _list_change_dangers(change: ResourceChange) -> Iterable[Danger]:
    short_type = get_short_type(change.type)
    if change.kind == "changed":
        yield from _list_update_dangers(change, short_type)
    elif change.kind in ("replaced", "deleted"):
        yield from _list_removal_dangers(change, short_type)


def _list_removal_dangers(change: ResourceChange, short_type: str) -> Iterable[Danger]:
    """A replacement or a deletion. Pulumi refuses it of what is protected."""
    suffix = "; Pulumi refuses it: it is protected" if change.protect else ""
    if change.retained:
        suffix += "; AWS keeps the old one, which nothing uses any more"
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
        description_text = f"no table knows whether it holds data: look before it is {change.kind}"
        yield Danger("unknown", change, f"{description_text}{suffix}", "not known", "-")


def _describe_removal(change: ResourceChange) -> str:
    if change.kind == "deleted":
        return "DELETED"
    if any(change.new.get(name) for name in RESTORE_PROPERTIES):
        return "REPLACED BY ONE FROM A BACKUP, and what was written since is lost"
    return "REPLACED BY AN EMPTY ONE"


def _is_known_type(type_: str) -> bool:
    """Whether a type is one of this program's, so that it is known to hold nothing."""
    return type_.startswith("aws:") and (
        type_ in costs.RESOURCE_PRICERS or costs.is_free_type(type_)
    )


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
    """Whether a property keeps less than before. One that is not known yet says nothing."""
    old: Any = change.old.get(rule.property)
    new: Any = change.new.get(rule.property)
    if rule.property in change.unknown_properties:
        return False
    if rule.change in ("lower", "shorter"):  # of a time that is shorter, 0 or nothing is for ever
        was_unlimited = rule.change == "shorter" and not old
        return isinstance(new, int | float) and new > 0 and (was_unlimited or new < (old or 0))
    if rule.change == "zero":
        return bool(old) and new == 0 and new is not None
    return bool(new) and not old if rule.change == "on" else bool(old) and not new
