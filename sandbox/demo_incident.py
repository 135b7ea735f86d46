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
from sandbox.incidents.measure import Verdict
from sandbox.incidents.model import Incident, IncidentFileError, list_all_incidents
from sandbox.incidents.serving import serve_incident
from sandbox.program import PROJECT_ROOT

DIAGNOSE_LINE: Final = "diagnose"
LIMIT_SECONDS: Final = 600  # real seconds until the command is stopped


@dataclass(frozen=True)
class DiagnosedIncident:
    """What `ops diagnose` printed of an incident, and whether it was right."""

    out: str
    verdict: Verdict

    def describe(self) -> str:
        """What was done, in the words of its file and of the cause."""
        incident = self.verdict.incident
        (expected,) = incident.causes
        cause = f"{expected.cause} of {expected.part}: {CAUSES[expected.cause].title}"
        named = "named first" if self.verdict.is_first_right else "NOT named first"
        return f"What it was ({incident.name}): {incident.title} {named}: {cause}."


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
    return DiagnosedIncident(shown.stdout, Verdict(incident, guesses, (), (), seconds))


def _run_ops(words: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ops", *words],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )
