"""EC2 in the sandbox: images, NAT gateways, flow logs, security groups in use."""

from typing import Any

from sandbox.clock import ManualClock
from tests.sandbox.conftest import Clients, Refusal

AMI = "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id"


def network(ec2: Any) -> tuple[str, str]:
    """Ids of a VPC and its subnet."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    return vpc, subnet


def group(ec2: Any, vpc: str, name: str = "group") -> str:
    made = ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)
    return str(made["GroupId"])


def test_an_image_that_ssm_names_is_there(mended: Clients) -> None:
    image = mended("ssm").get_parameter(Name=AMI)["Parameter"]["Value"]
    found = mended("ec2").describe_images(ImageIds=[image])["Images"]
    assert [(i["Architecture"], i["RootDeviceName"]) for i in found] == [("arm64", "/dev/xvda")]


def test_a_nat_gateway_is_pending_then_available_then_gone(
    mended: Clients, held: ManualClock
) -> None:
    ec2 = mended("ec2")
    _, subnet = network(ec2)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    name = made["NatGatewayId"]

    def state() -> str:
        found = ec2.describe_nat_gateways(NatGatewayIds=[name])["NatGateways"]
        return str(found[0]["State"])

    states = [state()]
    held.advance(120)
    states.append(state())
    ec2.delete_nat_gateway(NatGatewayId=name)
    states.append(state())
    held.advance(120)
    states.append(state())
    assert states == ["pending", "available", "deleting", "deleted"]
    assert "AssociationId" not in ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]


def test_an_address_has_one_nat_gateway(mended: Clients, refused: Refusal) -> None:
    ec2 = mended("ec2")
    _, subnet = network(ec2)
    given = {"SubnetId": subnet, "AllocationId": ec2.allocate_address()["AllocationId"]}
    ec2.create_nat_gateway(**given)
    assert refused(ec2.create_nat_gateway, **given)[0] == "Resource.AlreadyAssociated"


def test_a_subnet_with_a_nat_gateway_is_not_deleted(mended: Clients, refused: Refusal) -> None:
    ec2 = mended("ec2")
    _, subnet = network(ec2)
    address = ec2.allocate_address()["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    assert refused(ec2.delete_subnet, SubnetId=subnet)[0] == "DependencyViolation"
    ec2.delete_nat_gateway(NatGatewayId=made["NatGatewayId"])
    ec2.delete_subnet(SubnetId=subnet)


def test_flow_logs_go_into_a_folder_of_a_bucket(mended: Clients) -> None:
    ec2, s3 = mended("ec2"), mended("s3")
    vpc, _ = network(ec2)
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
    found = ec2.describe_flow_logs()["FlowLogs"][0]
    assert found["LogDestination"] == "arn:aws:s3:::log-bucket/flow/"
    assert found["DestinationOptions"]["FileFormat"] == "parquet"


def test_a_rule_for_another_group_keeps_its_description(mended: Clients) -> None:
    ec2 = mended("ec2")
    vpc, _ = network(ec2)
    server, client = group(ec2, vpc, "server"), group(ec2, vpc, "client")
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


def test_a_group_that_another_names_is_not_deleted(mended: Clients, refused: Refusal) -> None:
    ec2 = mended("ec2")
    vpc, _ = network(ec2)
    server, client = group(ec2, vpc, "server"), group(ec2, vpc, "client")
    rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1}
    rule["UserIdGroupPairs"] = [{"GroupId": client}]
    ec2.authorize_security_group_ingress(GroupId=server, IpPermissions=[rule])
    assert refused(ec2.delete_security_group, GroupId=client)[0] == "DependencyViolation"
    ec2.delete_security_group(GroupId=server)
    ec2.delete_security_group(GroupId=client)


def test_a_group_of_a_database_is_not_deleted(mended: Clients, refused: Refusal) -> None:
    ec2, rds = mended("ec2"), mended("rds")
    vpc, _ = network(ec2)
    name = group(ec2, vpc)
    rds.create_db_instance(
        DBInstanceIdentifier="main",
        DBInstanceClass="db.t4g.small",
        Engine="postgres",
        MasterUsername="someone",
        MasterUserPassword="Aa1-Aa1-Aa1",
        AllocatedStorage=20,
        VpcSecurityGroupIds=[name],
    )
    assert refused(ec2.delete_security_group, GroupId=name)[0] == "DependencyViolation"
    rds.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    ec2.delete_security_group(GroupId=name)


def test_a_group_of_an_interface_endpoint_is_not_deleted(mended: Clients, refused: Refusal) -> None:
    ec2 = mended("ec2")
    vpc, subnet = network(ec2)
    name = group(ec2, vpc)
    made = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.eu-north-1.ssm",
        VpcEndpointType="Interface",
        SubnetIds=[subnet],
        SecurityGroupIds=[name],
    )["VpcEndpoint"]
    assert refused(ec2.delete_security_group, GroupId=name)[0] == "DependencyViolation"
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    ec2.delete_security_group(GroupId=name)


def test_an_icmp_rule_of_a_network_acl_has_its_type_and_code(mended: Clients) -> None:
    ec2 = mended("ec2")
    vpc, _ = network(ec2)
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
    found = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
    rule = next(e for e in found if e["RuleNumber"] == 100)
    assert rule["IcmpTypeCode"] == kind
    assert "PortRange" not in rule


def template(ec2: Any) -> str:
    tags = [{"Key": "Owner", "Value": "platform"}]
    made = ec2.create_launch_template(
        LaunchTemplateName="fleet",
        LaunchTemplateData={
            "ImageId": "ami-12c6146b",
            "InstanceType": "t4g.small",
            "TagSpecifications": [{"ResourceType": "volume", "Tags": tags}],
        },
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": tags}],
    )["LaunchTemplate"]
    assert made["Tags"] == tags
    return str(made["LaunchTemplateId"])


def test_a_template_gives_its_instances_only_the_tags_meant_for_them(mended: Clients) -> None:
    ec2 = mended("ec2")
    found = ec2.describe_launch_template_versions(LaunchTemplateId=template(ec2))
    data = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert [t["ResourceType"] for t in data["TagSpecifications"]] == ["volume"]


def test_a_version_takes_the_rest_from_its_source(mended: Clients, refused: Refusal) -> None:
    ec2 = mended("ec2")
    name = template(ec2)
    change = {"InstanceType": "t4g.medium"}
    ec2.create_launch_template_version(
        LaunchTemplateId=name, SourceVersion="1", LaunchTemplateData=change
    )
    found = ec2.describe_launch_template_versions(LaunchTemplateId=name, Versions=["2"])
    data = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert (data["ImageId"], data["InstanceType"]) == ("ami-12c6146b", "t4g.medium")
    code, _ = refused(
        ec2.create_launch_template_version,
        LaunchTemplateId=name,
        SourceVersion="9",
        LaunchTemplateData=change,
    )
    assert code == "InvalidLaunchTemplateId.VersionNotFound"
