"""A security group that somebody opened by hand, for the runbook's page on `ops audit`."""

from collections.abc import Mapping
from typing import Any

from sandbox.aws import get_client

GROUP_NAME = "opened-by-hand"


def open_group(exports: Mapping[str, Any]) -> str:
    """The id of its finding; opens the group if it is not there yet."""
    ec2, vpc = get_client("ec2", "eu-north-1"), str(exports["network"]["vpcId"])
    filters = [{"Name": "group-name", "Values": [GROUP_NAME]}]
    groups = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    if groups:
        return format_finding_id(groups[0]["GroupId"])
    group = ec2.create_security_group(GroupName=GROUP_NAME, Description="x", VpcId=vpc)["GroupId"]
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
    }
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    return format_finding_id(group)


def format_finding_id(group: str) -> str:
    return f"open-security-groups/{group}/tcp/22/0.0.0.0-0"
