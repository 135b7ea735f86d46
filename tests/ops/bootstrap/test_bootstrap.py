"""`ops bootstrap` as it is typed; who may assume its roles, by the documents themselves."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.bootstrap.deployment_policy import build_boundary_policy, build_deploy_policy
from ops.bootstrap.inspection import inspect_foundation
from ops.bootstrap.names import FoundationNames, RepositoryIds
from ops.bootstrap.policies import build_preview_policy
from ops.bootstrap.roles import list_foundation_roles
from ops.cli.app import main
from ops.core.run import WallClock
from ops.permissions.policies import MAX_POLICY_CHARACTERS, serialize_policy
from tests.iam import is_action_allowed
from tests.ops.bootstrap.github import PretendedRepository, put_repository
from tests.ops.procedures.bootstrap import FOUNDATION_NAMES
from tests.ops.stage import ACCOUNT, RECOVERY_REGION, REGION, Stage, open_stage

BOOTSTRAP_WORDS = ["bootstrap", "--repository", "owner/fork", "--region", REGION]
RECOVERY_WORDS = ["--recovery-region", RECOVERY_REGION]
INLINE_POLICY_CHARACTERS = (
    10_240  # characters of a role's inline policies without white space (IAM quotas)
)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PretendedRepository:
    return put_repository(tmp_path / "github", monkeypatch, "owner/fork", 1, 2)


@pytest.fixture
def bootstrap_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: PretendedRepository
) -> Iterator[Stage]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with (
        open_stage() as empty_stage,
        patch.object(WallClock, "now", lambda _: empty_stage.clock.now()),
        patch.object(WallClock, "sleep", lambda _, seconds: empty_stage.clock.sleep(seconds)),
    ):
        yield empty_stage


def run_bootstrap(*words: str) -> int:
    return main([*BOOTSTRAP_WORDS, *RECOVERY_WORDS, *words])


def read_json_output(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def test_made_once_and_a_second_time_nothing_has_to_be_done(
    bootstrap_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_bootstrap("--yes", "--output", "json") == 0
    first = read_json_output(capsys)
    assert first["state"] == "done"
    names = replace(FOUNDATION_NAMES, is_github_known=True)
    before = inspect_foundation(names, bootstrap_stage.aws, "bootstrap-x")
    assert {one.state for one in before} == {"ok"}
    assert run_bootstrap("--yes", "--output", "json") == 0
    second = read_json_output(capsys)
    assert second["state"] == "already complete"
    assert second["pulumi"] == first["pulumi"]
    assert len(bootstrap_stage.client("kms").list_keys()["Keys"]) == 4, "the state's and three"


def test_it_prints_what_to_type_for_pulumi_and_for_github(
    bootstrap_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_bootstrap("--yes", "--environments", "dev,prod") == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    bucket = f"s3://bulwark-state-{ACCOUNT}?region={REGION}&awssdk=v2"
    provider = f"awskms:///alias/bulwark-secrets-prod?region={REGION}"
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/bulwark-boundary-prod"
    setting = "--stack prod --path bulwark:access.permissionsBoundary"
    assert f"pulumi config set {setting} '{boundary}'" in lines
    assert f"pulumi login '{bucket}'" in lines
    assert f"pulumi stack init prod --secrets-provider='{provider}'" in lines
    role = f"arn:aws:iam::{ACCOUNT}:role/bulwark-deploy-prod"
    assert f"gh variable set DEPLOY_ROLE_ARN --env prod --body '{role}'" in lines


def test_a_check_says_what_is_not_as_it_was_made(
    bootstrap_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_bootstrap("check") == 3
    assert "0 could not be read" in capsys.readouterr().err
    assert run_bootstrap("--yes") == 0
    capsys.readouterr()
    assert run_bootstrap("check") == 0
    bucket = FOUNDATION_NAMES.get_state_bucket(REGION)
    bootstrap_stage.client("s3").put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
    )
    capsys.readouterr()
    assert run_bootstrap("check", "--output", "json") == 3
    said = capsys.readouterr()
    wrong = [one for one in json.loads(said.out)["items"] if one["state"] != "ok"]
    assert [one["seen"] for one in wrong] == ["Status is 'Suspended', wanted 'Enabled'"]
    assert bucket in wrong[0]["what"]
    assert run_bootstrap("--yes") == 0
    assert run_bootstrap("check") == 0


def test_what_nobody_may_look_at_is_not_known_and_never_ok(
    bootstrap_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    from sandbox import faults

    assert run_bootstrap("--yes") == 0
    capsys.readouterr()
    with faults.inject_faults(faults.DeniedFault(("iam.get_role_policy",))):
        assert run_bootstrap("check") == 3
    said = capsys.readouterr()
    assert "0 of" in said.err
    assert "unknown" in said.out


def test_a_key_that_is_to_be_deleted_is_not_made_anew(
    bootstrap_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_bootstrap("--yes") == 0
    kms = bootstrap_stage.client("kms")
    key = kms.describe_key(KeyId="alias/bulwark-state")["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=30)
    capsys.readouterr()
    assert run_bootstrap("--yes") == 1
    said = capsys.readouterr().err
    assert "which is PendingDeletion" in said
    assert f"aws kms cancel-key-deletion --region {REGION} --key-id {key}" in said


def test_a_run_is_shown_and_undone_by_its_id_without_a_stack(
    bootstrap_stage: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run_bootstrap("--yes") == 0
    (folder,) = (tmp_path / "bulwark" / "bootstrap" / f"{ACCOUNT}-{REGION}" / "runs").iterdir()
    run = folder.name
    assert main(["runs", "show", run]) == 0
    assert main(["runs", "undo", run, "--yes"]) == 0
    there = {one["Name"] for one in bootstrap_stage.client("s3").list_buckets()["Buckets"]}
    assert there == {
        FOUNDATION_NAMES.get_log_bucket(REGION),
        FOUNDATION_NAMES.get_log_bucket(RECOVERY_REGION),
    }
    assert not bootstrap_stage.client("iam").list_roles()["Roles"]
    capsys.readouterr()
    assert main(["runs", "show", "bootstrap-20260101-000000-0000"]) == 2
    assert "this machine has no journal of it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["bootstrap", "--region", REGION], "--repository is not set"),
        ([*BOOTSTRAP_WORDS[:3]], "--region is not set"),
        (
            [*BOOTSTRAP_WORDS[:2], "fork", *BOOTSTRAP_WORDS[3:]],
            "--repository must be OWNER/NAME as on GitHub, not 'fork'",
        ),
        (
            [*BOOTSTRAP_WORDS, "--recovery-region", REGION],
            "--recovery-region must differ from --region",
        ),
        (
            [*BOOTSTRAP_WORDS, "--recovery-region", "europe"],
            "--recovery-region must be a region like eu-north-1, not 'europe'",
        ),
        ([*BOOTSTRAP_WORDS, "--environments", "Prod"], "separated by commas, not 'Prod'"),
        ([*BOOTSTRAP_WORDS, "--environments", "s" * 17], "at most 16"),
        (
            [*BOOTSTRAP_WORDS, "--environments", "dev,deploy"],
            "not beginning with boundary, preview, deploy",
        ),
        (
            [*BOOTSTRAP_WORDS, "--environments", "prod,prod-eu"],
            "policies on prod-* would cover prod-eu",
        ),
        ([*BOOTSTRAP_WORDS, "--project", "Bulwark"], "digits and hyphens, not 'Bulwark'"),
        ([*BOOTSTRAP_WORDS, "--repository-ids", "1"], "OWNER_ID/REPOSITORY_ID, two numbers"),
        ([*BOOTSTRAP_WORDS, "--reviewers", "a b"], "separated by commas, not 'a b'"),
        (
            [*BOOTSTRAP_WORDS, "--repository-ids", "1/2", "--reviewers", "ada"],
            "--reviewers needs GitHub",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_any_call(
    words: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("ops.core.aws.Aws.call", lambda *_: pytest.fail("AWS was called"))
    monkeypatch.setenv("PATH", "")  # gh is not asked either
    assert main(words) == 2
    assert says in capsys.readouterr().err


STATE_BUCKET_ARN = f"arn:aws:s3:::bulwark-state-{ACCOUNT}"
IAM_PREFIX = f"arn:aws:iam::{ACCOUNT}"
REGION_CONTEXT = {"aws:RequestedRegion": REGION}
PROJECT_CONTEXT = {"aws:ResourceTag/Project": "bulwark"}
TWO_STACKS = replace(
    FOUNDATION_NAMES, environments=("dev", "prod"), domains=(("dev", "dev.example.com"),)
)
BOUNDED = {"iam:PermissionsBoundary": TWO_STACKS.build_boundary_arn("dev")}
OTHERWISE_BOUNDED = {"iam:PermissionsBoundary": TWO_STACKS.build_boundary_arn("prod")}
RECORD_NAMES_KEY = "route53:ChangeResourceRecordSetsNormalizedRecordNames"


@pytest.mark.parametrize(
    ("action", "arn", "context", "may"),
    [
        (
            "rds:ModifyDBInstance",
            "arn:aws:rds:x:1:db:bulwark-dev-database",
            {**REGION_CONTEXT, **PROJECT_CONTEXT, "aws:ResourceTag/Environment": "dev"},
            True,
        ),
        (
            "rds:DeleteDBInstance",
            "arn:aws:rds:x:1:db:bulwark-prod-database",
            {**REGION_CONTEXT, **PROJECT_CONTEXT, "aws:ResourceTag/Environment": "prod"},
            False,
        ),
        ("ec2:CreateVpc", "*", REGION_CONTEXT, True),
        ("ec2:CreateVpc", "*", {"aws:RequestedRegion": "us-west-2"}, False),
        ("iam:CreateRole", f"{IAM_PREFIX}:role/bulwark-dev-fleet-instance", BOUNDED, True),
        ("iam:PutRolePolicy", f"{IAM_PREFIX}:role/bulwark-dev-fleet-instance", BOUNDED, True),
        ("iam:CreateRole", f"{IAM_PREFIX}:role/bulwark-dev-x", {}, False),
        ("iam:CreateRole", f"{IAM_PREFIX}:role/bulwark-dev-x", OTHERWISE_BOUNDED, False),
        ("iam:PutRolePolicy", f"{IAM_PREFIX}:role/bulwark-dev-x", {}, False),
        ("iam:PutRolePermissionsBoundary", f"{IAM_PREFIX}:role/bulwark-dev-x", BOUNDED, True),
        (
            "iam:PutRolePermissionsBoundary",
            f"{IAM_PREFIX}:role/bulwark-dev-x",
            OTHERWISE_BOUNDED,
            False,
        ),
        ("iam:DeleteRolePermissionsBoundary", f"{IAM_PREFIX}:role/bulwark-dev-x", BOUNDED, False),
        ("iam:CreatePolicyVersion", f"{IAM_PREFIX}:policy/bulwark-boundary-dev", {}, False),
        (
            "iam:AttachRolePolicy",
            f"{IAM_PREFIX}:role/bulwark-dev-x",
            {**BOUNDED, "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"},
            False,
        ),
        (
            "iam:AttachRolePolicy",
            f"{IAM_PREFIX}:role/bulwark-dev-x",
            {**BOUNDED, "iam:PolicyARN": f"{IAM_PREFIX}:policy/bulwark-dev-reader-data"},
            True,
        ),
        (
            "route53:ChangeResourceRecordSets",
            "arn:aws:route53:::hostedzone/Z1",
            {RECORD_NAMES_KEY: "app.dev.example.com"},
            True,
        ),
        (
            "route53:ChangeResourceRecordSets",
            "arn:aws:route53:::hostedzone/Z1",
            {RECORD_NAMES_KEY: "app.example.com"},
            False,
        ),
        ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1", {}, False),
        (
            "wafv2:UpdateWebACL",
            f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/bulwark-dev-waf/1",
            {},
            True,
        ),
        (
            "wafv2:DeleteWebACL",
            f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/bulwark-prod-waf/1",
            {},
            False,
        ),
        ("iam:CreateRole", f"{IAM_PREFIX}:role/bulwark-prod-fleet-instance", {}, False),
        ("iam:UpdateAssumeRolePolicy", f"{IAM_PREFIX}:role/bulwark-deploy-dev", {}, False),
        ("iam:PutRolePolicy", f"{IAM_PREFIX}:role/bulwark-preview", {}, False),
        ("iam:CreateUser", f"{IAM_PREFIX}:user/somebody", {}, False),
        ("iam:CreateAccessKey", f"{IAM_PREFIX}:user/somebody", {}, False),
        ("iam:DeleteOpenIDConnectProvider", FOUNDATION_NAMES.oidc_provider_arn, {}, False),
        ("s3:PutObject", f"{STATE_BUCKET_ARN}/.pulumi/stacks/bulwark/dev.json", {}, True),
        (
            "s3:PutObject",
            f"{STATE_BUCKET_ARN}/.pulumi/locks/organization/bulwark/dev/x.json",
            {},
            True,
        ),
        ("s3:PutObject", f"{STATE_BUCKET_ARN}/.pulumi/stacks/bulwark/prod.json", {}, False),
        ("s3:GetObject", f"{STATE_BUCKET_ARN}/.pulumi/meta.yaml", {}, True),
        ("s3:GetObject", f"{STATE_BUCKET_ARN}/.pulumi/stacks/bulwark/dev.json", {}, True),
        ("s3:GetObject", f"{STATE_BUCKET_ARN}/.pulumi/stacks/bulwark/prod.json", {}, False),
        ("s3:GetObject", f"{STATE_BUCKET_ARN}/.pulumi/backups/bulwark/prod/x.json", {}, False),
        ("s3:PutBucketPolicy", STATE_BUCKET_ARN, {}, False),
        ("s3:PutObject", f"arn:aws:s3:::bulwark-dev-operations-{ACCOUNT}/runs/x", {}, True),
        (
            "kms:Decrypt",
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
            {**REGION_CONTEXT, "kms:ResourceAliases": "alias/bulwark-secrets-dev"},
            True,
        ),
        (
            "kms:Decrypt",
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
            {**REGION_CONTEXT, "kms:ResourceAliases": "alias/bulwark-secrets-prod"},
            False,
        ),
        (
            "kms:ScheduleKeyDeletion",
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
            {**REGION_CONTEXT, "kms:ResourceAliases": "alias/bulwark-secrets-dev"},
            False,
        ),
    ],
)
def test_a_deployment_may_do_its_own_and_nothing_of_another_stack_or_the_foundation(
    action: str, arn: str, context: dict[str, str], may: bool
) -> None:
    assert is_action_allowed(build_deploy_policy(TWO_STACKS, "dev"), action, arn, **context) is may


@pytest.mark.parametrize(
    ("action", "arn", "may"),
    [
        ("wafv2:GetSampledRequests", "*", False),
        ("ssm:GetCommandInvocation", "*", False),
        ("ssm:ListCommandInvocations", "*", False),
        ("ec2:GetConsoleOutput", "*", False),
        ("ec2:GetConsoleScreenshot", "*", False),
        ("ec2:GetPasswordData", "*", False),
        ("backup-storage:GetChunk", "*", False),
        ("rds:DownloadDBLogFilePortion", "*", False),
        ("lambda:GetFunction", "*", False),
        ("ecs:ExecuteCommand", "*", False),
        ("sts:AssumeRole", f"{IAM_PREFIX}:role/bulwark-prod-reader", False),
        ("ec2:DescribeVpcs", "*", True),
        ("rds:DescribeDBInstances", "*", True),
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}::parameter/aws/service/x", True),
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/bulwark/x", False),
        ("secretsmanager:GetSecretValue", "*", False),
        ("logs:FilterLogEvents", "*", False),
        ("rds:DeleteDBInstance", "*", False),
        ("s3:GetObject", f"{STATE_BUCKET_ARN}/.pulumi/stacks/bulwark/prod.json", True),
        ("s3:PutObject", f"{STATE_BUCKET_ARN}/.pulumi/stacks/bulwark/prod.json", False),
        ("s3:GetObject", "arn:aws:s3:::bulwark-prod-operations/exports/users", False),
        ("iam:CreateRole", "*", False),
    ],
)
def test_a_preview_looks_at_what_there_is_and_at_no_data(action: str, arn: str, may: bool) -> None:
    assert is_action_allowed(build_preview_policy(FOUNDATION_NAMES), action, arn) is may


def test_a_boundary_is_set_again_with_room_for_its_version(
    bootstrap_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_bootstrap("--yes") == 0
    iam, arn = bootstrap_stage.client("iam"), FOUNDATION_NAMES.build_boundary_arn("prod")
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    everything = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=everything, SetAsDefault=True)
    capsys.readouterr()
    assert run_bootstrap("check", "--output", "json") == 3
    wrong = [row["what"] for row in read_json_output(capsys)["items"] if row["state"] != "ok"]
    assert wrong == [
        "delete the version v1 of bulwark-boundary-prod",
        "set the boundary bulwark-boundary-prod of the roles of prod",
    ]
    assert run_bootstrap("--yes") == 0
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    (default,) = [version["VersionId"] for version in versions if version["IsDefaultVersion"]]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=default)["PolicyVersion"]["Document"]
    assert document == build_boundary_policy(FOUNDATION_NAMES, "prod")
    assert len(versions) == 5


def test_every_policy_fits_into_its_role() -> None:
    given = FoundationNames(
        project="p" * 12,
        repository="o" * 39 + "/" + "r" * 100,
        repository_ids=RepositoryIds(10**10, 10**10),
        partition="aws-us-gov",
        account=ACCOUNT,
        region="us-gov-northwest-1",
        recovery_region="us-gov-northwest-2",
        environments=tuple(letter * 11 for letter in "stuvw"),
        domains=tuple((letter * 11, "d" * 63 + ".example.com") for letter in "stuvw"),
    )
    for role in list_foundation_roles(given):
        assert len(serialize_policy(role.permissions_policy)) <= INLINE_POLICY_CHARACTERS, role.name
        assert len(serialize_policy(role.trust_policy)) <= 2048, role.name  # IAM quotas
    for stack in given.environments:
        assert len(serialize_policy(build_boundary_policy(given, stack))) <= MAX_POLICY_CHARACTERS
