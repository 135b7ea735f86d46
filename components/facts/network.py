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
    ResourceFact,
)


def _list_endpoint_charges(resource: PricedResource, _stack: StackResources) -> Iterable[Charge]:
    """Gateway endpoints are free."""
    if resource.inputs.get("vpcEndpointType") == "Interface":
        zones = len(resource.inputs.get("subnetIds") or ())
        yield build_hourly_charge(
            f"interface endpoint in {zones} zones", "interface_endpoint", zones
        )
        yield build_usage_charge("data", "endpoint")


FACTS: Final = (
    ResourceFact(type="aws:ec2/defaultNetworkAcl:DefaultNetworkAcl", is_taggable=True),
    ResourceFact(type="aws:ec2/defaultRouteTable:DefaultRouteTable", is_taggable=True),
    ResourceFact(type="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", is_taggable=True),
    ResourceFact(
        type="aws:ec2/flowLog:FlowLog",
        list_charges=build_usage_lister("flow logs", "logs"),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/internetGateway:InternetGateway",
        removal=ChangeEffect("nothing gets in or out", RECREATION_MINUTES, ASSUMPTION),
        is_taggable=True,
    ),
    ResourceFact(type="aws:ec2/networkAcl:NetworkAcl", is_taggable=True),
    ResourceFact(
        type="aws:ec2/route:Route",
        removal=ChangeEffect("traffic on the route is dropped meanwhile", "seconds", ASSUMPTION),
    ),
    ResourceFact(
        type="aws:ec2/routeTable:RouteTable",
        removal=ChangeEffect("its subnets have no routes meanwhile", "seconds", ASSUMPTION),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/routeTableAssociation:RouteTableAssociation",
        removal=ChangeEffect(
            "the subnet has the main table's routes meanwhile",
            "seconds",
            f"VPC User Guide, Subnet route tables; the time is {ASSUMPTION}",
        ),
    ),
    ResourceFact(
        type="aws:ec2/securityGroup:SecurityGroup",
        removal=ChangeEffect(
            "clients that it admits lose access, unless the new one exists first",
            RECREATION_DOWNTIME,
            ASSUMPTION,
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/subnet:Subnet",
        removal=ChangeEffect(
            "whatever is in it must leave or is made again",
            RECREATION_DOWNTIME,
            "VPC User Guide, Delete a subnet: it must be empty",
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/vpc:Vpc",
        removal=ChangeEffect(
            "everything in the network is created again", RECREATION_DOWNTIME, ASSUMPTION
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        list_charges=_list_endpoint_charges,
        price_properties=("subnetIds",),
        removal=ChangeEffect(
            "calls to the service go through NAT or fail meanwhile", RECREATION_MINUTES, ASSUMPTION
        ),
        is_taggable=True,
    ),
    ResourceFact(type="aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", is_taggable=True),
    ResourceFact(
        type="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", is_taggable=True
    ),
)
