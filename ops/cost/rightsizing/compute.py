"""Tasks, fleet instances and cache nodes against two weeks of load."""

from typing import Any, Final

from components.facts.fargate import FARGATE_MEMORY_BY_CPU
from components.facts.instance_classes import CACHE_MAXMEMORY_BYTES, CACHE_NODES
from components.facts.metrics import CLOUDWATCH_AGENT_NAMESPACE
from components.facts.vcpus import find_ec2_vcpus
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ResponseItem,
    build_read,
    get_answer_items,
    split_into_chunks,
)
from ops.core.scaling_apis import AUTO_SCALING_GROUPS_API
from ops.cost.rightsizing.generation import SAME_SIZE_TEXT, judge_generation
from ops.cost.rightsizing.loads import (
    RIGHTSIZING_AREA,
    Headroom,
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
from ops.cost.rightsizing.rules import GENERATION_REASON, SIZE_REASON
from ops.findings.waivers import apply_waivers
from ops.health.cache import build_replication_group_read
from ops.prices.difference import CPU_UNITS, DEFAULT_ARCHITECTURE, MIB
from ops.prices.price_table import DEFAULT_PRICE_TABLE, HOURS
from ops.services.health import SERVICES_API

SERVICES_CHECK: Final = "rightsizing-services"
FLEET_CHECK: Final = "rightsizing-fleet"
CACHE_CHECK: Final = "rightsizing-cache"
_TASK_DEFINITION_API: Final = "ecs.describe_task_definition"
MAX_DESCRIBED_SERVICES: Final = 10  # API reference, DescribeServices
_ARM: Final = "ARM64"


def check_task_sizes(facts: CheckFacts) -> CheckRoutine:
    """Each service's tasks fit their load, and their processor costs no more than another."""
    part = facts.outputs.services
    assert part is not None
    answers = yield [
        build_read(SERVICES_API, "services", cluster=part.cluster, services=names)
        for names in split_into_chunks(list(part.services), MAX_DESCRIBED_SERVICES)
    ]
    services = [s for answer in answers for s in get_answer_items(answer)]
    definition_answers = yield [
        build_read(_TASK_DEFINITION_API, "", taskDefinition=str(s["taskDefinition"]))
        for s in services
    ]
    findings: list[CheckFinding] = []
    for service, answer in zip(services, definition_answers, strict=True):
        name = str(service["serviceName"])
        dimensions = {"ClusterName": part.cluster, "ServiceName": name}
        loads = yield from read_loads(
            facts,
            {
                "CPU": build_hourly_query("AWS/ECS", "CPUUtilization", "Average", dimensions),
                "memory": build_hourly_query("AWS/ECS", "MemoryUtilization", "Maximum", dimensions),
            },
        )
        definition = get_answer_items(answer)[0]["taskDefinition"]
        findings += _judge_tasks(facts, service, definition, loads)
    return (yield from apply_waivers(facts, findings))


def _judge_tasks(
    facts: CheckFacts, service: ResponseItem, definition: Any, loads: Loads
) -> list[CheckFinding]:
    name, count = str(service["serviceName"]), int(service["desiredCount"])
    cpu, memory = int(definition["cpu"]), int(definition["memory"])
    architecture = str(
        (definition.get("runtimePlatform") or {}).get("cpuArchitecture", DEFAULT_ARCHITECTURE)
    )
    current = f"{cpu} CPU units and {memory} MiB"
    setting = f"in Pulumi.{facts.outputs.stack.stack}.yaml, then ops deploy"
    findings: list[CheckFinding] = []
    if architecture != _ARM:
        saving = _get_task_price(cpu, memory, architecture) - _get_task_price(cpu, memory, _ARM)
        findings.append(
            judge_proposal(
                SERVICES_CHECK,
                Proposal(
                    subject=name,
                    current=f"{current} of {architecture}",
                    proposed=_ARM,
                    loads=SAME_SIZE_TEXT,
                    headrooms=(),
                    saving=saving * count,
                    risk="only if the image is multi-arch (has linux/arm64), else no task starts",
                    command=f"services.{name}.architecture: arm64 {setting}",
                    reason=GENERATION_REASON,
                ),
            )
        )
    cpu_load, memory_load = loads["CPU"], loads["memory"]
    if cpu_load is None or memory_load is None:
        return [*findings, build_missing_finding(name, loads)]
    proposed = _find_smaller_task(cpu, memory, cpu_load.worst, memory_load.worst)
    if proposed is None:
        evidence = (
            f"{current} are right: {describe_load('CPU', cpu_load, ' %')}, "
            f"memory at most {memory_load.worst:.0f} %"
        )
        return [*findings, CheckFinding("ok", RIGHTSIZING_AREA, name, evidence)]
    new_cpu, new_memory = proposed
    saving = _get_task_price(cpu, memory, architecture) - _get_task_price(
        new_cpu, new_memory, architecture
    )
    proposal = Proposal(
        subject=name,
        current=current,
        proposed=f"{new_cpu} CPU units and {new_memory} MiB",
        loads=(f"{describe_load('CPU', cpu_load, ' %')}, memory at most {memory_load.worst:.0f} %"),
        headrooms=_build_task_headrooms(
            cpu, memory, new_cpu, new_memory, cpu_load.worst, memory_load.worst
        ),
        saving=saving * count,
        risk=(
            "automatic scaling by CPU adds tasks sooner; start-up is slower; containers with "
            "limits of their own need theirs changed as well"
        ),
        command=f"services.{name}.cpu: {new_cpu}, services.{name}.memory: {new_memory} {setting}",
        reason=SIZE_REASON,
    )
    return [*findings, judge_proposal(SERVICES_CHECK, proposal)]


def _build_task_headrooms(
    cpu: int, memory: int, new_cpu: int, new_memory: int, worst_cpu: float, worst_memory: float
) -> list[Headroom]:
    return [
        Headroom("CPU", worst_cpu * cpu / new_cpu),
        Headroom("memory", worst_memory * memory / new_memory),
    ]


def _find_smaller_task(
    cpu: int, memory: int, worst_cpu: float, worst_memory: float
) -> tuple[int, int] | None:
    """The cheapest of Fargate's pairs, with half the CPU at least, that keeps the headroom."""
    pairs = [
        (new_cpu, new_memory)
        for new_cpu, memories in FARGATE_MEMORY_BY_CPU.items()
        for new_memory in memories
        if cpu / 2 <= new_cpu <= cpu
        and new_memory <= memory
        and (new_cpu, new_memory) != (cpu, memory)
        and all(
            headroom.is_kept
            for headroom in _build_task_headrooms(
                cpu, memory, new_cpu, new_memory, worst_cpu, worst_memory
            )
        )
    ]
    return min(pairs, key=lambda pair: _get_task_price(pair[0], pair[1], _ARM), default=None)


def _get_task_price(cpu: int, memory: int, architecture: str) -> float:
    """$ a month of one task."""
    per_vcpu, per_gib = DEFAULT_PRICE_TABLE.fargate[architecture]
    return (cpu / CPU_UNITS * per_vcpu + memory / MIB * per_gib) * HOURS


def check_fleet_size(facts: CheckFacts) -> CheckRoutine:
    """The fleet's instance types fit its load."""
    part = facts.outputs.fleet
    assert part is not None
    (answer,) = yield [
        build_read(AUTO_SCALING_GROUPS_API, "AutoScalingGroups", AutoScalingGroupNames=[part.group])
    ]
    groups = get_answer_items(answer)
    if not groups:
        return []  # ops health says that it is gone
    dimensions = {"AutoScalingGroupName": part.group}
    loads = yield from read_loads(
        facts,
        {
            "CPU": build_hourly_query("AWS/EC2", "CPUUtilization", "Average", dimensions),
            "memory": build_hourly_query(
                CLOUDWATCH_AGENT_NAMESPACE, "mem_used_percent", "Maximum", dimensions
            ),
        },
    )
    instances = groups[0].get("Instances") or ()
    types = sorted({str(instance["InstanceType"]) for instance in instances})
    findings = judge_fleet(facts, types, len(instances), loads)
    return (yield from apply_waivers(facts, findings))


def judge_fleet(
    facts: CheckFacts, types: list[str], count: int, loads: Loads
) -> list[CheckFinding]:
    """The findings of a fleet of so many instances of these types."""
    subject, prices = "fleet", DEFAULT_PRICE_TABLE.instances
    if not types:
        return [CheckFinding("unknown", RIGHTSIZING_AREA, subject, "it has no instance to judge")]
    current = max(types, key=lambda name: prices.get(name, 0.0))
    family, _ = current.split(".")
    setting = f"in Pulumi.{facts.outputs.stack.stack}.yaml, then ops deploy"
    findings = judge_generation(
        FLEET_CHECK,
        subject,
        current,
        prices=prices,
        count=count,
        risk="only if the AMI and the image have linux/arm64; fleet.architecture too",
        build_command=lambda proposed: f"fleet.instanceTypes: [{proposed}, ...] {setting}",
    )
    cpu, memory = loads["CPU"], loads["memory"]
    if cpu is None or memory is None:
        return [*findings, build_missing_finding(subject, loads)]
    sizes = [f"{family}.{name}" for name in ("micro", "small", "medium", "large", "xlarge")]
    smaller = sizes[sizes.index(current) - 1] if current in sizes[1:] else None
    if smaller is None or smaller not in prices:
        evidence = f"no smaller type than {current} is known here"
        return [*findings, CheckFinding("ok", RIGHTSIZING_AREA, subject, evidence)]
    # Every step of these sizes halves the memory (EC2 User Guide, "General purpose instances").
    cpu_ratio = find_ec2_vcpus(current) / find_ec2_vcpus(smaller)
    proposal = Proposal(
        subject=subject,
        current=current,
        proposed=smaller,
        loads=f"{describe_load('CPU', cpu, ' %')}, memory at most {memory.worst:.0f} %",
        headrooms=(
            Headroom("CPU", cpu.worst * cpu_ratio),
            Headroom("memory", memory.worst * 2),
            *build_credit_headroom(cpu, smaller, cpu_ratio),
        ),
        saving=find_hourly_saving(prices, current, smaller, count),
        risk="its instances are replaced; automatic scaling by CPU adds some sooner",
        command=f"fleet.instanceTypes: [{smaller}, {current}] {setting}",
        reason=SIZE_REASON,
    )
    return [*findings, judge_proposal(FLEET_CHECK, proposal)]


def check_cache_size(facts: CheckFacts) -> CheckRoutine:
    """The cache's nodes fit what they hold, with the memory that is reserved, and their load."""
    part = facts.outputs.cache
    assert part is not None
    (answer,) = yield [build_replication_group_read(facts)]
    groups = get_answer_items(answer)
    if not groups:
        return []  # ops health says that it is gone
    findings: list[CheckFinding] = []
    nodes = [str(name) for name in groups[0].get("MemberClusters") or ()]
    loads: Loads = {}
    for node in nodes:
        dimensions = {"CacheClusterId": node}
        loads |= yield from read_loads(
            facts,
            {
                f"{label} of {node}": build_hourly_query("AWS/ElastiCache", name, stat, dimensions)
                for label, name, stat in (
                    ("CPU", "EngineCPUUtilization", "Average"),
                    ("memory", "DatabaseMemoryUsagePercentage", "Maximum"),
                    ("connections", "CurrConnections", "Maximum"),
                )
            },
        )
    findings = _judge_cache(facts, str(groups[0].get("CacheNodeType")), nodes, loads)
    return (yield from apply_waivers(facts, findings))


def _judge_cache(
    facts: CheckFacts, current: str, nodes: list[str], loads: Loads
) -> list[CheckFinding]:
    subject, part = "cache", facts.outputs.cache
    assert part is not None
    setting = f"in Pulumi.{facts.outputs.stack.stack}.yaml, then ops deploy"
    price_ratio = DEFAULT_PRICE_TABLE.valkey if part.engine == "valkey" else 1.0
    prices = {name: price * price_ratio for name, price in DEFAULT_PRICE_TABLE.caches.items()}
    findings = judge_generation(
        CACHE_CHECK,
        subject,
        current,
        prices=prices,
        count=len(nodes),
        risk="its nodes are replaced, and clients connect again",
        build_command=lambda proposed: f"cache.nodeType: {proposed} {setting}",
    )
    if not nodes or None in loads.values():
        missing: Loads = loads or {"nodes": None}
        return [*findings, build_missing_finding(subject, missing)]
    _, family, size = current.split(".")
    sizes = tuple(CACHE_MAXMEMORY_BYTES.get(family[0], {}))
    index = sizes.index(size) if size in sizes else 0
    if not index or current not in CACHE_NODES:
        evidence = f"no smaller node than {current} is known here"
        return [*findings, CheckFinding("ok", RIGHTSIZING_AREA, subject, evidence)]
    smaller = CACHE_NODES[f"cache.{family}.{sizes[index - 1]}"]
    known = {label: load for label, load in loads.items() if load is not None}

    def get_worst(label: str) -> float:
        return max(load.worst for name, load in known.items() if name.startswith(label))

    busiest = max(
        (load for name, load in known.items() if name.startswith("CPU")), key=lambda x: x.worst
    )
    # The engine runs on one core; the share of memory is of what is left beside the reserved one.
    proposal = Proposal(
        subject=subject,
        current=current,
        proposed=smaller.name,
        loads=f"{describe_load('CPU', busiest, ' %')}, memory at most {get_worst('memory'):.0f} %",
        headrooms=(
            Headroom("CPU", get_worst("CPU")),
            Headroom(
                "memory",
                get_worst("memory") * CACHE_NODES[current].memory_bytes / smaller.memory_bytes,
            ),
            Headroom("connections", 100 * get_worst("connections") / smaller.max_connections),
            *build_credit_headroom(busiest, smaller.name, 1.0),
        ),
        saving=find_hourly_saving(prices, current, smaller.name, len(nodes)),
        risk="its nodes are replaced, and clients connect again; more keys evict sooner",
        command=f"cache.nodeType: {smaller.name} {setting}",
        reason=SIZE_REASON,
    )
    return [*findings, judge_proposal(CACHE_CHECK, proposal)]
