"""One operation at a time changes a stack: a lock that says who, why, since when and until when.

It is an object of the operations bucket (`lock.json`) or a file of a local folder, made only if
absent. An expired lock can be taken over; a live one only be broken, by a command that is recorded.
"""

import os
import uuid
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from ops.core.aws import code_of, of_bucket
from ops.core.plan import Model

KEY = "lock.json"
TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")
ABSENT = ("NoSuchKey", "404", "NotFound")


class Held(Model):
    """What a lock says. Times are seconds since the epoch."""

    holder: str
    run: str
    reason: str
    since: float
    until: float


class LockedError(Exception):
    """Somebody else changes the stack; `held` says who, why and until when."""

    def __init__(self, held: Held) -> None:
        super().__init__(f"{held.holder} holds the lock: {held.reason} (run {held.run})")
        self.held = held


class Place(Protocol):
    """Where a lock is kept: its text, made and removed only as it was seen."""

    def read(self) -> tuple[str, str] | None:
        """(text, tag), or None where there is no lock."""

    def create(self, text: str) -> bool:
        """Makes the lock; False where there is one."""

    def remove(self, tag: str) -> bool:
        """Removes the lock if it is still the one of `tag`; False where it is not."""


class BucketPlace:
    """The lock as an object, with S3's conditional writes."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self.s3, self.bucket = s3, bucket

    def read(self) -> tuple[str, str] | None:
        """The object's text and ETag."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=KEY)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) in ABSENT:
                return None
            raise of_bucket(error, "s3.get_object") from error
        return answer["Body"].read().decode(), answer["ETag"]

    def create(self, text: str) -> bool:
        """A put that fails where there is an object."""
        try:
            self.s3.put_object(Bucket=self.bucket, Key=KEY, Body=text.encode(), IfNoneMatch="*")
        except (ClientError, BotoCoreError) as error:
            if code_of(error) in TAKEN:
                return False
            raise of_bucket(error, "s3.put_object") from error
        return True

    def remove(self, tag: str) -> bool:
        """A delete of that very object."""
        try:
            self.s3.delete_object(Bucket=self.bucket, Key=KEY, IfMatch=tag)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) in (*TAKEN, *ABSENT):
                return False
            raise of_bucket(error, "s3.delete_object") from error
        return True


class FolderPlace:
    """The lock as a file, linked into place."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / KEY

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
        draft.write_text(text, encoding="utf-8")
        try:
            os.link(draft, self.path)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def remove(self, tag: str) -> bool:
        """Moved aside first, so that only one of two can have removed it."""
        aside = self.path.with_name(f".{uuid.uuid4().hex}")
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return False
        if aside.read_text(encoding="utf-8") != tag:  # somebody's newer lock: put it back
            self.create(aside.read_text(encoding="utf-8"))
            aside.unlink()
            return False
        aside.unlink()
        return True


class Lock:
    """The lock of one stack."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def held(self) -> Held | None:
        """What the lock says, or None."""
        found = self.place.read()
        return Held.model_validate_json(found[0]) if found else None

    def take(self, wanted: Held) -> None:
        """Takes the lock for a run, again where the run holds it already. Raises LockedError."""
        while not self.place.create(wanted.model_dump_json()):
            found = self.place.read()
            if found is None:  # given back in between
                continue
            held = Held.model_validate_json(found[0])
            if held.run != wanted.run and held.until > wanted.since:
                raise LockedError(held)
            self.place.remove(found[1])

    def free(self, run: str) -> None:
        """Gives the lock back, if `run` holds it still."""
        found = self.place.read()
        if found and Held.model_validate_json(found[0]).run == run:
            self.place.remove(found[1])

    def break_(self, seen: Held) -> bool:
        """Removes the lock that was seen, whosever it is; False where it is another's by now."""
        found = self.place.read()
        if found is None or Held.model_validate_json(found[0]) != seen:
            return False
        return self.place.remove(found[1])
