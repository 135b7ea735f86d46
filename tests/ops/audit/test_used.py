"""`ops audit used`: what roles used, and the narrower policy, which never adds anything."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.iam.models import iam_backends

from ops.audit import access_use
from ops.core import clock
from sandbox.faults import DeniedFault, inject_faults
from tests.ops.audit.looks import RunLine
from tests.ops.every_command import open_command_line
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage
from tests.ops.used_stage import (
    TASK_ROLE,
    get_record,
    put_role,
    put_use,
    put_used_stage,
    set_age,
)

S3_STATEMENT = {
    "Sid": "Objects",
    "Effect": "Allow",
    "Action": ["s3:GetObject", "s3:PutBucketTagging", "s3:PutBucketPolicy", "s3:List*"],
    "Resource": "arn:aws:s3:::x/*",
    "Condition": {"Bool": {"aws:SecureTransport": "true"}},
}
DENIAL = {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}
EVERYTHING = (
    S3_STATEMENT,
    {"Effect": "Allow", "Action": ["sqs:*", "sns:Publish"], "Resource": "*"},
    {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"},
    {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "ssmmessages:CreateDataChannel"],
        "Resource": "*",
    },
    {"Effect": "Allow", "NotAction": "rds:*", "Resource": "arn:aws:sqs:*:*:y"},
    DENIAL,
)


def put_everything(stage: Stage) -> None:
    put_role(stage, TASK_ROLE, *EVERYTHING)
    put_use(TASK_ROLE, "s3", "GetObject", 2.5)
    put_use(TASK_ROLE, "s3", "PutBucketTagging", 3)
    put_use(TASK_ROLE, "sns", "Publish", 120)


def read(
    run_line: RunLine, capsys: pytest.CaptureFixture[str], line: str, code: int = 0
) -> dict[str, Any]:
    capsys.readouterr()
    assert run_line(f"audit used {line} --output json") == code
    body: dict[str, Any] = json.loads(capsys.readouterr().out)
    return body


def fail(run_line: RunLine, capsys: pytest.CaptureFixture[str], line: str, code: int) -> str:
    capsys.readouterr()
    assert run_line(f"audit used {line}") == code
    return " ".join(capsys.readouterr().err.split())


def read_states(
    run_line: RunLine, capsys: pytest.CaptureFixture[str], line: str = "", code: int = 0
) -> dict[str, str]:
    return {item["role"]: item["state"] for item in read(run_line, capsys, line, code)["items"]}


def test_each_action_is_used_unused_or_not_tracked(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_everything) as (_, run_line):
        body = read(run_line, capsys, "backend")
        assert (body["state"], body["unused"], body["granted"]) == ("narrow", 3, 9)
        assert {item["action"]: item["state"] for item in body["items"]} == {
            "s3:GetObject": "not tracked",
            "s3:PutBucketTagging": "used",
            "s3:PutBucketPolicy": "unused",
            "s3:List*": "not tracked",
            "sqs:*": "unused",
            "sns:Publish": "unused",
            "iam:PassRole": "not tracked",
            "kms:Decrypt": "not tracked",
            "ssmmessages:CreateDataChannel": "not tracked",
        }
        reasons = {item["action"]: item["reason"] for item in body["items"]}
        assert "a pattern" in reasons["s3:List*"]
        assert "emergencies" in reasons["ssmmessages:CreateDataChannel"]


def test_the_narrower_policy_is_the_role_s_own_without_what_was_not_used(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "policy.json"
    with open_command_line(put_everything) as (stage, run_line):
        iam = stage.client("iam")
        before = iam.get_role_policy(RoleName=TASK_ROLE, PolicyName="main")["PolicyDocument"]
        body = read(run_line, capsys, "backend --policy")
        narrower = body["policies"]["main"]
        assert narrower["Statement"] == [
            {**S3_STATEMENT, "Action": ["s3:GetObject", "s3:PutBucketTagging", "s3:List*"]},
            *EVERYTHING[2:],
        ]
        assert narrower["Version"] == "2012-10-17"
        assert run_line(f"audit used backend --policy --to {path}") == 0
        assert json.loads(path.read_text()) == body["policies"]
        error = capsys.readouterr().err
        assert "s3:List* stays: a pattern" in error
        assert "components/service.py; settings services.backend" in error
        after = iam.get_role_policy(RoleName=TASK_ROLE, PolicyName="main")["PolicyDocument"]
        assert after == before


def test_the_days_decide_what_is_unused(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_everything) as (_, run_line):
        assert read(run_line, capsys, "backend --days 150")["unused"] == 2
        assert read(run_line, capsys, "backend --days 2")["unused"] == 6


def test_a_policy_of_which_nothing_was_used_can_go(capsys: pytest.CaptureFixture[str]) -> None:
    def put(stage: Stage) -> None:
        put_role(stage, TASK_ROLE, {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"})

    with open_command_line(put) as (_, run_line):
        capsys.readouterr()
        assert run_line("audit used backend --policy --output json") == 0
        printed = capsys.readouterr()
        assert json.loads(printed.out)["policies"] == {}
        assert "main: nothing of it was used, it can go" in printed.err


def test_a_young_role_and_a_young_policy_are_left_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_used_stage) as (stage, run_line):
        set_age(TASK_ROLE, 30)
        assert read_states(run_line, capsys) == {TASK_ROLE: "too early"}
        error = fail(run_line, capsys, "backend --policy", 1)
        assert "it is younger than 90 days: too early to tell" in error
        assert read(run_line, capsys, "backend --days 10")["state"] == "narrow"
        set_age(TASK_ROLE, 200)
        iam = stage.client("iam")
        iam.delete_role_policy(RoleName=TASK_ROLE, PolicyName="main")
        document = {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}
        arn = iam.create_policy(
            PolicyName="new",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [document]}),
        )["Policy"]["Arn"]
        iam.attach_role_policy(RoleName=TASK_ROLE, PolicyArn=arn)
        body = read(run_line, capsys, "backend")
        assert body["state"] == "as used"
        assert "new was changed on" in body["notes"][0]
        policy = iam_backends[ACCOUNT]["aws"].managed_policies[arn]
        for version in policy.versions:
            version.create_date = (clock.now() - timedelta(days=150)).replace(tzinfo=None)
        assert read(run_line, capsys, "backend")["state"] == "narrow"


def test_roles_for_emergencies_are_never_narrowed(capsys: pytest.CaptureFixture[str]) -> None:
    def put(stage: Stage) -> None:
        statement = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
        project, environment = stage.outputs.stack.project, stage.outputs.stack.stack
        put_role(stage, f"{project}-deploy-{environment}", statement)
        for name in ("reader", "operator", "recoverer"):
            put_role(stage, f"{STACK_PREFIX}-{name}", statement)

    with open_command_line(put) as (_, run_line):
        states = read_states(run_line, capsys)
        assert len(states) == 4
        assert {*states.values()} == {"emergency"}
        error = fail(run_line, capsys, "recoverer --policy", 1)
        assert "rare by design" in error


def test_all_roles_of_the_stack_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{STACK_PREFIX}-role-{number}" for number in range(30)]

    def put(stage: Stage) -> None:
        for name in (*names, "somebody-else"):
            put_role(stage, name, {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"})

    with open_command_line(put) as (_, run_line):
        assert [*read_states(run_line, capsys)] == sorted(names)
        assert "ROLE must be a role of the stack" in fail(run_line, capsys, "somebody-else", 2)


def test_every_page_of_a_report_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_everything) as (_, run_line):
        whole = read(run_line, capsys, "backend")
        get_record().page_size = 1
        assert read(run_line, capsys, "backend") == whole


def test_a_denied_report_is_unknown_with_its_permission(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_used_stage) as (_, run_line):
        for api in (access_use.GENERATE_API, access_use.DETAILS_API):
            with inject_faults(DeniedFault(apis=(api,))):
                assert read_states(run_line, capsys, code=3) == {TASK_ROLE: "unknown"}
                assert f"{api} was denied" in fail(run_line, capsys, "backend --policy", 3)


def test_a_report_that_never_ends_is_unknown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_use, "REPORT_SECONDS", 0)
    with open_command_line(put_used_stage) as (_, run_line):
        get_record().is_slow = True
        assert "did not finish its report" in fail(run_line, capsys, "", 3)


def test_what_a_role_tries_in_the_sandbox_is_in_its_record(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def put(stage: Stage) -> None:
        put_role(
            stage,
            TASK_ROLE,
            {"Effect": "Allow", "Action": ["sqs:CreateQueue", "sqs:DeleteQueue"], "Resource": "*"},
        )

    with open_command_line(put) as (stage, run_line):
        assert read(run_line, capsys, "backend")["unused"] == 2
        arn = f"arn:aws:iam::{ACCOUNT}:role/{TASK_ROLE}"
        session = stage.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")[
            "Credentials"
        ]
        sqs = boto3.client(
            "sqs",
            region_name=REGION,
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )
        sqs.create_queue(QueueName="x")
        items = read(run_line, capsys, "backend")["items"]
        assert {item["action"]: item["state"] for item in items} == {
            "sqs:CreateQueue": "used",
            "sqs:DeleteQueue": "unused",
        }


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("--days 0", "--days must be between 1 and 400"),
        ("--days 401", "--days must be between 1 and 400"),
        ("--policy", "ROLE must be set"),
        ("backend --to policy.json", "--policy must be set"),
        ("backend --policy --to policy.txt", "--to must be a file"),
        ("user/ann", "ROLE must be a role"),
        ("nobody", "ROLE must be a role of the stack"),
    ],
)
def test_bad_input_is_one_error(line: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_used_stage) as (_, run_line):
        assert text in fail(run_line, capsys, line, 2)
