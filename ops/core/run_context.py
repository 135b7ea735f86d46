"""What a run is carried out on: the stack, its AWS, and where journals and the lock are."""

import json
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ops.core.aws import Aws, explain_bucket_error
from ops.core.credentials import CALL_ERRORS
from ops.core.daemon_pool import DaemonPool
from ops.core.errors import (
    OpsError,
    UsageError,
)
from ops.core.journal import (
    BucketJournalStore,
    FolderJournalStore,
    Journal,
    JournalStore,
    JournalUnreadableError,
)
from ops.core.lock import BucketLockStore, FolderLockStore, Lock
from ops.core.plan_kind import PlanKind
from ops.outputs import RUNS_PREFIX, Outputs

AT_ONCE = 16  # first lines read in parallel; botocore's pool holds 10 connections, more wait


class RunContext(Protocol):
    """What a plan is carried out on, and where its record and its lock are."""

    @property
    def aws(self) -> Aws: ...

    @property
    def protect(self) -> bool:
        """Whether what destroys something wants a name typed."""
        ...

    def get_journal_store(self, run: str) -> JournalStore:
        """Where the lines of a run are."""
        ...

    def lock(self) -> Lock:
        """One operation at a time."""
        ...

    def lock_advice(self, run: str) -> tuple[str, ...]:
        """The commands that help where that run has the lock."""
        ...

    def check_account(self) -> None:
        """Raises UsageError where the credentials are of another account or region."""
        ...


@dataclass(frozen=True)
class StackContext:
    """The stack that is operated on, and where its journals and its lock are."""

    outputs: Outputs
    aws: Aws
    folder: Path | None = None

    @property
    def bucket(self) -> str:
        """The operations bucket."""
        return self.outputs.backups.operations_bucket

    @property
    def protect(self) -> bool:
        """Whether the stack is protected."""
        return self.outputs.stack.protect

    def lock_advice(self, run: str) -> tuple[str, ...]:
        """What helps if another run has the lock: carry it on, look at it, break it."""
        advice = ("ops lock show", "ops lock break --reason REASON")
        try:
            has_journal = bool(run) and self.get_journal_store(run).read_first() is not None
        except OpsError:
            has_journal = False
        return (f"ops runs resume {run}", *advice) if has_journal else advice

    def get_journal_store(self, run: str) -> FolderJournalStore | BucketJournalStore:
        """Where the lines of a run are."""
        if self.folder is not None:
            return FolderJournalStore(self.folder / "runs" / run)
        return BucketJournalStore(self.aws.client("s3"), self.bucket, run)

    def list_runs(self) -> list[str]:
        """The runs that have a journal, oldest name first."""
        if self.folder is not None:
            return sorted(path.name for path in (self.folder / "runs").glob("*"))
        pages = (
            self.aws.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.bucket, Prefix=RUNS_PREFIX, Delimiter="/")
        )
        prefixes = (path["Prefix"] for page in pages for path in page.get("CommonPrefixes", ()))
        try:
            return sorted(prefix.split("/")[1] for prefix in prefixes)
        except CALL_ERRORS as error:
            raise explain_bucket_error(error, "s3.list_objects_v2") from error

    def journals(
        self, *kinds: PlanKind, without: Container[str] = ()
    ) -> Iterator[tuple[str, Journal]]:
        """The runs of plans of these kinds with their journals, oldest name first.

        Of every run the first line is read, many at once: a run's kind is in its plan alone.
        """
        runs = [run for run in self.list_runs() if run not in without]
        with DaemonPool(AT_ONCE) as pool:
            firsts = pool.map(lambda run: self.get_journal_store(run).read_first(), runs)
            for run, first in zip(runs, firsts, strict=True):
                if first is not None and find_plan_kind(first) in kinds:
                    with suppress(JournalUnreadableError):  # `ops runs list` names it
                        yield run, Journal(self.get_journal_store(run))

    def lock(self) -> Lock:
        """The stack's lock."""
        if self.folder is not None:
            return Lock(FolderLockStore(self.folder))
        return Lock(BucketLockStore(self.aws.client("s3"), self.bucket))

    def check_account(self) -> None:
        """Raises UsageError where the credentials are not the stack's account and region."""
        stack, account = self.outputs.stack, self.aws.get_account()
        if account != stack.account:
            raise UsageError(
                f"the credentials are of account {account}, the stack is in {stack.account}"
            )
        regions = (stack.region, stack.recovery_region)
        if self.aws.region not in regions:
            raise UsageError(f"--region is {self.aws.region!r}, must be {stack.region!r}")


def find_plan_kind(line: str) -> str | None:
    """The kind of the plan that a journal's first line holds; None if it holds none."""
    try:
        record = json.loads(line)
        return str(record["data"]["kind"]) if record["event"] == "plan" else None
    except (ValueError, KeyError, TypeError):
        return None
