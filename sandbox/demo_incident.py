"""The demo's last act: something breaks that nobody names, and `ops diagnose` says what it is."""

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

from ops.diagnose.causes import CAUSES
from sandbox.incidents.model import Incident, IncidentFileError, list_all_incidents
from sandbox.incidents.serving import serve_incident
from sandbox.program import PROJECT_ROOT

DIAGNOSE_LINE: Final = "diagnose"
LIMIT_SECONDS: Final = 600  # real seconds until the command is stopped


@dataclass(frozen=True)
class DiagnosedIncident:
    """An incident, what `ops diagnose` printed of it, and the causes that it named."""

    incident: Incident
    out: str
    err: str
    guesses: tuple[tuple[str, str], ...]
    seconds: float

    @property
    def is_right(self) -> bool:
        """True if what was done is the first that was named."""
        (expected,) = self.incident.causes
        return any(expected.is_named_by(cause, part) for cause, part in self.guesses[:1])

    def describe(self) -> str:
        """What was done, in the words of its file and of the cause."""
        (expected,) = self.incident.causes
        cause = f"{expected.cause} of {expected.part}: {CAUSES[expected.cause].title}"
        verdict = "named first" if self.is_right else "NOT named first"
        return f"What it was ({self.incident.name}): {self.incident.title} {verdict}: {cause}."


def choose_incident(name: str | None) -> Incident:
    """The incident of that name, or any that has one cause. Raises IncidentFileError."""
    incidents = {
        incident.name: incident
        for incident in list_all_incidents().values()
        if len(incident.causes) == 1
    }
    if name is None:
        return random.SystemRandom().choice(list(incidents.values()))
    if name not in incidents:
        raise IncidentFileError(f"--incident must be one of {', '.join(incidents)}, not {name!r}")
    return incidents[name]


def diagnose_incident(incident: Incident) -> DiagnosedIncident:
    """Deploys a stack, lets it rest a week, breaks it, and types `ops diagnose`."""
    with serve_incident(incident) as variables:
        environment = {**os.environ, **variables}
        start = time.perf_counter()
        shown = _run_ops([DIAGNOSE_LINE], environment)
        seconds = time.perf_counter() - start
        answer: dict[str, Any] = json.loads(
            _run_ops([DIAGNOSE_LINE, "--output", "json"], environment).stdout
        )
    guesses = tuple((cause["cause"], cause["part"]) for cause in answer["items"])
    return DiagnosedIncident(incident, shown.stdout, shown.stderr, guesses, seconds)


def _run_ops(words: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ops", *words],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )
