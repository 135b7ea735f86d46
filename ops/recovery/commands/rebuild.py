"""`ops recover rebuild` and `region`: rebuilds a lost stack, here or in the recovery region."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ops.cli.execution import (
    ExecutionOptions,
    ProgramOption,
    delete_after,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.selection import require_program_of_project
from ops.core.errors import CredentialsError, OpsError, UsageError
from ops.core.journal_folder import JOURNAL_FOLDER_VARIABLE
from ops.core.plan import SavedFile
from ops.core.run_context import StackContext
from ops.database.instance import find_instance
from ops.recovery import sources
from ops.recovery.instance_room import add_notes, read_room_notes
from ops.recovery.rebuild import (
    InitialState,
    RebuildChecks,
    build_region_recovery_plan,
    build_stack_rebuild_plan,
    get_state_stack_name,
    load_state_export,
    require_consistent_state,
    require_no_database,
    resolve_new_stack_name,
    resolve_program_folder,
)
from ops.recovery.region_settings import (
    list_load_balancer_settings,
    require_certificate_in_region,
)
from ops.stack.pulumi import count_stack_resources
from ops.state.backup import (
    fetch_saved_state,
    get_draft_file,
    list_saved_states,
    resolve_saved_state,
    write_state,
)
from ops.state.differences import compute_state_digest

app = typer.Typer(add_completion=False)
NEWEST_STATE, NO_STATE = "newest", "none"
BackupOption = Annotated[
    str | None,
    typer.Option("--from", metavar="BACKUP", help="name of a backup; default: the newest"),
]
StateFileOption = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="FILE",
        help="if Pulumi's state is lost: newest (of `ops state list`), an export, or none",
    ),
]


def _parse_url(url: str | None) -> str | None:
    if url is not None and not url.startswith(("http://", "https://")):
        raise UsageError(f"--url must be like https://app.example.com/, not {url!r}")
    return url


RebuildUrlOption = Annotated[
    str | None, typer.Option(help="URL that must answer at the end", callback=_parse_url)
]


QueryOption = Annotated[
    bool, typer.Option("--sql", help="query the new database, if it can be reached")
]


def _load_state(
    context: StackContext, reference: str | None
) -> tuple[dict[str, Any] | None, SavedFile | None]:
    """The state to begin with, and where it is saved.

    None if Pulumi's own is there, or nothing is left. Raises UsageError if it is another stack's.
    """
    if reference in (None, NO_STATE):
        return None, None
    saved_file = None
    if reference == NEWEST_STATE:
        saved_state = resolve_saved_state(list_saved_states(context), None)
        saved_file = saved_state.file
        state = fetch_saved_state(context, saved_state)
    else:
        state = load_state_export(Path(str(reference)))
    stack_name = context.outputs.stack.stack
    if (state_stack := get_state_stack_name(state)) not in ("", stack_name):
        raise UsageError(
            f"--state must be a state of {stack_name!r}, but {reference!r} is of {state_stack!r}"
        )
    return state, saved_file


def _require_journal_store(context: StackContext) -> None:
    """Raises OpsError if journals and the lock cannot be stored."""
    try:
        context.lock().find_record()
    except (UsageError, CredentialsError):
        raise
    except OpsError as error:
        raise OpsError(
            f"{error}; if the operations bucket is lost with its region, set "
            f"{JOURNAL_FOLDER_VARIABLE} to "
            "a folder for the journals and the lock",
            f"export {JOURNAL_FOLDER_VARIABLE}=FOLDER",
        ) from error


@app.command("rebuild")
@mutating_command
def rebuild_stack(
    context: typer.Context,
    source: BackupOption = None,
    state: StateFileOption = None,
    program: ProgramOption = Path(),
    url: RebuildUrlOption = None,
    sql: QueryOption = False,
    *,
    options: ExecutionOptions,
) -> None:
    """Rebuilds a lost stack and its database in the same region, from the newest backup."""
    folder = resolve_program_folder(program)
    if state not in (None, NO_STATE, NEWEST_STATE):
        load_state_export(Path(str(state)))
    stack_context, output = load_stack_context(context)
    require_program_of_project(folder, stack_context.outputs.stack.project)
    stack, identifier = stack_context.outputs.stack, stack_context.outputs.database.identifier
    saved_state, saved_file = _load_state(stack_context, state)
    backups = sources.list_backup_sources(stack_context.aws, stack_context.outputs, stack.region)
    backup = sources.select_backup_source(backups, source, stack.region)
    if find_instance(stack_context.aws, stack_context.outputs, identifier) is not None:
        raise UsageError(
            f"{identifier} still exists: only a lost database can be rebuilt",
            "ops recover point-in-time --to TIME",
            f"pulumi up --stack {stack.stack}",
        )
    room_notes = read_room_notes(stack_context.aws, stack.region, backup.storage_gib)
    warning = sources.get_backup_key_warning(stack_context.aws, backup, stack.region)
    require_consistent_state(
        stack_context.outputs, folder, state is not None, saved_state is not None
    )
    run = new_run_id("rebuild")
    draft, initial_state = get_draft_file(run), None
    if saved_state is not None:
        write_state(draft, saved_state)
        initial_state = InitialState(compute_state_digest(saved_state), saved_file)
    checks = RebuildChecks(url, sql)
    plan = build_stack_rebuild_plan(
        stack_context.outputs, folder, backup, run, initial_state, checks, warning
    )
    plan = add_notes(plan, room_notes)
    options = options.as_destructive()
    with delete_after(draft):
        is_done = execute_plan(plan, stack_context, output, options, program=folder)
    if is_done:
        output.print_result(
            "recover-rebuild",
            {
                "stack": stack.stack,
                "region": stack.region,
                "database": identifier,
                "from": backup.name,
                "reaches": backup.latest_time,
                "run": run,
            },
        )


@app.command("region")
@mutating_command
def rebuild_in_recovery_region(
    context: typer.Context,
    source: BackupOption = None,
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="STACK", help="name of the new stack; default: by region"),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(help="domain of the new stack, if the lost one's is still in use"),
    ] = None,
    certificate: Annotated[
        str | None,
        typer.Option(metavar="ARN", help="its certificate, if the lost stack was given one"),
    ] = None,
    program: ProgramOption = Path(),
    url: RebuildUrlOption = None,
    sql: QueryOption = False,
    *,
    options: ExecutionOptions,
) -> None:
    """Rebuilds a stack whose region is lost in its recovery region."""
    folder = resolve_program_folder(program)
    stack_context, output = load_stack_context(context)
    require_program_of_project(folder, stack_context.outputs.stack.project)
    lost_stack, recovery_region = (
        stack_context.outputs.stack,
        stack_context.outputs.stack.recovery_region,
    )
    if recovery_region is None:
        raise UsageError(
            "this stack has no recovery region: recoveryRegion was not set before",
            "ops recover ready",
        )
    require_certificate_in_region(recovery_region, certificate)
    zone = (
        stack_context.outputs.load_balancer.zone_id if stack_context.outputs.load_balancer else None
    )
    if zone and domain is None:
        raise UsageError(
            f"--domain must be set to another name in the zone {zone}: the lost stack's DNS record "
            "still exists; point it to the new stack afterwards"
        )
    stack = resolve_new_stack_name(stack_context.outputs, name)
    identifier = f"{lost_stack.project}-{stack}-database"
    require_no_database(stack_context.aws, identifier, stack, recovery_region)
    backups = sources.list_backup_sources(stack_context.aws, stack_context.outputs, recovery_region)
    backup = sources.select_backup_source(backups, source, recovery_region)
    room_notes = read_room_notes(stack_context.aws, recovery_region, backup.storage_gib)
    warning = sources.get_backup_key_warning(stack_context.aws, backup, recovery_region)
    if count_stack_resources(folder, lost_stack.stack) is None:
        raise UsageError(
            f"Pulumi has no stack {lost_stack.stack} to copy settings from: the settings file "
            "beside the program is enough",
            f"pulumi stack init {lost_stack.stack}",
        )
    balancer_settings = list_load_balancer_settings(
        stack_context.aws, stack_context.outputs, folder, domain, certificate
    )
    if not options.dry_run:
        _require_journal_store(stack_context)
    run = new_run_id("region")
    checks = RebuildChecks(url, sql)
    plan = build_region_recovery_plan(
        stack_context.outputs, folder, backup, stack, balancer_settings, run, checks, warning
    )
    plan = add_notes(plan, room_notes)
    options = options.as_destructive()
    if execute_plan(plan, stack_context, output, options, program=folder):
        output.print_result(
            "recover-region",
            {
                "stack": stack,
                "region": recovery_region,
                "database": identifier,
                "from": backup.name,
                "reaches": backup.latest_time,
                "run": run,
            },
        )
