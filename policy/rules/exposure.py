"""Public access and open ports: what the world can reach is the load balancer's 80 and 443."""

from collections.abc import Iterator
from typing import Any, Final

from policy.rules.model import (
    FALSE,
    FALSE_OR_UNSET,
    NONE,
    TRUE,
    UNKNOWN,
    Resource,
    Rule,
    StackRule,
    at,
    judge,
    line,
    listed,
    needs,
    one_of,
    statements,
)

WORLD: Final = frozenset({"0.0.0.0/0", "::/0"})
PUBLIC_PORTS: Final = frozenset({80, 443})
# EC2.19's list of ports that are often attacked.
RISKY_PORTS: Final = frozenset(
    {20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5500}
    | {5601, 8080, 8088, 8888, 9200, 9300}
)
BALANCER: Final = "alb"  # the component whose security group may answer the world


def _sources(rule: Any) -> set[str]:
    keys = ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks", "cidrBlock", "ipv6CidrBlock")
    return {entry for key in keys for entry in listed(at(rule, key)) if isinstance(entry, str)}


def _ports(rule: Any) -> tuple[float, float]:
    """(first, last) that a rule opens; all where it names none."""
    protocol = at(rule, "ipProtocol") or at(rule, "protocol")
    first, last = at(rule, "fromPort"), at(rule, "toPort")
    if str(protocol) in ("-1", "all") or first is None or last is None:
        return 0, 65535
    if first is UNKNOWN or last is UNKNOWN:
        return -1, -1
    return float(first), float(last)


def _ingress(resource: Resource) -> Iterator[tuple[str, Any]]:
    """(path, rule) of each way in that a resource opens."""
    if resource.type == "aws:ec2/securityGroupRule:SecurityGroupRule":
        if at(resource.props, "type") == "ingress":
            yield "", resource.props
    elif resource.type.startswith("aws:vpc/"):
        yield "", resource.props
    else:
        for index, rule in enumerate(listed(at(resource.props, "ingress"))):
            yield f"ingress.{index}.", rule


def _world(resource: Resource) -> Iterator[str]:
    for path, rule in _ingress(resource):
        if not _sources(rule) & WORLD:
            continue
        first, last = _ports(rule)
        of_balancer = resource.name.split("-")[0] == BALANCER
        if first == -1 or (of_balancer and first == last and first in PUBLIC_PORTS):
            continue
        opened = f"{first:g}" if first == last else f"{first:g} to {last:g}"
        may = "80 or 443 of the load balancer, where the world may come in"
        yield f"{path}fromPort is {opened}, may be {may}"


def _risky(resource: Resource) -> Iterator[str]:
    """A range wide enough to hold a port that is often attacked, from outside a network."""
    for path, rule in _ingress(resource):
        first, last = _ports(rule)
        wide = sorted(port for port in RISKY_PORTS if first <= port <= last)
        if wide and first != last and _sources(rule):
            yield (
                f"{path}fromPort is {first:g} to {last:g}, may be a single port: this opens "
                f"{', '.join(map(str, wide[:4]))} too"
            )


def _acl(resource: Resource) -> Iterator[str]:
    """EC2.21: the first entry of a network ACL that is of the world and a port decides."""
    entries = sorted(
        (e for e in listed(at(resource.props, "ingress")) if e is not UNKNOWN),
        key=lambda e: float(at(e, "ruleNo") or 0),
    )
    for port in (22, 3389):
        for entry in entries:
            first, last = _ports(entry)
            if not (_sources(entry) & WORLD and first <= port <= last):
                continue
            if str(at(entry, "action")).lower() == "allow":
                yield f"ingress is open to the world on {port}, may be any other port"
            break


def _interfaces(resource: Resource) -> Iterator[str]:
    for index, card in enumerate(listed(at(resource.props, "networkInterfaces"))):
        path = f"networkInterfaces.{index}.associatePublicIpAddress"
        yield from judge(path, at(card, "associatePublicIpAddress"), FALSE)


def _blocked(resources: Any) -> Iterator[tuple[Resource, str]]:
    """Each bucket has those that stand beside it; one of a bucket not known yet may be its own."""
    for type_, what in BESIDE_A_BUCKET.items():
        found = [at(r.props, "bucket") for r in resources if r.type == type_]
        for bucket in (r for r in resources if r.type == "aws:s3/bucket:Bucket"):
            name = at(bucket.props, "bucket")
            if UNKNOWN not in (name, *found) and name not in found:
                yield bucket, f"{what} is not set, may be a {type_.rsplit(':', 1)[1]} of its own"


