"""A stage with what `ops audit` finds on it, and its lines."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from ops.findings.waivers import Waiver, get_waiver_key
from sandbox.account_guards import guard_account
from tests.ops.stage import REGION, Stage
from tests.ops.typed_line import TypedLine

OPEN_GROUP_NAME: Final = "by-hand"


def put_guarded_bucket(stage: Stage) -> None:
    """The operations bucket as the program makes it, in an account that is guarded."""
    guard_account(REGION)
    s3, bucket = stage.client("s3"), stage.outputs.backups.operations_bucket
    backups = stage.outputs.backups.model_copy(update={"recovery_bucket": None})
    stage.outputs = stage.outputs.model_copy(update={"backups": backups})
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [statement]}))


def put_open_group(stage: Stage) -> str:
    """A VPC with a security group that lets the internet in to SSH; its id."""
    put_vpc(stage)
    ec2 = stage.client("ec2")
    group = str(
        ec2.create_security_group(
            GroupName=OPEN_GROUP_NAME, Description="x", VpcId=stage.outputs.network.vpc_id
        )["GroupId"]
    )
    open_port(stage, group, 22)
    return group


def put_waived_group(stage: Stage) -> None:
    """The same, with its finding waived."""
    put_open_group(stage)
    put_waiver(stage, find_open_group_finding(stage))


def put_waiver(stage: Stage, finding: str) -> None:
    """The operations bucket, and in it a finding that was waived an hour ago."""
    now = datetime.fromtimestamp(stage.clock.now(), UTC)
    waiver = Waiver(
        finding=finding,
        until=now + timedelta(days=30),
        reason="test",
        by="ann",
        time=now - timedelta(hours=1),
    )
    s3, bucket = stage.client("s3"), stage.outputs.backups.operations_bucket
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(
        Bucket=bucket,
        Key=get_waiver_key(waiver.finding, waiver.time),
        Body=waiver.model_dump_json().encode(),
    )


def find_open_group_finding(stage: Stage) -> str:
    """The id of the finding of the open group."""
    (group,) = stage.client("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": [OPEN_GROUP_NAME]}]
    )["SecurityGroups"]
    return f"open-security-groups/{group['GroupId']}/tcp/22/0.0.0.0-0"


def put_vpc(stage: Stage) -> None:
    """An empty VPC, the stack's own."""
    vpc = stage.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    network = stage.outputs.network.model_copy(update={"vpc_id": vpc})
    stage.outputs = stage.outputs.model_copy(update={"network": network})


def open_port(
    stage: Stage, group: str, port: int, network: str = "0.0.0.0/0", protocol: str = "tcp"
) -> None:
    """Lets a network in to a port."""
    ranges = (
        {"Ipv6Ranges": [{"CidrIpv6": network}]}
        if ":" in network
        else {"IpRanges": [{"CidrIp": network}]}
    )
    permission = {"IpProtocol": protocol, "FromPort": port, "ToPort": port, **ranges}
    stage.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])


AUDIT_LINES: Final[Mapping[str, tuple[TypedLine, ...]]] = {
    "audit": (TypedLine("audit", put_waived_group, 3),),
    "audit --waive": (
        TypedLine("audit --waive {finding} --until 30d --reason test --yes", put_waived_group),
    ),
    "audit --unwaive": (TypedLine("audit --unwaive {finding} --yes", put_waived_group),),
}
