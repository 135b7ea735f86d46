"""`ops audit may`: AWS's answer, the statement that decides, and what it does not know."""

import json
from typing import Any

import pytest
from moto.iam.models import iam_backends

from sandbox.faults import DeniedFault, inject_faults
from sandbox.patches.iam_simulation import get_organization
from tests.ops.audit.looks import RunLine
from tests.ops.every_command import open_command_line
from tests.ops.may_stage import (
    KEY_POLICY,
    put_bucket_policy,
    put_may_stage,
    put_task_policy,
)
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage

TASK_ROLE = f"{STACK_PREFIX}-backend-task"
BUCKET = f"{STACK_PREFIX}-operations"


def ask(
    run_line: RunLine, capsys: pytest.CaptureFixture[str], line: str, code: int
) -> dict[str, Any]:
    capsys.readouterr()
    assert run_line(f"audit may {line} --output json") == code
    body: dict[str, Any] = json.loads(capsys.readouterr().out)
    return body


def allow(*actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def deny(*actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return allow(*actions, resource=resource, **more) | {"Effect": "Deny"}


def test_what_nobody_allowed_is_denied_implicitly_until_a_policy_allows_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_may_stage) as (stage, run_line):
        answer = ask(run_line, capsys, "backend s3:GetObject bucket/exports/x", 3)
        assert (answer["verdict"], answer["items"]) == ("denied implicitly", [])
        assert answer["resource"] == f"arn:aws:s3:::{BUCKET}/exports/x"
        put_task_policy(stage, allow("s3:Get*", resource=f"arn:aws:s3:::{BUCKET}/exports/*"))
        answer = ask(run_line, capsys, "backend s3:GetObject bucket/exports/x", 0)
        assert answer["verdict"] == "allowed"
        (statement,) = answer["items"]
        assert statement["policy"] == f"role_{TASK_ROLE}_test"
        assert (statement["line"], statement["column"]) == (4, 3)
        assert ask(run_line, capsys, "backend s3:GetObject bucket", 3)["resource"].endswith("/*")
        assert ask(run_line, capsys, "backend s3:ListBucket bucket", 3)["resource"].endswith(BUCKET)


def test_an_explicit_denial_is_what_decides(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_may_stage) as (stage, run_line):
        put_task_policy(stage, allow("s3:*"), deny("s3:Delete*"))
        answer = ask(run_line, capsys, f"{TASK_ROLE} s3:DeleteObject bucket", 3)
        assert answer["verdict"] == "denied explicitly"
        assert [item["line"] for item in answer["items"]] == [11]


def test_without_a_resource_every_one_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_may_stage) as (stage, run_line):
        put_task_policy(stage, allow("rds:DeleteDBInstance", resource="arn:aws:rds:*:*:db:x"))
        answer = ask(run_line, capsys, "backend rds:DeleteDBInstance", 3)
        assert answer["resource"] == "*"
        assert any("every resource" in note for note in answer["notes"])


def test_the_boundary_and_the_organisation_limit_it(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_may_stage) as (stage, run_line):
        iam = stage.client("iam")
        put_task_policy(stage, allow("s3:*"))
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:Get*")]})
        policy = iam.create_policy(PolicyName="limit", PolicyDocument=document)["Policy"]["Arn"]
        iam.put_role_permissions_boundary(RoleName=TASK_ROLE, PermissionsBoundary=policy)
        inside = ask(run_line, capsys, "backend s3:GetObject bucket", 0)
        outside = ask(run_line, capsys, "backend s3:PutObject bucket", 3)
        assert (inside["boundary"], outside["boundary"]) == (True, False)
        assert outside["verdict"] == "denied implicitly"
        get_organization(iam_backends[ACCOUNT]["aws"]).denied_actions = ("s3:getobject",)
        assert ask(run_line, capsys, "backend s3:GetObject bucket", 3)["organization"] is False
        capsys.readouterr()
        assert run_line("audit may backend s3:GetObject bucket") == 3
        out = capsys.readouterr().out
        assert "the permissions boundary allows it" in out
        assert "the organisation does not allow it" in out


