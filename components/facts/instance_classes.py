"""Sizes of the RDS and ElastiCache classes that the settings allow. Pure data: no Pulumi here.

Sources: "Hardware specifications for DB instance classes" (RDS User Guide), "Supported node
types" and "Node-type specific parameters" (ElastiCache User Guide).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from components.facts.units import GIB_BYTES
from components.facts.vcpus import BURSTABLE_VCPUS, VCPUS_BY_SIZE

# GiB of the burstable sizes, whose ratio to vCPU is not constant.
BURSTABLE_MEMORY_GIB: Final[Mapping[str, int]] = {
    "micro": 1,
    "small": 2,
    "medium": 4,
    "large": 8,
    "xlarge": 16,
    "2xlarge": 32,
}
MEMORY_GIB_PER_VCPU: Final[Mapping[str, int]] = {"m": 4, "r": 8}

_SIZES_UP_TO_16XLARGE = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
# Families that RDS for PostgreSQL 14 to 18 runs on, and their sizes. Left out: previous
# generations (t2, m4, m5, r4, r5), classes with local disks, and x classes (few regions).
RDS_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    "t4g": tuple(BURSTABLE_VCPUS),
    "t3": tuple(BURSTABLE_VCPUS),
    "m6g": _SIZES_UP_TO_16XLARGE,
    "m6i": (*_SIZES_UP_TO_16XLARGE, "24xlarge", "32xlarge"),
    "m7g": _SIZES_UP_TO_16XLARGE,
    "m7i": (*_SIZES_UP_TO_16XLARGE, "24xlarge", "48xlarge"),
    "m8g": (*_SIZES_UP_TO_16XLARGE, "24xlarge", "48xlarge"),
    "r6g": _SIZES_UP_TO_16XLARGE,
    "r6i": (*_SIZES_UP_TO_16XLARGE, "24xlarge", "32xlarge"),
    "r7g": _SIZES_UP_TO_16XLARGE,
    "r7i": (*_SIZES_UP_TO_16XLARGE, "24xlarge", "48xlarge"),
    "r8g": (*_SIZES_UP_TO_16XLARGE, "24xlarge", "48xlarge"),
}
# `maxmemory` of each node size, bytes, before `reserved-memory-percent`; by kind of family.
CACHE_MAXMEMORY_BYTES: Final[Mapping[str, Mapping[str, int]]] = {
    "t": {"micro": 536_870_912, "small": 1_471_026_299, "medium": 3_317_862_236},
    "m": {
        "large": 6_854_542_746,
        "xlarge": 13_891_921_715,
        "2xlarge": 27_966_669_210,
        "4xlarge": 56_116_178_125,
        "8xlarge": 111_325_552_312,
        "12xlarge": 168_715_971_994,
        "16xlarge": 225_000_375_228,
    },
    "r": {
        "large": 14_037_181_030,
        "xlarge": 28_261_849_702,
        "2xlarge": 56_711_183_565,
        "4xlarge": 113_609_865_216,
        "8xlarge": 225_000_375_228,
        "12xlarge": 341_206_346_547,
        "16xlarge": 450_000_750_456,
    },
}
# Left out: previous generations, and nodes with SSDs (r6gd), which need data tiering.
CACHE_FAMILIES: Final = ("t4g", "t3", "m6g", "m7g", "r6g", "r7g")

Processor = Literal["arm64", "x86_64"]


class UnknownClassError(ValueError):
    """A class that is not in the tables. The message says which there are."""


@dataclass(frozen=True, kw_only=True)
class RdsClass:
    """One DB instance class. Memory is nominal, in GiB."""

    name: str
    vcpu: int
    memory_gib: int

    @property
    def memory_bytes(self) -> int:
        """Nominal memory, bytes."""
        return self.memory_gib * GIB_BYTES

    @property
    def is_burstable(self) -> bool:
        """True if it is burstable: it runs on CPU credits."""
        return self.name.startswith("db.t")

    @property
    def processor(self) -> Processor:
        """Which processor it has: Graviton where the family ends in g."""
        return "arm64" if self.name.split(".")[1].endswith("g") else "x86_64"

    @property
    def max_connections(self) -> int:
        """PostgreSQL's `max_connections` under RDS's default, rather too low than too high.

        RDS sets LEAST({DBInstanceClassMemory/9531392}, 5000), where DBInstanceClassMemory is the
        memory without what RDS and the system keep. AWS does not publish that share; instances
        show about 240 MiB and a twentieth of the memory, so that this is a careful estimate.
        """
        usable_bytes = self.memory_bytes * 95 // 100 - 240 * 1024**2
        return min(usable_bytes // 9_531_392, 5000)


@dataclass(frozen=True, kw_only=True)
class CacheNode:
    """One ElastiCache node type. `memory_bytes` is its `maxmemory`."""

    name: str
    vcpu: int
    memory_bytes: int

    @property
    def memory_gib(self) -> float:
        """`maxmemory`, GiB."""
        return self.memory_bytes / GIB_BYTES

    @property
    def is_burstable(self) -> bool:
        """True if it is burstable: it runs on CPU credits."""
        return self.name.startswith("cache.t")

    @property
    def max_connections(self) -> int:
        """`maxclients`, which ElastiCache fixes: 20000 on t-micro to t-medium, else 65000."""
        return 20_000 if self.is_burstable else 65_000


def _build_rds_classes() -> dict[str, RdsClass]:
    classes = []
    for family, sizes in RDS_FAMILIES.items():
        for size in sizes:
            is_burstable = family.startswith("t")
            vcpu = BURSTABLE_VCPUS[size] if is_burstable else VCPUS_BY_SIZE[size]
            memory_gib = (
                BURSTABLE_MEMORY_GIB[size]
                if is_burstable
                else vcpu * MEMORY_GIB_PER_VCPU[family[0]]
            )
            classes.append(RdsClass(name=f"db.{family}.{size}", vcpu=vcpu, memory_gib=memory_gib))
    return {instance_class.name: instance_class for instance_class in classes}


def _build_cache_nodes() -> dict[str, CacheNode]:
    nodes = []
    for family in CACHE_FAMILIES:
        for size, memory_bytes in CACHE_MAXMEMORY_BYTES[family[0]].items():
            vcpu = BURSTABLE_VCPUS[size] if family.startswith("t") else VCPUS_BY_SIZE[size]
            nodes.append(
                CacheNode(name=f"cache.{family}.{size}", vcpu=vcpu, memory_bytes=memory_bytes)
            )
    return {node.name: node for node in nodes}


RDS_CLASSES: Final[Mapping[str, RdsClass]] = _build_rds_classes()
CACHE_NODES: Final[Mapping[str, CacheNode]] = _build_cache_nodes()


def get_rds_class(name: str) -> RdsClass:
    """The DB instance class of that name, like db.t4g.small. Raises UnknownClassError."""
    if name not in RDS_CLASSES:
        raise UnknownClassError(_format_allowed_names("db", name=name, families=RDS_FAMILIES))
    return RDS_CLASSES[name]


def get_cache_node(name: str) -> CacheNode:
    """The cache node type of that name, like cache.t4g.micro. Raises UnknownClassError."""
    if name not in CACHE_NODES:
        families = {family: tuple(CACHE_MAXMEMORY_BYTES[family[0]]) for family in CACHE_FAMILIES}
        raise UnknownClassError(_format_allowed_names("cache", name=name, families=families))
    return CACHE_NODES[name]


def _format_allowed_names(kind: str, *, name: str, families: Mapping[str, tuple[str, ...]]) -> str:
    """The allowed names: the sizes of its family if that is known, else the families."""
    parts = name.split(".")
    if len(parts) == 3 and parts[0] == kind and parts[1] in families:
        sizes = ", ".join(families[parts[1]])
        return f"must be {kind}.{parts[1]}. and one of {sizes}"
    return f"must be {kind}.FAMILY.SIZE with a family of {', '.join(families)}"
