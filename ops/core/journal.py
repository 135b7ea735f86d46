"""The journal of a run: one line an event, each written only if its place is free.

Line n of two engines at work on one run is taken by one of them; the other stops there. A line is
whole or absent. It is kept in the stack's operations bucket, or in a local folder where there is
none.
"""

import hashlib
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import JsonValue, ValidationError

from ops.core.aws import explain_bucket_error, get_error_code
from ops.core.credentials import CALL_ERRORS
from ops.core.errors import OpsError
from ops.core.journal_record import Event, Record
from ops.core.plan import Plan
from ops.core.private_files import open_private_file
from ops.outputs import RUNS_PREFIX


class LineTakenError(Exception):
    """Another engine carries this run on: this one must stop."""


class JournalStore(Protocol):
    """Where the lines of one run are."""

    def append(self, index: int, line: str) -> None:
        """Writes line `index`, durably, or raises LineTakenError where it is written."""

    def read(self) -> Sequence[str]:
        """All lines so far, in order."""


class FolderJournalStore:
    """Lines as files of a folder: `{run}/000000.json` and so on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def append(self, index: int, line: str) -> None:
        """Writes beside and links into place: whole or absent, and never over another."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.folder / f".{uuid.uuid4().hex}"
        with open_private_file(draft) as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, self.folder / f"{index:06d}.json")
        except FileExistsError:
            raise LineTakenError(f"line {index} of {self.folder.name} is written already") from None
        finally:
            draft.unlink()

    def read_first(self) -> str | None:
        """The first file."""
        path = self.folder / f"{0:06d}.json"
        return path.read_text(encoding="utf-8") if path.exists() else None

    def read(self) -> Sequence[str]:
        """The files in order."""
        return [
            path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("[0-9]*.json"))
        ]


class BucketJournalStore:
    """Lines as objects of the operations bucket: `runs/{run}/000000.json` and so on."""

    def __init__(self, s3: Any, bucket: str, run: str) -> None:
        self.s3, self.bucket, self.prefix = s3, bucket, f"{RUNS_PREFIX}{run}/"

    def append(self, index: int, line: str) -> None:
        """A conditional put. A repeated one that finds its own line has succeeded before."""
        key = f"{self.prefix}{index:06d}.json"
        try:
            self.s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=line.encode(),
                IfNoneMatch="*",
                ContentType="application/json",
            )
        except CALL_ERRORS as error:
            if get_error_code(error) not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise explain_bucket_error(error, "s3.put_object") from error
            if self._read_body(key) != line:
                raise LineTakenError(f"{key} is written already") from None

    def read_first(self) -> str | None:
        """The first object."""
        try:
            return self._get_text(f"{self.prefix}{0:06d}.json")
        except CALL_ERRORS as error:
            if get_error_code(error) == "NoSuchKey":
                return None
            raise explain_bucket_error(error, "s3.get_object") from error

    def read(self) -> Sequence[str]:
        """The objects in order."""
        return [self._read_body(key) for key in self._list_keys()]

    def _list_keys(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.prefix
        )
        try:
            return sorted(item["Key"] for page in pages for item in page.get("Contents", ()))
        except CALL_ERRORS as error:
            raise explain_bucket_error(error, "s3.list_objects_v2") from error

    def _read_body(self, key: str) -> str:
        try:
            return self._get_text(key)
        except CALL_ERRORS as error:
            raise explain_bucket_error(error, "s3.get_object") from error

    def _get_text(self, key: str) -> str:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body.decode(errors="replace")  # what is no text is no record either


class JournalUnreadableError(OpsError):
    """A journal that was changed after it was written, or that this version cannot read."""


def hash_line(line: str) -> str:
    """What the next line says of this one; empty if there is none."""
    return hashlib.sha256(line.encode()).hexdigest()[:32] if line else ""


def _parse_line(line: str, index: int, previous_line: str) -> Record:
    """Raises JournalUnreadableError if it is no record, or does not follow the line before."""
    try:
        record = Record.model_validate_json(line)
    except ValidationError as error:
        raise JournalUnreadableError(
            f"line {index} is no record of ops: {summarize_errors(error)}"
        ) from None
    if record.previous != hash_line(previous_line):
        raise JournalUnreadableError(
            f"line {index - 1 if index else 0} was changed after line {index} was written"
        )
    return record


def summarize_errors(error: ValidationError) -> str:
    """The first thing that is wrong, and where."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])


class Journal:
    """The records of one run, read once and kept up as they are written."""

    def __init__(self, store: JournalStore, writer: str | None = None) -> None:
        self.store = store
        self.writer = writer or uuid.uuid4().hex[:12]
        self.records: list[Record] = []
        self._last_line = ""
        for index, line in enumerate(store.read()):
            self.records.append(_parse_line(line, index, self._last_line))
            self._last_line = line

    def write_record(
        self, event: Event, step: str, timestamp: float, data: JsonValue = None
    ) -> Record:
        """Appends a record; it is durable when this returns."""
        record = Record(
            event=event,
            step=step,
            timestamp=timestamp,
            writer=self.writer,
            data=data,
            previous=hash_line(self._last_line),
        )
        line = record.model_dump_json()
        self.store.append(len(self.records), line)
        self.records.append(record)
        self._last_line = line
        return record

    @property
    def plan(self) -> Plan | None:
        """The plan as it is carried out; None if the record begins with none, like a note's.

        Raises JournalUnreadableError if it is no plan of this version of the program.
        """
        if not self.records or self.records[0].event != "plan":
            return None
        try:
            return Plan.model_validate(self.records[0].data).fill()
        except ValidationError as error:
            raise JournalUnreadableError(
                f"line 0 holds no plan of this version of ops: {summarize_errors(error)}"
            ) from None

    def find_last_record(self, step: str, *events: Event) -> Record | None:
        """The newest record of a step, of these events where any are named."""
        return next(
            (
                record
                for record in reversed(self.records)
                if record.step == step and (not events or record.event in events)
            ),
            None,
        )

    def get_step_results(self) -> dict[str, JsonValue]:
        """What each finished step saw at its goal."""
        return {record.step: record.data for record in self.records if record.event == "done"}

    @property
    def last_event_record(self) -> Record | None:
        """The newest record that is not a note; a note may be written to a run that is over."""
        return next((record for record in reversed(self.records) if record.event != "note"), None)

    @property
    def is_undoing(self) -> bool:
        """Whether the run is being undone. The direction never turns back."""
        return any(record.event == "undo" for record in self.records)

    @property
    def end_record(self) -> Record | None:
        """The closing record of a run that is over; none again once it is turned back."""
        last_record = next(
            (record for record in reversed(self.records) if record.event in ("ended", "undo")), None
        )
        return last_record if last_record and last_record.event == "ended" else None
