"""`ops db extension`: the PostgreSQL extensions of the stack's database."""

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

import typer

from ops.cli.context import load_stack
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.watch import WatchOption, repeat_look
from ops.core.errors import RefusedError
from ops.core.plan import Plan
from ops.database.commands.queries import ViaOption
from ops.database.commands.sessions import add_via_note
from ops.database.preload_libraries import PreloadGroup, fetch_preload_group
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.extensions import (
    PRELOADED_EXTENSIONS,
    ExtensionState,
    build_extension_creation_plan,
    build_extension_update_plan,
    fetch_extensions,
    get_extension,
    require_creatable,
    require_extension_name,
    require_updatable,
)

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The extensions of the stack's database."
)
EXTENSION_COLUMNS: Final = ("extension", "installed", "newest", "created by", "library")
NameArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="an extension, like pg_stat_statements")
]


@app.command("list")
def list_extensions(
    context: typer.Context, via: ViaOption = None, watch: WatchOption = None
) -> None:
    """Lists the extensions that the server has: versions, who may create them, their library."""
    outputs, aws, output = load_stack(context)
    client = DatabaseClient(outputs, aws, via, read_only=True)

    def show() -> None:
        extensions = fetch_extensions(client)
        group = fetch_preload_group(aws, outputs)
        rows = [_build_row(extension, group) for extension in extensions]
        outdated = [
            extension.name
            for extension in extensions
            if extension.installed and not (extension.is_current)
        ]
        if output.output_format == "json":
            loaded_group = {"group": group.group, "libraries": group.libraries}
            output.print_json(
                "db-extensions", {**loaded_group, "unknown": group.denied, "items": rows}
            )
            return
        output.print_rows("db-extensions", EXTENSION_COLUMNS, rows)
        if group.denied is None:
            libraries = ",".join(group.libraries) or "nothing"
            output.print_line(f"shared_preload_libraries of {group.group}: {libraries}")
        else:
            output.print_note(f"shared_preload_libraries is unknown: {group.denied}")
        for name in outdated:
            output.print_line(f"{name} is not the newest: ops db extension update {name}")

    repeat_look(output, watch, show)


def _build_row(extension: ExtensionState, group: PreloadGroup) -> dict[str, Any]:
    library = None
    if extension.name in PRELOADED_EXTENSIONS:
        library = "loaded" if extension.is_loaded else _describe_missing(extension, group)
    return {
        "extension": extension.name,
        "installed": extension.installed,
        "newest": extension.newest,
        "created by": extension.creator
        if extension.is_allowed
        else "nobody: not in rds.allowed_extensions",
        "library": library,
        "missing": list(extension.missing),
    }


def _describe_missing(extension: ExtensionState, group: PreloadGroup) -> str:
    """What must be done so that the server loads its library; unknown if that may not be read."""
    if extension.is_loaded is None:
        return "unknown: the user in the database's secret is not a member of pg_read_all_settings"
    return group.describe_missing(extension.name)


@app.command("create")
@mutating_command
def create_extension(
    context: typer.Context, name: NameArgument, via: ViaOption = None, *, options: ExecutionOptions
) -> None:
    """Creates an extension in the stack's database; undo drops it if nothing depends on it."""
    _change_extension(
        context, name, via, options, _require_creatable_or_created, build_extension_creation_plan
    )


@app.command("update")
@mutating_command
def update_extension(
    context: typer.Context, name: NameArgument, via: ViaOption = None, *, options: ExecutionOptions
) -> None:
    """Updates an extension of the stack's database to the newest version that the server has."""
    _change_extension(context, name, via, options, require_updatable, build_extension_update_plan)


def _require_creatable_or_created(extension: ExtensionState) -> None:
    """Raises RefusedError if it must be created and cannot be, or is created but outdated."""
    if extension.installed is None:
        require_creatable(extension)
    elif not extension.is_current:
        raise RefusedError(
            f"{extension.name} is created already, as version {extension.installed} instead of "
            f"{extension.newest}",
            f"ops db extension update {extension.name}",
        )


def _change_extension(
    context: typer.Context,
    name: str,
    via: str | None,
    options: ExecutionOptions,
    require_possible: Callable[[ExtensionState], None],
    build_plan: Callable[..., Plan],
) -> None:
    """Carries out the plan, unless the extension is created in its newest version."""
    require_extension_name(name)
    stack_context, output = load_stack_context(context)
    client = DatabaseClient(stack_context.outputs, stack_context.aws, via)
    extension = get_extension(fetch_extensions(client), name)
    require_possible(extension)
    run = None if extension.is_current else new_run_id("extension")
    if run is not None:
        _require_loaded(stack_context.aws, stack_context.outputs, extension)
        plan = add_via_note(via, build_plan(stack_context.outputs, extension, run))
        if not execute_plan(plan, stack_context, output, options, client):
            return
    body = {"extension": name, "version": extension.newest, "run": run}
    output.print_result("db-extension", body)


def _require_loaded(aws: Any, outputs: Any, extension: ExtensionState) -> None:
    """Raises RefusedError, with what loads it, if it works only with a library not loaded."""
    if extension.needs_preload:
        missing = _describe_missing(extension, fetch_preload_group(aws, outputs))
        raise RefusedError(
            f"{extension.name} works only if the server has loaded its library: {missing}",
            "ops db extension list",
        )
