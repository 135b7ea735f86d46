"""`ops db parameters`."""

from typing import Annotated

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.database import parameters
from ops.database.instance import get_primary

app = typer.Typer(add_completion=False)


@app.command(name="parameters")
@mutating_command
def manage_parameters(
    context: typer.Context,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="set a parameter; repeatable"),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="include parameters that have their default")
    ] = False,
    *,
    options: ExecutionOptions,
) -> None:
    """Shows the parameters of the stack's group and any pending reboot; --set changes them."""
    values = parameters.parse_parameter_values(set_ or ())
    stack_context, output = load_stack_context(context)
    instance = get_primary(stack_context.aws, stack_context.outputs)
    group = str(instance.parameter_group)
    if values:
        group_parameters = parameters.list_database_parameters(
            stack_context.aws, stack_context.outputs, group
        )
        run = new_run_id("parameters")
        plan = parameters.build_parameter_change_plan(
            stack_context.outputs,
            instance,
            parameters.resolve_parameter_changes(group_parameters, values),
            run,
        )
        if not execute_plan(plan, stack_context, output, options):
            return
        instance = get_primary(stack_context.aws, stack_context.outputs)
        body = {
            "group": group,
            "set": dict(values),
            "state": instance.parameter_group_status,
            "run": run,
        }
        output.print_result("db-parameters-set", body)
    else:
        rows = [
            parameter.row()
            for parameter in parameters.list_database_parameters(
                stack_context.aws, stack_context.outputs, group, user_only=not all_
            )
        ]
        if output.output_format == "json":
            state = {"group": group, "state": instance.parameter_group_status}
            output.print_json("db-parameters", {**state, "items": rows})
            return
        output.print_rows("db-parameters", parameters.PARAMETER_COLUMNS, rows)
        output.print_line(f"{group} is {instance.parameter_group_status} on {instance.identifier}")
    if instance.parameter_group_status == "pending-reboot":
        output.print_line("pending parameters take effect after `ops db reboot`")
