"""What mends a path: the commands that a check names.

What the program declares and AWS lacks, or has too much, is made right by a deployment that reads
AWS first. The other line makes the one change by hand, which the next deployment takes back unless
the program has it.
"""

from ops.core.checks import REPAIR_COMMAND
from ops.network.model import ANY_NETWORK, AclEntry, NatDevice, NetworkAcl, Place


def list_group_remedies(
    place: Place, peer: Place, port: int, *, is_egress: bool
) -> tuple[str, ...]:
    """The commands that let a port through a place's first security group."""
    if not place.groups:
        return (REPAIR_COMMAND,)
    verb = "egress" if is_egress else "ingress"
    if peer.groups:
        pair = f"UserIdGroupPairs=[{{GroupId={peer.groups[0]}}}]"
    elif peer.prefix_list is not None:
        pair = f"PrefixListIds=[{{PrefixListId={peer.prefix_list}}}]"
    else:
        network = ANY_NETWORK if peer.is_internet else peer.networks[0]
        pair = f"IpRanges=[{{CidrIp={network}}}]"
    return (
        REPAIR_COMMAND,
        f"aws ec2 authorize-security-group-{verb} --group-id {place.groups[0]} --ip-permissions "
        f"'IpProtocol=tcp,FromPort={port},ToPort={port},{pair}'",
    )


def list_acl_remedies(
    acl: NetworkAcl, entry: AclEntry | None, *, is_egress: bool
) -> tuple[str, ...]:
    """The commands that take a rule out of an ACL that denies; none but a deployment for rule *."""
    if entry is None:
        return (REPAIR_COMMAND,)
    direction = "--egress" if is_egress else "--ingress"
    return (
        REPAIR_COMMAND,
        f"aws ec2 delete-network-acl-entry --network-acl-id {acl.id} --rule-number {entry.number} "
        f"{direction}",
    )


def list_nat_instance_remedies(device: NatDevice) -> tuple[str, ...]:
    """The commands that start a NAT instance, or let it forward."""
    if not device.id.startswith("i-"):
        return ()
    if device.state in ("stopped", "stopping"):
        return (f"aws ec2 start-instances --instance-ids {device.id}",)
    if not device.forwards:
        line = "aws ec2 modify-instance-attribute --no-source-dest-check"
        return (f"{line} --instance-id {device.id}",)
    return ()
