"""The context of a run without a stack: an account, and a folder on this machine."""

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
)  # of its run ids, and of a first deployment's


@dataclass(frozen=True)
class AccountContext:
    """The account and region of a foundation. Journals and the lock are local files."""

    aws: Aws
    account: str
    region: str
    folder: Path
    protect: bool = False

    def get_journal_store(self, run: str) -> JournalStore:
        """Returns the store of a run's journal."""
        return FolderJournalStore(self.folder / "runs" / run)

    def list_runs(self) -> list[str]:
        """Lists the runs with a journal on this machine, oldest first."""
        return sorted(path.name for path in (self.folder / "runs").glob("*"))

    def unfinished_runs(self) -> list[str]:
        """Lists the runs that have not ended."""
        return [
            run
            for run in self.list_runs()
            if Journal(self.get_journal_store(run)).end_record is None
        ]

    def lock(self) -> Lock:
        """Returns the lock, which holds on this machine only."""
        return Lock(FolderLockStore(self.folder))

    def lock_advice(self, run: str) -> tuple[str, ...]:
        """Lists the commands that help if a run holds the lock."""
        return (f"ops runs resume {run}", f"ops runs undo {run}")

    def check_account(self) -> None:
        """Raises UsageError unless the credentials are of the run's account and region."""
        actual_account = self.aws.get_account()
        if actual_account != self.account:
            raise UsageError(
                f"the credentials are of account {actual_account}, but the run is of {self.account}"
            )
        if self.aws.region != self.region:
            raise UsageError(f"--region must be {self.region!r}, not {self.aws.region!r}")


def get_account_folder(account: str, region: str) -> Path:
    """Returns the folder of an account's bootstrap runs, in the user's cache folder."""
    return cache() / "bootstrap" / f"{account}-{region}"


def load_account_context(run: str, profile: str | None) -> AccountContext:
    """Loads the context of a run of this machine. Raises UsageError if it has no such run."""
    for path in sorted((cache() / "bootstrap").glob(f"*/runs/{run}")):
        journal = Journal(FolderJournalStore(path))
        if (plan := journal.plan) is not None:
            aws = Aws(plan.region, profile)
            return AccountContext(aws, plan.account, plan.region, path.parents[1])
    raise UsageError(
        f"RUN is {run!r}, but this machine has no journal of it", "ops bootstrap check"
    )
