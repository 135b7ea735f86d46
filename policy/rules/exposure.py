"""Public access and open ports: the world reaches the load balancer's 80 and 443 only."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, ip_network
from typing import Any, Final

from components.facts.private_ranges import is_private_range
from policy.rules.model import (
    IS_EMPTY,
    IS_FALSE,
    IS_FALSE_OR_UNSET,
    IS_TRUE,
    UNKNOWN,
    PolicyResource,
    Requirement,
    ResourceRule,
    StackRule,
    as_list,
    build_property_check,
    check_value,
    find_property,
    one_of,
)

# A range with a shorter prefix is of no one owner (IANA gives out /8 and longer of IPv4, /12 of
# IPv6): it and its halves are the world.
SHORTEST_PREFIXES: Final[Mapping[int, int]] = {4: 8, 6: 12}
PUBLIC_PORTS: Final = frozenset({80, 443})
# EC2.19's list of ports that are often attacked.
RISKY_PORTS: Final = frozenset(
    {20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5500}
    | {5601, 8080, 8088, 8888, 9200, 9300}
)
DEFAULT_POSTGRES_PORT: Final = 5432
DATABASE_PORT_RULE: Final = "database-port"
BALANCER_COMPONENT: Final = "alb"  # the component whose security group may be open to the world
_DATABASE_COMPONENT: Final = "database"


def _list_source_cidrs(rule: Any) -> set[str]:
    keys = ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks", "cidrBlock", "ipv6CidrBlock")
    return {
        entry
        for key in keys
        for entry in as_list(find_property(rule, key))
        if isinstance(entry, str)
    }


def _is_open_to_world(rule: Any) -> bool:
    """True if one of a rule's ranges is the world, or a large part of it, however it is written."""
    for cidr in _list_source_cidrs(rule):
        try:
            network = ip_network(cidr.strip(), strict=False)
        except ValueError:
            continue
        if network.prefixlen < SHORTEST_PREFIXES[network.version]:
            return True
    return False


def _get_port_range(rule: Any) -> tuple[float, float]:
    """(first, last) port that a rule opens; all ports if it names none."""
    protocol = find_property(rule, "ipProtocol") or find_property(rule, "protocol")
    first, last = find_property(rule, "fromPort"), find_property(rule, "toPort")
    if str(protocol) in ("-1", "all") or first is None or last is None:
        return 0, 65535
    if first is UNKNOWN or last is UNKNOWN:
        return -1, -1
    return float(first), float(last)


def _list_ingress_rules(resource: PolicyResource) -> Iterator[tuple[str, Any]]:
    """Yields (path, rule) for each ingress that a resource opens."""
    if resource.type == "aws:ec2/securityGroupRule:SecurityGroupRule":
        if find_property(resource.inputs, "type") == "ingress":
            yield "", resource.inputs
    elif resource.type.startswith("aws:vpc/"):
        yield "", resource.inputs
    else:
        for index, rule in enumerate(as_list(find_property(resource.inputs, "ingress"))):
            yield f"ingress.{index}.", rule


def _check_world_access(resource: PolicyResource) -> Iterator[str]:
    for path, rule in _list_ingress_rules(resource):
        if not _is_open_to_world(rule):
            continue
        first, last = _get_port_range(rule)
        is_balancer = resource.name.split("-")[0] == BALANCER_COMPONENT
        if first == -1 or (is_balancer and first == last and first in PUBLIC_PORTS):
            continue
        ports = f"{first:g}" if first == last else f"{first:g} to {last:g}"
        allowed_ports = "80 or 443 of the load balancer, where the world may come in"
        yield f"{path}fromPort is {ports}, must be {allowed_ports}"


def _check_database_clients(resource: PolicyResource) -> Iterator[str]:
    """Reports each range of the internet that may call the database."""
    if resource.name.split("-")[0] != _DATABASE_COMPONENT:
        return
    for path, rule in _list_ingress_rules(resource):
        for cidr in sorted(_list_source_cidrs(rule)):
            try:
                is_private = is_private_range(IPv4Network(cidr.strip(), strict=False))
            except ValueError:  # of IPv6, which the VPC has not
                is_private = False
            if not is_private:
                yield f"{path}cidrIpv4 is {cidr}, must be a private range: database.allowedCidrs"


def _check_risky_ports(resource: PolicyResource) -> Iterator[str]:
    """Reports a range that contains a port that is often attacked."""
    for path, rule in _list_ingress_rules(resource):
        first, last = _get_port_range(rule)
        risky_ports = sorted(port for port in RISKY_PORTS if first <= port <= last)
        if risky_ports and first != last and _list_source_cidrs(rule):
            yield (
                f"{path}fromPort is {first:g} to {last:g}, must be a single port: this opens "
                f"{', '.join(map(str, risky_ports[:4]))} too"
            )


def _check_network_acl(resource: PolicyResource) -> Iterator[str]:
    """EC2.21: the first entry of a network ACL that matches the world and a port decides."""
    entries = sorted(
        (e for e in as_list(find_property(resource.inputs, "ingress")) if e is not UNKNOWN),
        key=lambda e: float(find_property(e, "ruleNo") or 0),
    )
    for port in (22, 3389):
        for entry in entries:
            first, last = _get_port_range(entry)
            if not (_is_open_to_world(entry) and first <= port <= last):
                continue
            if str(find_property(entry, "action")).lower() == "allow":
                yield f"ingress is open to the world on {port}, must be any other port"
            break


