"""Who may become administrator: each kind of step made real, found, ended by its line, and gone."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.faults import DeniedFault, inject_faults
from tests.ops.audit.looks import mend, read_items, read_open
from tests.ops.audit_stage import put_vpc
from tests.ops.every_command import open_command_line
from tests.ops.stage import ACCOUNT, Stage

KEY = "administrator-chains"
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
GITHUB = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"


def build_document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(*actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def format_role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def put_role(
    stage: Stage, name: str, principal: Any, *statements: dict[str, Any], **condition: Any
) -> None:
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    iam = stage.client("iam")
    iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=build_document(
            trust | ({"Condition": condition} if condition else {})
        ),
    )
    if statements:
        iam.put_role_policy(
            RoleName=name, PolicyName=f"{name}-policy", PolicyDocument=build_document(*statements)
        )


def put_administrator(stage: Stage, principal: Any, **condition: Any) -> None:
    put_role(stage, "admin", principal, allow("*"), **condition)


def put_user(stage: Stage, *statements: dict[str, Any]) -> None:
    iam = stage.client("iam")
    iam.create_user(UserName="ann")
    if statements:
        iam.put_user_policy(
            UserName="ann", PolicyName="grant", PolicyDocument=build_document(*statements)
        )


def put_assumed_role(stage: Stage) -> None:
    put_administrator(stage, ROOT)
    put_user(stage, allow("sts:AssumeRole", resource=format_role("adm*")))


def put_chain(stage: Stage) -> None:
    put_administrator(stage, {"AWS": format_role("middle")})
    put_role(stage, "middle", ROOT)
    put_user(stage, allow("sts:*", resource=format_role("middle")))


def put_group(stage: Stage) -> None:
    put_administrator(stage, ROOT)
    put_user(stage)
    iam = stage.client("iam")
    iam.create_group(GroupName="team")
    iam.add_user_to_group(GroupName="team", UserName="ann")
    document = build_document(allow("sts:AssumeRole"))
    iam.put_group_policy(GroupName="team", PolicyName="grant", PolicyDocument=document)


def put_passed_role(stage: Stage) -> None:
    put_administrator(stage, {"Service": "lambda.amazonaws.com"})
    put_user(
        stage,
        allow("iam:PassRole", resource=format_role("admin")),
        allow("lambda:CreateFunction", resource="arn:aws:lambda:*:*:function:x"),
    )


def put_named_user(stage: Stage) -> None:
    put_user(stage)
    put_administrator(stage, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/ann"})


def put_escalating_role(stage: Stage) -> None:
    put_role(stage, "helpdesk", ROOT, allow("iam:Attach*"))
    put_user(stage, allow("sts:AssumeRole", resource=format_role("helpdesk")))


def put_outside_account(stage: Stage) -> None:
    put_administrator(stage, {"AWS": "arn:aws:iam::999999999999:root"})


def put_github(stage: Stage) -> None:
    subject = {"token.actions.githubusercontent.com:sub": "repo:a/b:*"}
    put_administrator(stage, {"Federated": GITHUB}, StringLike=subject)


def put_mfa(stage: Stage) -> None:
    put_administrator(stage, ROOT, Bool={"aws:MultiFactorAuthPresent": "true"})
    put_user(stage, allow("sts:AssumeRole"))


PATHS: dict[str, tuple[Callable[[Stage], None], str, str]] = {
    "assumed": (put_assumed_role, "high", "assumes role admin (sts:AssumeRole in grant)"),
    "chain": (put_chain, "high", "assumes role middle (sts:AssumeRole in grant), then assumes"),
    "group": (put_group, "high", "assumes role admin (sts:AssumeRole in grant)"),
    "passed": (put_passed_role, "high", "passes role admin to lambda.amazonaws.com"),
    "named": (put_named_user, "high", "assumes role admin (its trust policy)"),
    "escalating": (put_escalating_role, "high", "assumes role helpdesk"),
    "other account": (put_outside_account, "critical", "assumes role admin (its trust policy)"),
    "github": (put_github, "high", "under conditions: assumes role admin"),
    "mfa": (put_mfa, "medium", "with MFA: assumes role admin"),
}


@pytest.mark.parametrize(("put_path", "severity", "way"), PATHS.values(), ids=PATHS)
def test_a_way_to_administrator_is_found_and_ended(
    put_path: Callable[[Stage], None],
    severity: str,
    way: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        put_path(stage)
        (found,) = read_open(run_line, capsys, KEY).values()
        assert way in found["evidence"]
        assert found["severity"] == severity
        mend(stage, found)
        assert read_open(run_line, capsys, KEY) == {}


def put_no_grant(stage: Stage) -> None:
    put_administrator(stage, ROOT)
    put_user(stage, allow("sts:AssumeRole", resource=format_role("other")))


def put_denied(stage: Stage) -> None:
    put_administrator(stage, ROOT)
    put_user(stage, allow("sts:AssumeRole"), allow("sts:*") | {"Effect": "Deny"})


def put_bounded_role(stage: Stage) -> None:
    put_assumed_role(stage)
    iam = stage.client("iam")
    document = build_document(allow("s3:*"))
    policy = iam.create_policy(PolicyName="limit", PolicyDocument=document)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="admin", PermissionsBoundary=policy)


def put_untrusted_service(stage: Stage) -> None:
    put_administrator(stage, {"Service": "ec2.amazonaws.com"})
    put_user(stage, allow("iam:PassRole"), allow("lambda:CreateFunction"))


def put_circle(stage: Stage) -> None:
    put_role(stage, "a", {"AWS": format_role("b")}, allow("s3:*"))
    put_role(stage, "b", {"AWS": format_role("a")}, allow("s3:*"))
    put_role(stage, "c", ROOT)
    put_user(stage, allow("sts:AssumeRole"))


@pytest.mark.parametrize(
    "put_case", [put_no_grant, put_denied, put_bounded_role, put_untrusted_service, put_circle]
)
def test_what_leads_nowhere_is_no_finding(
    put_case: Callable[[Stage], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        put_case(stage)
        assert read_open(run_line, capsys, KEY) == {}


def test_an_account_that_may_not_be_read_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    api = "iam.get_account_authorization_details"
    with open_command_line(put_vpc) as (_, run_line), inject_faults(DeniedFault((api,))):
        (item,) = read_items(run_line, capsys, f"audit --only {KEY}")
        assert item["state"] == "unknown"
        assert f"{api} was denied" in item["evidence"]
