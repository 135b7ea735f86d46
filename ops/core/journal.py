"""The journal of a run: one line an event, each written only if its place is free.

Line n of two engines at work on one run is taken by one of them; the other stops there. A line is
whole or absent. It is kept in the stack's operations bucket, or in a local folder where there is
none.
"""

import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import JsonValue

from ops.core.aws import explain_bucket_error, get_error_code
from ops.core.plan import FrozenModel, Plan

Event = Literal["plan", "intent", "sent", "done", "failed", "undo", "ended", "note"]


class Record(FrozenModel):
    """One event of a run. `writer` tells two engines apart; `at` is seconds since the epoch."""

    event: Event
    step: str
    timestamp: float
    writer: str
    data: JsonValue = None


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
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f".{uuid.uuid4().hex}"
        with draft.open("w", encoding="utf-8") as file:
            file.write(line)
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
        self.s3, self.bucket, self.prefix = s3, bucket, f"runs/{run}/"

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
        except (ClientError, BotoCoreError) as error:
            if get_error_code(error) not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise explain_bucket_error(error, "s3.put_object") from error
            if self._read_body(key) != line:
                raise LineTakenError(f"{key} is written already") from None

    def read_first(self) -> str | None:
        """The first object."""
        try:
            return self._read_body(f"{self.prefix}{0:06d}.json")
        except ClientError as error:
            if get_error_code(error) == "NoSuchKey":
                return None
            raise

    def read(self) -> Sequence[str]:
        """The objects in order."""
        return [self._read_body(key) for key in self._list_keys()]

    def _list_keys(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.prefix
        )
        try:
            return sorted(item["Key"] for page in pages for item in page.get("Contents", ()))
        except (ClientError, BotoCoreError) as error:
            raise explain_bucket_error(error, "s3.list_objects_v2") from error

    def _read_body(self, key: str) -> str:
        try:
            body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise explain_bucket_error(error, "s3.get_object") from error
        return body.decode()


class Journal:
    """The records of one run, read once and kept up as they are written."""

    def __init__(self, store: JournalStore, writer: str | None = None) -> None:
        self.store = store
        self.writer = writer or uuid.uuid4().hex[:12]
        self.records: list[Record] = [Record.model_validate_json(line) for line in store.read()]

    def write_record(
        self, event: Event, step: str, timestamp: float, data: JsonValue = None
    ) -> Record:
        """Appends a record; it is durable when this returns."""
        record = Record(event=event, step=step, timestamp=timestamp, writer=self.writer, data=data)
        self.store.append(len(self.records), record.model_dump_json())
        self.records.append(record)
        return record

    @property
    def plan(self) -> Plan | None:
        """The plan as it is carried out; None if the record begins with none, like a note's."""
        if not self.records or self.records[0].event != "plan":
            return None
        return Plan.model_validate(self.records[0].data).fill()

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
