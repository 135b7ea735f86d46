"""The vCPUs of instance classes by their size ("Hardware specifications for DB instance classes",
RDS User Guide)."""

from collections.abc import Mapping
from typing import Final

# vCPU of each size: the same in every family but the burstable ones.
BURSTABLE_VCPUS: Final[Mapping[str, int]] = {
    "micro": 2,
    "small": 2,
    "medium": 2,
    "large": 2,
    "xlarge": 4,
    "2xlarge": 8,
}
VCPUS_BY_SIZE: Final[Mapping[str, int]] = {
    "large": 2,
    "xlarge": 4,
    "2xlarge": 8,
    "4xlarge": 16,
    "8xlarge": 32,
    "12xlarge": 48,
    "16xlarge": 64,
    "24xlarge": 96,
    "32xlarge": 128,
    "48xlarge": 192,
}


def find_ec2_vcpus(name: str) -> int:
    """The vCPUs of an instance type that is not of a previous generation.

    A `medium` of a family that is not burstable has one (EC2 User Guide, "General purpose
    instances").
    """
    family, _, size = name.partition(".")
    return BURSTABLE_VCPUS[size] if family.startswith("t") else {"medium": 1, **VCPUS_BY_SIZE}[size]


def find_rds_vcpus(name: str) -> int | None:
    """The vCPUs of any DB instance class, by its size; None if the size is not known."""
    _, family, size = [*name.split("."), "", ""][:3]
    return (BURSTABLE_VCPUS if family.startswith("t") else VCPUS_BY_SIZE).get(size)
