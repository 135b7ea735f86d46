"""VPCs, subnets, routes, addresses, endpoints, flow logs and instances.

Security groups and network ACLs stand in vpc.py, launch templates in autoscaling.py.
"""

from typing import Any, Final

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    EntryTable,
    ResourceEntry,
)

TAG_CALL: Final = EntryCall(
    "ec2.create_tags", {"Resources": ["id"], "Tags": "pairs(in.tags)"}, condition="in.tags"
)


def build_vpc_filters(vpc: str, **other_filters: str) -> list[dict[str, Any]]:
    """Filters for what stands in a VPC; more of them by name, with _ for - and __ for a dot."""
    filters = {"vpc-id": vpc}
    filters |= {
        key.replace("__", ".").replace("_", "-"): filter_value
        for key, filter_value in other_filters.items()
    }
    return [{"Name": f"'{name}'", "Values": [value]} for name, value in filters.items()]


def build_ec2_arn(resource_type: str) -> str:
    """ARN of an EC2 resource by its id."""
    return f"arn:${{partition}}:ec2:${{region}}:${{account}}:{resource_type}/${{id}}"


def _build_route_params(table: str, source: str) -> dict[str, str]:
    return {
        "RouteTableId": table,
        "DestinationCidrBlock": f"{source}.destinationCidrBlock || {source}.cidrBlock",
        "DestinationIpv6CidrBlock": f"{source}.destinationIpv6CidrBlock || {source}.ipv6CidrBlock",
        "DestinationPrefixListId": f"{source}.destinationPrefixListId",
        "GatewayId": f"{source}.gatewayId",
        "NatGatewayId": f"{source}.natGatewayId",
        "NetworkInterfaceId": f"{source}.networkInterfaceId",
        "EgressOnlyInternetGatewayId": f"{source}.egressOnlyGatewayId",
        "VpcPeeringConnectionId": f"{source}.vpcPeeringConnectionId",
        "TransitGatewayId": f"{source}.transitGatewayId",
        "VpcEndpointId": f"{source}.vpcEndpointId",
    }


def _prepare_flow_log(inputs: EntryInputs) -> EntryInputs:
    """What it watches is one input of several in Pulumi, an id and a type in AWS."""
    kinds = {"vpcId": "VPC", "subnetId": "Subnet", "eniId": "NetworkInterface"}
    for name, kind in kinds.items():
        if (id_ := inputs.pop(name, None)) is not None:
            inputs |= {"resourceIds": [id_], "resourceType": kind}
    return inputs


def _prepare_instance(inputs: EntryInputs) -> EntryInputs:
    """Blocks that stand elsewhere in RunInstances."""
    if root := inputs.pop("rootBlockDevice", None):
        ebs = {key: value for key, value in root.items() if key not in ("tags", "deviceName")}
        inputs["blockDeviceMappings"] = [{"deviceName": "/dev/xvda", "ebs": ebs}]
    if (profile := inputs.pop("iamInstanceProfile", None)) is not None:
        inputs["iamInstanceProfile"] = {"name": profile}
    if (is_detailed := inputs.pop("monitoring", None)) is not None:
        inputs["monitoring"] = {"enabled": is_detailed}
    if (has_public_ip := inputs.pop("associatePublicIpAddress", None)) is not None:
        inputs["networkInterfaces"] = [
            {
                "associatePublicIpAddress": has_public_ip,
                "deviceIndex": 0,
                "subnetId": inputs.pop("subnetId"),
                "groups": inputs.pop("vpcSecurityGroupIds"),
            }
        ]
    return inputs


