"""`ops sandbox`: a stack up in an in-memory AWS, to try operations on without an account."""

import importlib.util
import os
import sys
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from ops.core.errors import OpsError, UsageError
from ops.core.sandbox_endpoint import IMAGES_PATH, PUSHED_IMAGE_PATTERN, NoSandboxError, ask_sandbox

DEFAULT_COMMAND: Final = "serve"


class ServeByDefaultGroup(TyperGroup):
    """A group whose `serve` is what is meant without a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts `serve` in front of anything but a command or a question for help."""
        if not args or args[0] not in (*self.commands, "--help"):
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=ServeByDefaultGroup,
    add_completion=False,
    rich_markup_mode=None,
    help="Serves an in-memory AWS with the stack in it; `ops sandbox` is `ops sandbox serve`.",
)


@app.command("serve", context_settings={"allow_interspersed_args": False})
def serve_sandbox(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- COMMAND...", help="what to run in it; it ends with it"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="port of the endpoint (4816); 0 takes a free one"),
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


@app.command("push")
def push_sandbox_image(
    context: typer.Context,
    image: Annotated[
        str, typer.Argument(metavar="NAME:TAG", help="a service or its repository, and the new tag")
    ],
) -> None:
    """Makes an image tag in the served sandbox's ECR, to deploy; nothing is built or uploaded.

    The tag says how it behaves: never-healthy, crash, errors, slow, or healthy with any other.
    """
    if PUSHED_IMAGE_PATTERN.fullmatch(image) is None:
        raise UsageError(f"NAME:TAG is {image}, must be like backend:v2")
    selection, _ = context.obj
    region = selection.region or os.environ.get("AWS_REGION") or None
    try:
        status, content = ask_sandbox(IMAGES_PATH, {"image": image, "region": region})
    except NoSandboxError as error:
        raise UsageError(str(error), "ops sandbox") from None
    if status != 200:
        raise UsageError(f"NAME:TAG is {image}: {content['error']}")
    typer.echo(f"pushed {content['image']} ({content['digest']})")
    typer.echo(f"  ops service deploy {content['image']}")
