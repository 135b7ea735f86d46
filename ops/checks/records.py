"""Results of the periodic checklists that are kept, for those of later days to be compared with.

Objects of the operations bucket, `checks/LIST/TIME.json`, each written once and never over. Their
names say which list was run when, so that whether one is due is known from a list of names.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from ops.checks.model import ChecklistResult, get_finding_key
from ops.checks.record_keys import build_record_key, build_records_prefix, parse_record_time
from ops.core.check_runner import ReadSender, run_checks
from ops.core.checks import (
    CheckFacts,
    CheckRoutine,
    HealthCheck,
    HealthState,
    UnknownAnswerError,
    build_read,
    get_answer_items,
)
from ops.core.s3 import OBJECT_NOT_FOUND_CODES, S3_OBJECT_API, S3_OBJECTS_API
from ops.outputs import Outputs

if TYPE_CHECKING:
    from ops.core.aws import Aws

MAX_COMPARED_RECORDS: Final = 12  # earlier runs of a trend


class RecordPart(BaseModel):
    """A part of a record; ignores fields of later versions."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RecordedItem(RecordPart):
    """An item of one run. `open` are the keys of the findings that fail."""

    state: HealthState
    ok: int
    unknown: int
    open: tuple[str, ...] = ()


class CheckRecord(RecordPart):
    """One run of a checklist, with its items by key."""

    version: Literal[1] = 1
    checklist: str
    stack: str
    time: AwareDatetime
    items: dict[str, RecordedItem]

    def count(self, state: HealthState) -> int:
        """How many items were in a state."""
        return sum(item.state == state for item in self.items.values())


@dataclass(frozen=True)
class CheckHistory:
    """Earlier runs of a checklist, the oldest first, and what of them could not be read.

    `has_older` is True if there are older ones than were read. `advice` helps with the first gap.
    """

    records: tuple[CheckRecord, ...] = ()
    gaps: tuple[str, ...] = ()
    has_older: bool = False
    advice: str = ""


def build_check_record(
    checklist: str, outputs: Outputs, now: datetime, results: Iterable[ChecklistResult]
) -> CheckRecord:
    """The record of the results of a whole checklist."""
    return CheckRecord(
        checklist=checklist,
        stack=outputs.stack.stack,
        time=now,
        items={result.key: build_recorded_item(result) for result in results},
    )


def build_recorded_item(result: ChecklistResult) -> RecordedItem:
    """What is kept of an item: its state, and which findings fail."""
    return RecordedItem(
        state=result.state,
        ok=sum(finding.state == "ok" for finding in result.findings),
        unknown=sum(finding.state == "unknown" for finding in result.findings),
        open=tuple(
            dict.fromkeys(get_finding_key(f) for f in result.findings if f.state == "failing")
        ),
    )


def save_check_record(aws: "Aws", outputs: Outputs, record: CheckRecord) -> str:
    """Keeps a record, and returns its address. Raises OpsError if it cannot be kept."""
    from ops.core.aws import explain_bucket_error
    from ops.core.credentials import CALL_ERRORS

    bucket = outputs.backups.operations_bucket
    key = build_record_key(record.checklist, record.time)
    try:
        aws.client("s3").put_object(
            Bucket=bucket,
            Key=key,
            Body=record.model_dump_json().encode(),
            ContentType="application/json",
            IfNoneMatch="*",
        )
    except CALL_ERRORS as error:
        raise explain_bucket_error(error, "s3.put_object") from error
    return f"s3://{bucket}/{key}"


def read_check_history(checklist: str, facts: CheckFacts, sender: ReadSender) -> CheckHistory:
    """The newest earlier runs of a checklist. Never raises for what cannot be read: that is said.

    What is no record is named and passed by.
    """
    histories: list[CheckHistory] = []

    def read_history(check_facts: CheckFacts) -> CheckRoutine:
        bucket = check_facts.outputs.backups.operations_bucket
        prefix = build_records_prefix(checklist)
        (list_answer,) = yield [
            build_read(S3_OBJECTS_API, "Contents", Bucket=bucket, Prefix=prefix)
        ]
        if isinstance(list_answer, UnknownAnswerError):
            histories.append(CheckHistory(gaps=(str(list_answer),), advice=list_answer.advice))
            return []
        keys = sorted(str(item["Key"]) for item in list_answer)
        names = [key for key in keys if parse_record_time(key) is not None]
        gaps = [f"s3://{bucket}/{key} is no record: passed by" for key in keys if key not in names]
        read_keys, advice = names[-MAX_COMPARED_RECORDS:], ""
        answers = yield [
            build_read(
                S3_OBJECT_API, "", Bucket=bucket, Key=key, absent_codes=OBJECT_NOT_FOUND_CODES
            )
            for key in read_keys
        ]
        records: list[CheckRecord] = []
        for key, answer in zip(read_keys, answers, strict=True):
            try:
                for item in get_answer_items(answer):
                    records.append(_parse_record(str(item["text"]), checklist, check_facts))
            except UnknownAnswerError as error:
                gaps.append(f"s3://{bucket}/{key}: {error}")
                advice = advice or error.advice
            except ValueError as error:
                gaps.append(f"s3://{bucket}/{key} is passed by: {_describe_error(error)}")
        has_older = len(names) > len(read_keys)
        histories.append(CheckHistory(_sort_records(records), tuple(gaps), has_older, advice))
        return []

    apis = (S3_OBJECT_API, S3_OBJECTS_API)
    run_checks([HealthCheck("keeping", "earlier results", read_history, apis)], facts, sender)
    return histories[0]


def _parse_record(text: str, checklist: str, facts: CheckFacts) -> CheckRecord:
    record = CheckRecord.model_validate_json(text)
    stack = facts.outputs.stack.stack
    if (record.checklist, record.stack) != (checklist, stack):
        raise ValueError(f"it is of {record.checklist} of {record.stack}")
    return record


def _describe_error(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    fields = [".".join(map(str, detail["loc"])) or detail["msg"] for detail in error.errors()]
    return f"missing or wrong: {', '.join(dict.fromkeys(fields))}"


def _sort_records(records: Sequence[CheckRecord]) -> tuple[CheckRecord, ...]:
    return tuple(sorted(records, key=lambda record: record.time.astimezone(UTC)))
