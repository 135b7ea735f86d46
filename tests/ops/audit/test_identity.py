"""Who may do what in the account: each finding made real, found, mended by its line, and gone."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.iam.models import iam_backends

from sandbox.faults import DeniedFault, inject_faults
from sandbox.patches.iam import get_root_account
from tests.ops.audit.looks import mend, read_items, read_open
from tests.ops.audit_stage import put_vpc
from tests.ops.every_command import open_command_line
from tests.ops.key_stage import USER, put_user
from tests.ops.stage import ACCOUNT, Stage

KEYS = ("access-keys", "sign-in", "wide-policies", "role-trust", "unused-roles")
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def build_document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def build_trust(principal: Any, condition: dict[str, Any] | None = None) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return build_document(statement | ({"Condition": condition} if condition else {}))


def put_role(stage: Stage, name: str, trust: str) -> None:
    stage.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)


def put_age(stage: Stage, days: int) -> None:
    """Whatever is there was made so many days ago."""
    backend = iam_backends[ACCOUNT]["aws"]
    date = datetime.fromtimestamp(stage.clock.now(), UTC) - timedelta(days=days)
    for user in backend.users.values():
        user.create_date = date
        for key in user.access_keys:
            key.create_date = date
    for role in backend.roles.values():
        role.create_date = date


def test_a_clean_account_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_vpc) as (_, run_line):
        for key in KEYS:
            assert read_open(run_line, capsys, key) == {}


def test_an_old_key_that_is_used_is_rotated_by_the_line_that_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        key = put_user(stage)
        stage.client("iam").get_access_key_last_used(AccessKeyId=key)
        put_age(stage, 91)
        (found,) = read_open(run_line, capsys, "access-keys").values()
        assert found["evidence"].startswith("account-wide: 91 days old, last used ")
        assert found["command"] == f"ops keys rotate {USER}"
        assert run_line(f"{found['command'].removeprefix('ops ')} --unused 0s --yes") == 0
        assert read_open(run_line, capsys, "access-keys") == {}


def test_a_key_of_ninety_days_is_not_old(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        put_user(stage)
        put_age(stage, 90)
        assert read_open(run_line, capsys, "access-keys") == {}


def test_an_unused_key_and_a_second_one_are_made_inactive(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        iam = stage.client("iam")
        iam.create_user(UserName="ann")
        iam.create_access_key(UserName="ann")
        put_age(stage, 120)
        (found,) = read_open(run_line, capsys, "access-keys").values()
        assert "never used" in found["evidence"]
        mend(stage, found)
        assert read_open(run_line, capsys, "access-keys") == {}
        iam.create_access_key(UserName="ann")
        (first, second) = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]
        iam.update_access_key(UserName="ann", AccessKeyId=first["AccessKeyId"], Status="Active")
        put_age(stage, 3)
        found = read_open(run_line, capsys, "access-keys")["access-keys/ann/two"]
        mend(stage, found)
        assert read_open(run_line, capsys, "access-keys") == {}
        assert first != second


def test_a_password_without_mfa_and_a_short_policy(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        iam = stage.client("iam")
        iam.create_user(UserName="ann")
        iam.create_login_profile(UserName="ann", Password="x-Y9-long-enough")
        findings = read_open(run_line, capsys, "sign-in")
        assert set(findings) == {"sign-in/ann/mfa", "sign-in/password-policy"}
        mend(stage, findings["sign-in/password-policy"])
        put_age(stage, 91)
        findings = read_open(run_line, capsys, "sign-in")
        assert set(findings) == {"sign-in/ann/mfa", "sign-in/ann/unused"}
        mend(stage, findings["sign-in/ann/mfa"])
        assert read_open(run_line, capsys, "sign-in") == {}


def test_root_has_a_key_no_mfa_and_was_used(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        root = get_root_account(ACCOUNT)
        root.is_mfa_active, root.has_key = False, True
        root.last_used = datetime.fromtimestamp(stage.clock.now(), UTC) - timedelta(days=2)
        assert read_open(run_line, capsys, "access-keys")["access-keys/root/1"]["severity"] == (
            "critical"
        )
        findings = read_open(run_line, capsys, "sign-in")
        assert set(findings) == {"sign-in/root/mfa", "sign-in/root/use"}
        assert "2 days ago" in findings["sign-in/root/use"]["evidence"]
        root.is_mfa_active, root.has_key, root.last_used = True, False, None
        assert read_open(run_line, capsys, "sign-in") == {}


def put_inline_policy(stage: Stage) -> None:
    put_role(stage, "wide", build_trust({"Service": "ec2.amazonaws.com"}))
    stage.client("iam").put_role_policy(
        RoleName="wide", PolicyName="all", PolicyDocument=build_document(ANYTHING)
    )


def put_managed_policy(stage: Stage) -> None:
    iam = stage.client("iam")
    iam.create_user(UserName="ann")
    document = build_document({"Effect": "Allow", "Action": ["iam:PassRole"], "Resource": ["*"]})
    policy = iam.create_policy(PolicyName="pass", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_user_policy(UserName="ann", PolicyArn=policy)


@pytest.mark.parametrize(
    ("put_policy", "finding_id", "evidence"),
    [
        (put_inline_policy, "wide-policies/role/wide/all", "every action on every resource"),
        (put_managed_policy, "wide-policies/user/ann/pass", "iam:PassRole on *"),
    ],
)
def test_a_wide_policy_is_taken_away(
    put_policy: Callable[[Stage], None],
    finding_id: str,
    evidence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        put_policy(stage)
        findings = read_open(run_line, capsys, "wide-policies")
        assert set(findings) == {finding_id}
        assert evidence in findings[finding_id]["evidence"]
        mend(stage, findings[finding_id])
        assert read_open(run_line, capsys, "wide-policies") == {}


def test_a_policy_with_a_condition_or_a_resource_is_not_wide(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        put_role(stage, "narrow", build_trust({"Service": "ec2.amazonaws.com"}))
        condition = {"StringEquals": {"aws:ResourceTag/Project": "bulwark"}}
        statements = (
            {**ANYTHING, "Condition": condition},
            {
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": f"arn:aws:iam::{ACCOUNT}:role/x",
            },
            {"Effect": "Deny", "Action": "*", "Resource": "*"},
        )
        stage.client("iam").put_role_policy(
            RoleName="narrow", PolicyName="some", PolicyDocument=build_document(*statements)
        )
        assert read_open(run_line, capsys, "wide-policies") == {}


GITHUB = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
OPEN_TRUSTS = {
    "anybody": (build_trust("*"), "anybody in any account"),
    "anybody as AWS": (build_trust({"AWS": ["*"]}), "anybody in any account"),
    "another account": (build_trust({"AWS": "999999999999"}), "account 999999999999"),
    "its role": (build_trust({"AWS": "arn:aws:iam::999999999999:role/x"}), "999999999999"),
    "any repository": (
        build_trust(
            {"Federated": GITHUB},
            {"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}},
        ),
        "any repository on GitHub",
    ),
}
CLOSED_TRUSTS = (
    build_trust({"Service": "ec2.amazonaws.com"}),
    build_trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
    build_trust({"AWS": "999999999999"}, {"StringEquals": {"sts:ExternalId": "x"}}),
    build_trust("*", {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
    build_trust(
        {"Federated": GITHUB},
        {"StringLike": {"token.actions.githubusercontent.com:sub": "repo:a/b:*"}},
    ),
)


@pytest.mark.parametrize(("trust", "evidence"), OPEN_TRUSTS.values(), ids=OPEN_TRUSTS)
def test_an_open_trust_policy_is_found_and_closed(
    trust: str, evidence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        put_role(stage, "bulwark-prod-x", trust)
        (found,) = read_open(run_line, capsys, "role-trust").values()
        assert evidence in found["evidence"]
        assert found["subject"] == "role bulwark-prod-x (not of this stack)"
        mend(stage, found)
        assert read_open(run_line, capsys, "role-trust") == {}


def test_a_trust_policy_that_names_who_it_trusts_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        for number, trust in enumerate(CLOSED_TRUSTS):
            put_role(stage, f"role-{number}", trust)
        assert read_open(run_line, capsys, "role-trust") == {}


def test_an_unused_role_is_found_but_not_those_of_awss_services(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        put_role(stage, "old", build_trust({"Service": "ec2.amazonaws.com"}))
        iam = stage.client("iam")
        iam.put_role_policy(
            RoleName="old",
            PolicyName="logs",
            PolicyDocument=build_document({**ANYTHING, "Action": "logs:PutLogEvents"}),
        )
        iam.attach_role_policy(
            RoleName="old",
            PolicyArn=iam.create_policy(
                PolicyName="metrics",
                PolicyDocument=build_document({**ANYTHING, "Action": "cloudwatch:PutMetricData"}),
            )["Policy"]["Arn"],
        )
        iam.create_instance_profile(InstanceProfileName="old")
        iam.add_role_to_instance_profile(InstanceProfileName="old", RoleName="old")
        stage.client("iam").create_service_linked_role(AWSServiceName="ecs.amazonaws.com")
        put_age(stage, 91)
        (found,) = read_open(run_line, capsys, "unused-roles").values()
        assert found["id"] == "unused-roles/old"
        assert "never used in 91 days" in found["evidence"]
        mend(stage, found)
        assert read_open(run_line, capsys, "unused-roles") == {}


@pytest.mark.parametrize(
    ("api", "keys"),
    [
        ("iam.get_credential_report", KEYS[:2]),
        ("iam.generate_credential_report", KEYS[:2]),
        ("iam.get_account_authorization_details", KEYS[2:]),
    ],
)
def test_what_may_not_be_read_is_unknown_with_the_call_and_the_others_stay(
    api: str, keys: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_vpc) as (_, run_line), inject_faults(DeniedFault((api,))):
        items = read_items(run_line, capsys, f"audit --only {','.join(KEYS)}")
        unknown = [item for item in items if item["state"] == "unknown"]
        assert len(unknown) == len(keys)
        assert all(f"{api} was denied" in item["evidence"] for item in unknown)
        assert len([item for item in items if item["state"] == "ok"]) == len(KEYS) - len(keys)


def test_every_role_of_a_large_account_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    """IAM answers with 100 of a kind at a time."""
    with open_command_line(put_vpc) as (stage, run_line):
        for number in range(230):
            put_role(stage, f"old-{number:03}", build_trust({"Service": "ec2.amazonaws.com"}))
        put_age(stage, 91)
        assert len(read_open(run_line, capsys, "unused-roles")) == 230
