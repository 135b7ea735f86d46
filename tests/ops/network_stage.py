"""A stage with a network on it, and what is in it: tasks, instances, a database, a cache, NAT."""

import io
import zipfile
from typing import Any

from ops.outputs import CachePart
from tests.ops import db_stage, fleet_stage, service_stage
from tests.ops.stage import REGION, STACK_PREFIX, Stage

TIERS = {"public": 0, "private": 16, "database": 32}
DATABASE_PORT, CACHE_PORT, SERVICE_PORT = 5433, 6379, 8080


def put_network(stage: Stage) -> None:
    """Two zones with three tiers each, as the program makes them, and the parts of the stack."""
    ec2 = stage.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnets = {
        tier: {
            zone: ec2.create_subnet(
                VpcId=vpc,
                CidrBlock=f"10.0.{first + number}.0/24",
                AvailabilityZone=f"{REGION}{zone}",
            )["Subnet"]["SubnetId"]
            for number, zone in enumerate("ab")
        }
        for tier, first in TIERS.items()
    }
    public_table = _put_table(stage, vpc, list(subnets["public"].values()))
    ec2.create_route(RouteTableId=public_table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    gateways = {}
    for zone in "ab":
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=subnets["public"][zone], AllocationId=address)
        gateways[zone] = nat["NatGateway"]["NatGatewayId"]
        table = _put_table(stage, vpc, [subnets["private"][zone]])
        ec2.create_route(
            RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateways[zone]
        )
    _put_table(stage, vpc, list(subnets["database"].values()))
    for tier in TIERS:
        _put_acl(stage, vpc, list(subnets[tier].values()))
    groups = _put_groups(stage, vpc)
    ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{REGION}.s3",
        VpcEndpointType="Gateway",
        RouteTableIds=[find_table_of(stage, subnet) for subnet in subnets["private"].values()],
    )
    network = stage.outputs.network.model_copy(
        update={
            "vpc_id": vpc,
            **{f"{tier}_subnets": by_zone for tier, by_zone in subnets.items()},
            "nat_gateways": gateways,
        }
    )
    stage.outputs = stage.outputs.model_copy(update={"network": network})
    _put_database(stage, subnets["database"], groups["database"])
    _put_cache(stage, subnets["database"], groups["cache"])
    _put_balancer(stage, subnets["public"], groups["balancer"])
    settings = {
        "subnets": list(subnets["private"].values()),
        "securityGroups": [groups["tasks"]],
        "assignPublicIp": "DISABLED",
    }
    service_stage.put_services(
        stage,
        networkConfiguration={"awsvpcConfiguration": settings},
    )
    fleet_stage.put_fleet(stage, VPCZoneIdentifier=",".join(subnets["private"].values()), MinSize=0)


def put_idle_network(stage: Stage) -> None:
    """The same, without a running task."""
    put_network(stage)
    stage.client("ecs").update_service(cluster=STACK_PREFIX, service="backend", desiredCount=0)
    stage.clock.sleep(3600)


def put_connected_fleet(stage: Stage) -> None:
    """The network, with instances of the fleet in the tasks' group, and a log of the backend."""
    put_network(stage)
    ec2, tasks = stage.client("ec2"), find_group(stage, "tasks")
    for instance in fleet_stage.list_instance_ids(stage):
        ec2.modify_instance_attribute(InstanceId=instance, Groups=[tasks])
    services = stage.outputs.services
    assert services is not None
    stage.client("logs").create_log_group(logGroupName=services.services["backend"].log_group)
    balancer = stage.client("elbv2").describe_load_balancers()["LoadBalancers"][0]
    part = stage.outputs.load_balancer
    assert part is not None
    changed = part.model_copy(update={"dns_name": balancer["DNSName"]})
    stage.outputs = stage.outputs.model_copy(update={"load_balancer": changed})
    stage.client("elbv2").create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=443,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
    )


