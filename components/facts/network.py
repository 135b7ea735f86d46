"""Facts of the network."""

from collections.abc import Iterable
from typing import Final

from components.facts.billing import (
    Charge,
    PricedResource,
    StackResources,
    build_hourly_charge,
    build_usage_charge,
    build_usage_lister,
)
from components.facts.model import (
    ASSUMPTION,
    RECREATION_DOWNTIME,
    RECREATION_MINUTES,
    ChangeEffect,
    Guard,
    ProtectionRule,
    ResourceFact,
)


def _list_endpoint_charges(resource: PricedResource, _stack: StackResources) -> Iterable[Charge]:
    """Gateway endpoints are free."""
    if resource.inputs.get("vpcEndpointType") == "Interface":
        zones = len(resource.inputs.get("subnetIds") or ())
        yield build_hourly_charge(
            f"interface endpoint in {zones} zones", price="interface_endpoint", count=zones
        )
        yield build_usage_charge("data", "endpoint")


FACTS: Final = (
    ResourceFact(
        type="aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
        updates={
            "egress": ChangeEffect(
                "other traffic is let through",
                "at once, for subnets that use it",
                "VPC User Guide, Network ACLs",
            ),
            "ingress": ChangeEffect(
                "other traffic is let through",
                "at once, for subnets that use it",
                "VPC User Guide, Network ACLs",
            ),
        },
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/defaultRouteTable:DefaultRouteTable",
        updates={
            "routes": ChangeEffect(
                "subnets without a route table of their own use other routes",
                "at once",
                "VPC User Guide, Main route table",
            ),
        },
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        updates={
            "egress": ChangeEffect(
                "resources in the default group get other rules",
                "at once",
                "VPC User Guide, Default security groups",
            ),
            "ingress": ChangeEffect(
                "resources in the default group get other rules",
                "at once",
                "VPC User Guide, Default security groups",
            ),
        },
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/flowLog:FlowLog",
        replacing=(
            "iamRoleArn",
            "logDestination",
            "logDestinationType",
            "maxAggregationInterval",
            "trafficType",
        ),
        guard=Guard("traffic is no longer logged", "VPC User Guide, VPC Flow Logs"),
        list_charges=build_usage_lister("flow logs", "logs"),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/internetGateway:InternetGateway",
        removal=ChangeEffect("nothing gets in or out", RECREATION_MINUTES, ASSUMPTION),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/networkAcl:NetworkAcl",
        updates={
            "egress": ChangeEffect(
                "other traffic is let through",
                "at once, for its subnets",
                "VPC User Guide, Network ACLs",
            ),
            "ingress": ChangeEffect(
                "other traffic is let through",
                "at once, for its subnets",
                "VPC User Guide, Network ACLs",
            ),
            "subnetIds": ChangeEffect(
                "other traffic is let through",
                "at once, for its subnets",
                "VPC User Guide, Network ACLs",
            ),
        },
        removal=ChangeEffect(
            "its subnets use the default network ACL", "at once", "VPC User Guide, Network ACLs"
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/route:Route",
        replacing=("destinationCidrBlock", "routeTableId"),
        updates={
            "gatewayId": ChangeEffect(
                "its traffic takes another route: open connections end",
                "seconds",
                "VPC User Guide, Configure route tables",
            ),
            "natGatewayId": ChangeEffect(
                "its traffic takes another route: open connections end",
                "seconds",
                "VPC User Guide, Configure route tables",
            ),
            "networkInterfaceId": ChangeEffect(
                "its traffic takes another route: open connections end",
                "seconds",
                "VPC User Guide, Configure route tables",
            ),
        },
        removal=ChangeEffect("traffic on the route is dropped meanwhile", "seconds", ASSUMPTION),
    ),
    ResourceFact(
        type="aws:ec2/routeTable:RouteTable",
        updates={
            "routes": ChangeEffect(
                "its subnets use other routes",
                "seconds",
                "VPC User Guide, Configure route tables",
            ),
        },
        removal=ChangeEffect("its subnets have no routes meanwhile", "seconds", ASSUMPTION),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/routeTableAssociation:RouteTableAssociation",
        replacing=("subnetId",),
        updates={
            "routeTableId": ChangeEffect(
                "the subnet uses other routes: open connections end",
                "seconds",
                "VPC User Guide, Configure route tables",
            ),
        },
        removal=ChangeEffect(
            "the subnet has the main table's routes meanwhile",
            "seconds",
            f"VPC User Guide, Subnet route tables; the time is {ASSUMPTION}",
        ),
    ),
    ResourceFact(
        type="aws:ec2/securityGroup:SecurityGroup",
        updates={
            "egress": ChangeEffect(
                "who may connect changes", "at once", "VPC User Guide, Security groups"
            ),
            "ingress": ChangeEffect(
                "who may connect changes", "at once", "VPC User Guide, Security groups"
            ),
        },
        removal=ChangeEffect(
            "clients that it admits lose access, unless the new one exists first",
            RECREATION_DOWNTIME,
            ASSUMPTION,
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/subnet:Subnet",
        replacing=("availabilityZone", "cidrBlock"),
        protections=(
            ProtectionRule(
                "mapPublicIpOnLaunch",
                "on",
                "instances in it get public addresses",
                "VPC User Guide, Modify the IP addressing attributes",
            ),
        ),
        removal=ChangeEffect(
            "whatever is in it must leave or is made again",
            RECREATION_DOWNTIME,
            "VPC User Guide, Delete a subnet: it must be empty",
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/vpc:Vpc",
        replacing=("cidrBlock",),
        updates={
            "enableDnsHostnames": ChangeEffect(
                "names inside the network no longer resolve, or to other addresses",
                "at once",
                "VPC User Guide, DNS attributes",
            ),
            "enableDnsSupport": ChangeEffect(
                "names inside the network no longer resolve, or to other addresses",
                "at once",
                "VPC User Guide, DNS attributes",
            ),
        },
        removal=ChangeEffect(
            "everything in the network is created again", RECREATION_DOWNTIME, ASSUMPTION
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        replacing=("serviceName", "vpcEndpointType"),
        updates={
            "policy": ChangeEffect(
                "what may be called through it changes",
                "at once",
                "PrivateLink User Guide, Endpoint policies",
            ),
            "routeTableIds": ChangeEffect(
                "calls from those subnets take another route: open connections end",
                "seconds",
                "PrivateLink User Guide, Gateway endpoints",
            ),
            "subnetIds": ChangeEffect(
                "calls from those zones take another route",
                "seconds",
                "PrivateLink User Guide, Interface endpoints",
            ),
            "securityGroupIds": ChangeEffect(
                "who may use it changes", "at once", "PrivateLink User Guide, Interface endpoints"
            ),
            "privateDnsEnabled": ChangeEffect(
                "the name of the service resolves to other addresses",
                "until cached answers expire",
                "PrivateLink User Guide, Interface endpoints",
            ),
        },
        list_charges=_list_endpoint_charges,
        price_properties=("subnetIds",),
        removal=ChangeEffect(
            "calls to the service go through NAT or fail meanwhile", RECREATION_MINUTES, ASSUMPTION
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        replacing=("securityGroupId",),
        updates={
            "cidrIpv4": ChangeEffect(
                "the rule lets out other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
            "cidrIpv6": ChangeEffect(
                "the rule lets out other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
            "prefixListId": ChangeEffect(
                "the rule lets out other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
            "fromPort": ChangeEffect(
                "the rule lets out other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
            "toPort": ChangeEffect(
                "the rule lets out other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
            "ipProtocol": ChangeEffect(
                "the rule lets out other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
            "referencedSecurityGroupId": ChangeEffect(
                "the rule lets out other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
        },
        removal=ChangeEffect(
            "what it let out is refused",
            "at once for new connections, until it is created again",
            "VPC User Guide, Security group rules",
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        replacing=("securityGroupId",),
        updates={
            "cidrIpv4": ChangeEffect(
                "the rule lets in other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
            "cidrIpv6": ChangeEffect(
                "the rule lets in other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
            "prefixListId": ChangeEffect(
                "the rule lets in other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
            "fromPort": ChangeEffect(
                "the rule lets in other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
            "toPort": ChangeEffect(
                "the rule lets in other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
            "ipProtocol": ChangeEffect(
                "the rule lets in other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
            "referencedSecurityGroupId": ChangeEffect(
                "the rule lets in other traffic: what it no longer covers is refused",
                "at once for new connections, until the other end follows",
                "VPC User Guide, Security group rules",
            ),
        },
        removal=ChangeEffect(
            "what it let in is refused",
            "at once for new connections, until it is created again",
            "VPC User Guide, Security group rules",
        ),
        is_taggable=True,
    ),
)
