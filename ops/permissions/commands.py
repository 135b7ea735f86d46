"""`ops permissions`: what a command, or a role, may have to be allowed in AWS."""

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli.completion import commands
from ops.core.declaration import ROLES, Role
from ops.core.errors import UsageError
from ops.permissions.declared import COMMAND_ROLES, DECLARATIONS
from ops.permissions.policies import LIMIT, allowed, compact, document, of_role, role_policies

if TYPE_CHECKING:
    from ops.outputs import Outputs

app = typer.Typer(add_completion=False)
TABLE = ("action", "resources", "condition", "commands")


@app.command(name="permissions")
def show(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]",
            help="such as db resize, or db for all of a noun",
            autocompletion=commands,
        ),
    ] = None,
    role: Annotated[Role | None, typer.Option(help="what a role of the stack may")] = None,
    policy: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="print this policy's document alone, for IAM"),
    ] = None,
) -> None:
    """The IAM policy of a command or of a role, computed from the calls that it makes.

    Without either, every command with the least role that may run it. Calls nothing but what
    reads the stack's outputs.
    """
    if command and role:
        raise UsageError(f"--role is {role!r}, may not be given together with a command")
    if not command and role is None:
        if policy is not None:
            raise UsageError(f"--policy is {policy!r}, which wants a command or --role")
        _listed(context)
        return
    named = _matching(" ".join(command)) if command else of_role(role or "reader")

    from ops.cli.context import opened
    from ops.permissions.names import names_of

    outputs, _, output = opened(context)
    names = names_of(outputs)
    statements = allowed(names, named)
    if role:
        documents = role_policies(names, role)
    else:
        documents = {"-".join(command or ()): document(statements)}
    if policy is not None:
        if policy not in documents:
            raise UsageError(f"--policy is {policy!r}, may be {', '.join(documents)}")
        typer.echo(compact(documents[policy]))
        return
    if output.form == "json":
        policies = [
            {"name": name, "size": len(compact(one)), "limit": LIMIT, "document": one}
            for name, one in documents.items()
        ]
        arn = {"role": _arn(outputs, role)} if role else {}
        output.data("permissions", {**arn, "commands": list(named), "policies": policies})
        return
    if role:
        output.line(f"role: {_arn(outputs, role) or 'none, the stack makes no roles'}")
    output.rows("permissions", TABLE, [_row(one.plain(), one.commands) for one in statements])


def _arn(outputs: "Outputs", role: Role) -> str | None:
    """The role that the stack has made, if it has."""
    return getattr(outputs.access, f"{role}_role_arn") if outputs.access else None


def _listed(context: typer.Context) -> None:
    """Every command with its role; needs no stack."""
    from ops.cli.render import Output

    found: Any = context.find_object(tuple)
    rows = [
        {"command": name, "role": role, "calls": sorted(DECLARATIONS[name].calls)}
        for name, role in sorted(COMMAND_ROLES.items(), key=lambda c: (ROLES.index(c[1]), c[0]))
    ]
    Output(found[1]).rows("permissions-commands", ("role", "command", "calls"), rows)


def _matching(text: str) -> tuple[str, ...]:
    """The command of that name, or all of a noun. Raises UsageError."""
    found = tuple(c for c in COMMAND_ROLES if c == text or c.startswith(f"{text} "))
    if not found:
        near = get_close_matches(text, list(COMMAND_ROLES), n=3, cutoff=0.5)
        may = f", may be {' or '.join(near)}" if near else ""
        raise UsageError(f"COMMAND is {text!r}{may}", "ops permissions")
    return found


def _row(statement: dict[str, Any], commands: tuple[str, ...]) -> dict[str, object]:
    conditions = [
        f"{key} {operator} {' or '.join(values)}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    return {
        "action": statement["Action"],
        "resources": statement["Resource"],
        "condition": conditions,
        "commands": commands,
    }
