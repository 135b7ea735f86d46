"""`ops network reach --probe`: the connection tried, and what that says beside the rules."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ops.cli.execution import ExecutionOptions, execute_plan, new_run_id
from ops.cli.render import Output
from ops.core import clock
from ops.core.errors import (
    FindingsError,
    OpsError,
    RolledBackError,
    TimedOutError,
    UsageError,
)
from ops.core.run_context import StackContext
from ops.fleet.model import get_fleet_state
from ops.fleet.run_command import (
    MAX_COMMAND_INSTANCES,
    invoked_after,
    list_command_results,
    select_instances,
)
from ops.network.answer import ReachAnswer
from ops.network.ends import End
from ops.network.model import Place
from ops.network.probe import (
    END_COMMANDS,
    INSTANCE_KINDS,
    MAX_PROBED_TARGETS,
    ProbeOrigin,
    ProbeResult,
    ProbeTarget,
    build_results,
    list_probe_targets,
)
from ops.network.probe_plan import (
    PLACE_VARIABLE,
    PROBE_TASK,
    build_instance_probe_plan,
    build_task_probe_plan,
)
from ops.services.model import get_service
from ops.services.single_task import (
    TaskHost,
    TaskPlace,
    format_stream_prefix,
    list_failure_reasons,
    parse_task_lines,
    read_task_host,
    read_task_lines,
)

PROBE_COLUMNS: Final = ("from", "to", "outcome", "dns_ms", "connect_ms", "rules", "conclusion")


@dataclass(frozen=True)
class ProbeRequest:
    """What was typed, and what the rules say of it."""

    source: End
    target: End
    source_text: str
    target_text: str
    port: int
    answer: ReachAnswer
    image: str

    @property
    def label(self) -> str:
        """TO with its port."""
        return f"{self.target_text.partition(':')[0]}:{self.port}"

    @property
    def arguments(self) -> str:
        """The line behind the command."""
        return shlex.join([self.source_text, self.target_text, "--probe"])


def probe_reach(
    stack_context: StackContext,
    output: Output,
    request: ProbeRequest,
    body: Mapping[str, Any],
    options: ExecutionOptions,
) -> None:
    """Tries the connection by a plan, and prints what came of it; `body` is the rules' answer.

    Raises FindingsError unless everything connected as the rules say.
    """
    answer = request.answer
    targets = list_probe_targets(stack_context.outputs, request.target, request.port, answer)
    if len(targets) > MAX_PROBED_TARGETS:
        output.print_note(f"the first {MAX_PROBED_TARGETS} of {len(targets)} are tried")
        targets = targets[:MAX_PROBED_TARGETS]
    run = new_run_id("network-reach")
    probe = _probe_from_instances if request.source.kind in INSTANCE_KINDS else _probe_from_tasks
    results = probe(stack_context, output, request, targets, run, options)
    if results is None:
        return
    rows = [result.build_row() for result in results]
    if output.output_format == "json":
        output.print_json("network-reach", {**body, "run": run, "probes": rows})
    else:
        output.print_rows("network-reach-probe", PROBE_COLUMNS, rows)
    _require_connected(output, request, results)


def _probe_from_instances(
    stack_context: StackContext,
    output: Output,
    request: ProbeRequest,
    targets: Sequence[ProbeTarget],
    run: str,
    options: ExecutionOptions,
) -> list[ProbeResult] | None:
    """The results of instances of the fleet; None after a dry run."""
    outputs, aws = stack_context.outputs, stack_context.aws
    fleet_state = get_fleet_state(aws, outputs)
    ids = [place.name for place in request.answer.sources]
    if not ids:
        raise OpsError(f"{request.source_text} could not be read: it cannot be tried from there")
    serving = select_instances(fleet_state, ())
    if request.source.kind == "instance" and ids[0] not in serving:
        raise UsageError(
            f"FROM must be an instance of the fleet in service with --probe, not {ids[0]!r}",
            "ops fleet instances",
        )
    ids = [instance for instance in ids if instance in serving]
    if len(ids) > MAX_COMMAND_INSTANCES:
        output.print_note(f"the first {MAX_COMMAND_INSTANCES} of {len(ids)} instances try it")
        ids = ids[:MAX_COMMAND_INSTANCES]
    began = clock.now()
    plan = build_instance_probe_plan(
        outputs, fleet_state.part, ids, targets, request.arguments, run, began
    )
    if not execute_plan(plan, stack_context, output, options):
        return None
    rows = {
        str(row["instance"]): row for row in list_command_results(aws, run, invoked_after(began))
    }
    results: list[ProbeResult] = []
    for instance in ids:
        row = rows.get(instance, {"status": "not sent", "output": "", "errors": ""})
        items = parse_task_lines(str(row["output"]).splitlines())
        said = (str(row["errors"]) or str(row["output"])).strip().splitlines()
        problem = ": ".join([f"Run Command: {row['status']}", *said[-1:]])
        origin = ProbeOrigin(instance, (instance,))
        results += build_results(request.answer, origin, targets, items, problem)
    return results


def _probe_from_tasks(
    stack_context: StackContext,
    output: Output,
    request: ProbeRequest,
    targets: Sequence[ProbeTarget],
    run: str,
    options: ExecutionOptions,
) -> list[ProbeResult] | None:
    """The results of a task in each subnet that FROM has tasks in; None after a dry run."""
    outputs, aws = stack_context.outputs, stack_context.aws
    origins = _list_task_origins(request)
    if not origins:
        raise OpsError(f"{request.source_text} could not be read: it cannot be tried from there")
    name = origins[0][1].places[0].split(" ")[0]
    host = read_task_host(aws, get_service(aws, outputs, name))
    places = [place for place, _ in origins]
    plan = build_task_probe_plan(
        outputs, host, places, targets, request.arguments, run, image=request.image
    )
    with _explain_failure(stack_context, host, run):
        is_done = execute_plan(plan, stack_context, output, options)
    if not is_done:
        return None
    items = read_task_lines(aws, host.log_group, format_stream_prefix(PROBE_TASK, run))
    results: list[ProbeResult] = []
    for place, origin in origins:
        own_items = [item for item in items if item["place"] == place.subnet]
        problem = "the log has nothing of its task"
        results += build_results(request.answer, origin, targets, own_items, problem)
    return results


def _list_task_origins(request: ProbeRequest) -> list[tuple[TaskPlace, ProbeOrigin]]:
    """A task for each subnet, with the security groups that tasks have there now."""
    by_subnet: dict[str, list[Place]] = {}
    for place in request.answer.sources:
        if place.subnet is not None:
            by_subnet.setdefault(place.subnet, []).append(place)
    return [
        (
            TaskPlace(PLACE_VARIABLE, subnet, places[0].groups or ()),
            ProbeOrigin(subnet, tuple(place.name for place in places)),
        )
        for subnet, places in sorted(by_subnet.items())
    ]


@contextmanager
def _explain_failure(stack_context: StackContext, host: TaskHost, run: str) -> Iterator[None]:
    """Adds what the script said, or why its task stopped, to the error of a run."""
    try:
        yield
    except (RolledBackError, TimedOutError) as error:
        reasons = list(
            list_failure_reasons(stack_context.aws, stack_context.outputs, host, PROBE_TASK, run)
        )
        if not reasons:
            raise
        told = "; ".join(dict.fromkeys(reasons))
        raise type(error)(f"{error}; {told}", *error.advice) from None


def _require_connected(
    output: Output, request: ProbeRequest, results: Sequence[ProbeResult]
) -> None:
    """Raises FindingsError unless all connected and no rule says that they cannot."""
    label = request.label
    failed = [result for result in results if not result.is_as_expected]
    if not failed:
        times = [result.connect_ms for result in results if result.connect_ms is not None]
        output.print_line(f"{request.source_text} reaches {label}: connected in {max(times):g} ms")
        return
    is_unknown = all(result.outcome == "not-run" for result in failed)
    connects = all(result.outcome == "connected" for result in failed)
    verb = "is not known to reach" if is_unknown else "reaches" if connects else "does not reach"
    if len(failed) < len(results):
        label += f" by {len(failed)} of {len(results)} tries"
    told = dict.fromkeys(
        f"{result.conclusion} ({result.reason})" if result.reason else result.conclusion
        for result in failed
    )
    raise FindingsError(
        f"{request.source_text} {verb} {label}: {'; '.join(told)}",
        *_list_advice(request, failed),
    )


def _list_advice(request: ProbeRequest, failed: Sequence[ProbeResult]) -> list[str]:
    """What mends the rules, or shows the other end if they let it through."""
    faults = request.answer.list_faults()
    remedies = list(dict.fromkeys(remedy for fault in faults for remedy in fault.remedies))
    if remedies and any(result.verdict != "allowed" for result in failed):
        return remedies
    if all(result.outcome == "not-run" for result in failed):
        return ["ops fleet instances"] if request.source.kind in INSTANCE_KINDS else []
    command = END_COMMANDS.get(request.target.kind)
    return [command] if command is not None else []
