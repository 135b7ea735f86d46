"""`ops permissions`: the IAM policy of a command or a role."""

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli.completion import complete_commands
from ops.core.declaration import ROLES, Role
from ops.core.errors import UsageError
from ops.permissions.declared import COMMAND_ROLES, DECLARATIONS
from ops.permissions.policies import (
    MAX_POLICY_CHARACTERS,
    build_command_policies,
    build_policy_statements,
    build_role_policies,
    list_role_commands,
    list_role_denials,
    serialize_policy,
)

if TYPE_CHECKING:
    from ops.outputs import Outputs

app = typer.Typer(add_completion=False)
PERMISSION_COLUMNS = ("effect", "action", "resources", "condition", "commands")


@app.command(name="permissions")
def show_permissions(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]",
            help="like db resize, or db for all of its commands",
            autocompletion=complete_commands,
        ),
    ] = None,
    role: Annotated[Role | None, typer.Option(help="one of the stack's roles")] = None,
    policy: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="print only this policy's JSON document"),
    ] = None,
) -> None:
    """Shows the IAM policy of a command or a role, computed from the AWS calls it makes.

    With neither, lists every command with the least privileged role that may run it. Calls AWS
    only to read the stack's outputs.
    """
    if command and role:
        raise UsageError(f"--role is {role!r}, but COMMAND is given too; give only one of them")
    if not command and role is None:
        if policy is not None:
            raise UsageError(f"--policy is {policy!r}, which needs a command or --role")
        _print_commands(context)
        return
    command_names = (
        _match_commands(" ".join(command)) if command else list_role_commands(role or "reader")
    )

    from ops.cli.context import load_stack
    from ops.permissions.names import build_stack_names

    outputs, _, output = load_stack(context)
    names = build_stack_names(outputs)
    statements = build_policy_statements(names, command_names)
    if role:
        documents = build_role_policies(names, role)
    else:
        documents = build_command_policies("-".join(command or ()), statements)
    if policy is not None:
        if policy not in documents:
            raise UsageError(f"--policy must be one of {', '.join(documents)}, not {policy!r}")
        typer.echo(serialize_policy(documents[policy]))
        return
    if output.output_format == "json":
        policies = [
            {
                "name": name,
                "size": len(serialize_policy(policy_document)),
                "limit": MAX_POLICY_CHARACTERS,
                "document": policy_document,
            }
            for name, policy_document in documents.items()
        ]
        role_arn = {"role": _find_role_arn(outputs, role)} if role else {}
        output.print_json(
            "permissions", {**role_arn, "commands": list(command_names), "policies": policies}
        )
        return
    if role:
        output.print_line(
            f"role: {_find_role_arn(outputs, role) or 'none; the stack creates no roles'}"
        )
    output.print_rows(
        "permissions",
        PERMISSION_COLUMNS,
        [
            _build_row(policy_document.to_iam_json(), policy_document.commands)
            for policy_document in statements
        ]
        + [_build_row(denial, ()) for denial in (list_role_denials(names, role) if role else ())],
    )


def _find_role_arn(outputs: "Outputs", role: Role) -> str | None:
    """Returns the ARN of the stack's role, or None if the stack creates no roles."""
    return getattr(outputs.access, f"{role}_role_arn") if outputs.access else None


def _print_commands(context: typer.Context) -> None:
    """Prints every command with its role. Needs no stack."""
    from ops.cli.render import Output

    shared_options: Any = context.find_object(tuple)
    rows = [
        {"command": name, "role": role, "calls": sorted(DECLARATIONS[name].calls)}
        for name, role in sorted(
            COMMAND_ROLES.items(),
            key=lambda command_item: (ROLES.index(command_item[1]), command_item[0]),
        )
    ]
    Output(shared_options[1]).print_rows("permissions-commands", ("role", "command", "calls"), rows)


def _match_commands(text: str) -> tuple[str, ...]:
    """Returns the command of that name, or all of a group. Raises UsageError if unknown."""
    matches = tuple(
        command_name
        for command_name in COMMAND_ROLES
        if command_name == text or command_name.startswith(f"{text} ")
    )
    if not matches:
        close_matches = get_close_matches(text, list(COMMAND_ROLES), n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(close_matches)}?" if close_matches else ""
        raise UsageError(f"COMMAND is {text!r}, which is not a command{hint}", "ops permissions")
    return matches


def _build_row(statement: dict[str, Any], commands: tuple[str, ...]) -> dict[str, object]:
    conditions = [
        f"{key} {operator} {' or '.join(values)}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    return {
        "effect": statement["Effect"].lower(),
        "action": statement["Action"],
        "resources": statement["Resource"],
        "condition": conditions,
        "commands": commands,
    }
