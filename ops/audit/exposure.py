"""What of the stack's network lets the internet nearer than it must: ACLs, instances, defaults."""

from collections.abc import Mapping
from typing import Any, Final

from ops.audit.model import AuditReport, close_report
from ops.audit.security_groups import (
    ADMINISTRATION_PORTS,
    GROUPS_API,
    build_revoke_line,
    format_ports,
    is_internet,
    list_sources,
)
from ops.core.checks import CheckFacts, CheckRoutine, build_read
from ops.core.counts import format_count

_ACLS_API: Final = "ec2.describe_network_acls"
_INSTANCES_API: Final = "ec2.describe_instances"
DEFAULT_GROUP_KEY: Final = "default-security-group"
NETWORK_ACLS_KEY: Final = "open-network-acls"
PUBLIC_INSTANCES_KEY: Final = "public-instances"
_PROTOCOLS_WITH_PORTS: Final = ("6", "17")  # TCP and UDP, by IANA's numbers


def check_default_group(facts: CheckFacts) -> CheckRoutine:
    """Judges the VPC's default security group, which whatever names no group is in."""
    report = AuditReport(facts, DEFAULT_GROUP_KEY, "default security group")
    vpc, region = facts.outputs.network.vpc_id, facts.outputs.stack.region
    filters = [
        {"Name": "vpc-id", "Values": [vpc]},
        {"Name": "group-name", "Values": ["default"]},
    ]
    (answer,) = yield [build_read(GROUPS_API, "SecurityGroups", Filters=filters)]
    for group in report.get_items(answer):
        for is_egress, permission, kind, source in list_sources(group, with_egress=True):
            ports, way = format_ports(permission), "out to" if is_egress else "in from"
            report.add(
                f"{group['GroupId']}/{way.split()[0]}/{ports}/{source.replace('/', '-')}",
                f"it lets {ports} {way} {source}",
                build_revoke_line(
                    region, str(group["GroupId"]), permission, kind, source, is_egress=is_egress
                ),
                severity="medium",
                reason="CIS AWS Foundations 3.0 5.4; FSBP EC2.2: the default group has no rules",
                subject=f"default ({group['GroupId']})",
            )
    return (yield from close_report(report, "it has no rules"))


def check_network_acls(facts: CheckFacts) -> CheckRoutine:
    """Judges which network ACLs in use let the internet in to the ports of administration."""
    report = AuditReport(facts, NETWORK_ACLS_KEY, "network ACLs")
    region = facts.outputs.stack.region
    filters = [{"Name": "vpc-id", "Values": [facts.outputs.network.vpc_id]}]
    (answer,) = yield [build_read(_ACLS_API, "NetworkAcls", Filters=filters)]
    acls = [acl for acl in report.get_items(answer) if acl["Associations"]]
    for acl in acls:
        entries = sorted(
            (entry for entry in acl["Entries"] if not entry["Egress"]),
            key=lambda entry: int(entry["RuleNumber"]),
        )
        for port in ADMINISTRATION_PORTS:
            entry = next((e for e in entries if _is_open_to(e, port)), None)
            # The first rule that matches counts: a denial of all before it closes the port.
            if entry is None or entry["RuleAction"] != "allow":
                continue
            acl_id, number = acl["NetworkAclId"], entry["RuleNumber"]
            report.add(
                f"{acl_id}/{port}",
                f"rule {number} lets {_get_network(entry)} in to port {port}",
                f"aws ec2 delete-network-acl-entry --region {region} --network-acl-id {acl_id} "
                f"--rule-number {number} --ingress",
                severity="medium",
                reason="CIS AWS Foundations 3.0 5.1; FSBP EC2.21: no administration from outside",
                subject=str(acl_id),
            )
    return (
        yield from close_report(
            report,
            f"{format_count(len(acls), 'network ACL')} in use: no administration from outside",
        )
    )


def check_public_instances(facts: CheckFacts) -> CheckRoutine:
    """Judges which instances of the VPC have a public address, but those that are its NAT."""
    report, outputs = AuditReport(facts, PUBLIC_INSTANCES_KEY, "instances"), facts.outputs
    filters = [
        {"Name": "vpc-id", "Values": [outputs.network.vpc_id]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
    ]
    (answer,) = yield [build_read(_INSTANCES_API, "Reservations", Filters=filters)]
    instances = [i for reservation in report.get_items(answer) for i in reservation["Instances"]]
    nat_instances = set(outputs.network.nat_instances.values())
    for instance in instances:
        identifier, address = str(instance["InstanceId"]), instance.get("PublicIpAddress")
        if not address or identifier in nat_instances:
            continue
        report.add(
            identifier,
            f"it has the public address {address} in {instance.get('SubnetId')}",
            _build_address_line(outputs.stack.region, instance),
            severity="high",
            reason="FSBP EC2.9: instances have no public address",
            since=str(instance.get("LaunchTime") or ""),
        )
    return (
        yield from close_report(
            report, f"none of {format_count(len(instances), 'instance')} has a public address"
        )
    )


def _build_address_line(region: str, instance: Mapping[str, Any]) -> str:
    """The line that takes a public address away: an elastic one, else one that AWS lent."""
    interfaces = instance.get("NetworkInterfaces", ())
    for interface in interfaces:
        association = interface.get("Association") or {}
        if association.get("IpOwnerId") == "amazon":
            return (
                f"aws ec2 modify-network-interface-attribute --region {region} "
                f"--network-interface-id {interface['NetworkInterfaceId']} "
                "--no-associate-public-ip-address"
            )
    address = instance["PublicIpAddress"]
    return f"aws ec2 disassociate-address --region {region} --public-ip {address}"


def _get_network(entry: Mapping[str, Any]) -> str:
    return str(entry.get("CidrBlock") or entry.get("Ipv6CidrBlock"))


def _is_open_to(entry: Mapping[str, Any], port: int) -> bool:
    """True if a rule is about the internet and a port."""
    if not is_internet(_get_network(entry)):
        return False
    protocol, ports = str(entry["Protocol"]), entry.get("PortRange") or {}
    return protocol == "-1" or (
        protocol in _PROTOCOLS_WITH_PORTS and ports.get("From", 0) <= port <= ports.get("To", 65535)
    )
