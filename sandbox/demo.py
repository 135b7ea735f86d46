"""`make demo`: the stack into an in-memory AWS, and operated there; no account, no Pulumi CLI.

Runs the real program for a stack with every resource created in moto, serves it, and types lines
of `ops` on it as a person would, one of them killed on its way. Prints what came of it and writes
a page with the architecture's diagram and the runs.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.cli.render import said
from ops.cost import prices
from sandbox.program import ROOT

if TYPE_CHECKING:
    from sandbox.demo_steps import Acted
    from sandbox.report import Summary

FACTOR = 600.0  # simulated seconds in a second: ten minutes of AWS's are one second here


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo; the exit code: 0, 1 where something failed, 2 for bad options."""
    options = _options().parse_args(arguments)
    told = Console(stderr=True, highlight=False)
    began = time.perf_counter()
    told.print("importing Pulumi and its AWS provider")
    from components.settings import SettingsError
    from sandbox.demo_script import DRILLS, acts, stage
    from sandbox.deploy import Made
    from sandbox.report import page, summarise
    from sandbox.resources.creation import MakingError
    from sandbox.running_stack import up

    def tell(made: Made) -> None:
        if made.number % 50 == 0:
            told.print(f"{made.number} resources: {made.type.rsplit(':', 1)[-1]} {made.name}")

    out = Console(highlight=False, width=None if sys.stdout.isatty() else 200)  # piped: never cut
    acted: list[Acted] = []
    try:
        with up(options.stack, dict(options.set), factor=options.factor, progress=tell) as it:
            deployed = time.perf_counter()
            graph = it.deployment.graph
            summary = summarise(graph, f"bulwark {options.stack}, in an in-memory AWS")
            _summary(out, summary)
            out.print("\n[bold]Operated[/bold], each line a process of its own")
            folder = options.page.absolute().parent
            folder.mkdir(parents=True, exist_ok=True)
            for one in stage(it).play(acts(it, folder)):
                acted.append(one)
                _tell(out, one)
    except (SettingsError, FileNotFoundError) as error:
        told.print(f"demo: {error}")
        return 2
    except MakingError as error:
        told.print(f"demo: AWS refused {error}")
        return 1
    options.page.write_text(page(summary, graph, acted), encoding="utf-8")
    out.print(
        f"\n{summary.resources} resources up in {deployed - began:.0f} s, most of it the imports "
        f"of Pulumi's AWS provider; operated in {time.perf_counter() - deployed:.0f} s, which "
        f"were {said(sum(one.simulated for one in acted))} on the sandbox's clock. "
        f"The page with the diagram and the runs: {os.path.relpath(options.page)}; "
        f"that of the drill: {os.path.relpath(folder / DRILLS)}"
    )
    wrong = [one for one in acted if not one.as_meant]
    for one in wrong:
        told.print(f"demo: `ops {one.line}` ended with {one.code}, not with {one.act.code}")
    return 1 if wrong else 0


def _tell(out: Console, one: "Acted") -> None:
    """One line that was typed, what it said, and what a client saw meanwhile."""
    out.print(Text(f"\n{one.act.title}", style="bold"))
    out.print(Text(f"$ ops {one.line}", style="cyan"))
    said_by = one.out if one.code in (0, 3) else one.out + one.err
    for line in said_by.rstrip().splitlines():
        out.print(Text(f"  {line}"))
    ended = "killed" if one.code < 0 else f"exit code {one.code}"
    out.print(Text(f"  ({ended}, {said(one.simulated)} on the sandbox's clock)", style="dim"))
    if one.seen is not None:
        out.print(Text(f"  meanwhile, {one.seen.line()}", style="green"))


def _summary(out: Console, summary: "Summary") -> None:
    """What was made, and what it would cost."""
    out.print(f"\n[bold]{summary.title}[/bold]\n")
    parts = _table("component", ">resources", ">$ a month", "what")
    for part in summary.parts:
        parts.add_row(part.name, str(part.resources), f"{part.monthly:.2f}", part.types)
    parts.add_row("all", str(summary.resources), f"{summary.monthly:.2f}", "")
    out.print(parts)
    out.print(f"\nList prices of {prices.TABLE.region}, {prices.TABLE.taken}. Beside them, by use:")
    usage = _table("component", "what", "rate")
    for row in summary.usage:
        usage.add_row(*row)
    out.print(usage)
    out.print(f"\n{len(summary.alarms)} alarms watch it; the page lists them, and the outputs.")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left")
    return table


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="demo", description=str(__doc__).splitlines()[0])
    parser.add_argument("--stack", default="prod", help="dev, staging, prod or sandbox (prod)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=setting,
        metavar="KEY=VALUE",
        help="a setting over the stack file's; JSON for objects and lists",
    )
    parser.add_argument(
        "--factor", type=_factor, default=FACTOR, help="simulated seconds in a second (600)"
    )
    parser.add_argument("--page", type=Path, default=ROOT / "build" / "demo.html")
    return parser


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0
    if not 1 <= factor <= 6000:
        raise argparse.ArgumentTypeError(f"is {text}, may be 1 to 6000")
    return factor


def setting(text: str) -> tuple[str, JsonValue]:
    """One KEY=VALUE of the command line; the value is JSON where it reads as JSON."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r}, may be like compute=fleet")
    try:
        parsed: JsonValue = json.loads(value)
    except ValueError:
        parsed = value
    return key, parsed


if __name__ == "__main__":
    sys.exit(main())
