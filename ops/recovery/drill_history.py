"""Results of drills, from the journals of their runs, saved as records beside them.

RTO runs from the assumed loss of the database until users are served: alarms, restore, settings and
password, first query, switch, restart of the services. A drill neither switches nor restarts: these
two are the usual times of their plans. RPO is the time of lost writes: from the newest restored
heartbeat, or else from the primary's latest restorable time.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ops.alarms.mute_state import format_time, parse_time
from ops.core.aws import explain_bucket_error, explain_error, get_error_code
from ops.core.credentials import CALL_ERRORS
from ops.core.errors import OpsError
from ops.core.journal import Journal
from ops.core.journal_record import Record
from ops.core.plan import lookup
from ops.core.run_context import StackContext
from ops.recovery.drill import DrillData
from ops.recovery.drill_identity import explain_wrong_server, find_detection_seconds
from ops.recovery.rename import TYPICAL_RENAME_SECONDS
from ops.services.deployment_steps import TYPICAL_DEPLOYMENT_SECONDS

DRILLS_PREFIX: Final = "drills/"
DRILL_RUN_KIND: Final = "drill"
DEFAULT_RTO_MINUTES, DEFAULT_RPO_MINUTES = 60, 5  # default objectives, minutes
# Phases in order, each with the step that ends it.
PHASE_STEPS: Final = (
    ("restore", "restore"),
    ("configure", "credentials"),
    ("first_query", "answers"),
    ("warm", "warm"),
)
# The rename of the lost instance and that of the restored one, in seconds.
SWITCH_SECONDS: Final = 2.0 * TYPICAL_RENAME_SECONDS
SERVICES_RESTART_SECONDS: Final = float(TYPICAL_DEPLOYMENT_SECONDS)
CLOCK_TOLERANCE_SECONDS: Final = 5.0  # of the clock that writes heartbeats: an assumption
# A drill is a regression if it is slower than earlier ones by this factor and by at least so many
# seconds. Assumptions: AWS's restore times vary by some minutes.
REGRESSION_FACTOR, MIN_REGRESSION_SECONDS = 1.25, 120
MAX_COMPARED_DRILLS: Final = 5  # earlier drills to compare with


class LenientModel(BaseModel):
    """A part of a record; ignores fields of later versions."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RecoveryObjectives(LenientModel):
    """The objectives, in seconds."""

    rto_seconds: float = DEFAULT_RTO_MINUTES * 60
    rpo_seconds: float = DEFAULT_RPO_MINUTES * 60


class DrillPhases(LenientModel):
    """Seconds per phase; None if it was not reached or not measured."""

    detect: float | None = None
    restore: float | None = None
    configure: float | None = None
    first_query: float | None = None
    switch: float | None = None
    services: float | None = None
    warm: float | None = None


class DrillRecord(LenientModel):
    """One drill. `why` lists what kept it from its objectives.

    `is_rto_limit` is True if nobody watched a part of the RTO: it is at most `rto_seconds` then.
    """

    version: Literal[1] = 1
    run: str
    taken: str
    stack: str
    outcome: Literal["done", "undone", "unfinished"]
    phases: DrillPhases
    rto_seconds: float | None
    is_rto_limit: bool = False
    rpo_seconds: float | None
    rpo_by: Literal["heartbeat", "restorable time"] | None
    objectives: RecoveryObjectives
    tables: int | None
    rows: int | None
    met: bool
    why: tuple[str, ...] = ()

    @property
    def rto_text(self) -> str | None:
        """Returns the RTO, like `44 min` or `at most 44 min`; None if it is unknown."""
        text = _format_seconds(self.rto_seconds)
        return f"at most {text}" if text is not None and self.is_rto_limit else text

    def build_row(self) -> dict[str, object]:
        """Returns the table row."""
        return {
            "taken": self.taken,
            "outcome": self.outcome,
            "rto": self.rto_text,
            "rpo": _format_seconds(self.rpo_seconds),
            "by": self.rpo_by,
            **{name: _format_seconds(value) for name, value in self.phases},
            "tables": self.tables,
            "rows": self.rows,
            "met": "yes" if self.met else "no",
            "run": self.run,
        }


DRILL_COLUMNS: Final = (
    "taken",
    "outcome",
    "rto",
    "rpo",
    "by",
    "detect",
    "restore",
    "configure",
    "first_query",
    "switch",
    "services",
    "warm",
    "tables",
    "rows",
    "met",
    "run",
)


