"""`ops sandbox`: a stack up in an in-memory AWS, to try operations on without an account."""

import importlib.util
import os
import sys
from typing import Annotated

import typer

from ops.core.errors import OpsError

app = typer.Typer(add_completion=False)


@app.command("sandbox", context_settings={"allow_interspersed_args": False})
def serve_sandbox(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- COMMAND...", help="what to run in it; it ends with it"),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="port of the endpoint; 0 takes a free one")
    ] = None,
    clock_factor: Annotated[
        float, typer.Option(min=0.001, max=100_000, help="simulated seconds in a second")
    ] = 60,
) -> None:
    """Serves an in-memory AWS with the stack in it (`prod`, or --stack), until Ctrl-C.

    It prints what to set to work on it; a command given behind `--` is run with that set.
    """
    if importlib.util.find_spec("sandbox") is None or importlib.util.find_spec("moto") is None:
        raise OpsError("the sandbox is not installed here: run this in a checkout", "make setup")
    selection, _ = context.obj
    arguments = ["--stack", selection.stack or "prod", "--clock-factor", str(clock_factor)]
    if port is not None:
        arguments += ["--port", str(port)]
    if command:
        arguments += ["--", *command]
    sys.stdout.flush()
    options = ["-P"] if sys.flags.safe_path else []  # imports nothing from the working directory
    os.execv(sys.executable, [sys.executable, *options, "-m", "sandbox.serve", *arguments])