ENTRIES: EntryTable = {
    "aws:ec2/vpc:Vpc": ResourceEntry(
        "ec2.create_vpc",
        id="out.Vpc.VpcId",
        tag_resource_type="vpc",
        description="out.Vpc",
        later_calls=(
            EntryCall(
                "ec2.modify_vpc_attribute",
                {"VpcId": "id", "EnableDnsSupport": {"Value": "in.enableDnsSupport"}},
                condition="in.enableDnsSupport != `null`",
            ),
            EntryCall(
                "ec2.modify_vpc_attribute",
                {"VpcId": "id", "EnableDnsHostnames": {"Value": "in.enableDnsHostnames"}},
                condition="in.enableDnsHostnames != `null`",
            ),
            EntryCall(
                "ec2.describe_route_tables",
                {"Filters": build_vpc_filters("id")},
                result_name="tables",
            ),
            EntryCall(
                "ec2.describe_security_groups",
                {"Filters": build_vpc_filters("id")},
                result_name="groups",
            ),
            EntryCall(
                "ec2.describe_network_acls",
                {"Filters": build_vpc_filters("id")},
                result_name="acls",
            ),
        ),
        outputs={
            "arn": build_ec2_arn("vpc"),
            "mainRouteTableId": "tables.RouteTables[0].RouteTableId",
            "defaultRouteTableId": "tables.RouteTables[0].RouteTableId",
            "defaultSecurityGroupId": "groups.SecurityGroups[0].GroupId",
            "defaultNetworkAclId": "acls.NetworkAcls[0].NetworkAclId",
        },
        find_call=EntryCall("ec2.describe_vpcs", {"VpcIds": ["id"]}),
        find_result="out.Vpcs",
    ),
    "aws:ec2/subnet:Subnet": ResourceEntry(
        "ec2.create_subnet",
        id="out.Subnet.SubnetId",
        tag_resource_type="subnet",
        description="out.Subnet",
        later_calls=(
            EntryCall(
                "ec2.modify_subnet_attribute",
                {"SubnetId": "id", "MapPublicIpOnLaunch": {"Value": "in.mapPublicIpOnLaunch"}},
                condition="in.mapPublicIpOnLaunch",
            ),
        ),
        outputs={"arn": "out.Subnet.SubnetArn"},
        find_call=EntryCall("ec2.describe_subnets", {"SubnetIds": ["id"]}),
        find_result="out.Subnets",
    ),
    "aws:ec2/internetGateway:InternetGateway": ResourceEntry(
        "ec2.create_internet_gateway",
        id="out.InternetGateway.InternetGatewayId",
        tag_resource_type="internet-gateway",
        description="out.InternetGateway",
        later_calls=(
            EntryCall(
                "ec2.attach_internet_gateway",
                {"InternetGatewayId": "id", "VpcId": "in.vpcId"},
                condition="in.vpcId",
            ),
        ),
        outputs={"arn": build_ec2_arn("internet-gateway")},
        find_call=EntryCall("ec2.describe_internet_gateways", {"InternetGatewayIds": ["id"]}),
        find_result="out.InternetGateways",
    ),
    "aws:ec2/eip:Eip": ResourceEntry(
        "ec2.allocate_address",
        id="out.AllocationId",
        tag_resource_type="elastic-ip",
        description="out",
        later_calls=(
            EntryCall(
                "ec2.associate_address",
                {
                    "AllocationId": "id",
                    "InstanceId": "in.instance",
                    "NetworkInterfaceId": "in.networkInterface",
                },
                condition="in.instance || in.networkInterface",
                result_name="association",
            ),
        ),
        outputs={
            "arn": build_ec2_arn("elastic-ip"),
            "associationId": "association.AssociationId",
            "publicDns": "ec2-${join('-', split(out.PublicIp, '.'))}.${region}"
            ".compute.amazonaws.com",
        },
        find_call=EntryCall("ec2.describe_addresses", {"AllocationIds": ["id"]}),
        find_result="out.Addresses",
    ),
    "aws:ec2/natGateway:NatGateway": ResourceEntry(
        "ec2.create_nat_gateway",
        id="out.NatGateway.NatGatewayId",
        tag_resource_type="natgateway",
        description="out.NatGateway",
        waiter="ec2.nat_gateway_available",
        waiter_params={"NatGatewayIds": ["id"]},
        outputs={
            "publicIp": "out.NatGateway.NatGatewayAddresses[0].PublicIp",
            "privateIp": "out.NatGateway.NatGatewayAddresses[0].PrivateIp",
            "networkInterfaceId": "out.NatGateway.NatGatewayAddresses[0].NetworkInterfaceId",
            "associationId": "out.NatGateway.NatGatewayAddresses[0].AssociationId",
        },
        find_call=EntryCall("ec2.describe_nat_gateways", {"NatGatewayIds": ["id"]}),
        find_result="out.NatGateways",
    ),
    "aws:ec2/routeTable:RouteTable": ResourceEntry(
        "ec2.create_route_table",
        id="out.RouteTable.RouteTableId",
        tag_resource_type="route-table",
        description="out.RouteTable",
        later_calls=(
            EntryCall(
                "ec2.create_route", _build_route_params("id", "item"), item_source="in.routes"
            ),
        ),
        outputs={"arn": build_ec2_arn("route-table")},
        find_call=EntryCall("ec2.describe_route_tables", {"RouteTableIds": ["id"]}),
        find_result="out.RouteTables",
    ),
    "aws:ec2/defaultRouteTable:DefaultRouteTable": ResourceEntry(
        EntryCall("ec2.describe_route_tables", {"RouteTableIds": ["in.defaultRouteTableId"]}),
        id="in.defaultRouteTableId",
        description="out.RouteTables[0]",
        later_calls=(
            EntryCall(
                "ec2.delete_route",
                {"RouteTableId": "id", "DestinationCidrBlock": "item.DestinationCidrBlock"},
                item_source="out.RouteTables[0].Routes[?GatewayId != 'local']",
            ),
            EntryCall(
                "ec2.create_route", _build_route_params("id", "item"), item_source="in.routes"
            ),
            TAG_CALL,
        ),
        outputs={"arn": build_ec2_arn("route-table")},
        find_call=EntryCall("ec2.describe_route_tables", {"RouteTableIds": ["id"]}),
        find_result="out.RouteTables",
    ),
    "aws:ec2/route:Route": ResourceEntry(
        EntryCall("ec2.create_route", _build_route_params("in.routeTableId", "in")),
        id="r-${in.routeTableId}-${in.destinationCidrBlock || in.destinationIpv6CidrBlock "
        "|| in.destinationPrefixListId}",
        outputs={"origin": "'CreateRoute'", "state": "'active'"},
        find_call=EntryCall("ec2.describe_route_tables", {"RouteTableIds": ["in.routeTableId"]}),
        find_result="out.RouteTables[0].Routes[?GatewayId != 'local']",
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": ResourceEntry(
        "ec2.associate_route_table",
        id="out.AssociationId",
        find_call=EntryCall(
            "ec2.describe_route_tables",
            {"Filters": [{"Name": "'association.route-table-association-id'", "Values": ["id"]}]},
        ),
        find_result="out.RouteTables",
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ResourceEntry(
        EntryCall(
            "ec2.create_vpc_endpoint", inputs=REMAINING_INPUTS, rename={"policy": "PolicyDocument"}
        ),
        id="out.VpcEndpoint.VpcEndpointId",
        tag_resource_type="vpc-endpoint",
        description="out.VpcEndpoint",
        ignored_inputs={"autoAccept": "both ends are of one account"},
        later_calls=(
            EntryCall(
                "ec2.describe_managed_prefix_lists",
                {"Filters": [{"Name": "'prefix-list-name'", "Values": ["in.serviceName"]}]},
                condition="(in.vpcEndpointType || 'Gateway') == 'Gateway'",
                result_name="lists",
            ),
        ),
        outputs={
            "arn": build_ec2_arn("vpc-endpoint"),
            "prefixListId": "lists.PrefixLists[0].PrefixListId",
            "dnsEntries": "out.VpcEndpoint.DnsEntries[].{dnsName: DnsName, "
            "hostedZoneId: HostedZoneId}",
            "networkInterfaceIds": "out.VpcEndpoint.NetworkInterfaceIds",
        },
        find_call=EntryCall("ec2.describe_vpc_endpoints", {"VpcEndpointIds": ["id"]}),
        find_result="out.VpcEndpoints",
    ),
    "aws:ec2/flowLog:FlowLog": ResourceEntry(
        EntryCall(
            "ec2.create_flow_logs",
            inputs=REMAINING_INPUTS,
            rename={"iamRoleArn": "DeliverLogsPermissionArn"},
        ),
        id="out.FlowLogIds[0]",
        tag_resource_type="vpc-flow-log",
        prepare=_prepare_flow_log,
        outputs={"arn": build_ec2_arn("vpc-flow-log")},
        find_call=EntryCall("ec2.describe_flow_logs", {"FlowLogIds": ["id"]}),
        find_result="out.FlowLogs",
    ),
    "aws:ec2/instance:Instance": ResourceEntry(
        EntryCall(
            "ec2.run_instances",
            {"MinCount": 1, "MaxCount": 1, "ImageId": "in.ami"},
            inputs=REMAINING_INPUTS,
            rename={
                "vpcSecurityGroupIds": "SecurityGroupIds",
                "userDataBase64": "UserData",
                "iops": "Iops",
            },
        ),
        id="out.Instances[0].InstanceId",
        tag_resource_type="instance",
        description="out.Instances[0]",
        prepare=_prepare_instance,
        ignored_inputs={"userDataReplaceOnChange": "it is new"},
        later_calls=(
            EntryCall(
                "ec2.modify_instance_attribute",
                {"InstanceId": "id", "SourceDestCheck": {"Value": "in.sourceDestCheck"}},
                condition="in.sourceDestCheck != `null`",
            ),
            EntryCall(
                "ec2.create_tags",
                {
                    "Resources": "out.Instances[0].BlockDeviceMappings[].Ebs.VolumeId",
                    "Tags": "pairs(in.volumeTags)",
                },
                condition="in.volumeTags",
            ),
        ),
        outputs={
            "arn": build_ec2_arn("instance"),
            "publicIp": "out.Instances[0].PublicIpAddress",
            "privateIp": "out.Instances[0].PrivateIpAddress",
            "privateDns": "out.Instances[0].PrivateDnsName",
            "primaryNetworkInterfaceId": "out.Instances[0].NetworkInterfaces[0].NetworkInterfaceId",
        },
        find_call=EntryCall("ec2.describe_instances", {"InstanceIds": ["id"]}),
        find_result="out.Reservations[].Instances[]",
    ),
}
