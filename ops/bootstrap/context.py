"""Where a plan is carried out when there is no stack: an account, and a folder of this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.journal import FolderJournalStore, Journal, JournalStore
from ops.core.lock import FolderLockStore, Lock
from ops.core.service_models import get_cache_folder as cache

LOCAL_RUN_PREFIXES: Final = (
    "bootstrap-",
    "first-",
)  # how its runs are called, and a first deployment's


@dataclass(frozen=True)
class AccountContext:
    """The account and region that a foundation is in. Its record and its lock are local files."""

    aws: Aws
    account: str
    region: str
    folder: Path
    protect: bool = False

    def get_journal_store(self, run: str) -> JournalStore:
        """Where the lines of a run are."""
        return FolderJournalStore(self.folder / "runs" / run)

    def list_runs(self) -> list[str]:
        """The runs that have a journal here, oldest name first."""
        return sorted(path.name for path in (self.folder / "runs").glob("*"))

    def unfinished_runs(self) -> list[str]:
        """Those that stopped on their way."""
        return [
            run
            for run in self.list_runs()
            if Journal(self.get_journal_store(run)).end_record is None
        ]

    def lock(self) -> Lock:
        """One of these at a time, on this machine."""
        return Lock(FolderLockStore(self.folder))

    def lock_advice(self, run: str) -> tuple[str, ...]:
        """What helps where that run has the lock."""
        return (f"ops runs resume {run}", f"ops runs undo {run}")

    def check_account(self) -> None:
        """Raises UsageError where the credentials are not of the account and region."""
        actual_account = self.aws.get_account()
        if actual_account != self.account:
            raise UsageError(
                f"the credentials are of account {actual_account}, the run is of {self.account}"
            )
        if self.aws.region != self.region:
            raise UsageError(f"--region is {self.aws.region!r}, must be {self.region!r}")


def get_account_folder(account: str, region: str) -> Path:
    """The folder of the runs of an account's foundation, in the user's own cache."""
    return cache() / "bootstrap" / f"{account}-{region}"


def load_account_context(run: str, profile: str | None) -> AccountContext:
    """Where a run of this machine was carried out. Raises UsageError where there is none."""
    for path in sorted((cache() / "bootstrap").glob(f"*/runs/{run}")):
        journal = Journal(FolderJournalStore(path))
        if (plan := journal.plan) is not None:
            aws = Aws(plan.region, profile)
            return AccountContext(aws, plan.account, plan.region, path.parents[1])
    raise UsageError(f"RUN is {run!r}, which has no record on this machine", "ops bootstrap check")
