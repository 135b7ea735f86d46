"""Each call of each check of `ops audit` denied: that is unknown, and names the call."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from moto.iam.models import iam_backends

from ops.findings.waiver_calls import WAIVER_CALLS
from ops.health.registry import select_checks
from ops.outputs import CachePart, FleetPart
from tests.ops.audit.test_guardduty import put_finding
from tests.ops.prod.deployed import REGION, DeployedProd, count_calls, deploy_prod

# Made only of what is not well: each has a test of its own below.
RARE_CALLS = ("s3.get_bucket_acl", "iam.list_access_keys", "ec2.describe_network_interfaces")
CHECK_CALLS = [
    (check.key, call)
    for check in select_checks("audit")
    for call in check.calls
    if call not in (*WAIVER_CALLS, *RARE_CALLS)
]


def put_what_prod_lacks(prod: DeployedProd) -> None:
    """Resources that a stack has only once somebody made them: their checks ask for more."""
    stack, network = prod.outputs.stack, prod.outputs.network
    tags = [
        {"Key": "Project", "Value": stack.project},
        {"Key": "Environment", "Value": stack.stack},
    ]
    ec2, rds = prod.aws.client("ec2", REGION), prod.aws.client("rds", REGION)
    rds.create_db_snapshot(
        DBSnapshotIdentifier="by-hand",
        DBInstanceIdentifier=prod.outputs.database.identifier,
    )
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1, Encrypted=True)["VolumeId"]
    ec2.create_snapshot(VolumeId=volume)
    image = ec2.register_image(Name="ours")["ImageId"]
    ec2.create_tags(Resources=[image], Tags=tags)
    entries = ec2.create_managed_prefix_list(
        PrefixListName="office",
        MaxEntries=1,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "203.0.113.0/24"}],
    )["PrefixList"]["PrefixListId"]
    group = ec2.create_security_group(GroupName="office", Description="x", VpcId=network.vpc_id)[
        "GroupId"
    ]
    lists = [{"PrefixListId": entries}]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": lists}
    rules = [rule, {**rule, "PrefixListIds": [], "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    iam = prod.aws.client("iam", REGION)
    iam.create_user(UserName="ann")
    iam.create_access_key(UserName="ann")
    iam.create_login_profile(UserName="ann", Password="A-password-of-the-test-1")
    queue = f"{stack.project}-{stack.stack}-jobs"
    prod.aws.client("sqs", REGION).create_queue(QueueName=queue)
    prod.aws.client("dynamodb", REGION).create_table(
        TableName=f"{stack.project}-{stack.stack}-sessions",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    s3 = prod.aws.client("s3", REGION)
    bucket = f"{stack.project}-{stack.stack}-by-hand"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    put_finding(1, 8, "Trojan:EC2/DNSDataExfiltration")
    put_cache_and_fleet(prod)


def put_cache_and_fleet(prod: DeployedProd) -> None:
    identifier = f"{prod.outputs.stack.project}-{prod.outputs.stack.stack}-cache"
    group = prod.aws.client("elasticache", REGION).create_replication_group(
        ReplicationGroupId=identifier,
        ReplicationGroupDescription="cache",
        Engine="redis",
        CacheNodeType="cache.t4g.small",
        NumCacheClusters=2,
        AutomaticFailoverEnabled=True,
        AtRestEncryptionEnabled=True,
        TransitEncryptionEnabled=True,
        AuthToken="a-token-of-the-test-1234",
    )["ReplicationGroup"]
    cache = CachePart(
        identifier=identifier,
        arn=group["ARN"],
        engine="redis",
        primary_endpoint="cache.example.com",
        reader_endpoint="cache-ro.example.com",
        port=6379,
        secret_arn=prod.outputs.database.secret_arn,
        security_group_id="sg-cache",
    )
    template = prod.aws.client("ec2", REGION).create_launch_template(
        LaunchTemplateName="fleet",
        LaunchTemplateData={"MetadataOptions": {"HttpTokens": "required"}},
    )["LaunchTemplate"]["LaunchTemplateId"]
    fleet = FleetPart(
        group="fleet",
        arn="arn:aws:autoscaling:eu-north-1:123456789012:autoScalingGroup:x",
        launch_template_id=template,
        image_parameter="/bulwark/prod/fleet/image",
        log_group="/bulwark/prod/fleet",
        security_group_id="sg-fleet",
        role_arn="arn:aws:iam::123456789012:role/fleet",
    )
    outputs = prod.outputs.model_copy(update={"cache": cache, "fleet": fleet})
    prod.file.write_text(outputs.model_dump_json(by_alias=True), encoding="utf-8")


@pytest.fixture(scope="module")
def full_prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedProd]:
    with deploy_prod(tmp_path_factory.mktemp("prod")) as prod:
        put_what_prod_lacks(prod)
        yield prod


def read_check(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str], key: str
) -> list[dict[str, Any]]:
    capsys.readouterr()
    prod.run_ops("audit", "--only", key, "--output", "json")
    items: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["items"]
    return items


@pytest.mark.parametrize(("key", "call"), CHECK_CALLS)
def test_a_denied_call_is_unknown_and_hides_no_finding(
    full_prod: DeployedProd, key: str, call: str, capsys: pytest.CaptureFixture[str]
) -> None:
    items = read_denied(full_prod, capsys, key, call)
    unknown = [item for item in items if item["state"] == "unknown"]
    assert any(f"{call} was denied" in item["evidence"] for item in unknown), items
    assert [item for item in items if item["state"] == "ok"] == []


def test_without_its_interfaces_an_open_group_is_still_found(
    full_prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    (item,) = read_denied(
        full_prod, capsys, "open-security-groups", "ec2.describe_network_interfaces"
    )
    assert item["state"] == "failing"
    assert "ec2:DescribeNetworkInterfaces" in item["evidence"]


def test_an_acl_that_no_block_makes_void_must_be_readable(
    full_prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    s3control, account = full_prod.aws.client("s3control", REGION), full_prod.outputs.stack.account
    block = s3control.get_public_access_block(AccountId=account)["PublicAccessBlockConfiguration"]
    s3control.delete_public_access_block(AccountId=account)
    try:
        items = read_denied(full_prod, capsys, "open-buckets", "s3.get_bucket_acl")
    finally:
        s3control.put_public_access_block(AccountId=account, PublicAccessBlockConfiguration=block)
    unknown = [item for item in items if item["state"] == "unknown"]
    assert ["s3.get_bucket_acl was denied" in item["evidence"] for item in unknown] == [True]


def test_an_old_key_whose_id_is_not_known_is_unknown(
    full_prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    user = iam_backends[full_prod.outputs.stack.account]["aws"].users["ann"]
    (key,) = user.access_keys
    key.create_date -= timedelta(days=400)
    items = read_denied(full_prod, capsys, "access-keys", "iam.list_access_keys")
    unknown = [item for item in items if item["state"] == "unknown"]
    assert ["iam.list_access_keys was denied" in item["evidence"] for item in unknown] == [True]


def read_denied(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str], key: str, call: str
) -> list[dict[str, Any]]:
    service, _, method = call.partition(".")
    operation = prod.aws.client(service, REGION).meta.method_to_api_mapping[method]
    with count_calls(lambda name: "AccessDenied" if name == operation else None):
        return read_check(prod, capsys, key)
