"""The names of a foundation's resources, and the parsing of its options."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from components.facts.regions import REGION_PATTERN
from ops.core.errors import UsageError

# The same as in components/settings/stack.py.
STACK_NAME_PATTERN: Final = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
MAX_STACK_PREFIX_CHARACTERS: Final = 24  # characters of PROJECT-STACK


def get_max_stack_name_length(project: str) -> int:
    """Returns the maximum length of a stack's name, in characters."""
    return MAX_STACK_PREFIX_CHARACTERS - len(project) - 1


# GitHub's rules for the names of owners and repositories.
REPOSITORY_PATTERN: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")
REPOSITORY_IDS_PATTERN: Final = re.compile(r"([1-9]\d{0,18})/([1-9]\d{0,18})")
# GitHub's rule for the names of users.
LOGIN_PATTERN: Final = re.compile(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}")
MAX_REVIEWERS: Final = 6  # of an environment (GitHub REST API, "Create or update an environment")
# First words of the foundation's role names; no stack's name may begin with one.
RESERVED_STACK_PREFIXES: Final = ("boundary", "preview", "deploy", "operate", "secrets", "state")
GITHUB_OIDC_ISSUER: Final = "token.actions.githubusercontent.com"
GITHUB_OIDC_AUDIENCE: Final = "sts.amazonaws.com"
SECRETS_PURPOSE: Final = "secrets"
ALL_SECRETS: Final = f"{SECRETS_PURPOSE}*"  # the keys of all stacks, also of those not named
DEPLOY_BRANCH: Final = "main"  # the branch that the workflows deploy
# A domain in lower case, of at least two labels (RFC 1035).
DOMAIN_PATTERN: Final = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


@dataclass(frozen=True)
class RepositoryIds:
    """GitHub's numbers of a repository and its owner, which outlive a rename."""

    owner: int
    repository: int


@dataclass(frozen=True, kw_only=True)
class FoundationNames:
    """The inputs of all names. `recovery_region` is None if there is no such region.

    `domains` are stacks and the domain whose records their deployment may change.
    `reviewers` are the ids of the users on GitHub who must agree to a deployment. GitHub is neither
    asked nor changed without `is_github_known`.
    """

    project: str
    repository: str
    repository_ids: RepositoryIds
    partition: str
    account: str
    region: str
    recovery_region: str | None
    environments: tuple[str, ...]
    domains: tuple[tuple[str, str], ...] = ()
    reviewers: tuple[int, ...] = ()
    is_github_known: bool = True

    @property
    def subject_prefixes(self) -> tuple[str, str]:
        """The two beginnings of a token's subject: with ids, and with names alone.

        Repositories that were created, renamed or transferred since 2026-07-15 send ids (GitHub,
        "OpenID Connect reference", immutable subject claims).
        """
        owner, name = self.repository.split("/")
        ids = self.repository_ids
        return (
            f"repo:{owner}@{ids.owner}/{name}@{ids.repository}",
            f"repo:{self.repository}",
        )

    @property
    def regions(self) -> tuple[str, ...]:
        """The region of the state, then the recovery region if there is one."""
        return (self.region, *((self.recovery_region,) if self.recovery_region else ()))

    def get_state_bucket(self, region: str) -> str:
        """Returns the bucket of Pulumi's state in a region."""
        return f"{self.project}-state-{self.account}{self._get_region_suffix(region)}"

    def get_log_bucket(self, region: str) -> str:
        """Returns the bucket of the state bucket's access logs."""
        return f"{self.project}-state-logs-{self.account}{self._get_region_suffix(region)}"

    def _get_region_suffix(self, region: str) -> str:
        return "" if region == self.region else f"-{region}"

    @property
    def key_purposes(self) -> tuple[str, ...]:
        """What each key is for: the states of all stacks, and the secrets of each."""
        return ("state", *map(self.get_secrets_purpose, self.environments))

    def get_secrets_purpose(self, stack: str) -> str:
        """Returns the purpose of the key of the secrets in a stack's state."""
        return f"{SECRETS_PURPOSE}-{stack}"

    def get_domain(self, stack: str) -> str | None:
        """Returns the domain of a stack, None if it has none."""
        return dict(self.domains).get(stack)

    def build_boundary_arn(self, stack: str) -> str:
        """Returns the ARN of the permissions boundary of a stack's roles."""
        return self.build_iam_arn(f"policy/{self.get_boundary_name(stack)}")

    def get_boundary_name(self, stack: str) -> str:
        """Returns the name of that policy: not one that a deployment may change."""
        return self.get_role_name(f"boundary-{stack}")

    def get_key_alias(self, purpose: str) -> str:
        """Returns the alias of a key, the same in both regions."""
        return f"alias/{self.project}-{purpose}"

    def build_alias_arn(self, purpose: str, region: str) -> str:
        """Returns the ARN of a key's alias."""
        return f"arn:{self.partition}:kms:{region}:{self.account}:{self.get_key_alias(purpose)}"

    def build_iam_arn(self, resource: str) -> str:
        """Returns the ARN of an IAM resource."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"

    @property
    def oidc_provider_arn(self) -> str:
        """ARN of GitHub's OIDC provider; an account has at most one."""
        return self.build_iam_arn(f"oidc-provider/{GITHUB_OIDC_ISSUER}")

    def get_role_name(self, name: str) -> str:
        """Returns the full name of a role, like `preview` or `deploy-dev`."""
        return f"{self.project}-{name}"

    @property
    def backend_url(self) -> str:
        """The URL that `pulumi login` takes."""
        return f"s3://{self.get_state_bucket(self.region)}?region={self.region}&awssdk=v2"

    def build_secrets_provider(self, stack: str) -> str:
        """Returns what `pulumi stack init --secrets-provider` takes."""
        alias = self.get_key_alias(self.get_secrets_purpose(stack))
        return f"awskms:///{alias}?region={self.region}"


