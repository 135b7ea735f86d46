"""`ops bootstrap` as it is typed; who may assume its roles, by the documents themselves."""

import json
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.bootstrap import inspection as looking
from ops.bootstrap import policies as documents
from ops.bootstrap.names import GITHUB_OIDC_ISSUER, FoundationNames
from ops.bootstrap.roles import list_foundation_roles
from ops.cli.app import main
from ops.core.run import WallClock
from ops.permissions.policies import serialize_policy
from tests.ops.procedures.bootstrap import GIVEN
from tests.ops.stage import ACCOUNT, RECOVERY, REGION, Stage, stage

LINE = ["bootstrap", "--repository", "owner/fork", "--region", REGION]
AWAY = ["--recovery-region", RECOVERY]
INLINE = 10_240  # characters of a role's inline policies without white space (IAM quotas)


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with (
        stage() as made,
        patch.object(WallClock, "now", lambda _: made.clock.now()),
        patch.object(WallClock, "sleep", lambda _, seconds: made.clock.sleep(seconds)),
    ):
        yield made


def typed(*words: str) -> int:
    return main([*LINE, *AWAY, *words])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_made_once_and_a_second_time_nothing_has_to_be_done(
    on: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("--yes", "--output", "json") == 0
    first = told(capsys)
    assert first["state"] == "done"
    before = looking.inspect_foundation(GIVEN, on.aws, "bootstrap-x")
    assert {one.state for one in before} == {"ok"}
    assert typed("--yes", "--output", "json") == 0
    second = told(capsys)
    assert second["state"] == "nothing had to be done"
    assert second["pulumi"] == first["pulumi"]
    assert len(on.client("kms").list_keys()["Keys"]) == 2


def test_it_prints_what_to_type_for_pulumi_and_for_github(
    on: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("--yes", "--environments", "dev,prod") == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    bucket = f"s3://bulwark-state-{ACCOUNT}?region={REGION}&awssdk=v2"
    provider = f"awskms:///alias/bulwark-secrets?region={REGION}"
    assert f"pulumi login '{bucket}'" in lines
    assert f"pulumi stack init prod --secrets-provider='{provider}'" in lines
    role = f"arn:aws:iam::{ACCOUNT}:role/bulwark-deploy-prod"
    assert f"gh variable set DEPLOY_ROLE_ARN --env prod --body '{role}'" in lines


def test_a_check_says_what_is_not_as_it_was_made(
    on: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("check") == 3
    assert "0 are not known" in capsys.readouterr().err
    assert typed("--yes") == 0
    capsys.readouterr()
    assert typed("check") == 0
    bucket = GIVEN.get_state_bucket(REGION)
    on.client("s3").put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
    )
    capsys.readouterr()
    assert typed("check", "--output", "json") == 3
    said = capsys.readouterr()
    wrong = [one for one in json.loads(said.out)["items"] if one["state"] != "ok"]
    assert [one["seen"] for one in wrong] == ["Status is 'Suspended', wanted 'Enabled'"]
    assert bucket in wrong[0]["what"]
    assert typed("--yes") == 0
    assert typed("check") == 0


def test_what_nobody_may_look_at_is_not_known_and_never_ok(
    on: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    from sandbox import faults

    assert typed("--yes") == 0
    capsys.readouterr()
    with faults.inject_faults(faults.DeniedFault(("iam.get_role_policy",))):
        assert typed("check") == 3
    said = capsys.readouterr()
    assert "0 of" in said.err
    assert "unknown" in said.out


def test_a_key_that_is_to_be_deleted_is_not_made_anew(
    on: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("--yes") == 0
    kms = on.client("kms")
    key = kms.describe_key(KeyId="alias/bulwark-state")["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=30)
    capsys.readouterr()
    assert typed("--yes") == 1
    said = capsys.readouterr().err
    assert "which is PendingDeletion" in said
    assert f"aws kms cancel-key-deletion --region {REGION} --key-id {key}" in said


def test_a_run_is_shown_and_undone_by_its_id_without_a_stack(
    on: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert typed("--yes") == 0
    (folder,) = (tmp_path / "bulwark" / "bootstrap" / f"{ACCOUNT}-{REGION}" / "runs").iterdir()
    run = folder.name
    assert main(["runs", "show", run]) == 0
    assert main(["runs", "undo", run, "--yes"]) == 0
    there = {one["Name"] for one in on.client("s3").list_buckets()["Buckets"]}
    assert there == {GIVEN.get_log_bucket(REGION), GIVEN.get_log_bucket(RECOVERY)}
    assert not on.client("iam").list_roles()["Roles"]
    capsys.readouterr()
    assert main(["runs", "show", "bootstrap-20260101-000000-0000"]) == 2
    assert "no record on this machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["bootstrap", "--region", REGION], "--repository is not set"),
        ([*LINE[:3]], "--region is not set"),
        ([*LINE[:2], "fork", *LINE[3:]], "--repository is 'fork'"),
        ([*LINE, "--recovery-region", REGION], "may be another than --region"),
        ([*LINE, "--recovery-region", "europe"], "--recovery-region is 'europe'"),
        ([*LINE, "--environments", "Prod"], "--environments is 'Prod'"),
        ([*LINE, "--environments", "s" * 17], "at most 16"),
        ([*LINE, "--environments", "dev,deploy"], "none that begins with preview, deploy"),
        ([*LINE, "--environments", "prod,prod-eu"], "what may prod-* may prod-eu as well"),
        ([*LINE, "--project", "Bulwark"], "--project is 'Bulwark'"),
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
    assert main(words) == 2
    assert says in capsys.readouterr().err


# Who comes with which token: GitHub's claims `aud` and `sub`, and the roles that they may assume.
CLAIMS = [
    ("sts.amazonaws.com", "repo:owner/fork:pull_request", {"preview"}),
    ("sts.amazonaws.com", "repo:owner/fork:environment:dev", {"deploy-dev"}),
    ("sts.amazonaws.com", "repo:owner/fork:environment:prod", {"deploy-prod"}),
    ("sts.amazonaws.com", "repo:owner/fork:environment:prod-operations", {"operate-prod"}),
    ("sts.amazonaws.com", "repo:owner/fork:ref:refs/heads/main", set()),
    ("sts.amazonaws.com", "repo:owner/fork:ref:refs/heads/feature", set()),
    ("sts.amazonaws.com", "repo:owner/fork:ref:refs/tags/v1", set()),
    ("sts.amazonaws.com", "repo:owner/fork:environment:Prod", set()),
    ("sts.amazonaws.com", "repo:owner/fork:environment:prod2", set()),
    ("sts.amazonaws.com", "repo:somebody/fork:environment:prod", set()),
    ("sts.amazonaws.com", "repo:owner/fork2:environment:prod", set()),
    ("sts.amazonaws.com", "repo:owner/other:pull_request", set()),
    ("sts.amazonaws.com", "repo:owner/fork:environment:prod:pull_request", set()),
    ("https://github.com/owner", "repo:owner/fork:environment:prod", set()),
    ("sts.amazonaws.com", "", set()),
]
WHOLE = FoundationNames(
    project="bulwark",
    repository="owner/fork",
    partition="aws",
    account=ACCOUNT,
    region=REGION,
    recovery_region=RECOVERY,
    environments=("dev", "prod"),
)


@pytest.mark.parametrize(("audience", "subject", "may"), CLAIMS)
def test_only_the_right_repository_and_environment_assume_a_role(
    audience: str, subject: str, may: set[str]
) -> None:
    token = {f"{GITHUB_OIDC_ISSUER}:aud": audience, f"{GITHUB_OIDC_ISSUER}:sub": subject}
    assumed = {
        role.name
        for role in list_foundation_roles(WHOLE)
        if assumes(role.trust_policy, WHOLE.oidc_provider_arn, token)
    }
    assert assumed == may


def test_no_trust_has_a_pattern_in_it_or_another_way_in() -> None:
    for role in list_foundation_roles(WHOLE):
        (one,) = statements(role.trust_policy)
        assert "*" not in json.dumps(one)
        assert set(one["Condition"]) == {"StringEquals"}
        own = {f"{GITHUB_OIDC_ISSUER}:aud", f"{GITHUB_OIDC_ISSUER}:sub"}
        assert set(one["Condition"]["StringEquals"]) in (own, {"aws:SourceAccount"})


EQUAL: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": str.__eq__,
    "StringLike": fnmatchcase,
}


def statements(document: documents.PolicyDocument) -> list[Any]:
    found = document["Statement"]
    assert isinstance(found, list)
    return found


def assumes(trust: documents.PolicyDocument, provider: str, token: dict[str, str]) -> bool:
    """Whether a token of a provider assumes a role: IAM's evaluation of a trust policy.

    Of the operators StringEquals and StringLike alone: another is an error.
    """
    for one in statements(trust):
        assert one["Effect"] == "Allow"
        if one["Action"] != "sts:AssumeRoleWithWebIdentity":
            continue
        if one["Principal"].get("Federated") != provider:
            continue
        if all(
            EQUAL[operator](token.get(key, ""), value)
            for operator, keys in one.get("Condition", {}).items()
            for key, value in keys.items()
        ):
            return True
    return False


def allowed(document: documents.PolicyDocument, action: str, arn: str, **context: str) -> bool:
    """Whether a policy allows an action: a Deny wins, and what is not allowed is denied."""
    verdict = False
    for one in statements(document):
        resources = one.get("Resource")
        fits = any(fnmatchcase(action, a) for a in one["Action"])
        if resources is None:
            fits = fits and not any(fnmatchcase(arn, r) for r in one["NotResource"])
        else:
            fits = fits and any(fnmatchcase(arn, r) for r in resources)
        if fits and holds(one.get("Condition", {}), context):
            if one["Effect"] == "Deny":
                return False
            verdict = True
    return verdict


def holds(conditions: dict[str, dict[str, Any]], context: dict[str, str]) -> bool:
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            found = context.get(key)
            values = wanted if isinstance(wanted, list) else [wanted]
            ok = {
                "StringEquals": found in values,
                "ForAnyValue:StringEquals": found in values,
                "StringNotEquals": found not in values,
                "Null": (found is None) == (wanted == "true"),
                "Bool": found == wanted,
            }[operator]
            if not ok:
                return False
    return True


STATE = f"arn:aws:s3:::bulwark-state-{ACCOUNT}"
IAM = f"arn:aws:iam::{ACCOUNT}"
HERE = {"aws:RequestedRegion": REGION}
OURS = {"aws:ResourceTag/Project": "bulwark"}


@pytest.mark.parametrize(
    ("action", "arn", "context", "may"),
    [
        (
            "rds:ModifyDBInstance",
            "arn:aws:rds:x:1:db:bulwark-dev-database",
            {**HERE, **OURS, "aws:ResourceTag/Environment": "dev"},
            True,
        ),
        (
            "rds:DeleteDBInstance",
            "arn:aws:rds:x:1:db:bulwark-prod-database",
            {**HERE, **OURS, "aws:ResourceTag/Environment": "prod"},
            False,
        ),
        ("ec2:CreateVpc", "*", HERE, True),
        ("ec2:CreateVpc", "*", {"aws:RequestedRegion": "us-west-2"}, False),
        ("iam:CreateRole", f"{IAM}:role/bulwark-dev-fleet-instance", {}, True),
        ("iam:CreateRole", f"{IAM}:role/bulwark-prod-fleet-instance", {}, False),
        ("iam:UpdateAssumeRolePolicy", f"{IAM}:role/bulwark-deploy-dev", {}, False),
        ("iam:PutRolePolicy", f"{IAM}:role/bulwark-preview", {}, False),
        ("iam:CreateUser", f"{IAM}:user/somebody", {}, False),
        ("iam:CreateAccessKey", f"{IAM}:user/somebody", {}, False),
        ("iam:DeleteOpenIDConnectProvider", GIVEN.oidc_provider_arn, {}, False),
        ("s3:PutObject", f"{STATE}/.pulumi/stacks/bulwark/dev.json", {}, True),
        ("s3:PutObject", f"{STATE}/.pulumi/locks/organization/bulwark/dev/x.json", {}, True),
        ("s3:PutObject", f"{STATE}/.pulumi/stacks/bulwark/prod.json", {}, False),
        ("s3:GetObject", f"{STATE}/.pulumi/meta.yaml", {}, True),
        ("s3:PutBucketPolicy", STATE, {}, False),
        ("s3:PutObject", f"arn:aws:s3:::bulwark-dev-operations-{ACCOUNT}/runs/x", {}, True),
        (
            "kms:Decrypt",
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
            {**HERE, "kms:ResourceAliases": "alias/bulwark-secrets"},
            True,
        ),
        (
            "kms:ScheduleKeyDeletion",
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
            {**HERE, "kms:ResourceAliases": "alias/bulwark-secrets"},
            False,
        ),
    ],
)
def test_a_deployment_may_do_its_own_and_nothing_of_another_stack_or_the_foundation(
    action: str, arn: str, context: dict[str, str], may: bool
) -> None:
    assert allowed(documents.build_deploy_policy(GIVEN, "dev"), action, arn, **context) is may


@pytest.mark.parametrize(
    ("action", "arn", "may"),
    [
        ("ec2:DescribeVpcs", "*", True),
        ("rds:DescribeDBInstances", "*", True),
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}::parameter/aws/service/x", True),
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/bulwark/x", False),
        ("secretsmanager:GetSecretValue", "*", False),
        ("logs:FilterLogEvents", "*", False),
        ("rds:DeleteDBInstance", "*", False),
        ("s3:GetObject", f"{STATE}/.pulumi/stacks/bulwark/prod.json", True),
        ("s3:PutObject", f"{STATE}/.pulumi/stacks/bulwark/prod.json", False),
        ("s3:GetObject", "arn:aws:s3:::bulwark-prod-operations/exports/users", False),
        ("iam:CreateRole", "*", False),
    ],
)
def test_a_preview_looks_at_what_there_is_and_at_no_data(action: str, arn: str, may: bool) -> None:
    assert allowed(documents.build_preview_policy(GIVEN), action, arn) is may


def test_every_policy_fits_into_its_role() -> None:
    given = FoundationNames(
        project="p" * 12,
        repository="o" * 39 + "/" + "r" * 100,
        partition="aws-us-gov",
        account=ACCOUNT,
        region="us-gov-northwest-1",
        recovery_region="us-gov-northwest-2",
        environments=("s" * 12,),
    )
    for role in list_foundation_roles(given):
        assert len(serialize_policy(role.permissions_policy)) <= INLINE, role.name
        assert len(serialize_policy(role.trust_policy)) <= 2048, role.name  # IAM quotas
