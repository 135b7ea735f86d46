"""Unused network interfaces: attached to nothing, each holding an address of its subnet."""

from typing import Final

from ops.core.checks import CheckFacts, CheckRoutine, ResponseItem, build_read
from ops.core.counts import format_count
from ops.core.stack_scope import list_stack_regions
from ops.cost.unused.findings import (
    UnusedReport,
    UnusedResource,
    conclude,
    format_aws_line,
    guard_by_state,
)
from ops.cost.unused.ownership import find_owner, parse_tags
from ops.prices.price_table import DEFAULT_PRICE_TABLE, HOURS

_INTERFACES_API: Final = "ec2.describe_network_interfaces"


def check_unused_interfaces(facts: CheckFacts) -> CheckRoutine:
    """No network interface is attached to nothing.

    AWS does not say since when one is, nor lets one be deleted that is in use. Those of AWS's
    services are theirs (EC2 User Guide, "Requester-managed network interfaces").
    """
    report = UnusedReport("unused-network-interfaces", "network interfaces")
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [build_read(_INTERFACES_API, "NetworkInterfaces", region=r) for r in regions]
    for region, answer in zip(regions, answers, strict=True):
        interfaces = report.read_items(answer, region)
        report.looked_at.append(f"{format_count(len(interfaces), 'interface')} in {region}")
        available = [item for item in interfaces if item.get("Status") == "available"]
        managed = [item for item in available if _is_managed(item)]
        if managed:
            text = format_count(len(managed), "interface")
            report.kept.append(f"kept: {text} in {region} of AWS's services")
        report.unused += [
            _build_unused_interface(facts, item, region)
            for item in available
            if not _is_managed(item)
        ]
    return (yield from conclude(facts, report))


def _is_managed(interface: ResponseItem) -> bool:
    operator = interface.get("Operator") or {}
    return bool(
        interface.get("RequesterManaged")
        or operator.get("Managed")
        or interface.get("InterfaceType", "interface") not in ("interface", "efa", "efa-only")
    )


def _build_unused_interface(
    facts: CheckFacts, interface: ResponseItem, region: str
) -> UnusedResource:
    name = str(interface["NetworkInterfaceId"])
    owner = find_owner(parse_tags(interface, "TagSet"), facts.outputs.stack)
    # An address of an interface that is attached to nothing costs as any other (VPC pricing).
    public_ip = (interface.get("Association") or {}).get("PublicIp")
    description = str(interface.get("Description") or "")
    words = [
        f"{interface.get('PrivateIpAddress')} of {interface.get('SubnetId')} in {region}",
        *([f"described {description!r}"] if description else []),
        *([f"with the address {public_ip}, which stays when this is deleted"] if public_ip else []),
    ]
    delete = format_aws_line("ec2", "delete-network-interface", region, network_interface_id=name)
    return UnusedResource(
        id=name,
        owner=owner,
        evidence=(
            f"{', '.join(words)}: attached to nothing, AWS does not say since when; see first that "
            "nobody is about to attach it"
        ),
        command=guard_by_state(facts, owner, name, delete),
        monthly_usd=DEFAULT_PRICE_TABLE.public_ipv4 * HOURS if public_ip else None,
        reason="COST04-BP03",
    )
