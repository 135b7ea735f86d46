"""VPCs, subnets, routes, addresses, endpoints, flow logs and instances.

Security groups and network ACLs stand in vpc.py, launch templates in autoscaling.py.
"""

from typing import Any, Final

from sandbox.resources.entry import REST, Call, Entries, Entry, Inputs

TAGS: Final = Call(
    "ec2.create_tags", {"Resources": ["id"], "Tags": "pairs(in.tags)"}, when="in.tags"
)


def of_vpc(vpc: str, **more: str) -> list[dict[str, Any]]:
    """Filters for what stands in a VPC; more of them by name, with _ for - and __ for a dot."""
    filters = {"vpc-id": vpc}
    filters |= {k.replace("__", ".").replace("_", "-"): v for k, v in more.items()}
    return [{"Name": f"'{name}'", "Values": [value]} for name, value in filters.items()]


def arn(what: str) -> str:
    """ARN of an EC2 resource by its id."""
    return f"arn:${{partition}}:ec2:${{region}}:${{account}}:{what}/${{id}}"


def _route(table: str, of: str) -> dict[str, str]:
    return {
        "RouteTableId": table,
        "DestinationCidrBlock": f"{of}.destinationCidrBlock || {of}.cidrBlock",
        "DestinationIpv6CidrBlock": f"{of}.destinationIpv6CidrBlock || {of}.ipv6CidrBlock",
        "DestinationPrefixListId": f"{of}.destinationPrefixListId",
        "GatewayId": f"{of}.gatewayId",
        "NatGatewayId": f"{of}.natGatewayId",
        "NetworkInterfaceId": f"{of}.networkInterfaceId",
        "EgressOnlyInternetGatewayId": f"{of}.egressOnlyGatewayId",
        "VpcPeeringConnectionId": f"{of}.vpcPeeringConnectionId",
        "TransitGatewayId": f"{of}.transitGatewayId",
        "VpcEndpointId": f"{of}.vpcEndpointId",
    }


def _flow_log(inputs: Inputs) -> Inputs:
    """What it watches is one input of several in Pulumi, an id and a type in AWS."""
    kinds = {"vpcId": "VPC", "subnetId": "Subnet", "eniId": "NetworkInterface"}
    for name, kind in kinds.items():
        if (id_ := inputs.pop(name, None)) is not None:
            inputs |= {"resourceIds": [id_], "resourceType": kind}
    return inputs


def _instance(inputs: Inputs) -> Inputs:
    """Blocks that stand elsewhere in RunInstances."""
    if root := inputs.pop("rootBlockDevice", None):
        ebs = {k: v for k, v in root.items() if k not in ("tags", "deviceName")}
        inputs["blockDeviceMappings"] = [{"deviceName": "/dev/xvda", "ebs": ebs}]
    if (profile := inputs.pop("iamInstanceProfile", None)) is not None:
        inputs["iamInstanceProfile"] = {"name": profile}
    if (detailed := inputs.pop("monitoring", None)) is not None:
        inputs["monitoring"] = {"enabled": detailed}
    if (public := inputs.pop("associatePublicIpAddress", None)) is not None:
        inputs["networkInterfaces"] = [
            {
                "associatePublicIpAddress": public,
                "deviceIndex": 0,
                "subnetId": inputs.pop("subnetId"),
                "groups": inputs.pop("vpcSecurityGroupIds"),
            }
        ]
    return inputs