def test_a_condition_key_that_is_missing_is_named_and_may_be_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    condition = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}
    with open_command_line(put_may_stage) as (stage, run_line):
        put_task_policy(stage, allow("s3:*", Condition=condition))
        line = "backend s3:GetObject bucket"
        answer = ask(run_line, capsys, line, 3)
        assert (answer["verdict"], answer["missing"]) == ("unknown", ["aws:SourceVpce"])
        assert ask(run_line, capsys, f"{line} --context aws:SourceVpce=vpce-2", 0)["missing"] == []
        answer = ask(run_line, capsys, f"{line} --context aws:sourcevpce=vpce-1", 3)
        assert answer["verdict"] == "denied implicitly"


def test_what_is_so_of_the_stack_need_not_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    conditions = {
        "StringEquals": {
            "aws:RequestedRegion": REGION,
            "aws:ResourceTag/Environment": "test",
            "aws:ResourceAccount": ACCOUNT,
        },
        "Bool": {"aws:SecureTransport": "true"},
    }
    with open_command_line(put_may_stage) as (stage, run_line):
        put_task_policy(stage, allow("rds:*", Condition=conditions))
        answer = ask(run_line, capsys, "backend rds:RebootDBInstance database", 0)
        assert answer["context"]["aws:RequestedRegion"] == [REGION]
        # Nothing is known of the tags of what is not the stack's.
        other = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:other"
        answer = ask(run_line, capsys, f"backend rds:RebootDBInstance {other}", 3)
        assert answer["missing"] == ["aws:ResourceTag/Environment"]


def test_a_denial_by_the_buckets_own_policy_counts_for_a_role(
    capsys: pytest.CaptureFixture[str],
) -> None:
    objects = f"arn:aws:s3:::{BUCKET}/*"
    with open_command_line(put_may_stage) as (stage, run_line):
        put_task_policy(stage, allow("s3:*"))
        put_bucket_policy(stage, deny("s3:Delete*", resource=objects, Principal="*"))
        answer = ask(run_line, capsys, "backend s3:DeleteObject bucket", 3)
        assert answer["verdict"] == "denied explicitly"
        assert [item["policy"] for item in answer["items"]] == ["the bucket's policy"]
        other = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}
        put_bucket_policy(stage, deny("s3:Delete*", resource=objects, Principal=other))
        assert ask(run_line, capsys, "backend s3:DeleteObject bucket", 0)["verdict"] == "allowed"
        put_bucket_policy(stage, deny("s3:Delete*", resource=objects, NotPrincipal=other))
        assert ask(run_line, capsys, "backend s3:DeleteObject bucket", 3)["items"]


def test_what_a_bucket_allows_a_role_is_not_known_but_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_may_stage) as (stage, run_line):
        principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/{TASK_ROLE}"}
        objects = f"arn:aws:s3:::{BUCKET}/*"
        put_bucket_policy(stage, allow("s3:GetObject", resource=objects, Principal=principal))
        answer = ask(run_line, capsys, "backend s3:GetObject bucket", 3)
        assert answer["verdict"] == "unknown"
        assert answer["doubts"] == [
            "the bucket's policy allows it by statement 1: AWS asks that of no role"
        ]


def test_a_user_is_asked_with_its_groups_and_the_buckets_policy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    objects = f"arn:aws:s3:::{BUCKET}/*"
    with open_command_line(put_may_stage) as (stage, run_line):
        iam = stage.client("iam")
        user = iam.create_user(UserName="ann")["User"]["Arn"]
        iam.create_group(GroupName="team")
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:List*")]})
        iam.put_group_policy(GroupName="team", PolicyName="list", PolicyDocument=document)
        iam.add_user_to_group(GroupName="team", UserName="ann")
        assert ask(run_line, capsys, "user/ann s3:ListBucket bucket", 0)["items"][0]["kind"] == (
            "group"
        )
        grant = allow("s3:GetObject", resource=objects, Principal={"AWS": user})
        put_bucket_policy(stage, grant)
        answer = ask(run_line, capsys, f"{user} s3:GetObject bucket", 0)
        assert answer["items"][0]["kind"] == "resource"
        assert "the bucket's policy was asked as well" in answer["notes"]


