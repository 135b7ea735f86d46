"""What drills have come to: each from the journal of its run, and kept as a record beside it.

RTO is counted from the moment at which the database is taken to be lost until a query is answered:
what the alarms take to be raised, the restore, its settings and password, the first query. RPO is
what would have been lost: by the newest heartbeat that is there again, else by the latest time to
which the primary could be restored.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final, Literal

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, ValidationError

from ops.alarms.mute_state import format_time, parse_time
from ops.core.aws import explain_bucket_error, explain_error, get_error_code
from ops.core.errors import OpsError
from ops.core.journal import Journal, Record
from ops.core.plan import lookup
from ops.core.run import StackContext
from ops.recovery.drill import DrillData

PREFIX: Final = "drills/"
RUN: Final = "drill"
RTO, RPO = 30, 5  # objectives in minutes, where nobody says others
# Phases from one to the next: the step whose goal ends each.
PHASES: Final = (
    ("restore", "restore"),
    ("configure", "credentials"),
    ("first_query", "answers"),
    ("warm", "warm"),
)
# A drill that takes so much longer than those before it is a regression: by this factor, and by at
# least so many seconds. Assumptions of ours: AWS's restores differ by some minutes.
SLOWER, LEAST = 1.25, 120
BEFORE: Final = 5  # drills that it is compared with


class Loose(BaseModel):
    """A part of a record; what a later version adds is no error."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Objectives(Loose):
    """What is to be met, in seconds."""

    rto_seconds: float = RTO * 60
    rpo_seconds: float = RPO * 60


class Phases(Loose):
    """Seconds of each; None where it was not come to, or not looked at."""

    detect: float | None = None
    restore: float | None = None
    configure: float | None = None
    first_query: float | None = None
    warm: float | None = None


class Drill(Loose):
    """One drill. `why` says what kept it from its objectives."""

    version: Literal[1] = 1
    run: str
    taken: str
    stack: str
    outcome: Literal["done", "undone", "unfinished"]
    phases: Phases
    rto_seconds: float | None
    rpo_seconds: float | None
    rpo_by: Literal["heartbeat", "restorable time"] | None
    objectives: Objectives
    tables: int | None
    rows: int | None
    met: bool
    why: tuple[str, ...] = ()

    def row(self) -> dict[str, object]:
        """What a person sees of it."""
        return {
            "taken": self.taken,
            "outcome": self.outcome,
            "rto": _said(self.rto_seconds),
            "rpo": _said(self.rpo_seconds),
            "by": self.rpo_by,
            **{name: _said(value) for name, value in self.phases},
            "tables": self.tables,
            "rows": self.rows,
            "met": "yes" if self.met else "no",
            "run": self.run,
        }


COLUMNS: Final = (
    "taken",
    "outcome",
    "rto",
    "rpo",
    "by",
    "detect",
    "restore",
    "configure",
    "first_query",
    "warm",
    "tables",
    "rows",
    "met",
    "run",
)


def of_journal(journal: Journal) -> Drill:
    """What a drill has come to, by its journal. Raises ValueError where that is of no drill."""
    first = journal.records[0] if journal.records else None
    plan = journal.plan
    if first is None or plan is None or plan.kind != "recover drill":
        raise ValueError("this is no drill's journal")
    data = plan.read_data(DrillData)
    objectives = Objectives(rto_seconds=data.rto_minutes * 60, rpo_seconds=data.rpo_minutes * 60)
    ended, seen = journal.end_record, journal.get_step_results()
    phases = _phases(journal, first.timestamp, seen)
    serves = phases.first_query if phases.first_query is not None else phases.configure
    parts = (phases.detect, phases.restore, phases.configure, phases.first_query)
    rto = sum(part for part in parts if part is not None) if serves is not None else None
    rpo, by = _lost(journal, seen)
    tables: Any = lookup("contents.rows", seen)
    counted = [one["rows"] for one in tables or () if one.get("rows") is not None]
    outcome: Any = "unfinished" if ended is None else str(ended.data)
    why = tuple(_why(journal, outcome, rto, rpo, objectives))
    return Drill(
        run=plan.run,
        taken=format_time(datetime.fromtimestamp(first.timestamp, UTC)),
        stack=plan.stack,
        outcome=outcome,
        phases=phases,
        rto_seconds=rto,
        rpo_seconds=rpo,
        rpo_by=by,
        objectives=objectives,
        tables=None if tables is None else len(tables),
        rows=None if tables is None else sum(counted),
        met=not why,
        why=why,
    )


def _phases(journal: Journal, began: float, seen: dict[str, Any]) -> Phases:
    found: dict[str, float | None] = {}
    last = began
    for phase, step in PHASES:
        done = journal.find_last_record(step, "done")
        if done is not None:
            found[phase], last = done.timestamp - last, done.timestamp
    alarms: Any = lookup("detection.MetricAlarms", seen) or ()
    looks = [one["Period"] * one["EvaluationPeriods"] for one in alarms if one.get("Period")]
    return Phases(detect=float(min(looks)) if looks else None, **found)


