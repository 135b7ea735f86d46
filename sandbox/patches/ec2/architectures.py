"""EC2: the architecture of an instance is that of its type.

moto takes it from the AMI, and says x86_64 of one that it does not know.
"""

from typing import Final

from moto.ec2.models.instance_types import INSTANCE_TYPES

UNLISTED_ARCHITECTURE: Final = "x86_64"  # of a type that moto does not list


def get_type_architecture(instance_type: str) -> str:
    """The architecture that EC2 lists for an instance type, the newest first."""
    info = INSTANCE_TYPES.get(instance_type, {}).get("ProcessorInfo", {})
    architectures: list[str] = info.get("SupportedArchitectures", [UNLISTED_ARCHITECTURE])
    return UNLISTED_ARCHITECTURE if UNLISTED_ARCHITECTURE in architectures else architectures[0]