def test_a_keys_policy_that_leaves_nothing_to_the_account_is_not_enough(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_may_stage) as (stage, run_line):
        put_task_policy(stage, allow("kms:*"))
        key = str(stage.outputs.stack.data_key_arn)
        assert ask(run_line, capsys, "backend kms:Decrypt key", 0)["verdict"] == "allowed"
        closed = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"})
        stage.client("kms").put_key_policy(
            KeyId=key,
            PolicyName="default",
            Policy=json.dumps({**KEY_POLICY, "Statement": [closed]}),
        )
        answer = ask(run_line, capsys, "backend kms:Decrypt key", 3)
        assert answer["verdict"] == "unknown"
        assert answer["doubts"] == ["the key's policy does not let the account's policies allow it"]


@pytest.mark.parametrize(
    ("action", "resource", "api"),
    [
        ("s3:GetObject", "bucket", "s3.get_bucket_policy"),
        ("kms:Decrypt", "key", "kms.get_key_policy"),
        ("secretsmanager:GetSecretValue", "secret", "secretsmanager.get_resource_policy"),
        ("sns:Publish", "page-topic", "sns.get_topic_attributes"),
        (
            "sqs:SendMessage",
            f"arn:aws:sqs:{REGION}:{ACCOUNT}:{STACK_PREFIX}-jobs",
            "sqs.get_queue_url",
        ),
    ],
)
def test_a_policy_of_a_resource_that_may_not_be_read_leaves_it_unknown(
    action: str, resource: str, api: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_may_stage) as (stage, run_line):
        put_task_policy(stage, allow(action))
        assert ask(run_line, capsys, f"backend {action} {resource}", 0)["doubts"] == []
        with inject_faults(DeniedFault((api,))):
            answer = ask(run_line, capsys, f"backend {action} {resource}", 3)
        assert answer["verdict"] == "unknown"
        assert f"{api} was denied" in answer["doubts"][0]


def test_nobody_of_that_name_and_a_simulator_that_is_denied_are_errors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_may_stage) as (_, run_line):
        assert run_line("audit may nobody s3:GetObject") == 2
        assert "ROLE must be a role of the account, there is no" in capsys.readouterr().err
        assert run_line("audit may user/nobody s3:GetObject") == 2
        with inject_faults(DeniedFault(("iam.simulate_principal_policy",))):
            assert run_line("audit may backend s3:GetObject bucket") == 1
        assert "iam.simulate_principal_policy was denied" in capsys.readouterr().err


def test_a_session_is_asked_as_its_role(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_may_stage) as (stage, run_line):
        put_task_policy(stage, allow("s3:*"))
        session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{TASK_ROLE}/ann"
        answer = ask(run_line, capsys, f"{session} s3:GetObject bucket", 0)
        assert answer["principal"] == f"arn:aws:iam::{ACCOUNT}:role/{TASK_ROLE}"
        assert any("policy of the session" in note for note in answer["notes"])


def test_every_part_of_a_stack_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    def put_roles(stage: Stage) -> None:
        put_may_stage(stage)
        outputs = stage.outputs
        for name in ("reader", "operator", "recoverer", "fleet", "operations-export"):
            stage.client("iam").create_role(
                RoleName=f"{STACK_PREFIX}-{name}", AssumeRolePolicyDocument="{}"
            )
        assert outputs.fleet is not None

    with open_command_line(put_roles) as (_, run_line):
        for role in ("reader", "operator", "recoverer", "fleet", "export"):
            ask(run_line, capsys, f"{role} rds:RebootDBInstance database", 3)
        for resource in ("database", "fleet", "load-balancer", "cluster", "frontend", "warn-topic"):
            ask(run_line, capsys, f"backend rds:RebootDBInstance {resource}", 3)
