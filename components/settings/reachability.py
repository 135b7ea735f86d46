"""What services and the fleet can reach without NAT: only what an endpoint of the VPC leads to."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from components.settings.container import ECR_IMAGE_PATTERN, ContainerSettings

if TYPE_CHECKING:
    from components.settings.stack import Settings

# Amazon ECR User Guide, "Amazon ECR interface VPC endpoints": both, and the S3 gateway, which the
# stack always has; logs and secrets: Amazon ECS Developer Guide, "Amazon ECS interface VPC
# endpoints".
TASK_ENDPOINTS: Final = ("ecr.api", "ecr.dkr", "logs", "secretsmanager")
# Its image's name is a parameter; `ops fleet run` needs the channel of Systems Manager (AWS Systems
# Manager User Guide, "Improve the security of EC2 instances by using VPC endpoints"); the agent of
# CloudWatch sends metrics and reads the instance's tags.
FLEET_ENDPOINTS: Final = ("ssm", "ssmmessages", "monitoring", "ec2")


def find_reachability_fault(settings: "Settings") -> str | None:
    """Returns why what runs cannot reach its image, logs or secrets; None if it can."""
    if settings.compute == "none" or settings.network.nat != "none":
        return None
    missing = [
        endpoint
        for endpoint in _list_required_endpoints(settings)
        if endpoint not in settings.network.interface_endpoints
    ]
    if missing:
        return (
            f"network.nat is 'none', must be so where network.interfaceEndpoints has "
            f"{', '.join(missing)}: what runs has no other way to its image, logs and secrets"
        )
    return next(_list_container_faults(settings), None)


def _list_required_endpoints(settings: "Settings") -> Iterator[str]:
    yield from TASK_ENDPOINTS
    containers = list_containers(settings).values()
    names_parameters = any(
        ":ssm:" in arn for container in containers for arn in container.secrets.values()
    )
    endpoints: list[str] = [*FLEET_ENDPOINTS] if settings.has_fleet else []
    if names_parameters:
        endpoints.append("ssm")
    if settings.has_services and settings.cluster.exec:
        # Amazon ECS Developer Guide, "Monitor Amazon ECS containers with ECS Exec".
        endpoints += ["ssmmessages", *(["kms"] if settings.encryption == "own" else [])]
    yield from dict.fromkeys(endpoints)


def list_containers(settings: "Settings") -> Mapping[str, ContainerSettings]:
    """The containers of the stack, by their key in the settings."""
    services = settings.services if settings.has_services else {}
    return {
        **{f"services.{name}": service for name, service in services.items()},
        **({"fleet": settings.fleet} if settings.has_fleet else {}),
    }


def _list_container_faults(settings: "Settings") -> Iterator[str]:
    """Endpoints are of one region, and there is none for a public registry."""
    region = settings.region
    for key, container in list_containers(settings).items():
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