def _check_network_interfaces(resource: PolicyResource) -> Iterator[str]:
    for index, interface in enumerate(as_list(find_property(resource.inputs, "networkInterfaces"))):
        path = f"networkInterfaces.{index}.associatePublicIpAddress"
        yield from check_value(path, find_property(interface, "associatePublicIpAddress"), IS_FALSE)


def _check_bucket_companions(resources: Any) -> Iterator[tuple[PolicyResource, str]]:
    """Each bucket needs its companions; one whose bucket is not known yet counts for any."""
    for type_, property_name in BUCKET_COMPANION_TYPES.items():
        bucket_names = [
            find_property(resource.inputs, "bucket")
            for resource in resources
            if resource.type == type_
        ]
        for bucket in (
            resource for resource in resources if resource.type == "aws:s3/bucket:Bucket"
        ):
            name = find_property(bucket.inputs, "bucket")
            if UNKNOWN not in (name, *bucket_names) and name not in bucket_names:
                yield (
                    bucket,
                    f"{property_name} is not set, must be a {type_.rsplit(':', 1)[1]} of its own",
                )


BUCKET_COMPANION_TYPES: Final = {
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "publicAccessBlock",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:s3/bucketVersioning:BucketVersioning": "versioning",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "serverSideEncryptionConfiguration"
    ),
}
SECURITY_GROUP_TYPES: Final = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:ec2/securityGroupRule:SecurityGroupRule",
)
EXPOSURE_RULES = (
    ResourceRule(
        DATABASE_PORT_RULE,
        ("RDS.23",),
        ("aws:rds/instance:Instance",),
        "A database listens on another port than its engine's default.",
        build_property_check(
            port=Requirement("another port than 5432", lambda v: v != DEFAULT_POSTGRES_PORT)
        ),
    ),
    ResourceRule(
        "bucket-not-public",
        ("S3.1", "S3.8"),
        ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",),
        "A bucket blocks all public access.",
        build_property_check(
            blockPublicAcls=IS_TRUE,
            blockPublicPolicy=IS_TRUE,
            ignorePublicAcls=IS_TRUE,
            restrictPublicBuckets=IS_TRUE,
        ),
    ),
    ResourceRule(
        "bucket-acl-off",
        ("S3.12",),
        ("aws:s3/bucketOwnershipControls:BucketOwnershipControls",),
        "A bucket has no ACLs.",
        build_property_check(rule__objectOwnership=one_of("BucketOwnerEnforced")),
    ),
    ResourceRule(
        "database-not-public",
        ("RDS.2",),
        ("aws:rds/instance:Instance",),
        "A database has no public address.",
        build_property_check(publiclyAccessible=IS_FALSE_OR_UNSET),
    ),
    ResourceRule(
        "world-only-to-balancer",
        ("EC2.18", "EC2.13", "EC2.14"),
        SECURITY_GROUP_TYPES,
        "The world comes in at the load balancer's 80 and 443 only.",
        _check_world_access,
    ),
    ResourceRule(
        "database-clients-private",
        ("house",),
        SECURITY_GROUP_TYPES,
        "A database is called from private ranges only.",
        _check_database_clients,
    ),
    ResourceRule(
        "default-group-empty",
        ("EC2.2",),
        ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",),
        "A VPC's default security group lets nothing through.",
        build_property_check(ingress=IS_EMPTY, egress=IS_EMPTY),
    ),
    ResourceRule(
        "no-risky-ports",
        ("EC2.19",),
        SECURITY_GROUP_TYPES,
        "No range of ports opens one that is often attacked.",
        _check_risky_ports,
    ),
    ResourceRule(
        "acl-closed",
        ("EC2.21",),
        ("aws:ec2/networkAcl:NetworkAcl",),
        "Network ACLs are closed to 22 and 3389 from the world.",
        _check_network_acl,
    ),
    ResourceRule(
        "subnet-no-public-ip",
        ("EC2.15",),
        ("aws:ec2/subnet:Subnet",),
        "A subnet gives out no public addresses.",
        build_property_check(mapPublicIpOnLaunch=IS_FALSE_OR_UNSET),
    ),
    ResourceRule(
        "instance-no-public-ip",
        ("EC2.9",),
        ("aws:ec2/instance:Instance",),
        "An instance has no public address.",
        build_property_check(associatePublicIpAddress=IS_FALSE_OR_UNSET),
    ),
    ResourceRule(
        "template-no-public-ip",
        ("EC2.25", "AutoScaling.5"),
        ("aws:ec2/launchTemplate:LaunchTemplate",),
        "Instances of a template have no public address.",
        _check_network_interfaces,
    ),
    ResourceRule(
        "service-no-public-ip",
        ("ECS.2",),
        ("aws:ecs/service:Service",),
        "Tasks have no public address.",
        build_property_check(networkConfiguration__assignPublicIp=IS_FALSE_OR_UNSET),
    ),
)
EXPOSURE_STACK_RULES = (
    StackRule(
        "bucket-complete",
        ("S3.8", "S3.5", "S3.14"),
        ("aws:s3/bucket:Bucket",),
        "A bucket has its public access block, policy, versioning and encryption.",
        _check_bucket_companions,
    ),
)
