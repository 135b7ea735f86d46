"""`ops lock`: who holds the lock on the stack."""

from typing import Annotated

import typer
from pydantic import TypeAdapter

from ops.cli.execution import YesOption, ask_confirmation, load_stack_context, new_run_id
from ops.cli.render import Output
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.errors import UsageError
from ops.core.journal import Journal
from ops.core.plan import JsonObject
from ops.core.times import format_utc

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The lock on the stack.")
LOCK_COLUMNS = ("holder", "run", "reason", "since", "until")


@app.command("show")
@looking_command
def show_lock(context: typer.Context) -> None:
    """Shows who holds the lock, why, since when and until when."""
    stack_context, output = load_stack_context(context)
    lock_record = stack_context.lock().find_record()
    output.print_rows(
        "lock", LOCK_COLUMNS, [_build_row(lock_record.model_dump())] if lock_record else []
    )


@app.command(name="break")
def break_lock(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="why; recorded in the journal")],
    yes: YesOption = False,
) -> None:
    """Takes the lock away from its holder, and records that as a run.

    The holder's run stops before its next change; what AWS is doing for it continues.
    """
    if not reason.strip():
        raise UsageError("--reason is empty; say why the lock is broken")
    stack_context, output = load_stack_context(context)
    lock_record = stack_context.lock().find_record()
    if lock_record is None:
        if output.output_format == "json":
            output.print_json("lock-break", {"broken": None, "holder": None, "run": None})
        output.print_line("no one holds the lock")
        return
    stack_context.check_account()
    if not yes:
        Output("table", to_stderr=True).print_rows(
            "lock", LOCK_COLUMNS, [_build_row(lock_record.model_dump())]
        )
        ask_confirmation(
            f"the run {lock_record.run} of {lock_record.holder} stops before its next change"
        )
    run = new_run_id("lock-break")
    journal = Journal(stack_context.get_journal_store(run))

    def write_note(**facts: object) -> None:
        data = {**facts, "lock": lock_record.model_dump(), "reason": reason}
        journal.write_record(
            "note",
            "lock",
            clock.get_clock_rate().now(),
            TypeAdapter(JsonObject).validate_python(data),
        )

    write_note(breaks=lock_record.run)  # before the break: there is always a record of it
    if not stack_context.lock().break_lock(lock_record):
        write_note(broken=None)
        raise UsageError("the lock changed hands meanwhile, so it was not broken", "ops lock show")
    write_note(broken=lock_record.run)
    output.print_result(
        "lock-break", {"broken": lock_record.run, "holder": lock_record.holder, "run": run}
    )


def _build_row(lock_fields: dict[str, object]) -> dict[str, object]:
    times = {k: format_utc(float(str(lock_fields[k]))) for k in ("since", "until")}
    return lock_fields | times