def parse_repository(text: str) -> str:
    """Returns OWNER/NAME. Raises UsageError unless GitHub allows that name."""
    if not REPOSITORY_PATTERN.fullmatch(text):
        raise UsageError(f"--repository must be OWNER/NAME as on GitHub, not {text!r}")
    return text


def parse_repository_ids(text: str) -> RepositoryIds:
    """Parses OWNER_ID/REPOSITORY_ID. Raises UsageError unless both are positive numbers."""
    if not (match := REPOSITORY_IDS_PATTERN.fullmatch(text)):
        raise UsageError(
            "--repository-ids must be OWNER_ID/REPOSITORY_ID, two numbers like 123456/456789, "
            f"not {text!r}"
        )
    return RepositoryIds(int(match[1]), int(match[2]))


def parse_reviewers(text: str) -> tuple[str, ...]:
    """Parses names of users on GitHub. Raises UsageError if one is invalid or too many are."""
    logins = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if len(logins) > MAX_REVIEWERS or not all(map(LOGIN_PATTERN.fullmatch, logins)):
        raise UsageError(
            f"--reviewers must be up to {MAX_REVIEWERS} users of GitHub separated by commas, "
            f"not {text!r}"
        )
    return logins


def parse_project(text: str) -> str:
    """Returns the name of a Pulumi project. Raises UsageError if it is invalid."""
    if not STACK_NAME_PATTERN.fullmatch(text) or len(text) > MAX_STACK_PREFIX_CHARACTERS - 2:
        raise UsageError(
            f"--project must be at most {MAX_STACK_PREFIX_CHARACTERS - 2} lower-case letters, "
            f"digits and hyphens, not {text!r}"
        )
    return text


def parse_region(option: str, text: str) -> str:
    """Returns a region. Raises UsageError unless its name is of the partition aws."""
    if not REGION_PATTERN.fullmatch(text):
        raise UsageError(
            f"{option} must be a region of the partition aws, like eu-north-1, not {text!r}"
        )
    return text


def parse_environments(text: str, project: str) -> tuple[str, ...]:
    """Parses names of stacks, like `dev,prod`. Raises UsageError if one is invalid."""
    stacks = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    max_length = get_max_stack_name_length(project)
    for name in stacks:
        if (
            not STACK_NAME_PATTERN.fullmatch(name)
            or name.split("-")[0] in RESERVED_STACK_PREFIXES
            or len(name) > max_length
        ):
            raise UsageError(
                "--environments must be names of stacks separated by commas, "
                f"not {text!r}; each at most {max_length} lower-case letters, digits and hyphens, "
                "and not beginning with "
                f"{', '.join(RESERVED_STACK_PREFIXES)}"
            )
        _require_separate_prefixes(text, name, stacks)
    return stacks


def _require_separate_prefixes(text: str, name: str, stacks: Sequence[str]) -> None:
    """Raises UsageError if another stack's name begins with this one and a hyphen.

    A policy on this stack's prefix would cover the other stack as well.
    """
    for other_stack in stacks:
        if other_stack.startswith(f"{name}-"):
            raise UsageError(
                f"--environments is {text!r}, which has both {name} and {other_stack}; policies on "
                f"{name}-* would cover {other_stack}, so rename one"
            )


def parse_domains(text: str, stacks: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Parses STACK=DOMAIN,... Raises UsageError if a stack or domain is invalid or there twice."""
    pairs = [tuple(pair.strip().split("=")) for pair in text.split(",")]
    domains = tuple((pair[0], pair[1].lower()) for pair in pairs if len(pair) == 2)
    is_valid = len(domains) == len(pairs) == len(dict(domains)) and all(
        stack in stacks and DOMAIN_PATTERN.fullmatch(domain) for stack, domain in domains
    )
    if not is_valid:
        raise UsageError(
            "--domains must be STACK=DOMAIN separated by commas, of the stacks "
            f"{', '.join(stacks)}, like {stacks[0]}=app.example.com, not {text!r}"
        )
    return domains