ENTRIES: Entries = {
    "aws:ec2/vpc:Vpc": Entry(
        "ec2.create_vpc",
        id="out.Vpc.VpcId",
        tagged="vpc",
        shown="out.Vpc",
        then=(
            Call(
                "ec2.modify_vpc_attribute",
                {"VpcId": "id", "EnableDnsSupport": {"Value": "in.enableDnsSupport"}},
                when="in.enableDnsSupport != `null`",
            ),
            Call(
                "ec2.modify_vpc_attribute",
                {"VpcId": "id", "EnableDnsHostnames": {"Value": "in.enableDnsHostnames"}},
                when="in.enableDnsHostnames != `null`",
            ),
            Call("ec2.describe_route_tables", {"Filters": of_vpc("id")}, keep="tables"),
            Call("ec2.describe_security_groups", {"Filters": of_vpc("id")}, keep="groups"),
            Call("ec2.describe_network_acls", {"Filters": of_vpc("id")}, keep="acls"),
        ),
        outputs={
            "arn": arn("vpc"),
            "mainRouteTableId": "tables.RouteTables[0].RouteTableId",
            "defaultRouteTableId": "tables.RouteTables[0].RouteTableId",
            "defaultSecurityGroupId": "groups.SecurityGroups[0].GroupId",
            "defaultNetworkAclId": "acls.NetworkAcls[0].NetworkAclId",
        },
        find=Call("ec2.describe_vpcs", {"VpcIds": ["id"]}),
        found="out.Vpcs",
    ),
    "aws:ec2/subnet:Subnet": Entry(
        "ec2.create_subnet",
        id="out.Subnet.SubnetId",
        tagged="subnet",
        shown="out.Subnet",
        then=(
            Call(
                "ec2.modify_subnet_attribute",
                {"SubnetId": "id", "MapPublicIpOnLaunch": {"Value": "in.mapPublicIpOnLaunch"}},
                when="in.mapPublicIpOnLaunch",
            ),
        ),
        outputs={"arn": "out.Subnet.SubnetArn"},
        find=Call("ec2.describe_subnets", {"SubnetIds": ["id"]}),
        found="out.Subnets",
    ),
    "aws:ec2/internetGateway:InternetGateway": Entry(
        "ec2.create_internet_gateway",
        id="out.InternetGateway.InternetGatewayId",
        tagged="internet-gateway",
        shown="out.InternetGateway",
        then=(
            Call(
                "ec2.attach_internet_gateway",
                {"InternetGatewayId": "id", "VpcId": "in.vpcId"},
                when="in.vpcId",
            ),
        ),
        outputs={"arn": arn("internet-gateway")},
        find=Call("ec2.describe_internet_gateways", {"InternetGatewayIds": ["id"]}),
        found="out.InternetGateways",
    ),
    "aws:ec2/eip:Eip": Entry(
        "ec2.allocate_address",
        id="out.AllocationId",
        tagged="elastic-ip",
        shown="out",
        then=(
            Call(
                "ec2.associate_address",
                {
                    "AllocationId": "id",
                    "InstanceId": "in.instance",
                    "NetworkInterfaceId": "in.networkInterface",
                },
                when="in.instance || in.networkInterface",
                keep="association",
            ),
        ),
        outputs={
            "arn": arn("elastic-ip"),
            "associationId": "association.AssociationId",
            "publicDns": "ec2-${join('-', split(out.PublicIp, '.'))}.${region}"
            ".compute.amazonaws.com",
        },
        find=Call("ec2.describe_addresses", {"AllocationIds": ["id"]}),
        found="out.Addresses",
    ),
    "aws:ec2/natGateway:NatGateway": Entry(
        "ec2.create_nat_gateway",
        id="out.NatGateway.NatGatewayId",
        tagged="natgateway",
        shown="out.NatGateway",
        wait="ec2.nat_gateway_available",
        wait_for={"NatGatewayIds": ["id"]},
        outputs={
            "publicIp": "out.NatGateway.NatGatewayAddresses[0].PublicIp",
            "privateIp": "out.NatGateway.NatGatewayAddresses[0].PrivateIp",
            "networkInterfaceId": "out.NatGateway.NatGatewayAddresses[0].NetworkInterfaceId",
            "associationId": "out.NatGateway.NatGatewayAddresses[0].AssociationId",
        },
        find=Call("ec2.describe_nat_gateways", {"NatGatewayIds": ["id"]}),
        found="out.NatGateways",
    ),
    "aws:ec2/routeTable:RouteTable": Entry(
        "ec2.create_route_table",
        id="out.RouteTable.RouteTableId",
        tagged="route-table",
        shown="out.RouteTable",
        then=(Call("ec2.create_route", _route("id", "item"), each="in.routes"),),
        outputs={"arn": arn("route-table")},
        find=Call("ec2.describe_route_tables", {"RouteTableIds": ["id"]}),
        found="out.RouteTables",
    ),
    "aws:ec2/defaultRouteTable:DefaultRouteTable": Entry(
        Call("ec2.describe_route_tables", {"RouteTableIds": ["in.defaultRouteTableId"]}),
        id="in.defaultRouteTableId",
        shown="out.RouteTables[0]",
        then=(
            Call(
                "ec2.delete_route",
                {"RouteTableId": "id", "DestinationCidrBlock": "item.DestinationCidrBlock"},
                each="out.RouteTables[0].Routes[?GatewayId != 'local']",
            ),
            Call("ec2.create_route", _route("id", "item"), each="in.routes"),
            TAGS,
        ),
        outputs={"arn": arn("route-table")},
        find=Call("ec2.describe_route_tables", {"RouteTableIds": ["id"]}),
        found="out.RouteTables",
    ),
    "aws:ec2/route:Route": Entry(
        Call("ec2.create_route", _route("in.routeTableId", "in")),
        id="r-${in.routeTableId}-${in.destinationCidrBlock || in.destinationIpv6CidrBlock "
        "|| in.destinationPrefixListId}",
        outputs={"origin": "'CreateRoute'", "state": "'active'"},
        find=Call("ec2.describe_route_tables", {"RouteTableIds": ["in.routeTableId"]}),
        found="out.RouteTables[0].Routes[?GatewayId != 'local']",
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Entry(
        "ec2.associate_route_table",
        id="out.AssociationId",
        find=Call(
            "ec2.describe_route_tables",
            {"Filters": [{"Name": "'association.route-table-association-id'", "Values": ["id"]}]},
        ),
        found="out.RouteTables",
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Entry(
        Call("ec2.create_vpc_endpoint", fit=REST, rename={"policy": "PolicyDocument"}),
        id="out.VpcEndpoint.VpcEndpointId",
        tagged="vpc-endpoint",
        shown="out.VpcEndpoint",
        left={"autoAccept": "both ends are of one account"},
        then=(
            Call(
                "ec2.describe_managed_prefix_lists",
                {"Filters": [{"Name": "'prefix-list-name'", "Values": ["in.serviceName"]}]},
                when="(in.vpcEndpointType || 'Gateway') == 'Gateway'",
                keep="lists",
            ),
        ),
        outputs={
            "arn": arn("vpc-endpoint"),
            "prefixListId": "lists.PrefixLists[0].PrefixListId",
            "dnsEntries": "out.VpcEndpoint.DnsEntries[].{dnsName: DnsName, "
            "hostedZoneId: HostedZoneId}",
            "networkInterfaceIds": "out.VpcEndpoint.NetworkInterfaceIds",
        },
        find=Call("ec2.describe_vpc_endpoints", {"VpcEndpointIds": ["id"]}),
        found="out.VpcEndpoints",
    ),
    "aws:ec2/flowLog:FlowLog": Entry(
        Call("ec2.create_flow_logs", fit=REST, rename={"iamRoleArn": "DeliverLogsPermissionArn"}),
        id="out.FlowLogIds[0]",
        tagged="vpc-flow-log",
        prepare=_flow_log,
        outputs={"arn": arn("vpc-flow-log")},
        find=Call("ec2.describe_flow_logs", {"FlowLogIds": ["id"]}),
        found="out.FlowLogs",
    ),
    "aws:ec2/instance:Instance": Entry(
        Call(
            "ec2.run_instances",
            {"MinCount": 1, "MaxCount": 1, "ImageId": "in.ami"},
            fit=REST,
            rename={
                "vpcSecurityGroupIds": "SecurityGroupIds",
                "userDataBase64": "UserData",
                "iops": "Iops",
            },
        ),
        id="out.Instances[0].InstanceId",
        tagged="instance",
        shown="out.Instances[0]",
        prepare=_instance,
        left={"userDataReplaceOnChange": "it is new"},
        then=(
            Call(
                "ec2.modify_instance_attribute",
                {"InstanceId": "id", "SourceDestCheck": {"Value": "in.sourceDestCheck"}},
                when="in.sourceDestCheck != `null`",
            ),
            Call(
                "ec2.create_tags",
                {
                    "Resources": "out.Instances[0].BlockDeviceMappings[].Ebs.VolumeId",
                    "Tags": "pairs(in.volumeTags)",
                },
                when="in.volumeTags",
            ),
        ),
        outputs={
            "arn": arn("instance"),
            "publicIp": "out.Instances[0].PublicIpAddress",
            "privateIp": "out.Instances[0].PrivateIpAddress",
            "privateDns": "out.Instances[0].PrivateDnsName",
            "primaryNetworkInterfaceId": "out.Instances[0].NetworkInterfaces[0].NetworkInterfaceId",
        },
        find=Call("ec2.describe_instances", {"InstanceIds": ["id"]}),
        found="out.Reservations[].Instances[]",
    ),
}
