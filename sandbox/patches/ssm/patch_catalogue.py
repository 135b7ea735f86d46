"""What Amazon Linux has released, as far as somebody releases it: nothing comes by itself.

The CVEs and the packages that they are in are those of the public CVE records. Versions, severities
and what needs a reboot are this sandbox's own.
"""

from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from moto.ec2.models import ec2_backends
from moto.ssm.models import ssm_backends

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import backend_state

# Names of an architecture in RPM packages, by EC2's name.
PACKAGE_ARCHITECTURES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
# Newest ECS-optimized Amazon Linux 2023 ("Retrieving Amazon ECS-optimized Linux AMI metadata").
NEWEST_AMI_PARAMETERS: Final = {
    "arm64": "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id",
    "x86_64": "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
}
PATCHED_PRODUCT: Final = "AmazonLinux2023"


@dataclass(frozen=True)
class SecurityPatch:
    """A newer version of a package, and what it closes."""

    package: str
    version: str
    severity: str
    cve_ids: tuple[str, ...]
    needs_reboot: bool = False


CATALOGUE: Final = (
    SecurityPatch("kernel", "6.1.155-176.282", "Important", ("CVE-2024-53104",), True),
    SecurityPatch("openssl-libs", "3.2.2-1.12", "Critical", ("CVE-2024-12797", "CVE-2024-9143")),
    SecurityPatch("openssh-server", "8.7p1-8.14", "Important", ("CVE-2024-6387",)),
    SecurityPatch("curl-minimal", "8.11.1-4.10", "Medium", ("CVE-2024-7264",)),
)


@dataclass(frozen=True)
class ReleasedPatch:
    """A patch of the catalogue and when it was released."""

    patch: SecurityPatch
    released_at: datetime


def list_released_patches(account: str, region: str) -> list[ReleasedPatch]:
    """What there is in an account and region, the oldest first."""
    patches: list[ReleasedPatch] = backend_state(
        ssm_backends[account][region], "released patches", list
    )
    return patches


def release_patches(account: str, region: str, *, days_ago: float = 0) -> tuple[str, ...]:
    """Releases the catalogue, so many days ago. Returns the packages."""
    released_at = get_sandbox_clock().now() - timedelta(days=days_ago)
    list_released_patches(account, region).extend(
        ReleasedPatch(patch, released_at) for patch in CATALOGUE
    )
    return tuple(patch.package for patch in CATALOGUE)


def publish_ami(account: str, region: str, architecture: str = "arm64") -> str:
    """Publishes a newest AMI of the fleet's family: it has everything released until now."""
    now = get_sandbox_clock().now()
    ec2, ssm = ec2_backends[account][region], ssm_backends[account][region]
    name = f"al2023-ami-ecs-hvm-2023.0.{now:%Y%m%d}-kernel-6.1-{architecture}"
    ami: str = ec2.register_image(name, "").id
    image = ec2.amis[ami]
    image.architecture = architecture
    image.creation_date = now
    parameter_name = NEWEST_AMI_PARAMETERS[architecture]
    replacement: Any = copy(ssm._parameters[parameter_name][-1])
    replacement.value, replacement.version = ami, replacement.version + 1
    replacement.last_modified_date = now  # moto has a number in its own ones
    ssm._parameters[parameter_name].append(replacement)
    return ami
