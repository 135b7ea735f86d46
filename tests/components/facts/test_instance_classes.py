"""Instance classes: sizes that alarms and settings rely on."""

import gzip
import json
from pathlib import Path

import moto
import pytest

from components.facts.instance_classes import (
    CACHE_NODES,
    RDS_CLASSES,
    UnknownClassError,
    get_cache_node,
    get_rds_class,
)
from components.facts.units import GIB_BYTES

EC2_INSTANCE_TYPES_FILE = (
    Path(moto.__file__).parent / "ec2" / "resources" / "instance_types.json.gz"
)


def test_a_db_class_has_the_size_of_the_ec2_type_of_its_name() -> None:
    types = json.loads(gzip.decompress(EC2_INSTANCE_TYPES_FILE.read_bytes()))
    for name, db_class in RDS_CLASSES.items():
        ec2 = types[name.removeprefix("db.")]
        assert (db_class.vcpu, db_class.memory_gib * 1024) == (
            ec2["VCpuInfo"]["DefaultVCpus"],
            ec2["MemoryInfo"]["SizeInMiB"],
        ), name


def test_a_cache_node_has_less_memory_than_the_ec2_type_of_its_name() -> None:
    types = json.loads(gzip.decompress(EC2_INSTANCE_TYPES_FILE.read_bytes()))
    for name, cache_node in CACHE_NODES.items():
        ec2 = types[name.removeprefix("cache.")]
        assert cache_node.vcpu == ec2["VCpuInfo"]["DefaultVCpus"], name
        assert 0.5 <= cache_node.memory_gib * 1024 / ec2["MemoryInfo"]["SizeInMiB"] < 0.85, name


@pytest.mark.parametrize(
    ("name", "connections"),
    [("db.t4g.micro", 80), ("db.t4g.small", 187), ("db.m7g.large", 829), ("db.r7g.8xlarge", 5000)],
)
def test_connections_follow_the_memory_up_to_a_cap(name: str, connections: int) -> None:
    assert get_rds_class(name).max_connections == connections


def test_connections_never_exceed_the_documented_formula() -> None:
    for db_class in RDS_CLASSES.values():
        assert db_class.max_connections <= min(
            db_class.memory_gib * GIB_BYTES // 9_531_392, 5000
        ), db_class.name


def test_a_class_has_a_processor_and_may_be_burstable() -> None:
    assert [
        (c.processor, c.is_burstable) for c in map(get_rds_class, ("db.t4g.micro", "db.m6i.large"))
    ] == [("arm64", True), ("x86_64", False)]
    assert get_cache_node("cache.t4g.small").max_connections == 20_000
    assert get_cache_node("cache.r7g.large").max_connections == 65_000
    assert get_cache_node("cache.r7g.large").is_burstable is False


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("db.t4g.huge", "must be db.t4g. and one of micro, small, medium, large, xlarge, 2xlarge"),
        ("db.m4.large", "must be db.FAMILY.SIZE with a family of t4g, t3, m6g"),
        ("t4g.micro", "must be db.FAMILY.SIZE with a family of t4g, t3, m6g"),
    ],
)
def test_an_unknown_db_class_lists_the_known_ones(name: str, message: str) -> None:
    with pytest.raises(UnknownClassError, match=message):
        get_rds_class(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cache.t4g.large", "must be cache.t4g. and one of micro, small, medium$"),
        ("cache.r6gd.large", "must be cache.FAMILY.SIZE with a family of t4g, t3, m6g, m7g"),
    ],
)
def test_an_unknown_cache_node_type_lists_the_known_ones(name: str, message: str) -> None:
    with pytest.raises(UnknownClassError, match=message):
        get_cache_node(name)
