"""Settings of the roles that operate the stack: who may assume them."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from components.settings.section import Section

ACCOUNT_ID_PATTERN = re.compile(r"\d{12}")
PRINCIPAL_ARN_PATTERN = re.compile(
    r"arn:aws[a-z-]*:iam::\d{12}:(root|(user|role|saml-provider)/[\w+=,.@/-]+)"
)
BOUNDARY_ARN_PATTERN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+")


def _validate_principal(value: str) -> str:
    if not (ACCOUNT_ID_PATTERN.fullmatch(value) or PRINCIPAL_ARN_PATTERN.fullmatch(value)):
        raise ValueError(
            "must be an account's id, or the ARN of an IAM user, role or SAML provider, "
            "without wildcards"
        )
    return value


def _validate_boundary(value: str) -> str:
    if not BOUNDARY_ARN_PATTERN.fullmatch(value):
        raise ValueError("must be the ARN of a managed policy")
    return value


Principal = Annotated[str, AfterValidator(_validate_principal)]


class AccessSettings(Section):
    """The three roles that operate the stack, and who may assume them."""

    enabled: bool = Field(default=True, description="create the roles")
    readers: tuple[Principal, ...] = Field(
        default=(),
        description="who may read: account ids, ARNs of IAM users, of roles (such as those of "
        "IAM Identity Center) or of SAML providers; none: anybody whom this "
        "account's IAM allows, with MFA",
    )
    operators: tuple[Principal, ...] = Field(
        default=(), description="who may also change things; same values as readers"
    )
    recoverers: tuple[Principal, ...] = Field(
        default=(), description="who may also restore and delete; same values as readers"
    )
    mfa: bool = Field(
        default=True,
        description="require MFA of accounts and users; roles and SAML providers have already "
        "required it",
    )
    session_hours: int = Field(
        default=4, ge=1, le=12, description="maximum length of a session, hours"
    )
    permissions_boundary: Annotated[str, AfterValidator(_validate_boundary)] | None = Field(
        default=None, description="permissions boundary of every role; `ops bootstrap` makes one"
    )
