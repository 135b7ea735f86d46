"""Trust policies of the foundation's roles: who may assume them.

Sources: GitHub, "OpenID Connect reference" (the subject of a token, with ids and without, and its
claims); AWS, "AWS STS now supports validation of select identity provider specific claims",
2026-01 (which claims a trust policy can name; that they are in every partition is assumed);
IAM User Guide, "Create a role for OpenID Connect federation".
"""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from ops.bootstrap.names import (
    DEPLOY_BRANCH,
    GITHUB_OIDC_AUDIENCE,
    GITHUB_OIDC_ISSUER,
    FoundationNames,
)
from ops.bootstrap.policies import PolicyDocument, build_iam_policy


def build_preview_trust_policy(names: FoundationNames) -> PolicyDocument:
    """Builds the trust policy for workflows of pull requests of the repository."""
    return build_iam_policy(_build_github_trust_statement(names, "pull_request"))


def build_environment_trust_policy(
    names: FoundationNames, workflows_by_environment: Mapping[str, Sequence[str]]
) -> PolicyDocument:
    """Builds a trust policy for workflows that run on the deployed branch in an environment.

    The values are names of workflow files without `.yml`. The environment may be unprotected, and
    another branch may have a workflow of the same name, so that all three are asked for.
    """
    branch = f"refs/heads/{DEPLOY_BRANCH}"
    return build_iam_policy(
        *(
            _build_github_trust_statement(
                names,
                f"environment:{environment}",
                environment=environment,
                ref=branch,
                job_workflow_ref=[
                    f"{names.repository}/.github/workflows/{workflow}.yml@{branch}"
                    for workflow in workflows
                ],
            )
            for environment, workflows in workflows_by_environment.items()
        )
    )


def _build_github_trust_statement(
    names: FoundationNames, subject: str, **claims: JsonValue
) -> PolicyDocument:
    """Builds the statement of one token subject, in both forms, of the repository with this id."""
    token_claims: dict[str, JsonValue] = {
        "aud": GITHUB_OIDC_AUDIENCE,
        "sub": [f"{prefix}:{subject}" for prefix in names.subject_prefixes],
        "repository_id": str(names.repository_ids.repository),
        **claims,
    }
    return {
        "Effect": "Allow",
        "Principal": {"Federated": names.oidc_provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{GITHUB_OIDC_ISSUER}:{name}": value for name, value in token_claims.items()
            }
        },
    }


def build_service_trust_policy(service: str, account: str) -> PolicyDocument:
    """Builds a trust policy for an AWS service acting for this account.

    S3's replication is not documented to state its source (S3 User Guide, "Setting up permissions
    for live replication", has no condition). A trust policy that demands what a service does not
    state shuts it out (prowler-cloud/prowler#4714), so a source is compared only if it is stated.
    """
    return build_iam_policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEqualsIfExists": {"aws:SourceAccount": account}},
        }
    )
