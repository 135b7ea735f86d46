"""The class of each DB instance, its generation, and its storage against two weeks of load."""

from collections.abc import Sequence
from typing import Final

from components.facts.instance_classes import RDS_CLASSES, RDS_FAMILIES, RdsClass
from components.facts.units import GIB_BYTES
from ops.core.checks import CheckFacts, CheckFinding, CheckRoutine, ResponseItem, get_answer_items
from ops.cost.rightsizing.generation import judge_generation
from ops.cost.rightsizing.loads import (
    RIGHTSIZING_AREA,
    Headroom,
    Load,
    Loads,
    Proposal,
    build_credit_headroom,
    build_hourly_query,
    build_missing_finding,
    describe_load,
    find_hourly_saving,
    judge_proposal,
    read_loads,
)
from ops.cost.rightsizing.rules import (
    DISK_LIMITS,
    SIZE_REASON,
)
from ops.database.health import build_instances_read
from ops.findings.waivers import apply_waivers
from ops.prices.price_table import DEFAULT_PRICE_TABLE

DATABASE_CHECK: Final = "rightsizing-database"
# Label, AWS's name, statistic of the hour. The free memory and storage that counts is the least.
_METRICS: Final = (
    ("CPU", "CPUUtilization", "Average"),
    ("free memory", "FreeableMemory", "Minimum"),
    ("connections", "DatabaseConnections", "Maximum"),
    ("read IOPS", "ReadIOPS", "Average"),
    ("write IOPS", "WriteIOPS", "Average"),
    ("read bytes", "ReadThroughput", "Average"),
    ("write bytes", "WriteThroughput", "Average"),
    ("free storage", "FreeStorageSpace", "Minimum"),
)
_LOWEST: Final = ("free memory", "free storage")
_SHRINK_NOTE: Final = (
    "RDS cannot shrink storage in place: only a blue/green deployment or a dump and restore into a "
    "smaller instance does"
)


def check_database_size(facts: CheckFacts) -> CheckRoutine:
    """Each instance's class fits its load, and is of a generation that costs no less elsewhere."""
    (answer,) = yield [build_instances_read(facts)]
    findings: list[CheckFinding] = []
    for instance in get_answer_items(answer):
        name = str(instance["DBInstanceIdentifier"])
        metrics = {
            label: build_hourly_query("AWS/RDS", aws_name, stat, {"DBInstanceIdentifier": name})
            for label, aws_name, stat in _METRICS
        }
        loads = yield from read_loads(facts, metrics, lowest=_LOWEST)
        findings += [
            _judge_class(facts, instance, loads),
            *_judge_generation(facts, instance),
            _describe_storage(instance, loads),
        ]
    return (yield from apply_waivers(facts, findings))


def _build_command(facts: CheckFacts, instance: ResponseItem, proposed: str) -> str:
    """The command: of a replica the setting, as `ops db resize` changes the primary."""
    if instance["DBInstanceIdentifier"] == facts.outputs.database.identifier:
        return f"ops db resize {proposed}"
    return f"database.replicaClass: {proposed} in Pulumi.{facts.outputs.stack.stack}.yaml"


def _judge_class(facts: CheckFacts, instance: ResponseItem, loads: Loads) -> CheckFinding:
    subject, current = str(instance["DBInstanceIdentifier"]), str(instance["DBInstanceClass"])
    size = RDS_CLASSES.get(current)
    if size is None:
        evidence = f"the sizes of {current} are not known here"
        return CheckFinding("unknown", RIGHTSIZING_AREA, subject, evidence, "ops db resize CLASS")
    needed = {label: load for label, load in loads.items() if label != "free storage"}
    if None in needed.values():
        return build_missing_finding(subject, needed)
    smaller = _find_smaller_class(current)
    if smaller is None:
        return CheckFinding(
            "ok", RIGHTSIZING_AREA, subject, f"{current} is the smallest of its family"
        )
    known = {label: load for label, load in needed.items() if load is not None}
    headrooms = _build_headrooms(known, size, smaller)
    if headrooms is None:
        evidence = f"what {smaller.name} can do with its disks is not known here"
        return CheckFinding("unknown", RIGHTSIZING_AREA, subject, evidence)
    copies = 2 if instance.get("MultiAZ") else 1
    proposal = Proposal(
        subject=subject,
        current=current,
        proposed=smaller.name,
        loads=(
            f"{describe_load('CPU', known['CPU'], ' %')}, "
            f"connections at most {known['connections'].worst:.0f}"
        ),
        headrooms=headrooms,
        saving=find_hourly_saving(DEFAULT_PRICE_TABLE.databases, current, smaller.name, copies),
        risk=(
            "connections drop while it is resized; its file cache is smaller, so that more is read "
            f"from disk; max_connections is about {smaller.max_connections} by default"
        ),
        command=_build_command(facts, instance, smaller.name),
        reason=SIZE_REASON,
    )
    return judge_proposal(DATABASE_CHECK, proposal)


def _find_smaller_class(name: str) -> RdsClass | None:
    _, family, size = name.split(".")
    sizes = RDS_FAMILIES[family]
    index = sizes.index(size)
    return RDS_CLASSES[f"db.{family}.{sizes[index - 1]}"] if index else None


def _build_headrooms(
    loads: dict[str, Load], size: RdsClass, smaller: RdsClass
) -> Sequence[Headroom] | None:
    """What the smaller class would use at the worst; None if its disk limits are not known."""
    limits = DISK_LIMITS.get(smaller.name.removeprefix("db."))
    if limits is None:
        return None
    ratio = size.vcpu / smaller.vcpu
    used_bytes = size.memory_bytes - loads["free memory"].worst
    iops = loads["read IOPS"].worst + loads["write IOPS"].worst
    throughput = loads["read bytes"].worst + loads["write bytes"].worst
    return (
        Headroom("CPU", loads["CPU"].worst * ratio),
        Headroom("memory", 100 * used_bytes / smaller.memory_bytes),
        Headroom("connections", 100 * loads["connections"].worst / smaller.max_connections),
        Headroom("IOPS", 100 * iops / limits.iops),
        Headroom("throughput", 100 * throughput / limits.bytes_per_second),
        *build_credit_headroom(loads["CPU"], smaller.name, ratio),
    )


def _judge_generation(facts: CheckFacts, instance: ResponseItem) -> list[CheckFinding]:
    """The Graviton class of the same size: RDS needs nothing else of it."""
    return judge_generation(
        DATABASE_CHECK,
        str(instance["DBInstanceIdentifier"]),
        str(instance["DBInstanceClass"]),
        prices=DEFAULT_PRICE_TABLE.databases,
        count=2 if instance.get("MultiAZ") else 1,
        risk="connections drop while it is resized; the data stays as it is",
        build_command=lambda proposed: _build_command(facts, instance, proposed),
    )


def _describe_storage(instance: ResponseItem, loads: Loads) -> CheckFinding:
    """How much of the storage was used at most: said, as nothing of it can be given back."""
    subject = f"storage of {instance['DBInstanceIdentifier']}"
    allocated, load = int(instance["AllocatedStorage"]), loads["free storage"]
    if load is None:
        return build_missing_finding(subject, {"free storage": None})
    used = allocated - load.worst / GIB_BYTES
    evidence = f"{used:.1f} of {allocated} GiB were used at most; {_SHRINK_NOTE}"
    return CheckFinding("ok", RIGHTSIZING_AREA, subject, evidence)