def put_network_with_flow_logs(stage: Stage) -> None:
    """A network with a group of flow logs."""
    put_network(stage)
    stage.client("logs").create_log_group(logGroupName="/bulwark/test/flow-logs")


def put_network_with_dns_servers(stage: Stage) -> None:
    """A network whose names other servers than Amazon's resolve."""
    put_network(stage)
    ec2 = stage.client("ec2")
    options = ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "domain-name-servers", "Values": ["10.0.0.99"]}]
    )["DhcpOptions"]["DhcpOptionsId"]
    ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=stage.outputs.network.vpc_id)


def find_group(stage: Stage, name: str) -> str:
    """The id of a security group of the stage."""
    groups = stage.client("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": [f"{STACK_PREFIX}-{name}"]}]
    )
    return str(groups["SecurityGroups"][0]["GroupId"])


def find_database_host(stage: Stage) -> str:
    """The name of the database's endpoint, as RDS has it."""
    (instance,) = stage.client("rds").describe_db_instances()["DBInstances"]
    return str(instance["Endpoint"]["Address"])


def find_acl(stage: Stage, tier: str) -> str:
    """The id of the network ACL of a tier."""
    subnet = next(iter(getattr(stage.outputs.network, f"{tier}_subnets").values()))
    acls = stage.client("ec2").describe_network_acls(
        Filters=[{"Name": "association.subnet-id", "Values": [subnet]}]
    )
    return str(acls["NetworkAcls"][0]["NetworkAclId"])


def find_table(stage: Stage, tier: str, zone: str = "a") -> str:
    """The id of the route table of a tier's subnet."""
    return find_table_of(stage, getattr(stage.outputs.network, f"{tier}_subnets")[zone])


def find_table_of(stage: Stage, subnet: str) -> str:
    """The id of the route table of a subnet."""
    tables = stage.client("ec2").describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": [subnet]}]
    )
    return str(tables["RouteTables"][0]["RouteTableId"])


