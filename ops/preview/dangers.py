"""What a preview would destroy, interrupt or protect less: by type and property, from tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ops.cost import estimate as costs
from ops.database.failover import REBOOT_SOURCE
from ops.database.resize import ALONE_SOURCE, OUTAGE_SOURCE
from ops.preview.changes import Change, Preview
from ops.preview.data_loss import ASSUMED, DATA, GUARDS, LESS, Less

# What an instance is made from, where it is not made empty.
RESTORED_FROM: Final = ("snapshotIdentifier", "restoreToPointInTime", "s3Import")
# The gravest first.
Kind = Literal["data", "unknown", "interrupts", "protects less"]
KINDS: Final[tuple[Kind, ...]] = ("data", "unknown", "interrupts", "protects less")
# What AWS changes in the maintenance window, unless it is told to at once.
WINDOW: Final = frozenset({"rds/instance", "elasticache/replicationGroup", "rds/cluster"})


@dataclass(frozen=True)
class Effect:
    """What a change does to whatever uses the resource, and for how long."""

    what: str
    downtime: str
    source: str


@dataclass(frozen=True)
class Danger:
    """One change that a person has to have seen."""

    kind: Kind
    change: Change
    what: str
    downtime: str
    source: str


RESTART: Final = "about 1 min; with many writes before it longer"
CLASS: Final = Effect(
    "the database changes its machine and restarts",
    "1-2 min with Multi-AZ, else about 10 min",
    f"{OUTAGE_SOURCE}; {ALONE_SOURCE}",
)
ROLLED: Final = Effect(
    "every task is replaced, the new ones first",
    "none while the new ones become healthy",
    "ECS Developer Guide, Rolling update; the circuit breaker takes a failed one back",
)
REFRESHED: Final = Effect(
    "instances from now on are made of another template; a refresh replaces those that run",
    "none while a refresh keeps the healthy minimum; one of a single instance: 3-5 min",
    f"EC2 Auto Scaling User Guide, Instance refresh; times are {ASSUMED}",
)
NODES: Final = Effect(
    "the cache's nodes are replaced one by one, with failovers",
    "seconds to some minutes of failing writes; without a replica the cache is empty and away",
    "ElastiCache User Guide, Scaling and upgrading; times are an assumption",
)

# By type, then by property: what a change of it, without a replacement, interrupts.
CHANGED: Final[Mapping[str, Mapping[str, Effect]]] = {
    "rds/instance": {
        "instanceClass": CLASS,
        "engineVersion": Effect(
            "the database is upgraded, and its standby with it: down for all of it",
            "a minor version about 5 min, a major one 15 min and more",
            f"RDS User Guide, Upgrading the PostgreSQL DB engine: times are {ASSUMED}",
        ),
        "parameterGroupName": Effect(
            "static parameters take effect at the next reboot, which somebody has to do",
            RESTART,
            f"RDS User Guide, DB parameter groups; {REBOOT_SOURCE}",
        ),
        "multiAz": Effect(
            "a standby is made or given up; the first copy of the data slows the database",
            "none; latency rises meanwhile",
            "RDS User Guide, Converting to a Multi-AZ deployment",
        ),
        "allocatedStorage": Effect(
            "storage grows online, and then not again for 6 h; it never shrinks",
            "none",
            "RDS User Guide, Working with storage",
        ),
        "storageType": Effect(
            "the volume is converted",
            "none between SSD types; latency rises meanwhile",
            "RDS User Guide, Working with storage",
        ),
        "caCertIdentifier": Effect(
            "the server has another certificate; an old trust store refuses it",
            "none where the engine takes it without a restart, else a restart",
            "RDS User Guide, Rotating your SSL/TLS certificate",
        ),
        "password": Effect(
            "new connections need the new password",
            "until clients have read it",
            ASSUMED,
        ),
        "identifier": Effect(
            "the database has another address",
            "about 10 min",
            "RDS User Guide, Renaming a DB instance",
        ),
        "vpcSecurityGroupIds": Effect(
            "who may connect changes",
            "none, unless a client is no more let in",
            "RDS User Guide, Controlling access with security groups",
        ),
        "port": Effect("the database restarts on another port", RESTART, REBOOT_SOURCE),
    },
    "rds/parameterGroup": {
        "parameters": Effect(
            "static parameters take effect at the next reboot, dynamic ones at once",
            f"none until then; the reboot {RESTART}",
            f"RDS User Guide, DB parameter groups; {REBOOT_SOURCE}",
        ),
    },
    "elasticache/replicationGroup": {
        "nodeType": NODES,
        "engineVersion": NODES,
        "engine": NODES,
        "parameterGroupName": Effect(
            "some parameters want a reboot of each node",
            "as of a reboot, where one is done",
            "ElastiCache User Guide, Parameter management",
        ),
    },
    "ecs/service": {
        "taskDefinition": ROLLED,
        "networkConfiguration": ROLLED,
        "loadBalancers": ROLLED,
        "capacityProviderStrategies": ROLLED,
        "platformVersion": ROLLED,
        "forceNewDeployment": ROLLED,
        "desiredCount": Effect(
            "another number of tasks",
            "none, unless it is 0",
            "ECS API Reference, UpdateService",
        ),
    },
    "ecs/taskDefinition": {"containerDefinitions": ROLLED, "cpu": ROLLED, "memory": ROLLED},
    "ec2/launchTemplate": dict.fromkeys(
        ("userData", "imageId", "instanceType", "blockDeviceMappings", "networkInterfaces"),
        REFRESHED,
    ),
    "autoscaling/group": {
        "launchTemplate": REFRESHED,
        "mixedInstancesPolicy": REFRESHED,
        "vpcZoneIdentifiers": Effect(
            "instances move to other subnets",
            "none while the healthy minimum is kept",
            "EC2 Auto Scaling User Guide, Add and remove subnets",
        ),
    },
    "lb/loadBalancer": {
        "securityGroups": Effect(
            "who may connect changes",
            "none, unless clients are no more let in",
            "Application Load Balancers, Security groups",
        ),
        "subnets": Effect(
            "zones are added or taken away; connections through one taken away end",
            "none for the other zones",
            "Application Load Balancers, Availability Zones",
        ),
        "subnetMappings": Effect(
            "zones are added or taken away; connections through one taken away end",
            "none for the other zones",
            "Application Load Balancers, Availability Zones",
        ),
    },
    "lb/listener": dict.fromkeys(
        ("defaultActions", "port", "protocol", "certificateArn", "sslPolicy"),
        Effect(
            "what the listener answers, and how, changes at once",
            "seconds, where it is right",
            f"Application Load Balancers, Update a listener; the time is {ASSUMED}",
        ),
    ),
    "ec2/instance": dict.fromkeys(
        ("instanceType", "userData"),
        Effect(
            "the instance is stopped and started; a NAT instance is the way out of its subnets",
            "1-3 min",
            f"EC2 User Guide, Change the instance type; the time is {ASSUMED}",
        ),
    ),
    "route53/record": dict.fromkeys(
        ("records", "aliases", "ttl"),
        Effect(
            "the name leads elsewhere",
            "until resolvers forget the old answer: its TTL",
            "Route 53 Developer Guide, Values for records",
        ),
    ),
}

GONE: Final = "until it is there again, if it is"
REMADE: Final = f"minutes; {ASSUMED}"
# By type: what its replacement or deletion interrupts, where it holds no data.
REPLACED: Final[Mapping[str, Effect]] = {
    "lb/loadBalancer": Effect(
        "the load balancer goes, with its name and its addresses: nobody gets in",
        "3-5 min, then until resolvers forget the old name (60 s)",
        f"Elastic Load Balancing User Guide, How it works; the making: {ASSUMED}",
    ),
    "lb/listener": Effect(
        "nothing answers on its port meanwhile",
        "seconds, if it is made again",
        f"Application Load Balancers, Delete a listener; the time is {ASSUMED}",
    ),
    "lb/listenerRule": Effect(
        "requests fall to the next rule meanwhile",
        "seconds, if it is made again",
        ASSUMED,
    ),
    "lb/targetGroup": Effect(
        "the listener needs targets that are healthy again",
        "none while the new one stands beside the old, else some minutes",
        ASSUMED,
    ),
    "ecs/service": Effect(
        "all its tasks stop before or after the new ones start",
        REMADE,
        "ECS Developer Guide, Deleting a service",
    ),
    "ecs/cluster": Effect("all services in it are made again", REMADE, ASSUMED),
    "ecs/taskDefinition": ROLLED,
    "ec2/launchTemplate": REFRESHED,
    "autoscaling/group": Effect(
        "all its instances are terminated",
        "none while the new group stands beside it, else some minutes",
        "EC2 Auto Scaling User Guide, Delete your Auto Scaling group",
    ),
    "ec2/instance": Effect(
        "the instance and its root disk go; a NAT instance is the way out of its subnets",
        f"1-3 min; {ASSUMED}",
        "EC2 User Guide, Terminate EC2 instances",
    ),
    "ec2/natGateway": Effect(
        "its subnets have no way out, and another address afterwards",
        "1-3 min; connections through it end",
        f"VPC User Guide, NAT gateways; the time is {ASSUMED}",
    ),
    "ec2/eip": Effect(
        "the public address is given up: lists of others that allow it are wrong",
        GONE,
        "EC2 User Guide, Elastic IP addresses",
    ),
    "ec2/vpc": Effect("everything in the network is made again", GONE, ASSUMED),
    "ec2/subnet": Effect(
        "whatever stands in it has to leave or is made again",
        GONE,
        "VPC User Guide, Delete a subnet: it has to be empty",
    ),
    "ec2/routeTable": Effect("its subnets have no routes meanwhile", "seconds", ASSUMED),
    "ec2/routeTableAssociation": Effect(
        "the subnet has the main table's routes meanwhile",
        "seconds",
        f"VPC User Guide, Subnet route tables; the time is {ASSUMED}",
    ),
    "ec2/route": Effect("what took the route finds no way meanwhile", "seconds", ASSUMED),
    "ec2/internetGateway": Effect("nothing gets in or out", REMADE, ASSUMED),
    "ec2/securityGroup": Effect(
        "whoever is let in by it is not meanwhile, unless the new one is there first",
        GONE,
        ASSUMED,
    ),
    "ec2/vpcEndpoint": Effect(
        "calls to the service take the NAT or fail meanwhile",
        REMADE,
        ASSUMED,
    ),
    "acm/certificate": Effect(
        "the listener needs the new one, which has to be validated first",
        "none while the old one is kept until then",
        "ACM User Guide, DNS validation",
    ),
    "route53/record": Effect(
        "the name leads nowhere meanwhile",
        "seconds, and as long as resolvers keep the answer",
        "Route 53 Developer Guide, Values for records",
    ),
    "rds/subnetGroup": Effect(
        "a database in it is replaced too, or AWS refuses",
        GONE,
        "RDS User Guide, Working with a DB instance in a VPC",
    ),
    "rds/parameterGroup": Effect(
        "the database takes another group, whose static parameters need a reboot",
        RESTART,
        REBOOT_SOURCE,
    ),
    "lambda/function": Effect(
        "calls of it fail meanwhile: a rotation, or a hook",
        "seconds",
        ASSUMED,
    ),
    "iam/role": Effect(
        "whoever acts as it may nothing meanwhile",
        f"seconds; {ASSUMED}",
        "IAM User Guide, Changes that I make are not always immediately visible",
    ),
    "sns/topic": Effect(
        "its subscriptions go; e-mail has to be confirmed again: alarms reach nobody",
        "until they are confirmed",
        "SNS Developer Guide, Deleting a topic",
    ),
    "wafv2/webAcl": Effect("requests are not filtered meanwhile", REMADE, ASSUMED),
    "secretsmanager/secretVersion": Effect(
        "the secret has another value",
        "until clients have read it",
        "Secrets Manager User Guide, Secret versions",
    ),
}
RANDOM: Final = Effect("a value that others are made of is drawn anew", "as theirs", ASSUMED)
REPLICA: Final = Effect(
    "a replica of the database goes: whoever reads from it fails",
    f"about 15 min until a new one serves; {ASSUMED}",
    "RDS User Guide, Working with DB instance read replicas",
)


def dangers(preview: Preview) -> list[Danger]:
    """All that a person has to have seen before the preview is carried out, the gravest first."""
    found = [danger for change in preview.changes for danger in _of(change)]
    return sorted(found, key=lambda one: KINDS.index(one.kind))


def loses_data(found: Iterable[Danger]) -> bool:
    """Whether anything that holds data is deleted or replaced."""
    return any(one.kind == "data" for one in found)


def path(type_: str) -> str:
    """A type as the tables have it: aws:rds/instance:Instance is rds/instance."""
    parts = type_.split(":")
    return parts[1] if len(parts) == 3 and parts[0] == "aws" else type_


def _of(change: Change) -> Iterable[Danger]:
    kind = path(change.type)
    if change.act == "changed":
        yield from _changed(change, kind)
    elif change.act in ("replaced", "deleted"):
        yield from _removed(change, kind)


def _removed(change: Change, kind: str) -> Iterable[Danger]:
    """A replacement or a deletion. Pulumi refuses it of what is protected."""
    stays = "; Pulumi refuses it: it is protected" if change.protect else ""
    if change.retained:
        stays += "; AWS keeps the old one, which nothing uses any more"
    data, effect = DATA.get(kind), REPLACED.get(kind)
    if data is not None and not change.copies:
        what = f"{_fate(change)}: {data.said(change.old)}{stays}"
        yield Danger("data", change, what, data.downtime, data.source)
        return
    if change.act == "deleted" and kind in GUARDS:
        words, source = GUARDS[kind]
        yield Danger("protects less", change, f"{words}{stays}", "none", source)
        return
    if data is not None:
        effect = REPLICA
    elif change.type.startswith("random:"):
        effect = RANDOM
    if effect is not None:
        what = f"{effect.what}{stays}"
        yield Danger("interrupts", change, what, effect.downtime, effect.source)
    elif not _known(change.type):
        words = f"no table knows whether it holds data: look before it is {change.act}"
        yield Danger("unknown", change, f"{words}{stays}", "not known", "-")


def _fate(change: Change) -> str:
    if change.act == "deleted":
        return "DELETED"
    if any(change.new.get(name) for name in RESTORED_FROM):
        return "REPLACED BY ONE FROM A BACKUP, and what was written since is lost"
    return "REPLACED BY AN EMPTY ONE"


def _known(type_: str) -> bool:
    """Whether a type is one of this program's, so that it is known to hold nothing."""
    return type_.startswith("aws:") and (type_ in costs.PRICED or costs.is_free(type_))


