"""EC2 in the sandbox: images, NAT gateways, flow logs, security groups in use."""

from typing import Any

from sandbox.clock import ManualClock
from tests.sandbox.conftest import ClientFactory, RefusalGetter

AMI_PARAMETER = "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id"


def create_network(ec2: Any) -> tuple[str, str]:
    """Ids of a VPC and its subnet."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    return vpc, subnet


def create_empty_group(ec2: Any, vpc: str, name: str = "group") -> str:
    response = ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)
    return str(response["GroupId"])


def test_an_image_that_ssm_names_is_there(aws_client: ClientFactory) -> None:
    image = aws_client("ssm").get_parameter(Name=AMI_PARAMETER)["Parameter"]["Value"]
    images = aws_client("ec2").describe_images(ImageIds=[image])["Images"]
    assert [(i["Architecture"], i["RootDeviceName"]) for i in images] == [("arm64", "/dev/xvda")]


def test_a_nat_gateway_is_pending_then_available_then_gone(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    ec2 = aws_client("ec2")
    _, subnet = create_network(ec2)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    name = gateway["NatGatewayId"]

    def get_state() -> str:
        gateways = ec2.describe_nat_gateways(NatGatewayIds=[name])["NatGateways"]
        return str(gateways[0]["State"])

    states = [get_state()]
    held_clock.advance(120)
    states.append(get_state())
    ec2.delete_nat_gateway(NatGatewayId=name)
    states.append(get_state())
    held_clock.advance(120)
    states.append(get_state())
    assert states == ["pending", "available", "deleting", "deleted"]
    assert "AssociationId" not in ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]


def test_an_address_has_one_nat_gateway(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    ec2 = aws_client("ec2")
    _, subnet = create_network(ec2)
    parameters = {"SubnetId": subnet, "AllocationId": ec2.allocate_address()["AllocationId"]}
    ec2.create_nat_gateway(**parameters)
    assert get_refusal(ec2.create_nat_gateway, **parameters)[0] == "Resource.AlreadyAssociated"


def test_a_subnet_with_a_nat_gateway_is_not_deleted(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    ec2 = aws_client("ec2")
    _, subnet = create_network(ec2)
    address = ec2.allocate_address()["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    assert get_refusal(ec2.delete_subnet, SubnetId=subnet)[0] == "DependencyViolation"
    ec2.delete_nat_gateway(NatGatewayId=gateway["NatGatewayId"])
    ec2.delete_subnet(SubnetId=subnet)


def test_flow_logs_go_into_a_folder_of_a_bucket(aws_client: ClientFactory) -> None:
    ec2, s3 = aws_client("ec2"), aws_client("s3")
    vpc, _ = create_network(ec2)
    s3.create_bucket(
        Bucket="log-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-north-1"}
    )
    ec2.create_flow_logs(
        ResourceType="VPC",
        ResourceIds=[vpc],
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::log-bucket/flow/",
        DestinationOptions={"FileFormat": "parquet"},
    )
    flow_log = ec2.describe_flow_logs()["FlowLogs"][0]
    assert flow_log["LogDestination"] == "arn:aws:s3:::log-bucket/flow/"
    assert flow_log["DestinationOptions"]["FileFormat"] == "parquet"


def test_a_rule_for_another_group_keeps_its_description(aws_client: ClientFactory) -> None:
    ec2 = aws_client("ec2")
    vpc, _ = create_network(ec2)
    server, client = create_empty_group(ec2, vpc, "server"), create_empty_group(ec2, vpc, "client")
    pair = {"GroupId": client, "Description": "from the client"}
    ec2.authorize_security_group_ingress(
        GroupId=server,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [pair]}
        ],
    )
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [server]}])
    ingress = [r for r in rules["SecurityGroupRules"] if not r["IsEgress"]]
    assert [r["Description"] for r in ingress] == ["from the client"]
    assert ingress[0]["ReferencedGroupInfo"]["GroupId"] == client


def test_a_security_group_referenced_by_another_is_not_deleted(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    ec2 = aws_client("ec2")
    vpc, _ = create_network(ec2)
    server, client = create_empty_group(ec2, vpc, "server"), create_empty_group(ec2, vpc, "client")
    rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1}
    rule["UserIdGroupPairs"] = [{"GroupId": client}]
    ec2.authorize_security_group_ingress(GroupId=server, IpPermissions=[rule])
    assert get_refusal(ec2.delete_security_group, GroupId=client)[0] == "DependencyViolation"
    ec2.delete_security_group(GroupId=server)
    ec2.delete_security_group(GroupId=client)


def test_a_security_group_of_a_database_is_not_deleted(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    ec2, rds = aws_client("ec2"), aws_client("rds")
    vpc, _ = create_network(ec2)
    name = create_empty_group(ec2, vpc)
    rds.create_db_instance(
        DBInstanceIdentifier="main",
        DBInstanceClass="db.t4g.small",
        Engine="postgres",
        MasterUsername="someone",
        MasterUserPassword="Aa1-Aa1-Aa1",
        AllocatedStorage=20,
        VpcSecurityGroupIds=[name],
    )
    assert get_refusal(ec2.delete_security_group, GroupId=name)[0] == "DependencyViolation"
    rds.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    ec2.delete_security_group(GroupId=name)


def test_a_security_group_of_an_interface_endpoint_is_not_deleted(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    ec2 = aws_client("ec2")
    vpc, subnet = create_network(ec2)
    name = create_empty_group(ec2, vpc)
    response = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.eu-north-1.ssm",
        VpcEndpointType="Interface",
        SubnetIds=[subnet],
        SecurityGroupIds=[name],
    )["VpcEndpoint"]
    assert get_refusal(ec2.delete_security_group, GroupId=name)[0] == "DependencyViolation"
    ec2.delete_vpc_endpoints(VpcEndpointIds=[response["VpcEndpointId"]])
    ec2.delete_security_group(GroupId=name)


def test_an_icmp_rule_of_a_network_acl_has_its_type_and_code(aws_client: ClientFactory) -> None:
    ec2 = aws_client("ec2")
    vpc, _ = create_network(ec2)
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    kind = {"Type": 3, "Code": 4}
    ec2.create_network_acl_entry(
        NetworkAclId=acl,
        RuleNumber=100,
        Protocol="1",
        RuleAction="allow",
        Egress=False,
        CidrBlock="0.0.0.0/0",
        IcmpTypeCode=kind,
        PortRange={"From": 0, "To": 0},
    )
    entries = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
    rule = next(e for e in entries if e["RuleNumber"] == 100)
    assert rule["IcmpTypeCode"] == kind
    assert "PortRange" not in rule


def create_fleet_template(ec2: Any) -> str:
    tags = [{"Key": "Owner", "Value": "platform"}]
    response = ec2.create_launch_template(
        LaunchTemplateName="fleet",
        LaunchTemplateData={
            "ImageId": "ami-12c6146b",
            "InstanceType": "t4g.small",
            "TagSpecifications": [{"ResourceType": "volume", "Tags": tags}],
        },
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": tags}],
    )["LaunchTemplate"]
    assert response["Tags"] == tags
    return str(response["LaunchTemplateId"])


def test_a_template_gives_its_instances_only_the_tags_meant_for_them(
    aws_client: ClientFactory,
) -> None:
    ec2 = aws_client("ec2")
    response = ec2.describe_launch_template_versions(LaunchTemplateId=create_fleet_template(ec2))
    data = response["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert [t["ResourceType"] for t in data["TagSpecifications"]] == ["volume"]


def test_a_launch_template_version_inherits_from_its_source(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    ec2 = aws_client("ec2")
    name = create_fleet_template(ec2)
    change = {"InstanceType": "t4g.medium"}
    ec2.create_launch_template_version(
        LaunchTemplateId=name, SourceVersion="1", LaunchTemplateData=change
    )
    response = ec2.describe_launch_template_versions(LaunchTemplateId=name, Versions=["2"])
    data = response["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert (data["ImageId"], data["InstanceType"]) == ("ami-12c6146b", "t4g.medium")
    code, _ = get_refusal(
        ec2.create_launch_template_version,
        LaunchTemplateId=name,
        SourceVersion="9",
        LaunchTemplateData=change,
    )
    assert code == "InvalidLaunchTemplateId.VersionNotFound"
