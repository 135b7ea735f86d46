"""Rejects settings of services and fleet that what runs cannot be brought to."""

from collections.abc import Iterator
from typing import Final

from components.settings.deployed_parts import DeployedStack
from components.settings.stack import Settings

CHANGING_PAGE: Final = "docs/changing.md"


def list_kind_faults(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    """The listener's rules, the target group and the firewall would change before the tasks do.
    For a new target group the running revision lacks the port, so that ECS refuses the service."""
    for name, service in settings.services.items() if settings.has_services else ():
        kind = deployed.service_kinds.get(name, service.kind)
        if service.kind != kind:
            yield (
                f"services.{name}.kind is {service.kind!r}, must be {kind!r}, that of the deployed "
                "service: its tasks are made for it until they are replaced. Add a service of "
                f"another name, then take this one away, see {CHANGING_PAGE}"
            )


def list_port_faults(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    """The firewall and the target group would change before the tasks do: an outage. Then ECS
    refuses the service, since its tasks lack the port (terraform#4227)."""
    if settings.has_services:
        for name, service in settings.services.items():
            if not service.kind_facts.has_targets:
                continue
            port = deployed.service_ports.get(name, service.port)
            if service.port != port:
                yield (
                    f"services.{name}.port is {service.port}, must be {port}, that of the deployed "
                    f"service: its tasks answer there until they are replaced. Add a service of "
                    f"another name with the new port, then give it the paths, see {CHANGING_PAGE}"
                )
    if settings.has_fleet and deployed.fleet_port not in (None, settings.fleet.port):
        yield (
            f"fleet.port is {settings.fleet.port}, must be {deployed.fleet_port}, that of the "
            "deployed fleet: its instances answer there until they are replaced. Take the fleet "
            f"away from `compute` and add it again, see {CHANGING_PAGE}"
        )
    if settings.has_fleet and deployed.fleet_architecture not in (
        None,
        settings.fleet.architecture,
    ):
        yield (
            f"fleet.architecture is {settings.fleet.architecture!r}, must be "
            f"{deployed.fleet_architecture!r}, that of the deployed fleet: its instance types "
            "change before its AMI and its image do, and none could be launched. Take the fleet "
            f"away from `compute` and add it again, see {CHANGING_PAGE}"
        )
