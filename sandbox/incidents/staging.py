"""Deploys the stack of a world, and brings incidents about on it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from moto.rds.models import rds_backends

from ops.outputs import parse_outputs
from sandbox import clock as sandbox_clock
from sandbox import postgres as databases
from sandbox.aws import ACCOUNT_ID
from sandbox.deploy import (
    deploy_in_memory,
    get_stack_region,
    subscribe_somebody,
    use_in_memory_aws,
)
from sandbox.incidents import noise as _noise  # noqa: F401  (registers what may happen)
from sandbox.incidents.daily_work import do_daily_work
from sandbox.incidents.model import HAPPENING_KINDS, Happening, Incident, StackVariant
from sandbox.incidents.people import forget_people
from sandbox.incidents.steps.aws_events import get_health_answers
from sandbox.incidents.world import REST_DAYS, VARIANTS, TimeSpanBack, World


@contextmanager
def open_world(variant: StackVariant) -> Iterator[World]:
    """Deploys a variant of the stack, and lets it rest for days; it is gone after the block."""
    stack, settings = VARIANTS[variant]
    overrides = dict(settings)
    with ExitStack() as exit_stack:
        region = get_stack_region(stack, overrides)
        exit_stack.enter_context(use_in_memory_aws(region))
        servers = exit_stack.enter_context(databases.use_real_postgres())
        folder = Path(exit_stack.enter_context(TemporaryDirectory(prefix="bulwark-incident-")))
        exit_stack.callback(forget_people)
        deployment = deploy_in_memory(stack, overrides)
        subscribe_somebody(deployment.exports)
        manual_clock = sandbox_clock.ManualClock(datetime.now(UTC) + timedelta(minutes=1))
        exit_stack.callback(
            sandbox_clock.set_sandbox_clock, sandbox_clock.set_sandbox_clock(manual_clock)
        )
        outputs = parse_outputs(deployment.exports)
        world = World(variant, outputs, manual_clock, folder, servers.authority.root_file)
        world.outputs_file.write_text(json.dumps(deployment.exports), encoding="utf-8")
        manual_clock.advance(REST_DAYS * 86_400)
        do_daily_work(world)
        start_servers(world)
        yield world


def start_servers(world: World) -> None:
    """Starts the database's servers, which copies of this process then find running."""
    servers = databases.find_postgres_servers()
    assert servers is not None
    instances = rds_backends[ACCOUNT_ID][world.region].databases
    for name in (world.outputs.database.identifier, *world.outputs.database.replicas):
        server = servers.find_instance_server(instances[name])
        if server is not None:
            server.ensure_started()


def stage_incident(world: World, incident: Incident) -> None:
    """Brings an incident about, up to the moment of the diagnosis. Keeps the world's exit stack."""
    longest = max([item.before_seconds for item in incident.happenings], default=0.0)
    moment = world.clock.now() + timedelta(seconds=longest + 120)
    world.start(incident, moment.replace(second=0, microsecond=0))
    get_health_answers(world)
    for item in incident.happenings:
        world.go_to(item.before_seconds)
        run_happening(world, item)
    world.go_to(0)
    for finish in world.at_end:
        finish()
    world.evaluate_alarms()


def run_happening(world: World, item: Happening) -> None:
    """Brings one thing about."""
    span = TimeSpanBack(item.before_seconds, item.until_seconds)
    HAPPENING_KINDS[item.do].function(world, span, **item.arguments)
