"""`ops logs tail --follow`: lines as they come, until Ctrl-C."""

import json
import sys
from collections.abc import Sequence
from typing import Final

import typer

from ops.cli.render import OUTPUT_SCHEMA_VERSION
from ops.core.errors import InterruptedRunError
from ops.core.run import WallClock
from ops.logs.commands.options import MAX_LINES, LogLook
from ops.logs.follow import Follower
from ops.logs.lines import LogLine
from ops.logs.patterns import LineFilter
from ops.prices.price_table import DEFAULT_PRICE_TABLE

DEFAULT_HISTORY: Final = "1m"


def follow_lines(
    look: LogLook, line_filter: LineFilter, since: str | None, *, is_polled: bool
) -> None:
    """Shows the lines of a part from a time on, as they come, until Ctrl-C: exit code 130.

    Those of a deployment's tasks are polled: Live Tail takes one start of a name. JSON is a line
    for each.
    """
    span = look.parse_span(since, None, DEFAULT_HISTORY)
    request = look.build_request(span, line_filter, MAX_LINES)
    look.show_header(span)
    follower = Follower(
        look.aws,
        look.outputs,
        request,
        look.read,
        lambda lines: _show(look, lines),
        look.output.print_note,
        WallClock(),
    )
    try:
        if is_polled or look.part.group is None or look.deployment is not None:
            follower.poll()
        else:
            price = DEFAULT_PRICE_TABLE
            look.output.print_note(
                f"Live Tail costs {price.live_tail_minute:.2f} $ a minute ({price.region}'s list "
                f"price, {price.taken}); --poll does without"
            )
            follower.follow_live()
    except KeyboardInterrupt:
        raise typer.Exit(InterruptedRunError.code) from None


def _show(look: LogLook, lines: Sequence[LogLine]) -> None:
    for line in sorted(lines, key=lambda line: line.time):
        if look.output.output_format == "json":
            fields = {"schema": OUTPUT_SCHEMA_VERSION, "kind": "logs-line", **line.build_row()}
            sys.stdout.write(f"{json.dumps(fields)}\n")
        else:
            look.output.print_text(line.format_text())
    sys.stdout.flush()
