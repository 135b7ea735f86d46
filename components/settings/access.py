"""Settings of who may operate the stack: the roles that its commands are run with."""

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

    enabled: bool = Field(default=True, description="make the roles")
    readers: tuple[Principal, ...] = Field(
        default=(),
        description="who may look: account ids, ARNs of IAM users, roles (such as those of IAM "
        "Identity Center) or SAML providers; none: whom this account's IAM lets, with MFA",
    )
    operators: tuple[Principal, ...] = Field(
        default=(), description="who may also change; as readers"
    )
    recoverers: tuple[Principal, ...] = Field(
        default=(), description="who may also restore and delete; as readers"
    )
    mfa: bool = Field(
        default=True,
        description="ask accounts and users for MFA; roles and SAML providers have asked already",
    )
    session_hours: int = Field(
        default=4, ge=1, le=12, description="how long a session may last at most"
    )
    permissions_boundary: Annotated[str, AfterValidator(_validate_boundary)] | None = Field(
        default=None, description="policy that bounds what the roles may, where the account asks so"
    )
