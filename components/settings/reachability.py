"""What services and the fleet can reach without NAT: only what an endpoint of the VPC leads to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from components.settings.container import ECR_IMAGE_PATTERN, ContainerSettings

# Amazon ECR User Guide, "Amazon ECR interface VPC endpoints": both, and the S3 gateway, which the
# stack always has; logs and secrets: Amazon ECS Developer Guide, "Amazon ECS interface VPC
# endpoints".
TASK_ENDPOINTS: Final = ("ecr.api", "ecr.dkr", "logs", "secretsmanager")
# Its image's name is a parameter; `ops fleet run` needs the channel of Systems Manager (AWS Systems
# Manager User Guide, "Improve the security of EC2 instances by using VPC endpoints"); the agent of
# CloudWatch sends metrics and reads the instance's tags.
FLEET_ENDPOINTS: Final = ("ssm", "ssmmessages", "monitoring", "ec2")


@dataclass(frozen=True, kw_only=True)
class IsolatedStack:
    """A stack without NAT: its containers by their key in the settings, its interface endpoints.

    `exec_key` is True if sessions of ECS Exec are encrypted with the stack's own key.
    """

    region: str
    endpoints: tuple[str, ...]
    containers: Mapping[str, ContainerSettings]
    has_fleet: bool
    has_exec: bool
    exec_key: bool


def find_reachability_fault(stack: IsolatedStack) -> str | None:
    """Returns why what runs cannot reach its image, logs or secrets; None if it can."""
    missing = [
        endpoint for endpoint in _list_required_endpoints(stack) if endpoint not in stack.endpoints
    ]
    if missing:
        return (
            f"network.nat is 'none', must be so where network.interfaceEndpoints has "
            f"{', '.join(missing)}: what runs has no other way to its image, logs and secrets"
        )
    return next(_list_container_faults(stack), None)


def _list_required_endpoints(stack: IsolatedStack) -> list[str]:
    endpoints = [*TASK_ENDPOINTS, *(FLEET_ENDPOINTS if stack.has_fleet else ())]
    secrets = [arn for item in stack.containers.values() for arn in item.secrets.values()]
    if any(":ssm:" in arn for arn in secrets):
        endpoints.append("ssm")
    if stack.has_exec:
        # Amazon ECS Developer Guide, "Monitor Amazon ECS containers with ECS Exec".
        endpoints += ["ssmmessages", *(["kms"] if stack.exec_key else [])]
    return list(dict.fromkeys(endpoints))


def _list_container_faults(stack: IsolatedStack) -> Iterator[str]:
    """Endpoints are of one region, and there is none for a public registry."""
    region = stack.region
    for key, container in stack.containers.items():
        image = ECR_IMAGE_PATTERN.match(container.image)
        if image is None or image["region"] != region:
            yield (
                f"{key}.image is {container.image!r}, must be an image in ECR of {region} with "
                "network.nat 'none': no endpoint leads to another registry. Push it there, or "
                "name it by a pull through cache"
            )
        for name, arn in container.secrets.items():
            if arn.split(":")[3] != region:
                yield (
                    f"{key}.secrets holds {name!r} of {arn.split(':')[3]}, must be of {region} "
                    "with network.nat 'none': an endpoint leads to its own region"
                )
