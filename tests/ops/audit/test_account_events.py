"""Who deleted or opened what: events of the history are found, with who did it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore import xform_name

from ops.audit import account_events
from ops.audit.event_rules import EVENT_RULES, STACK_EVENT_RULES
from ops.permissions.declared import DECLARATIONS
from sandbox.faults import DeniedFault, inject_faults
from sandbox.patches.cloudtrail import TrailEvent, get_trail_events
from tests.ops.audit.looks import read_items, read_open
from tests.ops.audit_stage import open_port, put_vpc
from tests.ops.change_stage import put_call
from tests.ops.every_command import open_command_line
from tests.ops.stage import ACCOUNT, STACK_PREFIX, Stage

KEY = "account-events"
DATABASE = f"{STACK_PREFIX}-database"
WORLD = {"groupId": "sg-database", "ipPermissions": {"items": [{"cidrIp": "::/0"}]}}
ADMIN = {"userName": "eve", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
EVERYTHING = {
    "roleName": "x",
    "policyDocument": json.dumps(
        {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    ),
}
PUBLIC_POLICY = {
    "bucketName": f"{STACK_PREFIX}-data",
    "bucketPolicy": {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*"}]},
}
CONDITIONAL_POLICY = {
    "bucketName": f"{STACK_PREFIX}-data",
    "bucketPolicy": {
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Condition": {"Bool": {"x": "y"}}},
            {"Effect": "Deny", "Principal": "*"},
            {"Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"}},
        ]
    },
}
FOUND: list[tuple[str, str, dict[str, Any], str]] = [
    ("rds", "DeleteDBInstance", {"dBInstanceIdentifier": DATABASE}, "high"),
    ("rds", "DeleteDBSnapshot", {"dBSnapshotIdentifier": f"{DATABASE}-x"}, "medium"),
    (
        "rds",
        "ModifyDBInstance",
        {"dBInstanceIdentifier": DATABASE, "publiclyAccessible": True},
        "high",
    ),
    (
        "rds",
        "ModifyDBSnapshotAttribute",
        {"dBSnapshotIdentifier": "any", "valuesToAdd": ["all"]},
        "critical",
    ),
    ("ec2", "AuthorizeSecurityGroupIngress", WORLD, "high"),
    (
        "ec2",
        "ModifySnapshotAttribute",
        {
            "snapshotId": "snap-1",
            "createVolumePermission": {"add": {"items": [{"userId": "210987654321"}]}},
        },
        "high",
    ),
    ("s3", "PutBucketPolicy", PUBLIC_POLICY, "critical"),
    (
        "s3",
        "PutBucketAcl",
        {"bucketName": f"{STACK_PREFIX}-data", "x-amz-acl": ["public-read"]},
        "critical",
    ),
    ("s3", "DeleteBucket", {"bucketName": f"{STACK_PREFIX}-data"}, "high"),
    ("cloudtrail", "StopLogging", {"name": "trail"}, "critical"),
    ("guardduty", "UpdateDetector", {"detectorId": "d", "enable": False}, "high"),
]
NOT_FOUND: list[tuple[str, str, dict[str, Any]]] = [
    ("rds", "DeleteDBInstance", {"dBInstanceIdentifier": "somebody-elses"}),
    ("rds", "ModifyDBInstance", {"dBInstanceIdentifier": DATABASE, "publiclyAccessible": False}),
    ("rds", "ModifyDBSnapshotAttribute", {"dBSnapshotIdentifier": "a", "valuesToRemove": ["all"]}),
    ("ec2", "AuthorizeSecurityGroupIngress", {"groupId": "sg-database", "cidrIp": "10.0.0.0/8"}),
    ("s3", "PutBucketPolicy", CONDITIONAL_POLICY),
    ("guardduty", "UpdateDetector", {"detectorId": "d", "enable": True}),
]


def put_global_call(stage: Stage, event: str, parameters: dict[str, Any], **record: Any) -> None:
    """A call in the history of the region that has IAM's events."""
    fields = {
        "eventID": event,
        "eventName": event,
        "eventSource": "iam.amazonaws.com",
        "readOnly": False,
        "userIdentity": {"type": "IAMUser", "userName": "ada"},
        "requestParameters": parameters,
        **record,
    }
    time = datetime.fromtimestamp(stage.clock.now() - 1200, UTC)
    get_trail_events(ACCOUNT, "us-east-1").append(TrailEvent(time, fields))


