"""`ops bootstrap` as it is typed; who may assume its roles, by the documents themselves."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.bootstrap.deployment_policy import build_boundary_policy
from ops.bootstrap.inspection import inspect_foundation
from ops.cli.app import main
from ops.core.run import WallClock
from tests.ops.bootstrap.github import PretendedRepository, put_repository
from tests.ops.procedures.bootstrap import FOUNDATION_NAMES
from tests.ops.stage import ACCOUNT, RECOVERY_REGION, REGION, Stage, open_stage

BOOTSTRAP_WORDS = ["bootstrap", "--repository", "owner/fork", "--region", REGION]
RECOVERY_WORDS = ["--recovery-region", RECOVERY_REGION]


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


def test_a_second_bootstrap_changes_nothing(
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


def test_bootstrap_of_another_project_prints_its_name(
    bootstrap_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_bootstrap("--yes", "--environments", "dev,prod", "--project", "atlas") == 0
    out = capsys.readouterr().out
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/atlas-boundary-prod"
    setting = "--stack prod --path atlas:access.permissionsBoundary"
    assert f"  pulumi config set {setting} '{boundary}'\n" in out
    assert "bulwark" not in out


def test_bootstrap_prints_the_commands_for_pulumi_and_github(
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


def test_bootstrap_check_lists_what_was_changed_since(
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
    assert [one["seen"] for one in wrong] == ["Status is 'Suspended', must be 'Enabled'"]
    assert bucket in wrong[0]["what"]
    assert run_bootstrap("--yes") == 0
    assert run_bootstrap("check") == 0


def test_a_denied_read_of_bootstrap_check_is_unknown(
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
    ("first", "second", "prefix"),
    [
        (("shop", "eu-prod"), ("shop-eu", "prod"), "shop-eu-prod-"),
        (("shop-eu", "prod"), ("shop", "eu-prod"), "shop-eu-prod-"),
        (("shop", "eu"), ("shop-eu", "prod"), "shop-eu-"),
        (("shop", "eu"), ("shop", "eu-prod"), "shop-eu-"),
        # The new one is the shorter: it would cover what is there.
        (("shop-eu", "prod"), ("shop", "eu"), "shop-eu-prod-"),
        (("shop", "eu-prod"), ("shop", "eu"), "shop-eu-prod-"),
        (("shop-eu-deploy", "prod"), ("shop", "eu"), "shop-eu-deploy-prod-"),
    ],
)
def test_names_that_another_stack_in_the_account_has_are_refused(
    first: tuple[str, str],
    second: tuple[str, str],
    prefix: str,
    bootstrap_stage: Stage,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_bootstrap("--yes", "--project", first[0], "--environments", first[1]) == 0
    roles = {role["RoleName"] for role in bootstrap_stage.client("iam").list_roles()["Roles"]}
    capsys.readouterr()
    assert run_bootstrap("--yes", "--project", second[0], "--environments", second[1]) == 2
    error = capsys.readouterr().err
    assert f"the stack {first[1]} of the project {first[0]} in this account has {prefix}" in error
    assert roles == {
        role["RoleName"] for role in bootstrap_stage.client("iam").list_roles()["Roles"]
    }
    assert run_bootstrap("--yes", "--project", first[0], "--environments", first[1]) == 0


def test_projects_whose_names_only_look_alike_stand_beside_each_other(
    bootstrap_stage: Stage,
) -> None:
    bootstrap_stage.client("iam").create_role(  # somebody else's
        RoleName="shop-eu-deploy-prod-robots", AssumeRolePolicyDocument="{}"
    )
    assert run_bootstrap("--yes", "--project", "shop", "--environments", "eu-prod") == 0
    assert run_bootstrap("--yes", "--project", "shopeu", "--environments", "prod") == 0


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
            "--recovery-region must be a region of the partition aws, like eu-north-1, not",
        ),
        (
            ["bootstrap", "--repository", "acme/infra", "--region", "us-gov-west-1"],
            "--region must be a region of the partition aws, like eu-north-1, not 'us-gov-west-1'",
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
def test_impossible_bootstrap_options_are_refused_before_any_call(
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
