"""`make demo`: the stack into an in-memory AWS, no account and no Pulumi CLI needed.

Runs the real program for a stack with every resource created in moto, prints what came of it and
writes a page with the architecture's diagram.
"""

import argparse
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from ops import prices
from sandbox.program import ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo; the exit code: 0, 1 where the program failed, 2 for bad options."""
    options = _options().parse_args(arguments)
    told = Console(stderr=True, highlight=False)
    began = time.perf_counter()
    with told.status("importing Pulumi and its AWS provider") as status:
        if not told.is_terminal:
            told.print("importing Pulumi and its AWS provider")
        from components.settings import SettingsError
        from sandbox.deploy import Made, deploy, in_memory_aws, region_of
        from sandbox.entries.making import MakingError
        from sandbox.report import page, summarise

        def tell(made: Made) -> None:
            text = f"{made.number} resources: {made.type.rsplit(':', 1)[-1]} {made.name}"
            status.update(text)
            if not told.is_terminal and made.number % 50 == 0:
                told.print(text)

        try:
            with in_memory_aws(region_of(options.stack, dict(options.set))):
                graph = deploy(options.stack, dict(options.set), progress=tell).graph
                deployed = time.perf_counter()
                status.update("ops health")
                health = _operated(graph.exports, "health")
        except (SettingsError, FileNotFoundError) as error:
            told.print(f"demo: {error}")
            return 2
        except MakingError as error:
            told.print(f"demo: AWS refused {error}")
            return 1
    summary = summarise(graph, f"bulwark {options.stack}, in an in-memory AWS")
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(page(summary, graph), encoding="utf-8")

    out = Console(highlight=False, width=None if sys.stdout.isatty() else 200)  # piped: never cut
    out.print(f"\n[bold]{summary.title}[/bold]\n")
    parts = _table("component", ">resources", ">$ a month", "what")
    for part in summary.parts:
        parts.add_row(part.name, str(part.resources), f"{part.monthly:.2f}", part.types)
    parts.add_row("all", str(summary.resources), f"{summary.monthly:.2f}", "")
    out.print(parts)
    out.print(f"\nList prices of {prices.REGION}, {prices.TAKEN}. Beside them, by use:")
    usage = _table("component", "what", "rate")
    for row in summary.usage:
        usage.add_row(*row)
    out.print(usage)
    out.print("\n[bold]Alarms[/bold]")
    alarms = _table("alarm", "says")
    for alarm in summary.alarms:
        alarms.add_row(alarm.name, alarm.says)
    out.print(alarms)
    out.print("\n[bold]ops health[/bold]")
    out.print(health, markup=False)
    out.print("[bold]Outputs[/bold]")
    out.print_json(data=dict(summary.outputs))
    out.print(
        f"\n{summary.resources} resources up in {deployed - began:.0f} s, most of it the imports "
        f"of Pulumi's AWS provider. The page with the diagram: {os.path.relpath(options.page)}"
    )
    return 0


def _operated(outputs: Mapping[str, Any], *line: str) -> str:
    """What `ops` says when a line is typed on the stack that is up."""
    from ops.cli import main as ops

    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()) as said:
        file = Path(folder, "outputs.json")
        file.write_text(json.dumps(outputs), encoding="utf-8")
        ops([*line, "--outputs", str(file)])
    return said.getvalue()


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
        "--set", action="append", default=[], type=setting, metavar="KEY=VALUE",
        help="a setting over the stack file's; JSON for objects and lists",
    )  # fmt: skip
    parser.add_argument("--page", type=Path, default=ROOT / "build" / "demo.html")
    return parser


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