def put_run(stage: Stage) -> None:
    """A run of ops that began an hour ago."""
    began = datetime.fromtimestamp(stage.clock.now() - 3600, UTC)
    stage.client("s3").put_object(
        Bucket=stage.outputs.backups.operations_bucket,
        Key=f"runs/snapshot-{began:%Y%m%d-%H%M%S}-0a1b/plan.json",
        Body=b"{}",
    )


@pytest.mark.parametrize(("source", "event", "parameters", "severity"), FOUND)
def test_what_deletes_or_opens_is_found_with_who_did_it(
    source: str,
    event: str,
    parameters: dict[str, Any],
    severity: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        put_call(
            stage,
            event,
            parameters,
            source=source,
            sourceIPAddress="203.0.113.9",
            userAgent="console.amazonaws.com",
        )
        (found,) = read_open(run_line, capsys, KEY).values()
        assert found["severity"] == severity
        assert "ada " in found["evidence"]
        assert "from 203.0.113.9 by the console" in found["evidence"]
        assert found["evidence"].endswith(f"({event})")
        assert found["since"]
        line = found["command"].replace("REASON", "known").removeprefix("ops ")
        assert run_line(f"{line} --yes") == 0
        assert read_open(run_line, capsys, KEY) == {}


@pytest.mark.parametrize(("source", "event", "parameters"), NOT_FOUND)
def test_what_neither_deletes_nor_opens_is_not_found(
    source: str, event: str, parameters: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        put_call(stage, event, parameters, source=source)
        assert read_open(run_line, capsys, KEY) == {}


def test_a_rule_that_somebody_makes_by_hand_is_found_as_aws_records_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        group = stage.client("ec2").create_security_group(
            GroupName="x", Description="x", VpcId=stage.outputs.network.vpc_id
        )["GroupId"]
        open_port(stage, group, 22)
        assert read_open(run_line, capsys, KEY) == {}  # CloudTrail is some minutes late
        stage.clock.sleep(600)
        (found,) = read_open(run_line, capsys, KEY).values()
        assert f"let the internet in to {group}" in found["evidence"]


def test_who_gives_rights_or_a_key_is_found_in_the_region_of_iam(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        put_global_call(stage, "AttachUserPolicy", ADMIN)
        put_global_call(stage, "PutRolePolicy", EVERYTHING)
        put_global_call(stage, "CreateAccessKey", {"userName": "eve"})
        put_global_call(
            stage,
            "AttachRolePolicy",
            {**ADMIN, "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
        )
        assert set(read_open(run_line, capsys, KEY)) == {
            f"{KEY}/{name}/{name}"
            for name in ("AttachUserPolicy", "PutRolePolicy", "CreateAccessKey")
        }


@pytest.mark.parametrize(
    ("identity", "mfa", "is_found"),
    [("IAMUser", "No", True), ("IAMUser", "Yes", False), ("AssumedRole", "No", False)],
)
def test_a_sign_in_without_mfa_is_found(
    identity: str, mfa: str, is_found: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        put_global_call(
            stage,
            "ConsoleLogin",
            {},
            eventSource="signin.amazonaws.com",
            userIdentity={"type": identity, "userName": "ada"},
            responseElements={"ConsoleLogin": "Success"},
            additionalEventData={"MFAUsed": mfa},
        )
        assert bool(read_open(run_line, capsys, KEY)) == is_found


def test_root_is_found_whatever_it_did_once_a_day(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        for number in range(3):
            put_global_call(
                stage,
                "GetBucketAcl",
                {},
                eventID=f"e{number}",
                readOnly=True,
                userIdentity={"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root"},
            )
        (found,) = read_open(run_line, capsys, KEY).values()
        assert found["evidence"].startswith("account-wide: root did GetBucketAcl 3 times, first on")


def test_what_was_refused_did_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        put_call(
            stage,
            "DeleteDBInstance",
            {"dBInstanceIdentifier": DATABASE},
            source="rds",
            errorCode="AccessDenied",
        )
        assert read_open(run_line, capsys, KEY) == {}


def test_own_work_is_said_and_is_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        name = {"dBSnapshotIdentifier": f"{DATABASE}-x"}
        service = {"type": "AWSService", "invokedBy": "rds.amazonaws.com"}
        put_call(stage, "DeleteDBSnapshot", name, source="rds", userAgent="Boto3 bulwark-ops")
        put_call(
            stage, "DeleteBucketPolicy", {"bucketName": f"{STACK_PREFIX}-x"}, userAgent="Pulumi/1.0"
        )
        put_call(
            stage, "DeleteDBSnapshot", name, minutes_ago=30, source="rds", userIdentity=service
        )
        (found,) = read_open(run_line, capsys, KEY).values()
        assert "it says that it is ops, of which no such run is recorded" in found["evidence"]
        put_run(stage)
        (item,) = read_items(run_line, capsys, f"audit --only {KEY}")
        assert item["state"] == "ok"
        assert item["evidence"].endswith(
            "known: AWS DeleteDBSnapshot 1 x, Pulumi DeleteBucketPolicy 1 x, "
            "ops DeleteDBSnapshot 1 x"
        )


def test_nobody_is_pulumi_or_ops_when_a_trail_is_stopped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        for number, agent in enumerate(("Boto3 bulwark-ops", "Pulumi/1.0"), 20):
            put_call(
                stage,
                "StopLogging",
                {"name": f"t{number}"},
                minutes_ago=number,
                source="cloudtrail",
                userAgent=agent,
            )
        put_run(stage)
        assert len(read_open(run_line, capsys, KEY)) == 2


def test_more_than_can_be_read_is_unknown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_events, "MAX_LOOKUP_PAGES", 1)
    with open_command_line(put_vpc) as (stage, run_line):
        for number in range(51):
            put_call(
                stage,
                "DeleteDBSnapshot",
                {"dBSnapshotIdentifier": f"{DATABASE}-{number}"},
                minutes_ago=20 + number,
                source="rds",
            )
        items = read_items(run_line, capsys, f"audit --only {KEY}")
        (unknown,) = [item for item in items if item["state"] == "unknown"]
        assert "only the newest 50 events DeleteDBSnapshot of 30 days" in unknown["evidence"]
        assert len([item for item in items if item["state"] == "failing"]) == 50


def test_a_history_that_may_not_be_read_is_unknown_once(capsys: pytest.CaptureFixture[str]) -> None:
    api = "cloudtrail.lookup_events"
    with open_command_line(put_vpc) as (_, run_line), inject_faults(DeniedFault((api,))):
        (item,) = read_items(run_line, capsys, f"audit --only {KEY}")
        assert (item["state"], f"{api} was denied" in item["evidence"]) == ("unknown", True)


def test_the_table_says_which_events_this_program_makes() -> None:
    operations = {
        call.partition(".")[2] for declared in DECLARATIONS.values() for call in declared.calls
    }
    for rule in EVENT_RULES:
        assert rule.by_ops == (xform_name(rule.name) in operations), rule.name
    assert len({rule.name for rule in EVENT_RULES}) == len(EVENT_RULES)
    assert all(rule.scope == "stack" for rule in STACK_EVENT_RULES)
