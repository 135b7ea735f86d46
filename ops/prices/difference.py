"""What a month costs more or less after a change, in words, from the built-in price table.

A plan says NO_COST if a change costs nothing, and else an amount, or that it is not priced and why.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from ops.core.stack_plan import NO_COST, NOT_PRICED
from ops.prices.price_table import DEFAULT_PRICE_TABLE, HOURS

GP3: Final = "gp3"  # the only storage in the price table
CPU_UNITS: Final = 1024  # CPU units a vCPU
MIB: Final = 1024  # MiB a GiB
# The platform of a task definition that names none (API reference of ECS, RuntimePlatform).
DEFAULT_ARCHITECTURE: Final = "X86_64"


def describe_class_cost(before: str, after: str, *, multi_az: bool) -> str:
    """The difference between two instance classes."""
    prices = DEFAULT_PRICE_TABLE.databases
    for name in (before, after):
        if name not in prices:
            return f"{NOT_PRICED}: the price table has no {name}"
    copies = 2 if multi_az else 1
    return describe_difference((prices[after] - prices[before]) * HOURS * copies)


def describe_storage_cost(
    before_gib: int, after_gib: int, *, storage_type: str, multi_az: bool
) -> str:
    """The difference between two sizes of storage."""
    if storage_type != GP3:
        return f"{NOT_PRICED}: the price table has no {storage_type} storage"
    copies = 2 if multi_az else 1
    return describe_difference((after_gib - before_gib) * DEFAULT_PRICE_TABLE.rds_gp3_gb * copies)


def describe_instance_cost(
    instance_class: str,
    storage_gib: int,
    *,
    storage_type: str,
    multi_az: bool = False,
    count: int = 1,
) -> str:
    """What DB instances with their storage cost more; less if `count` is negative."""
    price = DEFAULT_PRICE_TABLE.databases.get(instance_class)
    if price is None or storage_type != GP3:
        missing = instance_class if price is None else f"{storage_type} storage"
        return f"{NOT_PRICED}: the price table has no {missing}"
    copies = (2 if multi_az else 1) * count
    monthly = price * HOURS + storage_gib * DEFAULT_PRICE_TABLE.rds_gp3_gb
    return describe_difference(monthly * copies)


def describe_tasks_cost(definition: Mapping[str, Any] | None, before: int, after: int) -> str:
    """The difference between two numbers of Fargate tasks, by their task definition."""
    if before == after:
        return NO_COST
    cpu, memory = (definition or {}).get("cpu"), (definition or {}).get("memory")
    platform = (definition or {}).get("runtimePlatform") or {}
    prices = DEFAULT_PRICE_TABLE.fargate.get(
        str(platform.get("cpuArchitecture", DEFAULT_ARCHITECTURE))
    )
    if prices is None or cpu is None or memory is None:
        return f"{NOT_PRICED}: the tasks' size is not known"
    task_price = int(cpu) / CPU_UNITS * prices[0] + int(memory) / MIB * prices[1]
    return describe_difference((after - before) * task_price * HOURS)


def describe_instances_cost(types: Collection[str], before: int, after: int) -> str:
    """The difference between two numbers of EC2 instances of one type, on demand."""
    if before == after:
        return NO_COST
    if len(set(types)) != 1:
        return f"{NOT_PRICED}: the instances are of {len(set(types)) or 'no'} types"
    (name,) = set(types)
    price = DEFAULT_PRICE_TABLE.instances.get(name)
    if price is None:
        return f"{NOT_PRICED}: the price table has no {name}"
    return describe_difference((after - before) * price * HOURS)


def describe_snapshots_cost(storage_gib: int, *, count: int = 1) -> str:
    """What snapshots cost more at most, or less if `count` is negative.

    They are incremental, and backups are free up to the storage that is allocated.
    """
    dollars = abs(storage_gib * DEFAULT_PRICE_TABLE.rds_backup_gb * count)
    more = "more" if count > 0 else "less"
    return f"at most {_format_dollars(dollars)} $ a month {more} ({_describe_source()})"


def describe_difference(dollars: float) -> str:
    """An amount a month, with where the price is from."""
    more = "more" if dollars >= 0 else "less"
    return f"about {_format_dollars(abs(dollars))} $ a month {more} ({_describe_source()})"


def _format_dollars(dollars: float) -> str:
    return f"{dollars:.0f}" if dollars >= 10 or not dollars else f"{dollars:.2f}"


def _describe_source() -> str:
    return f"{DEFAULT_PRICE_TABLE.region}'s list price, {DEFAULT_PRICE_TABLE.taken}"