def _anybody(resource: Resource) -> Iterator[str]:
    """A statement that lets anybody in is bounded by a condition."""
    for index, statement in enumerate(statements(at(resource.props, "policy"))):
        principal = at(statement, "Principal")
        who = listed(at(principal, "AWS")) if isinstance(principal, dict) else listed(principal)
        if at(statement, "Effect") == "Allow" and "*" in who and not at(statement, "Condition"):
            yield line(
                f"policy.Statement.{index}.Principal", "*", "named principals, or have a Condition"
            )


BESIDE_A_BUCKET: Final = {
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "publicAccessBlock",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:s3/bucketVersioning:BucketVersioning": "versioning",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "serverSideEncryptionConfiguration"
    ),
}
GROUPS: Final = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:ec2/securityGroupRule:SecurityGroupRule",
)
RULES = (
    Rule(
        "bucket-not-public",
        ("S3.1", "S3.8"),
        ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",),
        "A bucket blocks all public access.",
        needs(
            blockPublicAcls=TRUE,
            blockPublicPolicy=TRUE,
            ignorePublicAcls=TRUE,
            restrictPublicBuckets=TRUE,
        ),
    ),
    Rule(
        "bucket-acl-off",
        ("S3.12",),
        ("aws:s3/bucketOwnershipControls:BucketOwnershipControls",),
        "A bucket has no ACLs.",
        needs(rule__objectOwnership=one_of("BucketOwnerEnforced")),
    ),
    Rule(
        "policy-not-public",
        ("S3.2", "SNS.4", "KMS.5"),
        (
            "aws:s3/bucketPolicy:BucketPolicy",
            "aws:sns/topic:Topic",
            "aws:kms/key:Key",
            "aws:sqs/queue:Queue",
            "aws:ecr/repositoryPolicy:RepositoryPolicy",
        ),
        "A resource's policy lets nobody in without a condition.",
        _anybody,
    ),
    Rule(
        "database-not-public",
        ("RDS.2",),
        ("aws:rds/instance:Instance",),
        "A database has no public address.",
        needs(publiclyAccessible=FALSE_OR_UNSET),
    ),
    Rule(
        "world-only-to-balancer",
        ("EC2.18", "EC2.13", "EC2.14"),
        GROUPS,
        "The world comes in at the load balancer's 80 and 443 only.",
        _world,
    ),
    Rule(
        "default-group-empty",
        ("EC2.2",),
        ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",),
        "A VPC's default security group lets nothing through.",
        needs(ingress=NONE, egress=NONE),
    ),
    Rule(
        "no-risky-ports",
        ("EC2.19",),
        GROUPS,
        "No range of ports from addresses opens one that is often attacked.",
        _risky,
    ),
    Rule(
        "acl-closed",
        ("EC2.21",),
        ("aws:ec2/networkAcl:NetworkAcl",),
        "Network ACLs are closed to 22 and 3389 from the world.",
        _acl,
    ),
    Rule(
        "subnet-no-public-ip",
        ("EC2.15",),
        ("aws:ec2/subnet:Subnet",),
        "A subnet gives out no public addresses.",
        needs(mapPublicIpOnLaunch=FALSE_OR_UNSET),
    ),
    Rule(
        "instance-no-public-ip",
        ("EC2.9",),
        ("aws:ec2/instance:Instance",),
        "An instance has no public address.",
        needs(associatePublicIpAddress=FALSE_OR_UNSET),
    ),
    Rule(
        "template-no-public-ip",
        ("EC2.25", "AutoScaling.5"),
        ("aws:ec2/launchTemplate:LaunchTemplate",),
        "Instances of a template have no public address.",
        _interfaces,
    ),
    Rule(
        "service-no-public-ip",
        ("ECS.2",),
        ("aws:ecs/service:Service",),
        "Tasks have no public address.",
        needs(networkConfiguration__assignPublicIp=FALSE_OR_UNSET),
    ),
)
STACK_RULES = (
    StackRule(
        "bucket-complete",
        ("S3.8", "S3.5", "S3.14"),
        ("aws:s3/bucket:Bucket",),
        "A bucket has its public access block, policy, versioning and encryption.",
        _blocked,
    ),
)
