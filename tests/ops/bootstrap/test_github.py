"""Who may assume the roles of `ops bootstrap`, and how it protects GitHub's environments.

Tokens are compared with the trust policies as IAM does it; GitHub is pretended.
"""

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from ops.bootstrap.names import GITHUB_OIDC_ISSUER, FoundationNames, RepositoryIds
from ops.bootstrap.policies import PolicyDocument
from ops.bootstrap.roles import list_foundation_roles
from sandbox.policy_evaluation import is_statement_matching, list_statements
from tests.ops.bootstrap.github import PretendedRepository
from tests.ops.bootstrap.test_bootstrap import (
    bootstrap_stage,
    read_json_output,
    repository,
    run_bootstrap,
)
from tests.ops.procedures.bootstrap import FOUNDATION_NAMES
from tests.ops.stage import Stage

__all__ = ["bootstrap_stage", "repository"]

ACME: Final = replace(
    FOUNDATION_NAMES,
    repository="acme/stack",
    repository_ids=RepositoryIds(owner=1, repository=2),
    environments=("dev", "prod"),
)
SUBJECTS: Final = {"today": "repo:acme@1/stack@2", "before": "repo:acme/stack"}
DEPLOY_CLAIMS: Final = {
    "aud": "sts.amazonaws.com",
    "sub": "environment:prod",
    "repository_id": "2",
    "environment": "prod",
    "ref": "refs/heads/main",
    "job_workflow_ref": "acme/stack/.github/workflows/deploy-stack.yml@refs/heads/main",
}
OPERATE_CLAIMS: Final = {
    **DEPLOY_CLAIMS,
    "sub": "environment:prod-operations",
    "environment": "prod-operations",
    "job_workflow_ref": "acme/stack/.github/workflows/operations.yml@refs/heads/main",
}
PREVIEW_CLAIMS: Final = {
    "aud": "sts.amazonaws.com",
    "sub": "pull_request",
    "repository_id": "2",
    "ref": "refs/pull/7/merge",
    "job_workflow_ref": "acme/stack/.github/workflows/preview.yml@refs/pull/7/merge",
}


def list_assumable(claims: dict[str, str], subject_prefix: str) -> set[str]:
    claims = {**claims, "sub": f"{subject_prefix}:{claims['sub']}"}
    token = {f"{GITHUB_OIDC_ISSUER}:{name}": value for name, value in claims.items()}
    return {
        role.name
        for role in list_foundation_roles(ACME)
        if can_assume(role.trust_policy, ACME.oidc_provider_arn, token)
    }


@pytest.mark.parametrize("made", SUBJECTS)
@pytest.mark.parametrize(
    ("claims", "may"),
    [
        (DEPLOY_CLAIMS, {"deploy-prod"}),
        (OPERATE_CLAIMS, {"operate-prod"}),
        (PREVIEW_CLAIMS, {"preview"}),
        (DEPLOY_CLAIMS | {"environment": "dev", "sub": "environment:dev"}, {"deploy-dev"}),
    ],
)
def test_a_repository_made_today_and_an_old_one_assume_their_roles(
    made: str, claims: dict[str, str], may: set[str]
) -> None:
    assert list_assumable(claims, SUBJECTS[made]) == may


WORKFLOW_FOLDER: Final = "acme/stack/.github/workflows"


@pytest.mark.parametrize(
    "changed",
    [
        {"ref": "refs/heads/feature"},
        {"ref": "refs/tags/main"},
        {"environment": "Prod"},
        {"sub": "environment:prod2"},
        {"sub": "environment:prod:pull_request"},
        {"sub": "ref:refs/heads/main"},
        {"repository_id": "3"},
        {"repository_id": ""},
        {"job_workflow_ref": f"{WORKFLOW_FOLDER}/mine.yml@refs/heads/main"},
        {"job_workflow_ref": f"{WORKFLOW_FOLDER}/deploy-stack.yml@refs/heads/x"},
        {"job_workflow_ref": "eve/stack/.github/workflows/deploy-stack.yml@refs/heads/main"},
        {"aud": "https://github.com/acme"},
    ],
)
@pytest.mark.parametrize("made", SUBJECTS)
def test_another_branch_environment_workflow_or_repository_assumes_nothing(
    made: str, changed: dict[str, str]
) -> None:
    assert list_assumable(DEPLOY_CLAIMS | changed, SUBJECTS[made]) == set()