def build_permission(port: int, group: str | None = None) -> list[dict[str, Any]]:
    """A rule of a port, of a group or of anybody."""
    rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    if group is None:
        return [rule | {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    return [rule | {"UserIdGroupPairs": [{"GroupId": group}]}]


def deny_in_acl(
    stage: Stage, tier: str, ports: tuple[int, int], *, is_egress: bool, cidr: str = "0.0.0.0/0"
) -> str:
    """A rule 10 that denies, in the ACL of a tier; the ACL's id."""
    acl = find_acl(stage, tier)
    stage.client("ec2").create_network_acl_entry(
        NetworkAclId=acl,
        RuleNumber=10,
        Protocol="6",
        RuleAction="deny",
        Egress=is_egress,
        CidrBlock=cidr,
        PortRange={"From": ports[0], "To": ports[1]},
    )
    return acl


def _put_table(stage: Stage, vpc: str, subnets: list[str]) -> str:
    ec2 = stage.client("ec2")
    table = str(ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"])
    for subnet in subnets:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    return table


def _put_acl(stage: Stage, vpc: str, subnets: list[str]) -> None:
    """An ACL of its own, which lets everything pass."""
    ec2 = stage.client("ec2")
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    for is_egress in (True, False):
        ec2.create_network_acl_entry(
            NetworkAclId=acl,
            RuleNumber=100,
            Protocol="-1",
            RuleAction="allow",
            Egress=is_egress,
            CidrBlock="0.0.0.0/0",
        )
    acls = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"]
    for association in (item for each in acls for item in each["Associations"]):
        if association["SubnetId"] in subnets:
            ec2.replace_network_acl_association(
                AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl
            )


def _put_groups(stage: Stage, vpc: str) -> dict[str, str]:
    """The groups of the parts, with the rules between them."""
    ec2 = stage.client("ec2")
    groups = {}
    for name in ("tasks", "database", "cache", "balancer"):
        group = ec2.create_security_group(
            GroupName=f"{STACK_PREFIX}-{name}", Description=name, VpcId=vpc
        )["GroupId"]
        ec2.revoke_security_group_egress(
            GroupId=group,
            IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        )
        groups[name] = group
    for caller, called, port in (
        ("tasks", "database", DATABASE_PORT),
        ("tasks", "cache", CACHE_PORT),
        ("balancer", "tasks", SERVICE_PORT),
    ):
        ec2.authorize_security_group_egress(
            GroupId=groups[caller], IpPermissions=build_permission(port, groups[called])
        )
        ec2.authorize_security_group_ingress(
            GroupId=groups[called], IpPermissions=build_permission(port, groups[caller])
        )
    ec2.authorize_security_group_egress(
        GroupId=groups["tasks"], IpPermissions=build_permission(443)
    )
    ec2.authorize_security_group_ingress(
        GroupId=groups["balancer"], IpPermissions=build_permission(443)
    )
    return groups


def _put_database(stage: Stage, subnets: dict[str, str], group: str) -> None:
    name = stage.outputs.database.subnet_group
    stage.client("rds").create_db_subnet_group(
        DBSubnetGroupName=name,
        DBSubnetGroupDescription="test",
        SubnetIds=list(subnets.values()),
    )
    db_stage.put_database(
        stage, DBSubnetGroupName=name, VpcSecurityGroupIds=[group], Port=DATABASE_PORT
    )


def _put_cache(stage: Stage, subnets: dict[str, str], group: str) -> None:
    cache, name = stage.client("elasticache"), f"{STACK_PREFIX}-cache"
    cache.create_cache_subnet_group(
        CacheSubnetGroupName=name,
        CacheSubnetGroupDescription="test",
        SubnetIds=list(subnets.values()),
    )
    cache.create_replication_group(
        ReplicationGroupId=name,
        ReplicationGroupDescription="test",
        Engine="valkey",
        EngineVersion="8.0",
        CacheNodeType="cache.t4g.micro",
        NumCacheClusters=2,
        AutomaticFailoverEnabled=True,
        CacheSubnetGroupName=name,
        SecurityGroupIds=[group],
    )
    stage.clock.sleep(3600)
    part = CachePart(
        identifier=name,
        arn=f"arn:aws:elasticache:{REGION}:123456789012:replicationgroup:{name}",
        engine="valkey",
        primary_endpoint=f"master.{name}.cache.amazonaws.com",
        reader_endpoint=f"replica.{name}.cache.amazonaws.com",
        port=CACHE_PORT,
        secret_arn="arn:aws:secretsmanager:x",
        security_group_id=group,
    )
    stage.outputs = stage.outputs.model_copy(update={"cache": part})


def _put_balancer(stage: Stage, subnets: dict[str, str], group: str) -> None:
    created = stage.client("elbv2").create_load_balancer(
        Scheme="internet-facing",
        Name=f"{STACK_PREFIX}-alb",
        Subnets=list(subnets.values()),
        SecurityGroups=[group],
    )["LoadBalancers"][0]
    part = stage.outputs.load_balancer
    assert part is not None
    changed = part.model_copy(update={"arn": created["LoadBalancerArn"]})
    stage.outputs = stage.outputs.model_copy(update={"load_balancer": changed})


def put_network_with_function(stage: Stage) -> None:
    """The network, and the rotation function in its private subnets with the group of the tasks."""
    put_network(stage)
    subnets = list(stage.outputs.network.private_subnets.values())
    put_function(stage, f"{STACK_PREFIX}-rotation", subnets, [find_group(stage, "tasks")])


def put_function(stage: Stage, name: str, subnets: list[str], groups: list[str]) -> None:
    """A Lambda function; in no VPC without subnets."""
    iam = stage.client("iam")
    role = iam.create_role(RoleName=f"{name}-role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "")
    stage.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="handler.handle",
        Code={"ZipFile": code.getvalue()},
        **({"VpcConfig": {"SubnetIds": subnets, "SecurityGroupIds": groups}} if subnets else {}),
    )
