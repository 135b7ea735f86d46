"""Whose foundation it is: the project, the repository, the regions, and the names from them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ops.core.errors import UsageError

# As the settings of a stack have it (components/settings/stack.py).
STACK_NAME_PATTERN: Final = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
MAX_STACK_PREFIX_CHARACTERS: Final = (
    24  # characters of project and stack with a hyphen between them
)


def get_max_stack_name_length(project: str) -> int:
    """How many characters the name of a stack of a project may have."""
    return MAX_STACK_PREFIX_CHARACTERS - len(project) - 1


# GitHub's own rules of an owner's and a repository's name.
REPOSITORY_PATTERN: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")
REGION_PATTERN: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
# What the roles of the foundation are called behind the project; no environment may begin so.
RESERVED_STACK_PREFIXES: Final = ("preview", "deploy", "operate", "state")
GITHUB_OIDC_ISSUER: Final = "token.actions.githubusercontent.com"
GITHUB_OIDC_AUDIENCE: Final = "sts.amazonaws.com"
KEY_PURPOSES: Final = ("state", "secrets")  # of the two keys


@dataclass(frozen=True, kw_only=True)
class FoundationNames:
    """What everything follows from. `recovery` is None where there is no recovery region."""

    project: str
    repository: str
    partition: str
    account: str
    region: str
    recovery_region: str | None
    environments: tuple[str, ...]

    @property
    def regions(self) -> tuple[str, ...]:
        """Where anything is made, the first first."""
        return (self.region, *((self.recovery_region,) if self.recovery_region else ()))

    def get_state_bucket(self, region: str) -> str:
        """The bucket of Pulumi's state, or its copy in the recovery region."""
        return f"{self.project}-state-{self.account}{self._get_region_suffix(region)}"

    def get_log_bucket(self, region: str) -> str:
        """The bucket of the access logs of that one."""
        return f"{self.project}-state-logs-{self.account}{self._get_region_suffix(region)}"

    def _get_region_suffix(self, region: str) -> str:
        return "" if region == self.region else f"-{region}"

    def get_key_alias(self, purpose: str) -> str:
        """The alias of a key, the same in both regions."""
        return f"alias/{self.project}-{purpose}"

    def build_alias_arn(self, purpose: str, region: str) -> str:
        """Its ARN."""
        return f"arn:{self.partition}:kms:{region}:{self.account}:{self.get_key_alias(purpose)}"

    def build_iam_arn(self, resource: str) -> str:
        """The ARN of something of IAM."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"

    @property
    def oidc_provider_arn(self) -> str:
        """The ARN of GitHub's OIDC provider: an account has one at most."""
        return self.build_iam_arn(f"oidc-provider/{GITHUB_OIDC_ISSUER}")

    def get_role_name(self, name: str) -> str:
        """The name of a role of the foundation, `preview` or `deploy-dev`."""
        return f"{self.project}-{name}"

    @property
    def backend_url(self) -> str:
        """The URL that `pulumi login` takes."""
        return f"s3://{self.get_state_bucket(self.region)}?region={self.region}&awssdk=v2"

    @property
    def secrets_provider(self) -> str:
        """What `pulumi stack init --secrets-provider` takes."""
        return f"awskms:///{self.get_key_alias('secrets')}?region={self.region}"


def parse_repository(text: str) -> str:
    """OWNER/NAME of a repository on GitHub. Raises UsageError."""
    if not REPOSITORY_PATTERN.fullmatch(text):
        raise UsageError(f"--repository is {text!r}, must be OWNER/NAME as on GitHub")
    return text


def parse_project(text: str) -> str:
    """The name of a Pulumi project. Raises UsageError."""
    if not STACK_NAME_PATTERN.fullmatch(text) or len(text) > MAX_STACK_PREFIX_CHARACTERS - 2:
        raise UsageError(
            f"--project is {text!r}, must be small letters, digits and hyphens, at most "
            f"{MAX_STACK_PREFIX_CHARACTERS - 2}"
        )
    return text


def parse_region(option: str, text: str) -> str:
    """A region of AWS, by its form. Raises UsageError."""
    if not REGION_PATTERN.fullmatch(text):
        raise UsageError(f"{option} is {text!r}, must be a region, like eu-north-1")
    return text


def parse_environments(text: str, project: str) -> tuple[str, ...]:
    """The names of stacks, from `dev,prod`. Raises UsageError."""
    stacks = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    max_length = get_max_stack_name_length(project)
    for name in stacks:
        if (
            not STACK_NAME_PATTERN.fullmatch(name)
            or name.split("-")[0] in RESERVED_STACK_PREFIXES
            or len(name) > max_length
        ):
            raise UsageError(
                f"--environments is {text!r}, must be names of stacks with commas between them: "
                f"small letters, digits and hyphens, at most {max_length}, none that begins with "
                f"{', '.join(RESERVED_STACK_PREFIXES)}"
            )
        _require_separate_prefixes(text, name, stacks)
    return stacks


def _require_separate_prefixes(text: str, name: str, stacks: Sequence[str]) -> None:
    """A policy on the prefix of one reaches into another that begins with it and a hyphen."""
    for other_stack in stacks:
        if other_stack.startswith(f"{name}-"):
            raise UsageError(
                f"--environments is {text!r}, must not have {name} and {other_stack}: what may "
                f"{name}-* may {other_stack} as well"
            )