def parse_drill_journal(journal: Journal) -> DrillRecord:
    """Builds a drill's record from its journal. Raises ValueError if it is not a drill's."""
    plan_record = journal.records[0] if journal.records else None
    plan = journal.plan
    if plan_record is None or plan is None or plan.kind != "recover drill":
        raise ValueError("the journal is not of a drill")
    data = plan.read_data(DrillData)
    objectives = RecoveryObjectives(
        rto_seconds=data.rto_minutes * 60, rpo_seconds=data.rpo_minutes * 60
    )
    end_record, step_results = journal.end_record, journal.get_step_results()
    phases = _measure_phases(journal, plan_record.timestamp, step_results)
    phase_seconds = (
        phases.detect,
        phases.restore,
        phases.configure,
        phases.first_query,
        phases.switch,
        phases.services,
    )
    rto_seconds, problems = None, list[str]()
    if phases.configure is not None:
        if phases.detect is None and "detection" in step_results:
            problems.append("no paging alarm would be raised by the loss of the database")
        else:
            rto_seconds = sum(seconds for seconds in phase_seconds if seconds is not None)
    rpo_seconds, rpo_source = _measure_data_loss(journal, step_results)
    if rpo_seconds is not None and rpo_seconds < -CLOCK_TOLERANCE_SECONDS:
        problems.append(
            f"its newest heartbeat is {_format_seconds(-rpo_seconds)} after the loss: the clock "
            "that writes it is wrong, or another instance answered"
        )
        rpo_seconds = rpo_source = None
    elif rpo_seconds is not None:
        rpo_seconds = max(0.0, rpo_seconds)
    if phases.first_query is not None and (problem := explain_wrong_server(journal, step_results)):
        problems.append(problem)
        rto_seconds = rpo_seconds = rpo_source = None
    tables: Any = lookup("contents.rows", step_results)
    row_counts = [table["rows"] for table in tables or () if table.get("rows") is not None]
    outcome: Any = "unfinished" if end_record is None else str(end_record.data)
    missed = _list_missed_objectives(journal, outcome, rto_seconds, rpo_seconds, objectives)
    reasons = (*problems, *missed)
    return DrillRecord(
        run=plan.run,
        taken=format_time(datetime.fromtimestamp(plan_record.timestamp, UTC)),
        stack=plan.stack,
        outcome=outcome,
        phases=phases,
        rto_seconds=rto_seconds,
        is_rto_limit=rto_seconds is not None and _was_resumed_before_serving(journal),
        rpo_seconds=rpo_seconds,
        rpo_by=rpo_source,
        objectives=objectives,
        tables=None if tables is None else len(tables),
        rows=None if tables is None else sum(row_counts),
        met=not reasons,
        why=reasons,
    )


def _measure_phases(
    journal: Journal, start_time: float, step_results: dict[str, Any]
) -> DrillPhases:
    phases: dict[str, float | None] = {}
    previous_time = start_time
    for phase, step in PHASE_STEPS:
        done_record = journal.find_last_record(step, "done")
        if done_record is not None:
            phases[phase], previous_time = (
                done_record.timestamp - previous_time,
                done_record.timestamp,
            )
    if "configure" in phases:
        phases |= {"switch": SWITCH_SECONDS, "services": SERVICES_RESTART_SECONDS}
    return DrillPhases(detect=find_detection_seconds(step_results), **phases)


def _measure_data_loss(
    journal: Journal, step_results: dict[str, Any]
) -> tuple[float | None, Literal["heartbeat", "restorable time"] | None]:
    """Returns the seconds of lost writes, and what they are measured by.

    Less than 0 if the newest heartbeat is of a time after the loss, which cannot be.
    """
    loss_record = journal.find_last_record("lost", "done")
    if loss_record is None:
        return None, None
    heartbeat: Any = lookup("heartbeat.rows[0].beat", step_results)
    if heartbeat is not None:
        return loss_record.timestamp - float(heartbeat), "heartbeat"
    latest_time: Any = lookup("lost.DBInstances[0].LatestRestorableTime", step_results)
    if latest_time is None:
        return None, None
    return max(0.0, loss_record.timestamp - parse_time(latest_time).timestamp()), "restorable time"


def _list_missed_objectives(
    journal: Journal,
    outcome: str,
    rto_seconds: float | None,
    rpo_seconds: float | None,
    objectives: RecoveryObjectives,
) -> Iterable[str]:
    """Yields the reasons why a drill missed its objectives."""
    if outcome == "undone":
        undo_record: Record | None = next(
            (record for record in journal.records if record.event == "undo"), None
        )
        yield f"it was undone: {undo_record.data if undo_record else 'for an unknown reason'}"
    elif outcome == "unfinished":
        yield "it has not finished"
    is_rto_limit = _was_resumed_before_serving(journal)
    for name, seconds, limit_seconds in (
        ("RTO", rto_seconds, objectives.rto_seconds),
        ("RPO", rpo_seconds, objectives.rpo_seconds),
    ):
        if seconds is None:
            yield f"its {name} is unknown"
        elif seconds > limit_seconds and name == "RTO" and is_rto_limit:
            yield (
                f"its RTO is at most {_format_seconds(seconds)}, since it was interrupted and "
                "resumed before the database answered: whether it is above the objective of "
                f"{_format_seconds(limit_seconds)} is unknown"
            )
        elif seconds > limit_seconds:
            yield (
                f"its {name} is {_format_seconds(seconds)}, above the objective of "
                f"{_format_seconds(limit_seconds)}"
            )


