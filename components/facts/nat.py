"""Facts of NAT gateways and NAT instances."""

from collections.abc import Iterable
from typing import Final

from components.facts.billing import (
    Charge,
    PricedResource,
    StackResources,
    build_entry_charge,
    build_hourly_charge,
    build_monthly_charge,
    build_usage_charge,
)
from components.facts.model import (
    ASSUMPTION,
    DISK_ENCRYPTION,
    RECREATION_DOWNTIME,
    ChangeEffect,
    ProtectionRule,
    ResourceFact,
)

DEFAULT_DISK_GB: Final = 8  # the root disk of Amazon Linux images


def _list_nat_gateway_charges(
    _resource: PricedResource, _stack: StackResources
) -> Iterable[Charge]:
    yield build_hourly_charge("NAT gateway", price="nat_gateway")
    yield build_usage_charge("data", "nat")


def _list_address_charges(_resource: PricedResource, _stack: StackResources) -> Iterable[Charge]:
    yield build_hourly_charge("public address", price="public_ipv4")


def _list_instance_charges(resource: PricedResource, _stack: StackResources) -> Iterable[Charge]:
    yield build_entry_charge(
        "instance", price="instances", entry=resource.inputs["instanceType"], count=1
    )
    size = (resource.inputs.get("rootBlockDevice") or {}).get("volumeSize") or DEFAULT_DISK_GB
    yield build_monthly_charge(f"{size:g} GB disk", price="ebs_gp3_gb", quantity=size)


FACTS: Final = (
    ResourceFact(
        type="aws:ec2/eip:Eip",
        replacing=("domain",),
        updates={
            "instance": ChangeEffect(
                "the address belongs to another instance: connections through it end",
                "seconds",
                "EC2 User Guide, Elastic IP addresses",
            ),
        },
        list_charges=_list_address_charges,
        removal=ChangeEffect(
            ("the public address is released; allow lists of third parties no longer match"),
            RECREATION_DOWNTIME,
            "EC2 User Guide, Elastic IP addresses",
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/instance:Instance",
        replacing=("ami", "subnetId"),
        harmless=("userDataReplaceOnChange", "creditSpecification"),
        protections=(
            ProtectionRule(
                "metadataOptions",
                "changed",
                "its metadata may be read with fewer safeguards",
                "EC2 User Guide, Configure the Instance Metadata Service",
            ),
        ),
        list_charges=_list_instance_charges,
        price_properties=("instanceType",),
        class_price=("instanceType", "instances"),
        updates={
            "vpcSecurityGroupIds": ChangeEffect(
                "who may connect changes",
                "none, unless traffic is no longer let in",
                "EC2 User Guide, Security groups",
            ),
            "iamInstanceProfile": ChangeEffect(
                "the instance has another role", "seconds", "EC2 User Guide, IAM roles for EC2"
            ),
            "rootBlockDevice": ChangeEffect(
                "the disk changes",
                "none; higher latency meanwhile",
                "EBS User Guide, Modify a volume",
            ),
            "sourceDestCheck": ChangeEffect(
                "as a NAT instance it forwards no traffic while the check is on",
                "until it is off again",
                "VPC User Guide, NAT instances",
            ),
        }
        | dict.fromkeys(
            ("instanceType", "userData"),
            ChangeEffect(
                ("the instance is stopped and started; subnets of a NAT instance are offline"),
                "1-3 min",
                f"EC2 User Guide, Change the instance type; the time is {ASSUMPTION}",
            ),
        ),
        removal=ChangeEffect(
            ("the instance and its root disk are deleted; subnets of a NAT instance are offline"),
            f"1-3 min; {ASSUMPTION}",
            "EC2 User Guide, Terminate EC2 instances",
        ),
        encryption=DISK_ENCRYPTION,
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ec2/natGateway:NatGateway",
        replacing=("allocationId", "subnetId"),
        list_charges=_list_nat_gateway_charges,
        removal=ChangeEffect(
            "its subnets have no internet access, and another address afterwards",
            "1-3 min; connections through it end",
            f"VPC User Guide, NAT gateways; the time is {ASSUMPTION}",
        ),
        is_taggable=True,
    ),
)