def _lost(
    journal: Journal, seen: dict[str, Any]
) -> tuple[float | None, Literal["heartbeat", "restorable time"] | None]:
    """Seconds of writes that would have been lost, and how that is known."""
    moment = journal.find_last_record("lost", "done")
    if moment is None:
        return None, None
    beat: Any = lookup("heartbeat.rows[0].beat", seen)
    if beat is not None:
        return max(0.0, moment.timestamp - float(beat)), "heartbeat"
    until: Any = lookup("lost.DBInstances[0].LatestRestorableTime", seen)
    if until is None:
        return None, None
    return max(0.0, moment.timestamp - parse_time(until).timestamp()), "restorable time"


def _why(
    journal: Journal, outcome: str, rto: float | None, rpo: float | None, wanted: Objectives
) -> Iterable[str]:
    """What keeps a drill from its objectives; nothing where it has met them."""
    if outcome == "undone":
        turned: Record | None = next((r for r in journal.records if r.event == "undo"), None)
        yield f"it was undone: {turned.data if turned else 'nobody knows why'}"
    elif outcome == "unfinished":
        yield "it has not ended"
    if len({r.writer for r in journal.records if r.event != "note"}) > 1:
        yield "it was interrupted and carried on: its times are not AWS's"
    for name, found, most in (("RTO", rto, wanted.rto_seconds), ("RPO", rpo, wanted.rpo_seconds)):
        if found is None:
            yield f"its {name} is not known"
        elif found > most:
            yield f"its {name} is {_said(found)}, wanted {_said(most)} at most"


def regression(drill: Drill, before: Sequence[Drill]) -> str:
    """How a drill is slower than those before it; empty where it is not, or nothing is known."""
    earlier = [d for d in before if d.taken < drill.taken and d.outcome == "done"]
    times = [d.rto_seconds for d in earlier if d.rto_seconds is not None and not _stopped(d)]
    times = times[-BEFORE:]
    if drill.rto_seconds is None or not times or _stopped(drill):
        return ""
    usual = median(times)
    if drill.rto_seconds > usual * SLOWER and drill.rto_seconds - usual >= LEAST:
        return (
            f"its RTO is {_said(drill.rto_seconds)}, that of the {len(times)} before it "
            f"{_said(usual)}"
        )
    return ""


def _stopped(drill: Drill) -> bool:
    return any("interrupted" in reason for reason in drill.why)


def history(of: StackContext) -> list[Drill]:
    """All drills, the oldest first. One that has ended without a record, as when its process was
    killed, is recorded now."""
    known_ = {drill.run: drill for drill in kept(of)}
    for run, journal in of.journals("recover drill", without=known_):
        found = of_journal(journal)
        known_[run] = record(of, found) if found.outcome != "unfinished" else found
    return _sorted(known_.values())


def _sorted(found: Iterable[Drill]) -> list[Drill]:
    return sorted(found, key=lambda drill: drill.taken)


def record(of: StackContext, drill: Drill) -> Drill:
    """Keeps a drill's record beside the journals; the one that is there already, where one is."""
    key = f"{PREFIX}{drill.taken}-{drill.run}.json"
    if of.folder is not None:
        path = of.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(drill.model_dump_json(), encoding="utf-8")
        return drill
    try:
        of.aws.client("s3").put_object(
            Bucket=of.bucket,
            Key=key,
            Body=drill.model_dump_json().encode(),
            IfNoneMatch="*",
            ContentType="application/json",
        )
    except (ClientError, BotoCoreError) as error:
        if get_error_code(error) not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise explain_error(error, "s3.put_object") from error
    return drill


def kept(of: StackContext) -> list[Drill]:
    """The drills that have a record, the oldest first."""
    if of.folder is not None:
        files = (of.folder / PREFIX).glob("*.json")
        return _sorted(_read(path.read_text(encoding="utf-8")) for path in files)
    s3 = of.aws.client("s3")
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=of.bucket, Prefix=PREFIX)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        bodies = [s3.get_object(Bucket=of.bucket, Key=key)["Body"].read() for key in keys]
    except (ClientError, BotoCoreError) as error:
        raise explain_bucket_error(error, "s3.get_object") from error
    return _sorted(_read(body.decode()) for body in bodies)


def _read(text: str) -> Drill:
    try:
        return Drill.model_validate(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise OpsError(f"a record below {PREFIX} is no drill's: {error}") from None


def _said(seconds: float | None) -> str | None:
    from ops.cli.render import format_duration

    return None if seconds is None else format_duration(seconds)
