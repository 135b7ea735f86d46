"""The numbers of rightsizing, held to what AWS itself says of instance types.

moto carries a copy of what EC2's DescribeInstanceTypes answers.
"""

from typing import Any

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES

from components.facts.vcpus import find_ec2_vcpus
from ops.core.checks import CheckFacts
from ops.cost.rightsizing.compute import judge_fleet
from ops.cost.rightsizing.generation import find_graviton_size
from ops.cost.rightsizing.loads import Load, Loads
from ops.cost.rightsizing.rules import BASELINE_PERCENTS, DISK_LIMITS, GRAVITON_FAMILIES
from ops.prices.price_table import DEFAULT_PRICE_TABLE
from tests.ops.single_check import NOW
from tests.ops.stage import build_stack_outputs

AWS_TYPES: dict[str, Any] = {str(name): item for name, item in INSTANCE_TYPES.items()}


@pytest.mark.parametrize("name", DISK_LIMITS)
def test_what_a_class_can_do_with_its_disks_is_its_baseline(name: str) -> None:
    baseline = AWS_TYPES[name]["EbsInfo"]["EbsOptimizedInfo"]
    limits = DISK_LIMITS[name]
    assert limits.iops == baseline["BaselineIops"]
    assert limits.bytes_per_second / 1e6 == pytest.approx(
        baseline["BaselineThroughputInMBps"], abs=0.01
    )


@pytest.mark.parametrize("family", GRAVITON_FAMILIES)
def test_graviton_has_no_fewer_vcpus_and_no_less_memory(family: str) -> None:
    sizes = [n for n in AWS_TYPES if n.startswith(f"{family}.") and find_graviton_size(n)]
    assert sizes
    for name in sizes:
        assert find_graviton_size(name) in AWS_TYPES
        before, after = AWS_TYPES[name], AWS_TYPES[str(find_graviton_size(name))]
        assert after["VCpuInfo"]["DefaultVCpus"] >= before["VCpuInfo"]["DefaultVCpus"]
        assert after["MemoryInfo"]["SizeInMiB"] >= before["MemoryInfo"]["SizeInMiB"]
        assert after["ProcessorInfo"]["SupportedArchitectures"] == ["arm64"]


@pytest.mark.parametrize("name", DEFAULT_PRICE_TABLE.instances)
def test_the_types_that_have_a_price_have_as_many_vcpus_as_aws_says(name: str) -> None:
    if not name.endswith(".nano"):
        assert find_ec2_vcpus(name) == AWS_TYPES[name]["VCpuInfo"]["DefaultVCpus"]


def test_each_burstable_size_has_a_baseline() -> None:
    sizes = {n.partition(".")[2] for n in AWS_TYPES if n.startswith(("t3.", "t3a.", "t4g."))}
    assert sizes == set(BASELINE_PERCENTS)
    assert find_graviton_size("cache.t3.small") == "cache.t4g.small"
    assert find_graviton_size("db.t4g.small") is None
    assert find_graviton_size("m5.24xlarge") is None
    assert find_graviton_size("m5.metal") is None


def test_an_instance_with_half_the_vcpus_must_bear_twice_the_cpu() -> None:
    facts = CheckFacts(build_stack_outputs(), NOW)
    loads: Loads = {"CPU": Load(45, 45, 45, 20, 336), "memory": Load(20, 20, 20, 20, 336)}
    (finding,) = judge_fleet(facts, ["m7g.large"], 2, loads)
    assert finding.state == "ok"
    assert finding.evidence == "m7g.large is right: on m7g.medium CPU 90 % (at most 80)"