@pytest.mark.parametrize(
    "prefix", ["repo:acme@1/stack@3", "repo:acme@2/stack@2", "repo:eve/stack", "repo:acme/stack2"]
)
def test_the_subject_of_another_repository_assumes_nothing(prefix: str) -> None:
    for claims in (DEPLOY_CLAIMS, OPERATE_CLAIMS, PREVIEW_CLAIMS):
        assert list_assumable(claims, prefix) == set()


def test_no_trust_has_a_pattern_in_it_or_another_way_in() -> None:
    for role in list_foundation_roles(ACME):
        (one,) = list_statements(role.trust_policy)
        assert "*" not in json.dumps(one)
        [(operator, values)] = one["Condition"].items()
        is_service = "Service" in one["Principal"]
        assert operator == ("StringEqualsIfExists" if is_service else "StringEquals")
        claims = {key.rpartition(":")[2] for key in values}
        assert claims in (set(DEPLOY_CLAIMS), {"aud", "sub", "repository_id"}, {"SourceAccount"})


def can_assume(trust: PolicyDocument, provider: str, token: dict[str, str]) -> bool:
    """Whether a token of a provider assumes a role, by its trust policy."""
    return any(
        statement["Effect"] == "Allow"
        and statement["Principal"].get("Federated") == provider
        and is_statement_matching(
            statement,
            "sts:AssumeRoleWithWebIdentity",
            "",
            {key.lower(): value for key, value in token.items()},
        )
        for statement in list_statements(trust)
    )


MAIN_ONLY: Final = {"protected_branches": False, "custom_branch_policies": True}


def test_every_environment_is_there_and_admits_the_branch_alone(
    bootstrap_stage: Stage, repository: PretendedRepository
) -> None:
    assert run_bootstrap("--yes", "--reviewers", "ada,bob") == 0
    environments = repository.environments
    assert set(environments) == {
        f"{stack}{suffix}"
        for stack in ("dev", "staging", "prod")
        for suffix in ("", "-operations", "-destroy")
    }
    for name, environment in environments.items():
        assert environment["deployment_branch_policy"] == MAIN_ONLY, name
        assert [policy["name"] for policy in environment["policies"]] == ["main"], name
    reviewed = {name for name, environment in environments.items() if "reviewers" in environment}
    assert reviewed == {"staging", "prod", "dev-destroy", "staging-destroy", "prod-destroy"}
    assert environments["prod"]["reviewers"] == [
        {"type": "User", "id": 11},
        {"type": "User", "id": 12},
    ]


