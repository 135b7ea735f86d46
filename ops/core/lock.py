"""One operation at a time changes a stack: a lock that says who, why, since when and until when.

It is an object of the operations bucket (`lock.json`) or a file of a local folder, made only if
absent. An expired lock can be taken over; a live one only be broken, by a command that is recorded.
"""

import os
import socket
import uuid
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from ops.core.aws import explain_bucket_error, get_error_code
from ops.core.credentials import CALL_ERRORS
from ops.core.frozen_model import FrozenModel
from ops.core.private_files import open_private_file
from ops.core.s3 import OBJECT_NOT_FOUND_CODES

LOCK_KEY = "lock.json"
LOCK_TAKEN_CODES = ("PreconditionFailed", "ConditionalRequestConflict")


class LockRecord(FrozenModel):
    """What a lock says. Times are seconds since the epoch; `process` is its id there."""

    holder: str
    run: str
    reason: str
    since: float
    until: float
    process: int | None = None


UNREADABLE_HOLDER = "unknown"
NEVER = 253402300799.0  # 9999-12-31T23:59:59Z, in seconds since the epoch


def parse_lock(text: str) -> LockRecord:
    """What a lock says. One that cannot be read is held by nobody known, and never expires."""
    try:
        return LockRecord.model_validate_json(text)
    except ValidationError:
        return LockRecord(
            holder=UNREADABLE_HOLDER,
            run="",
            reason=f"the lock object cannot be read: {text[:60]!r}",
            since=0,
            until=NEVER,
        )


class LockedError(Exception):
    """Somebody else changes the stack; `held` says who, why and until when."""

    def __init__(self, record: LockRecord) -> None:
        super().__init__(f"{record.holder} holds the lock: {record.reason} (run {record.run})")
        self.record = record


class LockStore(Protocol):
    """Where a lock is kept: its text, made and removed only as it was seen."""

    def read(self) -> tuple[str, str] | None:
        """(text, tag), or None where there is no lock."""

    def create(self, text: str) -> bool:
        """Makes the lock; False where there is one."""

    def remove(self, tag: str) -> bool:
        """Removes the lock if it is still the one of `tag`; False where it is not."""


class BucketLockStore:
    """The lock as an object, with S3's conditional writes."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self.s3, self.bucket = s3, bucket

    def read(self) -> tuple[str, str] | None:
        """The object's text and ETag."""
        try:
            response = self.s3.get_object(Bucket=self.bucket, Key=LOCK_KEY)
        except CALL_ERRORS as error:
            if get_error_code(error) in OBJECT_NOT_FOUND_CODES:
                return None
            raise explain_bucket_error(error, "s3.get_object") from error
        return response["Body"].read().decode(), response["ETag"]

    def create(self, text: str) -> bool:
        """A put that fails where there is an object."""
        try:
            self.s3.put_object(
                Bucket=self.bucket, Key=LOCK_KEY, Body=text.encode(), IfNoneMatch="*"
            )
        except CALL_ERRORS as error:
            if get_error_code(error) in LOCK_TAKEN_CODES:
                return False
            raise explain_bucket_error(error, "s3.put_object") from error
        return True

    def remove(self, tag: str) -> bool:
        """A delete of that very object."""
        try:
            self.s3.delete_object(Bucket=self.bucket, Key=LOCK_KEY, IfMatch=tag)
        except CALL_ERRORS as error:
            if get_error_code(error) in (*LOCK_TAKEN_CODES, *OBJECT_NOT_FOUND_CODES):
                return False
            raise explain_bucket_error(error, "s3.delete_object") from error
        return True


class FolderLockStore:
    """The lock as a file, linked into place."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_KEY

    def read(self) -> tuple[str, str] | None:
        """The file's text, which is its own tag."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return text, text

    def create(self, text: str) -> bool:
        """Written beside and linked: whole or absent."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f".{uuid.uuid4().hex}")
        with open_private_file(draft) as file:
            file.write(text.encode())
        try:
            os.link(draft, self.path)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def remove(self, tag: str) -> bool:
        """Moved aside first, so that only one of two can have removed it."""
        moved_path = self.path.with_name(f".{uuid.uuid4().hex}")
        try:
            self.path.rename(moved_path)
        except FileNotFoundError:
            return False
        if moved_path.read_text(encoding="utf-8") != tag:  # somebody's newer lock: put it back
            self.create(moved_path.read_text(encoding="utf-8"))
            moved_path.unlink()
            return False
        moved_path.unlink()
        return True


class Lock:
    """The lock of one stack."""

    def __init__(self, store: LockStore) -> None:
        self.store = store

    def find_record(self) -> LockRecord | None:
        """What the lock says, or None."""
        text_and_tag = self.store.read()
        return parse_lock(text_and_tag[0]) if text_and_tag else None

    def acquire(self, record: LockRecord) -> None:
        """Takes the lock for a run, again where the run holds it already. Raises LockedError."""
        while not self.store.create(record.model_dump_json()):
            text_and_tag = self.store.read()
            if text_and_tag is None:  # given back in between
                continue
            current_record = parse_lock(text_and_tag[0])
            if current_record.run != record.run and current_record.until > record.since:
                raise LockedError(current_record)
            self.store.remove(text_and_tag[1])

    def release(self, run: str) -> None:
        """Gives the lock back, if `run` holds it still."""
        text_and_tag = self.store.read()
        if text_and_tag and parse_lock(text_and_tag[0]).run == run:
            self.store.remove(text_and_tag[1])

    def break_lock(self, expected_record: LockRecord) -> bool:
        """Removes the lock that was seen, whosever it is; False where it is another's by now."""
        text_and_tag = self.store.read()
        if text_and_tag is None or parse_lock(text_and_tag[0]) != expected_record:
            return False
        return self.store.remove(text_and_tag[1])


def describe_process(record: LockRecord) -> str:
    """Whether the process that took a lock still runs, as far as this machine can tell."""
    is_alive = is_process_alive(record)
    if is_alive is None:
        return ""
    return "; its process is at work" if is_alive else "; its process has ended"


def is_process_alive(record: LockRecord) -> bool | None:
    """Whether the holder's process runs; None if it is on another machine, or not recorded."""
    if record.process is None or record.holder.rpartition("@")[2] != socket.gethostname():
        return None
    try:
        os.kill(record.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True
