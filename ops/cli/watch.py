"""`--watch`: a look again and again, redrawn in place on a terminal and appended otherwise."""

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from ops.cli.durations import build_duration_option, format_typed_duration
from ops.core import clock
from ops.core.errors import (
    FindingsError,
    InterruptedRunError,
    OpsError,
    ThrottledError,
    UnreachableError,
)
from ops.core.times import format_local_and_utc

if TYPE_CHECKING:
    from ops.cli.render import Output

MINIMUM_SECONDS: Final = 1
MAXIMUM_SECONDS: Final = 3600
WatchOption: TypeAlias = Annotated[
    float | None,
    build_duration_option(
        "--watch",
        text="look again every so often, until Ctrl-C",
        minimum=MINIMUM_SECONDS,
        maximum=MAXIMUM_SECONDS,
        unit="s",
    ),
]
# What may be over at the next look: it is shown, and the watch goes on.
PASSING_ERRORS: Final = (FindingsError, ThrottledError, UnreachableError)


def looking_command(function: Callable[..., None]) -> Callable[..., None]:
    """Gives a command that only reads the option --watch, which calls it again and again.

    Each look loads the stack and parses what was typed anew. All print into the frames of one
    printer (ops/cli/context.py).
    """

    @wraps(function)
    def wrapper(context: typer.Context, *args: Any, watch: float | None, **options: Any) -> None:
        from ops.cli.context import share_output  # it imports the printer

        if watch is None:
            function(context, *args, **options)
            return
        repeat_look(share_output(context), watch, lambda: function(context, *args, **options))

    signature = inspect.signature(function)
    watch_parameter = inspect.Parameter(
        "watch", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=WatchOption
    )
    wrapper.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), watch_parameter]
    )
    wrapper.__annotations__ = {**function.__annotations__, "watch": WatchOption}
    return wrapper


def repeat_look(output: "Output", interval: float | None, show: Callable[[], None]) -> None:
    """Calls `show` once, or every `interval` seconds until Ctrl-C, which ends with exit code 130.

    `show` reads and prints by `output`, and parses times anew, so that `15m` is up to each look. On
    a terminal a look takes the place of the one before; otherwise it follows it, with its time.
    """
    if interval is None:
        show()
        return
    from ops.core.run import WallClock  # the engine, which a single look does without

    wall_clock = WallClock()
    title = f"every {format_typed_duration(interval, 's')}"
    try:
        while True:
            output.start_frame(f"{format_local_and_utc(clock.now())}, {title}, Ctrl-C ends it")
            try:
                show()
            except PASSING_ERRORS as error:
                _show_error(output, error)
            output.end_frame()
            sys.stdout.flush()
            wall_clock.sleep(interval)
    except KeyboardInterrupt:
        raise typer.Exit(InterruptedRunError.code) from None


def _show_error(output: "Output", error: OpsError) -> None:
    """An error in its frame: on stderr it would stay when the frame is drawn again."""
    for line in (str(error), *(f"  {command}" for command in error.advice)):
        output.print_line(line, "red")
    if output.output_format == "json":
        sys.stderr.write(f"ops: {error}\n")
