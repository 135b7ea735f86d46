"""What GitHub says of the repository: its ids, the subject of its tokens, its reviewers.

Sources: GitHub REST API, "Get a repository", "Get a user" and "Get the customization template for
an OIDC subject claim for a repository". `use_immutable_subject` may be false although ids are sent,
so the prefix is what counts (Azure/azure-dev#9430).
"""

from dataclasses import dataclass
from typing import Any

from ops.bootstrap.names import FoundationNames, RepositoryIds
from ops.core.errors import OpsError, UsageError
from ops.core.github_api import call_github


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub, its name spelled as its tokens spell it."""

    full_name: str
    ids: RepositoryIds


def fetch_repository(name: str) -> Repository:
    """Asks GitHub for a repository. Raises UsageError if GitHub cannot say."""
    try:
        response = call_github(f"repos/{name}")
        ids = RepositoryIds(int(response["owner"]["id"]), int(response["id"]))
        return Repository(str(response["full_name"]), ids)
    except OpsError as error:
        raise UsageError(
            f"--repository-ids is not set, and GitHub does not say the ids of {name}: {error}; "
            "log in to gh, or give OWNER_ID/REPOSITORY_ID",
            f"gh api repos/{name} --jq '\"\\(.owner.id)/\\(.id)\"'",
        ) from None
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"gh api repos/{name} did not print a repository") from None


def fetch_reviewer_ids(logins: tuple[str, ...]) -> tuple[int, ...]:
    """Asks GitHub for the ids of users. Raises UsageError if one is not there."""
    reviewer_ids = []
    for login in logins:
        try:
            reviewer_ids.append(int(call_github(f"users/{login}")["id"]))
        except OpsError as error:
            raise UsageError(
                f"--reviewers must be users of GitHub, not {login!r}: {error}"
            ) from None
        except (KeyError, TypeError, ValueError):
            raise UsageError(f"gh api users/{login} did not print a user") from None
    return tuple(reviewer_ids)


def require_known_subject(names: FoundationNames) -> str:
    """Returns the beginning of the subject that the repository's tokens have.

    Raises UsageError if that is not one that the roles trust.
    """
    path = f"repos/{names.repository}/actions/oidc/customization/sub"
    template: Any = call_github(path)
    if not isinstance(template, dict) or template.get("use_default") is not True:
        raise UsageError(
            f"tokens of {names.repository} have a customized subject, which the roles do not "
            "trust; they must have the default",
            f"gh api --method PUT {path} -F use_default=true",
        )
    with_ids, with_names = names.subject_prefixes
    prefix = template.get("sub_claim_prefix")
    if prefix is None:  # GitHub did not say before there were ids
        return with_ids if template.get("use_immutable_subject") is True else with_names
    if prefix not in (with_ids, with_names):
        raise UsageError(
            f"--repository and --repository-ids must match the subject that GitHub sends, "
            f"{prefix!r}; they make {with_ids!r}"
        )
    return str(prefix)
