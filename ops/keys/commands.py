"""`ops keys`: access keys of users, rotated."""

import re
from typing import Annotated, Final

import typer

from ops.cli.durations import build_duration_option
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core.errors import UsageError
from ops.keys.rotation import (
    DEFAULT_GRACE_HOURS,
    DEFAULT_QUIET_HOURS,
    MAX_HOURS,
    build_key_rotation_plan,
)
from ops.keys.users import (
    find_key_secret,
    get_key_secret_name,
    get_rotatable_key,
    require_stack_user,
)

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Access keys of users.")
USER_NAME_PATTERN: Final = r"[\w+=,.@-]{1,64}"  # IAM API reference, CreateUser


@app.command("rotate")
@mutating_command
def rotate_key(
    context: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", help="an IAM user with the stack's tag")],
    unused: Annotated[
        float,
        build_duration_option(
            "--unused",
            text="how much later the new key must be used than the old one",
            minimum=0,
            maximum=MAX_HOURS * 60,
            default=DEFAULT_QUIET_HOURS * 60,
        ),
    ] = DEFAULT_QUIET_HOURS * 60,
    grace: Annotated[
        float,
        build_duration_option(
            "--grace",
            text="how long the old key stays inactive before it is deleted",
            minimum=0,
            maximum=MAX_HOURS * 60,
            default=DEFAULT_GRACE_HOURS * 60,
        ),
    ] = DEFAULT_GRACE_HOURS * 60,
    *,
    options: ExecutionOptions,
) -> None:
    """Rotates a user's access key: a new one in a secret, used, then the old one deleted.

    The secret key goes from IAM's answer into Secrets Manager and nowhere else. The run waits for
    hours or days: stop it, and resume it later.
    """
    if re.fullmatch(USER_NAME_PATTERN, user, re.ASCII) is None:
        raise UsageError(
            f"USER must be 1 to 64 letters, digits and +=,.@_-, as IAM's names are, not {user!r}"
        )
    stack_context, output = load_stack_context(context)
    outputs, aws = stack_context.outputs, stack_context.aws
    require_stack_user(aws, outputs, user)
    key = get_rotatable_key(aws, user)
    name = get_key_secret_name(outputs, user)
    run = new_run_id("keys-rotate")
    plan = build_key_rotation_plan(
        outputs,
        user,
        key,
        find_key_secret(aws, name),
        run,
        quiet_hours=unused / 60,
        grace_hours=grace / 60,
    )
    if execute_plan(plan, stack_context, output, options):
        output.print_result(
            "keys-rotate", {"user": user, "deleted": key.id, "secret": name, "run": run}
        )