def test_a_check_sees_an_environment_that_is_not_protected(
    bootstrap_stage: Stage, repository: PretendedRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_bootstrap("--yes", "--reviewers", "ada") == 0
    with repository.change() as state:
        state["environments"]["prod"] = {"policies": []}
        del state["environments"]["dev-operations"]
        state["environments"]["staging"]["reviewers"] = []
    capsys.readouterr()
    assert run_bootstrap("check", "--reviewers", "ada", "--output", "json") == 3
    wrong = [row for row in read_json_output(capsys)["items"] if row["state"] != "ok"]
    assert {row["state"] for row in wrong} == {"missing"}
    assert len(wrong) == 5, "prod and dev-operations twice, reviewers of staging"
    assert run_bootstrap("--yes", "--reviewers", "ada") == 0
    assert run_bootstrap("check", "--reviewers", "ada") == 0
    assert repository.environments["prod"]["reviewers"] == [{"type": "User", "id": 11}]


def test_existing_protection_of_an_environment_is_kept(
    bootstrap_stage: Stage, repository: PretendedRepository
) -> None:
    reviewers = [{"type": "Team", "id": 99}, {"type": "User", "id": 12}]
    with repository.change() as state:
        state["environments"]["prod"] = {
            "wait_timer": 30,
            "prevent_self_review": True,
            "reviewers": reviewers,
            "policies": [],
        }
    assert run_bootstrap("--yes", "--reviewers", "ada") == 0
    prod = repository.environments["prod"]
    assert (prod["wait_timer"], prod["prevent_self_review"]) == (30, True)
    assert prod["reviewers"] == [{"type": "User", "id": 11}, *reviewers]


def test_unreadable_environments_are_unknown(
    bootstrap_stage: Stage, repository: PretendedRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_bootstrap("--yes") == 0
    with repository.change() as state:
        state["denied"] = "all"
    capsys.readouterr()
    assert run_bootstrap("check", "--output", "json") == 3
    wrong = [row for row in read_json_output(capsys)["items"] if row["state"] != "ok"]
    assert {row["state"] for row in wrong} == {"unknown"}
    assert "Must have admin rights" in wrong[0]["seen"]


def test_nothing_is_created_in_aws_if_an_environment_cannot_be_protected(
    bootstrap_stage: Stage, repository: PretendedRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    with repository.change() as state:
        state["denied"] = "changes"
    assert run_bootstrap("--yes") == 5
    assert "Must have admin rights" in capsys.readouterr().err
    assert not bootstrap_stage.client("iam").list_roles()["Roles"]
    assert not bootstrap_stage.client("s3").list_buckets()["Buckets"]


def test_repository_ids_replace_reading_github(
    bootstrap_stage: Stage,
    repository: PretendedRepository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert run_bootstrap("--yes") == 2
    said = capsys.readouterr().err
    assert "--repository-ids is not set" in said
    assert "gh is not on the PATH" in said
    assert run_bootstrap("--yes", "--repository-ids", "7/8") == 0
    document = bootstrap_stage.client("iam").get_role(RoleName="bulwark-deploy-prod")
    trust = json.dumps(document["Role"]["AssumeRolePolicyDocument"])
    assert "repo:owner@7/fork@8:environment:prod" in trust
    assert repository.environments == {}
    capsys.readouterr()
    assert run_bootstrap("check", "--repository-ids", "7/8", "--output", "json") == 3
    wrong = [row for row in read_json_output(capsys)["items"] if row["state"] != "ok"]
    assert {row["state"] for row in wrong} == {"unknown"}


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        (
            {"use_default": False, "include_claim_keys": ["repo", "context"]},
            "have a customized subject",
        ),
        (
            {"use_default": True, "sub_claim_prefix": "repo:owner@1/fork@9"},
            "must match the subject that GitHub sends, 'repo:owner@1/fork@9'",
        ),
    ],
)
def test_a_subject_that_no_role_would_trust_is_refused(
    bootstrap_stage: Stage,
    repository: PretendedRepository,
    subject: dict[str, Any],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with repository.change() as state:
        state["subject"] = subject
    assert run_bootstrap("--yes") == 2
    assert says in capsys.readouterr().err
    assert not bootstrap_stage.client("iam").list_roles()["Roles"]


@pytest.mark.parametrize("prefix", ["repo:owner@1/fork@2", "repo:owner/fork", None])
def test_both_forms_of_the_default_subject_are_known(
    bootstrap_stage: Stage, repository: PretendedRepository, prefix: str | None
) -> None:
    with repository.change() as state:
        state["subject"] = {"use_default": True, "use_immutable_subject": False}
        if prefix:
            state["subject"]["sub_claim_prefix"] = prefix
    assert run_bootstrap("--dry-run") == 0


def test_the_name_is_spelled_as_tokens_spell_it(
    bootstrap_stage: Stage, repository: PretendedRepository
) -> None:
    with repository.change() as state:
        state["repository"]["full_name"] = "Owner/Fork"
        state["subject"]["sub_claim_prefix"] = "repo:Owner@1/Fork@2"
    assert run_bootstrap("--yes") == 0
    document = bootstrap_stage.client("iam").get_role(RoleName="bulwark-deploy-prod")
    trust = json.dumps(document["Role"]["AssumeRolePolicyDocument"])
    assert "Owner/Fork/.github/workflows/deploy-stack.yml@refs/heads/main" in trust
    assert "owner/fork" not in trust


def test_a_reviewer_who_is_not_there_is_refused(
    bootstrap_stage: Stage, repository: PretendedRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_bootstrap("--yes", "--reviewers", "nobody") == 2
    assert "--reviewers must be users of GitHub, not 'nobody'" in capsys.readouterr().err
    assert repository.environments == {}


def test_an_undo_deletes_the_environments_that_are_new(
    bootstrap_stage: Stage, repository: PretendedRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    from ops.cli.app import main

    with repository.change() as state:
        state["environments"]["prod"] = {"policies": []}
    assert run_bootstrap("--yes", "--output", "json") == 0
    (folder,) = list_run_folders()
    assert main(["runs", "undo", folder, "--yes"]) == 0
    assert set(repository.environments) == {"prod"}


def list_run_folders() -> list[str]:
    from ops.core.service_models import get_cache_folder

    return [path.name for path in get_cache_folder().glob("bootstrap/*/runs/*")]


def test_the_names_of_a_foundation_are_its_repositorys() -> None:
    names: FoundationNames = ACME
    assert names.subject_prefixes == (SUBJECTS["today"], SUBJECTS["before"])
