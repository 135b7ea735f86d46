"""Where a plan is carried out when there is no stack: an account, and a folder of this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.journal import Folder, Journal, Lines
from ops.core.lock import FolderPlace, Lock
from ops.core.service_models import folder as cache

RUNS: Final = ("bootstrap-", "first-")  # how its runs are called, and a first deployment's


@dataclass(frozen=True)
class Account:
    """The account and region that a foundation is in. Its record and its lock are local files."""

    aws: Aws
    account: str
    region: str
    folder: Path
    protect: bool = False

    def lines(self, run: str) -> Lines:
        """Where the lines of a run are."""
        return Folder(self.folder / "runs" / run)

    def runs(self) -> list[str]:
        """The runs that have a journal here, oldest name first."""
        return sorted(path.name for path in (self.folder / "runs").glob("*"))

    def unfinished(self) -> list[str]:
        """Those that stopped on their way."""
        return [run for run in self.runs() if Journal(self.lines(run)).ended is None]

    def lock(self) -> Lock:
        """One of these at a time, on this machine."""
        return Lock(FolderPlace(self.folder))

    def held_by(self, run: str) -> tuple[str, ...]:
        """What helps where that run has the lock."""
        return (f"ops runs resume {run}", f"ops runs undo {run}")

    def check_account(self) -> None:
        """Raises UsageError where the credentials are not of the account and region."""
        found = self.aws.account()
        if found != self.account:
            raise UsageError(
                f"the credentials are of account {found}, the run is of {self.account}"
            )
        if self.aws.region != self.region:
            raise UsageError(f"--region is {self.aws.region!r}, may be {self.region!r}")


def place(account: str, region: str) -> Path:
    """The folder of the runs of an account's foundation, in the user's own cache."""
    return cache() / "bootstrap" / f"{account}-{region}"


def of_run(run: str, profile: str | None) -> Account:
    """Where a run of this machine was carried out. Raises UsageError where there is none."""
    for path in sorted((cache() / "bootstrap").glob(f"*/runs/{run}")):
        journal = Journal(Folder(path))
        if (plan := journal.plan) is not None:
            aws = Aws(plan.region, profile)
            return Account(aws, plan.account, plan.region, path.parents[1])
    raise UsageError(f"RUN is {run!r}, which has no record on this machine", "ops bootstrap check")
