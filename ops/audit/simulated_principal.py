"""Whose permissions are asked for: a part of the stack, a role or a user."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from ops.core.errors import UsageError
from ops.outputs import Outputs, StackPart

# IAM API reference, CreateRole: a path of slashes and a name of 64 characters at most.
_NAME_FORM: Final = r"(?:[\w+=,.@-]+/)*[\w+=,.@-]{1,64}"
_PRINCIPAL_ARN_FORM: Final = (
    rf"arn:(aws[\w-]*):(iam|sts)::(\d{{12}}):(role|user|assumed-role)/({_NAME_FORM})"
)
SESSION_NOTE: Final = (
    "it is asked of the role: a policy of the session itself, if it was given one, allows less"
)


@dataclass(frozen=True)
class Principal:
    """A role or a user of the account. `note` says what of it is not asked."""

    kind: Literal["role", "user"]
    arn: str
    note: str = ""

    @property
    def name(self) -> str:
        """Its name without its path."""
        return self.arn.rpartition("/")[2]


def list_stack_roles(outputs: Outputs) -> dict[str, str]:
    """The stack's roles by the names of what has them."""
    services = outputs.services.services if outputs.services else {}
    access, fleet, backups = outputs.access, outputs.fleet, outputs.backups
    roles = {
        "reader": access.reader_role_arn if access else None,
        "operator": access.operator_role_arn if access else None,
        "recoverer": access.recoverer_role_arn if access else None,
        "fleet": fleet.role_arn if fleet else None,
        "backup": backups.role_arn,
        "export": backups.export_role_arn,
        **{f"{name}-execution": service.execution_role_arn for name, service in services.items()},
        **{name: service.task_role_arn for name, service in services.items()},
    }
    return {name: arn for name, arn in roles.items() if arn}


def list_bootstrap_roles(stack: StackPart) -> frozenset[str]:
    """The names of the roles that deploy and operate the stack, which `ops bootstrap` makes."""
    return frozenset(f"{stack.project}-{kind}-{stack.stack}" for kind in ("deploy", "operate"))


def parse_principal(outputs: Outputs, text: str) -> Principal:
    """Parses ROLE. Raises UsageError for what is no role or user of the stack's account."""
    roles, account = list_stack_roles(outputs), outputs.stack.account
    if text in roles:
        return Principal("role", roles[text])
    partition = outputs.database.arn.split(":")[1]
    if match := re.fullmatch(_PRINCIPAL_ARN_FORM, text, re.ASCII):
        partition, _, owner, kind, name = match.groups()
        if owner != account:
            raise UsageError(
                f"ROLE must be of account {account}, the stack's, not of {owner}: {text!r}; AWS "
                "simulates the policies of one account"
            )
        if kind == "assumed-role":
            role = name.partition("/")[0]
            return Principal("role", f"arn:{partition}:iam::{owner}:role/{role}", SESSION_NOTE)
        return Principal("user" if kind == "user" else "role", text)
    is_user = text.startswith("user/")
    name = text.removeprefix("user/") if is_user else text.removeprefix("role/")
    if re.fullmatch(_NAME_FORM, name, re.ASCII) is None:
        raise UsageError(
            f"ROLE must be {', '.join(roles)}, the name or ARN of a role, or user/NAME, not "
            f"{text!r}"
        )
    return Principal(
        "user" if is_user else "role",
        f"arn:{partition}:iam::{account}:{'user' if is_user else 'role'}/{name}",
    )
