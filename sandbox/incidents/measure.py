"""Brings incidents about and lets `ops diagnose` say what it is: how often it is right.

A verdict has what was said first, second and third, and how long it took, beside the same looks one
after the other.
"""

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ops.cli.time_span import parse_time_span
from ops.core import clock
from ops.core.aws import Aws
from ops.core.run_context import StackContext
from ops.diagnose.diagnosis import diagnose, read_facts
from ops.diagnose.reader import DiagnosisRequest
from ops.diagnose.registry import READERS
from sandbox.faults import inject_faults
from sandbox.incidents.copies import run_in_copy
from sandbox.incidents.model import ExpectedCause, Incident
from sandbox.incidents.staging import open_world, stage_incident
from sandbox.incidents.world import World

SPAN_TEXT = "1h"
TOP_COUNT = 3


@dataclass(frozen=True)
class Verdict:
    """What was said of an incident: causes with their parts, the likeliest first.

    `seconds` is how long the diagnosis took, `sequential_seconds` its looks one after the other,
    None if they were not measured.
    """

    incident: Incident
    guesses: tuple[tuple[str, str], ...]
    symptoms: tuple[str, ...]
    gaps: tuple[str, ...]
    seconds: float
    sequential_seconds: float | None = None

    @property
    def is_first_right(self) -> bool:
        """True if the first guess is right; of two causes at once, the first two."""
        return self._has_all(self.guesses[: max(1, len(self.incident.causes))])

    @property
    def is_among_first(self) -> bool:
        """True if the causes are among the first three guesses."""
        return self._has_all(self.guesses[:TOP_COUNT])

    @property
    def is_called_sick(self) -> bool:
        """True if something is said to be wrong."""
        return bool(self.guesses or self.symptoms)

    def _has_all(self, guesses: Sequence[tuple[str, str]]) -> bool:
        if not self.incident.causes:
            return not self.is_called_sick
        return all(_is_named(expected, guesses) for expected in self.incident.causes)

    def describe(self) -> str:
        """One line: what it is, and what was said."""
        expected = " and ".join(f"{item.cause} of {item.part}" for item in self.incident.causes)
        said = ", ".join(f"{cause} of {part}" for cause, part in self.guesses[:TOP_COUNT])
        said = said or ", ".join(self.symptoms[:TOP_COUNT])
        return f"{self.incident.name}: {expected or 'nothing'}; said: {said or 'nothing'}"


def measure(
    incidents: Iterable[Incident],
    *,
    is_timed: bool = False,
    progress: Callable[[Verdict], None] | None = None,
) -> Iterator[Verdict]:
    """The verdicts on incidents; each stack is deployed once."""
    by_stack: dict[str, list[Incident]] = {}
    for incident in incidents:
        by_stack.setdefault(incident.stack, []).append(incident)
    for group in by_stack.values():
        with open_world(group[0].stack) as world:
            _warm_up(world)
            for incident in group:
                verdict = _measure_in_copy(world, incident, is_timed=is_timed)
                if progress is not None:
                    progress(verdict)
                yield verdict


def measure_in_copy(incidents: Sequence[Incident], *, is_timed: bool = False) -> list[Verdict]:
    """The verdicts on incidents, from a copy of this process, which may have an AWS already."""
    return run_in_copy(lambda: list(measure(incidents, is_timed=is_timed)))


def _measure_in_copy(world: World, incident: Incident, *, is_timed: bool) -> Verdict:
    return run_in_copy(lambda: _measure_here(world, incident, is_timed=is_timed))


def _measure_here(world: World, incident: Incident, *, is_timed: bool) -> Verdict:
    with world.exit_stack:
        stage_incident(world, incident)
        with world.use_environment(), inject_faults(*world.faults):
            start = time.perf_counter()
            diagnosis = diagnose(build_request(world))
            seconds = time.perf_counter() - start
            sequential_seconds = _measure_sequential(world) if is_timed else None
    return Verdict(
        incident,
        tuple((cause.cause, cause.part) for cause in diagnosis.causes),
        tuple(f"{fact.key} of {fact.part}" for fact in diagnosis.symptoms),
        tuple(f"{gap.source}: {gap.reason}" for gap in diagnosis.gaps),
        seconds,
        sequential_seconds,
    )


def build_request(world: World) -> DiagnosisRequest:
    """What `ops diagnose` asks without options."""
    now = clock.now()
    context = StackContext(world.outputs, Aws(world.region))
    return DiagnosisRequest(context, parse_time_span(None, None, now, default=SPAN_TEXT), now)


def _measure_sequential(world: World) -> float:
    """The seconds of the same looks, one after the other, with new clients as well."""
    request = build_request(world)
    start = time.perf_counter()
    for reader in READERS:
        if reader.exists(world.outputs):
            read_facts(reader, request)
    return time.perf_counter() - start


def _warm_up(world: World) -> None:
    """A diagnosis of the stack at rest, so that no incident pays for what is loaded once."""
    with world.use_environment():
        diagnose(build_request(world))
    gc.collect()
    gc.freeze()


def _is_named(expected: ExpectedCause, guesses: Sequence[tuple[str, str]]) -> bool:
    return any(expected.is_named_by(cause, part) for cause, part in guesses)