def _changed(change: Change, kind: str) -> Iterable[Danger]:
    effects = CHANGED.get(kind, {})
    for effect in dict.fromkeys(effects[p] for p in change.properties if p in effects):
        what = f"{effect.what}{_when(change, kind)}"
        yield Danger("interrupts", change, what, effect.downtime, effect.source)
    for less in LESS.get(kind, ()):
        if less.property in change.properties and _less(less, change):
            sort: Kind = "data" if less.lost else "protects less"
            yield Danger(sort, change, less.words, "none", less.source)


def _when(change: Change, kind: str) -> str:
    if kind not in WINDOW:
        return ""
    return "; at once" if change.new.get("applyImmediately") else "; in its maintenance window"


def _less(less: Less, change: Change) -> bool:
    """Whether a property keeps less than before. One that is not known yet says nothing."""
    old: Any = change.old.get(less.property)
    new: Any = change.new.get(less.property)
    if less.property in change.unknown:
        return False
    if less.when in ("lower", "shorter"):  # of a time that is shorter, 0 or nothing is for ever
        forever = less.when == "shorter" and not old
        return isinstance(new, int | float) and new > 0 and (forever or new < (old or 0))
    if less.when == "zero":
        return bool(old) and new == 0 and new is not None
    return bool(new) and not old if less.when == "on" else bool(old) and not new
