"""Whose foundation it is: the project, the repository, the regions, and the names from them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ops.core.errors import UsageError

# As the settings of a stack have it (components/settings/stack.py).
NAME: Final = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST: Final = 24  # characters of project and stack with a hyphen between them


def most(project: str) -> int:
    """How many characters the name of a stack of a project may have."""
    return LONGEST - len(project) - 1


# GitHub's own rules of an owner's and a repository's name.
REPOSITORY: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")
REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
# What the roles of the foundation are called behind the project; no environment may begin so.
TAKEN: Final = ("preview", "deploy", "operate", "state")
ISSUER: Final = "token.actions.githubusercontent.com"
AUDIENCE: Final = "sts.amazonaws.com"
PURPOSES: Final = ("state", "secrets")  # of the two keys


@dataclass(frozen=True, kw_only=True)
class Given:
    """What everything follows from. `recovery` is None where there is no recovery region."""

    project: str
    repository: str
    partition: str
    account: str
    region: str
    recovery: str | None
    environments: tuple[str, ...]

    @property
    def regions(self) -> tuple[str, ...]:
        """Where anything is made, the first first."""
        return (self.region, *((self.recovery,) if self.recovery else ()))

    def bucket(self, region: str) -> str:
        """The bucket of Pulumi's state, or its copy in the recovery region."""
        return f"{self.project}-state-{self.account}{self._away(region)}"

    def logs(self, region: str) -> str:
        """The bucket of the access logs of that one."""
        return f"{self.project}-state-logs-{self.account}{self._away(region)}"

    def _away(self, region: str) -> str:
        return "" if region == self.region else f"-{region}"

    def alias(self, purpose: str) -> str:
        """The alias of a key, the same in both regions."""
        return f"alias/{self.project}-{purpose}"

    def alias_arn(self, purpose: str, region: str) -> str:
        """Its ARN."""
        return f"arn:{self.partition}:kms:{region}:{self.account}:{self.alias(purpose)}"

    def iam(self, resource: str) -> str:
        """The ARN of something of IAM."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"

    @property
    def provider(self) -> str:
        """The ARN of GitHub's OIDC provider: an account has one at most."""
        return self.iam(f"oidc-provider/{ISSUER}")

    def role(self, name: str) -> str:
        """The name of a role of the foundation, `preview` or `deploy-dev`."""
        return f"{self.project}-{name}"

    @property
    def backend(self) -> str:
        """The URL that `pulumi login` takes."""
        return f"s3://{self.bucket(self.region)}?region={self.region}&awssdk=v2"

    @property
    def secrets_provider(self) -> str:
        """What `pulumi stack init --secrets-provider` takes."""
        return f"awskms:///{self.alias('secrets')}?region={self.region}"


def repository(text: str) -> str:
    """OWNER/NAME of a repository on GitHub. Raises UsageError."""
    if not REPOSITORY.fullmatch(text):
        raise UsageError(f"--repository is {text!r}, may be OWNER/NAME as on GitHub")
    return text


def project(text: str) -> str:
    """The name of a Pulumi project. Raises UsageError."""
    if not NAME.fullmatch(text) or len(text) > LONGEST - 2:
        raise UsageError(
            f"--project is {text!r}, may be small letters, digits and hyphens, at most "
            f"{LONGEST - 2}"
        )
    return text


def region(option: str, text: str) -> str:
    """A region of AWS, by its form. Raises UsageError."""
    if not REGION.fullmatch(text):
        raise UsageError(f"{option} is {text!r}, may be a region, like eu-north-1")
    return text


def environments(text: str, project: str) -> tuple[str, ...]:
    """The names of stacks, from `dev,prod`. Raises UsageError."""
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    longest = most(project)
    for name in found:
        if not NAME.fullmatch(name) or name.split("-")[0] in TAKEN or len(name) > longest:
            raise UsageError(
                f"--environments is {text!r}, may be names of stacks with commas between them: "
                f"small letters, digits and hyphens, at most {longest}, none that begins with "
                f"{', '.join(TAKEN)}"
            )
        _apart(text, name, found)
    return found


def _apart(text: str, name: str, all_: Sequence[str]) -> None:
    """A policy on the prefix of one reaches into another that begins with it and a hyphen."""
    for other in all_:
        if other.startswith(f"{name}-"):
            raise UsageError(
                f"--environments is {text!r}, may not have {name} and {other}: what may "
                f"{name}-* may {other} as well"
            )
