"""What costs and serves nothing: found, told apart by whose it is, ended by the line it names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from components.facts.units import DAY_SECONDS
from ops.core.check_runner import run_checks
from ops.core.checks import CheckFacts, ReadAnswer, ReadRequest, UnknownAnswerError
from ops.findings.model import ResourceFinding
from ops.health.registry import HEALTH_CHECKS_BY_KEY
from sandbox import clock as sandbox_clock
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations, open_database_console
from tests.ops.shell_lines import run_shell_line
from tests.ops.single_check import NOW, format_time_ago
from tests.ops.stage import RECOVERY_REGION, REGION, build_stack_outputs
from tests.ops.unused_stage import (
    CASES,
    OTHER_TAGS,
    STACK_TAGS,
    UnusedCase,
    put_address,
    put_classic_balancer,
    put_key,
    put_volume,
)

OLD_SECONDS = 100 * DAY_SECONDS
BY_KEY = pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with (
        open_database_console(capsys, tmp_path) as console,
        patch("ops.core.clock.now") as now,
    ):
        now.side_effect = console.stage.clock.held_clock.now
        sandbox_clock.set_sandbox_clock(console.stage.clock.held_clock)
        yield console


def look(ops: OpsConsole, key: str, code: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = ops.run_for_json(f"cost unused --only {key}", code)["items"]
    return items


@BY_KEY
def test_what_belongs_to_nobody_is_found_mended_by_its_line_and_gone(
    ops: OpsConsole, case: UnusedCase
) -> None:
    name = case.put(ops.stage, {})
    if not case.is_found_at_once:
        assert [item["state"] for item in look(ops, case.key, 0)] == ["ok"]
    ops.stage.clock.sleep(OLD_SECONDS)
    items = look(ops, case.key, 3)
    (finding,) = [item for item in items if item["state"] == "failing"]
    assert finding["subject"] == f"{name} (no stack)"
    assert finding["id"] == f"{case.key}/{name}"
    assert case.monthly_usd in (None, finding["monthly_usd"])
    is_priced = finding["monthly_usd"] is not None
    assert ("us-east-1's list price, 2026-11" in finding["reason"]) is is_priced
    assert run_shell_line(ops.stage.client, finding["command"], REGION)
    assert {item["state"] for item in look(ops, case.key, 0)} == {"ok"}


@BY_KEY
def test_what_is_another_stacks_is_named_as_its_and_is_no_finding(
    ops: OpsConsole, case: UnusedCase
) -> None:
    name = case.put(ops.stage, OTHER_TAGS)
    ops.stage.clock.sleep(OLD_SECONDS)
    evidence = " ".join(item["evidence"] for item in look(ops, case.key, 0))
    assert f"unused, but others': {name} is of bulwark-staging" in evidence


@BY_KEY
def test_the_stacks_own_is_marked_and_ended_only_if_pulumi_does_not_hold_it(
    ops: OpsConsole, case: UnusedCase
) -> None:
    name = case.put(ops.stage, STACK_TAGS)
    ops.stage.clock.sleep(OLD_SECONDS)
    (finding,) = [i for i in look(ops, case.key, 3) if i["state"] == "failing"]
    assert finding["subject"] == f"{name} (this stack, network)"
    if not case.is_program_made:
        return
    assert finding["command"].startswith("ids=$(pulumi stack --stack test --show-ids) && ")
    held = [word for word in finding["command"].split() if name in word][-1]
    assert not run_shell_line(ops.stage.client, finding["command"], REGION, [f"aws {held}"])
    assert len([i for i in look(ops, case.key, 3) if i["state"] == "failing"]) == 1
    assert run_shell_line(ops.stage.client, finding["command"], REGION, ["aws other"])
    assert {item["state"] for item in look(ops, case.key, 0)} == {"ok"}


def test_both_regions_are_looked_at(ops: OpsConsole) -> None:
    here = put_volume(ops.stage, {})
    there = put_volume(ops.stage, {}, RECOVERY_REGION)
    ops.stage.clock.sleep(OLD_SECONDS)
    items = look(ops, "unused-volumes", 3)
    assert {i["id"] for i in items} == {f"unused-volumes/{here}", f"unused-volumes/{there}"}
    (found,) = [i for i in items if there in i["id"]]
    assert f"--region {RECOVERY_REGION} --volume-id {there}" in found["command"]


def test_a_region_that_is_denied_hides_nothing_of_the_other() -> None:
    def answer_read(read: ReadRequest) -> ReadAnswer:
        if read.region == RECOVERY_REGION:
            return UnknownAnswerError("ec2.describe_volumes was denied", "ops permissions")
        volume = {"VolumeId": "vol-1", "State": "available", "Size": 8, "VolumeType": "gp3"}
        return [{**volume, "CreateTime": format_time_ago(days=9)}] if "ec2" in read.api else []

    check = HEALTH_CHECKS_BY_KEY["unused-volumes"]
    findings = run_checks([check], CheckFacts(build_stack_outputs(), NOW), answer_read)
    assert [(f.state, f.subject) for f in findings] == [
        ("failing", "vol-1 (no stack)"),
        ("unknown", "volumes"),
    ]
    assert findings[1].evidence == f"{RECOVERY_REGION}: ec2.describe_volumes was denied"


DENIED_CALLS = (
    ("unused-volumes", "describe_volumes"),
    ("unused-disk-snapshots", "describe_images"),
    ("unused-machine-images", "describe_launch_templates"),
    ("stopped-instances", "describe_instances"),
    ("unused-addresses", "describe_addresses"),
    ("idle-nat-gateways", "get_metric_data"),
    ("unused-load-balancers", "describe_target_groups"),
    ("unused-load-balancers", "describe_tags"),
    ("unused-network-interfaces", "describe_network_interfaces"),
    ("unused-classic-balancers", "describe_auto_scaling_groups"),
    ("unused-keys", "describe_key"),
    ("unused-keys", "get_key_last_usage"),
    ("unused-keys", "list_grants"),
    ("unused-keys", "describe_db_snapshots"),
    ("endless-log-groups", "list_tags_for_resource"),
    ("unread-secrets", "list_secrets"),
    ("unused-database-snapshots", "describe_db_snapshots"),
    ("endless-repositories", "get_lifecycle_policy"),
)


@pytest.mark.parametrize(("key", "operation"), DENIED_CALLS)
def test_a_denied_call_is_unknown_and_never_ok(ops: OpsConsole, key: str, operation: str) -> None:
    case = next(case for case in CASES if case.key == key)
    case.put(ops.stage, {})
    ops.stage.clock.sleep(OLD_SECONDS)
    with fail_operations("AccessDenied", operation):
        items = look(ops, key, 3)
    assert {item["state"] for item in items} == {"unknown"}
    assert all("was denied" in item["evidence"] for item in items)
    assert {item["command"] for item in items} == {"ops permissions"}


def test_an_empty_account_has_nothing_unused(ops: OpsConsole) -> None:
    items = ops.run_for_json("cost unused")["items"]
    assert {item["state"] for item in items} == {"ok"}
    assert len(items) == len(CASES)


def test_many_items_are_all_there_the_dearest_first(ops: OpsConsole) -> None:
    names = [put_volume(ops.stage, {}) for _ in range(60)]
    put_address(ops.stage, {})
    ops.stage.clock.sleep(OLD_SECONDS)
    out, err = ops("cost unused", 3)
    assert all(name in out for name in names)
    assert "61 open" in err
    assert out.index(names[0]) < out.index("unused-addresses/")


def test_a_wrong_key_is_refused_with_the_nearest_before_any_call(ops: OpsConsole) -> None:
    with fail_operations("AccessDenied") as calls:
        _, err = ops("cost unused --only unused-volume", 2)
    assert "--only is 'unused-volume', must be keys of checks of unused" in err
    assert "nearest: unused-volumes" in err
    assert not calls


def test_what_a_rollback_or_a_plan_needs_is_never_proposed(ops: OpsConsole) -> None:
    ec2 = ops.stage.client("ec2")
    image = next(c for c in CASES if c.key == "unused-machine-images").put(ops.stage, {})
    ec2.create_launch_template(
        LaunchTemplateName="old-fleet", LaunchTemplateData={"ImageId": image}
    )
    template = ec2.create_launch_template_version(
        LaunchTemplateName="old-fleet", LaunchTemplateData={"ImageId": "ami-12345678"}
    )["LaunchTemplateVersion"]["LaunchTemplateId"]
    ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
    volume = put_volume(ops.stage, {})
    planned = ec2.create_snapshot(
        VolumeId=volume, Description="This snapshot is created by the AWS Backup service."
    )["SnapshotId"]
    last = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ops.stage.clock.sleep(OLD_SECONDS)
    assert image not in str(look(ops, "unused-machine-images", 0))
    text = str(look(ops, "unused-disk-snapshots", 0))
    assert planned not in text
    assert last not in text
    assert "each the newest of its volume" in text


def test_a_disabled_key_is_deleted_only_a_month_later(ops: OpsConsole) -> None:
    name = put_key(ops.stage, {})
    ops.stage.clock.sleep(OLD_SECONDS)
    ops.stage.client("kms").disable_key(KeyId=name)
    assert {item["state"] for item in look(ops, "unused-keys", 0)} == {"ok"}
    ops.stage.clock.sleep(30 * DAY_SECONDS)
    (finding,) = look(ops, "unused-keys", 3)
    assert "--pending-window-in-days 30" in finding["command"]
    assert run_shell_line(ops.stage.client, finding["command"], REGION)
    assert {item["state"] for item in look(ops, "unused-keys", 0)} == {"ok"}
    state = ops.stage.client("kms").describe_key(KeyId=name)["KeyMetadata"]["KeyState"]
    assert state == "PendingDeletion"


def test_a_key_that_is_used_named_or_granted_is_never_proposed(ops: OpsConsole) -> None:
    kms, ec2 = ops.stage.client("kms"), ops.stage.client("ec2")
    used, named, granted, own = (put_key(ops.stage, {}) for _ in range(4))
    ec2.create_volume(
        AvailabilityZone=f"{REGION}a",
        Size=1,
        Encrypted=True,
        KmsKeyId=kms.describe_key(KeyId=named)["KeyMetadata"]["Arn"],
    )
    kms.create_grant(
        KeyId=granted, GranteePrincipal="rds.amazonaws.com", Operations=["Decrypt"], Name="rds"
    )
    kms.tag_resource(
        KeyId=own,
        Tags=[
            {"TagKey": "Project", "TagValue": "bulwark"},
            {"TagKey": "Environment", "TagValue": "test"},
        ],
    )
    ops.stage.clock.sleep(OLD_SECONDS)
    kms.encrypt(KeyId=used, Plaintext=b"x")
    (item,) = look(ops, "unused-keys", 0)
    assert item["state"] == "ok"
    assert "kept: 3 in" in item["evidence"]


def test_a_key_whose_use_aws_records_for_a_short_time_is_not_judged() -> None:
    arn = f"arn:aws:kms:{REGION}:123456789012:key/k-1"
    metadata = {
        "KeyId": "k-1",
        "Arn": arn,
        "KeyManager": "CUSTOMER",
        "KeyState": "Enabled",
        "CreationDate": format_time_ago(days=900),
    }

    def answer_read(read: ReadRequest) -> ReadAnswer:
        if read.region == RECOVERY_REGION:
            return []
        usage = {"KeyLastUsage": {}, "TrackingStartDate": format_time_ago(days=60)}
        answers: dict[str, ReadAnswer] = {
            "kms.list_keys": [{"KeyArn": arn}],
            "kms.describe_key": [{"KeyMetadata": metadata}],
            "kms.get_key_last_usage": [usage],
        }
        return answers.get(read.api, [])

    check = HEALTH_CHECKS_BY_KEY["unused-keys"]
    (finding,) = run_checks([check], CheckFacts(build_stack_outputs(), NOW), answer_read)
    assert finding.state == "ok"
    assert f"not judged: 1 in {REGION}" in finding.evidence


def test_a_classic_balancer_of_an_auto_scaling_group_is_kept(ops: OpsConsole) -> None:
    name = put_classic_balancer(ops.stage, {})
    image = ops.stage.client("ec2").register_image(Name="base-0", Architecture="arm64")["ImageId"]
    scaling = ops.stage.client("autoscaling")
    scaling.create_launch_configuration(
        LaunchConfigurationName="old", ImageId=image, InstanceType="t4g.nano"
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="old",
        LaunchConfigurationName="old",
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=0,
        AvailabilityZones=[f"{REGION}a"],
        LoadBalancerNames=[name],
    )
    ops.stage.clock.sleep(OLD_SECONDS)
    (item,) = look(ops, "unused-classic-balancers", 0)
    assert f"kept: {name}, of an Auto Scaling group" in item["evidence"]


def test_an_interface_of_a_service_of_aws_is_kept_and_an_address_has_a_price() -> None:
    item = {"Status": "available", "PrivateIpAddress": "10.0.0.9", "SubnetId": "subnet-1"}

    def answer_read(read: ReadRequest) -> ReadAnswer:
        if read.region == RECOVERY_REGION or not read.api.startswith("ec2."):
            return []
        return [
            {**item, "NetworkInterfaceId": "eni-1", "RequesterManaged": True},
            {**item, "NetworkInterfaceId": "eni-2", "Association": {"PublicIp": "192.0.2.1"}},
            {**item, "NetworkInterfaceId": "eni-3", "Status": "in-use"},
        ]

    check = HEALTH_CHECKS_BY_KEY["unused-network-interfaces"]
    findings = run_checks([check], CheckFacts(build_stack_outputs(), NOW), answer_read)
    assert [f.state for f in findings] == ["failing", "ok"]
    assert findings[0].subject == "eni-2 (no stack)"
    assert isinstance(findings[0], ResourceFinding)
    assert findings[0].monthly_usd == pytest.approx(3.65)
    assert "kept: 1 interface" in findings[1].evidence
