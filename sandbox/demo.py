"""`make demo`: deploys the stack into an in-memory AWS and operates it; no account needed.

Runs the real program for a stack with every resource created in moto, serves it, and runs `ops`
commands on it as a person would, one of them killed midway. Prints the results and writes a page
with the architecture's diagram and the runs. The Pulumi CLI is not needed.
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

from ops.cli.render import format_duration
from ops.prices.price_table import DEFAULT_PRICE_TABLE
from sandbox.program import PROJECT_ROOT

if TYPE_CHECKING:
    from sandbox.demo_steps import DemoStepResult
    from sandbox.report import DeploymentSummary

DEMO_CLOCK_FACTOR = 600.0  # simulated seconds in a second: ten minutes of AWS are one second here


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo; exit code 0, 1 if something failed, 2 for bad options."""
    options = _build_option_parser().parse_args(arguments)
    error_console = Console(stderr=True, highlight=False)
    start_seconds = time.perf_counter()
    error_console.print("demo: importing Pulumi and its AWS provider (the longest part)")
    from components.settings import SettingsError
    from sandbox.demo_incident import choose_incident, diagnose_incident
    from sandbox.demo_script import DRILL_PAGE_NAME, build_demo_runner, list_demo_steps
    from sandbox.deploy import CreatedResource
    from sandbox.incidents.model import IncidentFileError
    from sandbox.report import build_summary, render_page
    from sandbox.resources.creation import CreationError
    from sandbox.running_stack import serve_stack

    def show_progress(created: CreatedResource) -> None:
        if created.number % 50 == 0:
            error_console.print(
                f"{created.number} resources: {created.type.rsplit(':', 1)[-1]} {created.name}"
            )

    console = Console(
        highlight=False, width=None if sys.stdout.isatty() else 200
    )  # piped: never cut
    results: list[DemoStepResult] = []
    try:
        incident = choose_incident(options.incident)
    except IncidentFileError as error:
        error_console.print(f"demo: {error}")
        return 2
    error_console.print(f"demo: creating every resource of {options.stack} in an in-memory AWS")
    try:
        with serve_stack(
            options.stack,
            dict(options.set),
            factor=options.factor,
            progress=show_progress,
            pausing=True,
        ) as running_stack:
            deployed_seconds = time.perf_counter()
            graph = running_stack.deployment.graph
            summary = build_summary(graph, f"bulwark {options.stack}, in an in-memory AWS")
            _print_summary(console, summary)
            console.print("\n[bold]Operated[/bold], each line a process of its own")
            error_console.print("demo: operating it, on databases that start at their first use")
            folder = options.page.absolute().parent
            folder.mkdir(parents=True, exist_ok=True)
            for result in build_demo_runner(running_stack).run_steps(
                list_demo_steps(running_stack, folder)
            ):
                results.append(result)
                _print_result(console, result)
    except (SettingsError, FileNotFoundError) as error:
        error_console.print(f"demo: {error}")
        return 2
    except CreationError as error:
        error_console.print(f"demo: AWS refused {error}")
        return 1
    options.page.write_text(render_page(summary, graph, results), encoding="utf-8")
    console.print(
        f"\n{summary.resources} resources up in {deployed_seconds - start_seconds:.0f} s, "
        "most of it the imports "
        "of Pulumi's AWS provider; operated in "
        f"{time.perf_counter() - deployed_seconds:.0f} s, which "
        f"were {format_duration(sum(result.simulated for result in results))} on the "
        "sandbox's clock. "
        f"The page with the diagram and the runs: {os.path.relpath(options.page)}; "
        f"that of the drill: {os.path.relpath(folder / DRILL_PAGE_NAME)}"
    )
    error_console.print(
        "demo: breaking something on a stack that has run for a week; what it is is said at the end"
    )
    diagnosed = diagnose_incident(incident)
    console.print("\n[bold]Something is wrong[/bold], and nobody says what")
    console.print(Text("$ ops diagnose", style="cyan"))
    for line in diagnosed.out.rstrip().splitlines():
        console.print(Text(f"  {line}"))
    console.print(Text(f"  (in {diagnosed.verdict.seconds:.0f} s)", style="dim"))
    is_right = diagnosed.verdict.is_first_right
    console.print(Text(diagnosed.describe(), style="green" if is_right else "red"))
    failed_results = [result for result in results if not result.as_meant]
    for result in failed_results:
        error_console.print(
            f"demo: `ops {result.line}` ended with {result.code}, not with {result.expected_code}"
        )
    return 1 if failed_results or not is_right else 0


def _print_result(console: Console, result: "DemoStepResult") -> None:
    """Prints one command, its output, and what a client observed meanwhile."""
    console.print(Text(f"\n{result.act.title}", style="bold"))
    console.print(Text(f"$ ops {result.line}", style="cyan"))
    command_output = result.out if result.code in (0, 3) else result.out + result.err
    for line in command_output.rstrip().splitlines():
        console.print(Text(f"  {line}"))
    ending = "killed" if result.code < 0 else f"exit code {result.code}"
    console.print(
        Text(
            f"  ({ending}, {format_duration(result.simulated)} on the sandbox's clock)", style="dim"
        )
    )
    if result.seen is not None:
        console.print(Text(f"  meanwhile, {result.seen.line()}", style="green"))


def _print_summary(console: Console, summary: "DeploymentSummary") -> None:
    """Prints what was created, and what it would cost."""
    console.print(f"\n[bold]{summary.title}[/bold]\n")
    parts = _build_table("component", ">resources", ">$ a month", "what")
    for part in summary.parts:
        parts.add_row(part.name, str(part.resources), f"{part.monthly:.2f}", part.types)
    parts.add_row("all", str(summary.resources), f"{summary.monthly:.2f}", "")
    console.print(parts)
    console.print(
        f"\nList prices of {DEFAULT_PRICE_TABLE.region}, "
        f"{DEFAULT_PRICE_TABLE.taken}. Beside them, by use:"
    )
    usage = _build_table("component", "what", "rate")
    for row in summary.usage:
        usage.add_row(*row)
    console.print(usage)
    console.print(f"\n{len(summary.alarms)} alarms watch it; the page lists them, and the outputs.")


def _build_table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        is_right_aligned = heading.startswith(">")
        table.add_column(heading.removeprefix(">"), justify="right" if is_right_aligned else "left")
    return table


def _build_option_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="demo", description=str(__doc__).splitlines()[0])
    parser.add_argument("--stack", default="prod", help="dev, staging, prod or sandbox (prod)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=parse_setting,
        metavar="KEY=VALUE",
        help="a setting over the stack file's; JSON for objects and lists",
    )
    parser.add_argument(
        "--factor",
        type=_parse_factor,
        default=DEMO_CLOCK_FACTOR,
        help="simulated seconds in a second (600)",
    )
    parser.add_argument("--incident", metavar="NAME", help="what breaks at the end (any)")
    parser.add_argument("--page", type=Path, default=PROJECT_ROOT / "build" / "demo.html")
    return parser


def _parse_factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0
    if not 1 <= factor <= 6000:
        raise argparse.ArgumentTypeError(f"is {text}, must be 1 to 6000")
    return factor


def parse_setting(text: str) -> tuple[str, JsonValue]:
    """Parses KEY=VALUE of the command line; the value is JSON if it parses as JSON."""
    key, separator, value = text.partition("=")
    if not (key and separator):
        raise argparse.ArgumentTypeError(f"{text!r}, must be like compute=fleet")
    try:
        setting_value: JsonValue = json.loads(value)
    except ValueError:
        setting_value = value
    return key, setting_value


if __name__ == "__main__":
    sys.exit(main())