def _was_resumed_before_serving(journal: Journal) -> bool:
    """True if a part of the RTO was not watched; filling, counting and deleting are no part."""
    serving_record = journal.find_last_record("answers", "done") or journal.find_last_record(
        "credentials", "done"
    )
    end = journal.records.index(serving_record) + 1 if serving_record else len(journal.records)
    writers = {record.writer for record in journal.records[:end] if record.event != "note"}
    return len(writers) > 1


def describe_regression(drill: DrillRecord, history: Sequence[DrillRecord]) -> str:
    """Describes how a drill is slower than earlier ones; empty if it is not or is unknown."""
    finished_drills = [d for d in history if d.taken < drill.taken and d.outcome == "done"]
    times = [
        d.rto_seconds
        for d in finished_drills
        if d.rto_seconds is not None and not _is_interrupted(d)
    ]
    times = times[-MAX_COMPARED_DRILLS:]
    if drill.rto_seconds is None or not times or _is_interrupted(drill):
        return ""
    median_seconds = median(times)
    if (
        drill.rto_seconds > median_seconds * REGRESSION_FACTOR
        and drill.rto_seconds - median_seconds >= MIN_REGRESSION_SECONDS
    ):
        return (
            f"its RTO is {_format_seconds(drill.rto_seconds)}; the median of the last {len(times)} "
            f"drills is {_format_seconds(median_seconds)}"
        )
    return ""


def _is_interrupted(drill: DrillRecord) -> bool:
    return drill.is_rto_limit or any("interrupted" in reason for reason in drill.why)


def load_drill_history(context: StackContext) -> list[DrillRecord]:
    """Loads all drills, the oldest first.

    Saves a record for a drill that ended without one, for example because it was killed.
    """
    drills_by_run = {drill.run: drill for drill in load_drill_records(context)}
    for run, journal in context.journals("recover drill", without=drills_by_run):
        journal_drill = parse_drill_journal(journal)
        drills_by_run[run] = (
            save_drill_record(context, journal_drill)
            if journal_drill.outcome != "unfinished"
            else journal_drill
        )
    return _sort_drills(drills_by_run.values())


def _sort_drills(drills: Iterable[DrillRecord]) -> list[DrillRecord]:
    return sorted(drills, key=lambda drill: drill.taken)


def save_drill_record(context: StackContext, drill: DrillRecord) -> DrillRecord:
    """Saves a drill's record beside the journals; keeps an existing one."""
    key = f"{DRILLS_PREFIX}{drill.taken}-{drill.run}.json"
    if context.folder is not None:
        path = context.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(drill.model_dump_json(), encoding="utf-8")
        return drill
    try:
        context.aws.client("s3").put_object(
            Bucket=context.bucket,
            Key=key,
            Body=drill.model_dump_json().encode(),
            IfNoneMatch="*",
            ContentType="application/json",
        )
    except CALL_ERRORS as error:
        if get_error_code(error) not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise explain_error(error, "s3.put_object") from error
    return drill


def load_drill_records(context: StackContext) -> list[DrillRecord]:
    """Loads the records of drills, the oldest first. Raises OpsError for a malformed one."""
    if context.folder is not None:
        files = (context.folder / DRILLS_PREFIX).glob("*.json")
        return _sort_drills(_parse_drill_record(path.read_text(encoding="utf-8")) for path in files)
    s3 = context.aws.client("s3")
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=context.bucket, Prefix=DRILLS_PREFIX
        )
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        bodies = [s3.get_object(Bucket=context.bucket, Key=key)["Body"].read() for key in keys]
    except CALL_ERRORS as error:
        raise explain_bucket_error(error, "s3.get_object") from error
    return _sort_drills(_parse_drill_record(body.decode()) for body in bodies)


def _parse_drill_record(text: str) -> DrillRecord:
    try:
        return DrillRecord.model_validate(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise OpsError(f"a record under {DRILLS_PREFIX} is not of a drill: {error}") from None


def _format_seconds(seconds: float | None) -> str | None:
    from ops.cli.render import format_duration

    return None if seconds is None else format_duration(seconds)
