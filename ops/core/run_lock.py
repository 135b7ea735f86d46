"""The lock of one run: held for what changes the stack, given back while the run only looks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ops.core.engine import Clock
from ops.core.errors import LockHeldError, OpsError
from ops.core.lock import Lock

# Seconds that a run waits for the lock that it gave back: longer than most changes of others hold
# it (an assumption), shorter than a person forgets what the run waits for.
LOCK_WAIT_SECONDS: Final = 600
LOCK_POLL_SECONDS: Final = 15


@dataclass
class RunLock:
    """The lock as one run has it. `acquire` raises LockHeldError; `notify` tells a person.

    `lock_advice` are the commands that help if it was taken from the run.
    """

    run: str
    lock: Callable[[], Lock]
    acquire: Callable[[], None]
    clock: Clock
    notify: Callable[[str], None]
    lock_advice: Callable[[], tuple[str, ...]]
    is_given_back: bool = False

    def give_back(self) -> None:
        """Releases the lock until the next change. If it cannot be released, the run keeps it."""
        if self.is_given_back:
            return
        try:
            self.lock().release(self.run)
        except OpsError:
            return
        self.is_given_back = True

    def require(self) -> None:
        """Takes the lock again if it was given back. Raises LockHeldError if it is another run's.

        Whoever breaks a lock may begin another run, whose journal is not this one's: the lines
        of the journal would let both go on. One read of S3 before each change prevents it.
        """
        if self.is_given_back:
            self._take_again()
            return
        record = self.lock().find_record()
        if record is None or record.run != self.run:
            state = (
                f"{record.holder} holds it for {record.run}: {record.reason}"
                if record
                else "it is free"
            )
            raise LockHeldError(
                f"the lock of {self.run} was taken from it, and {state}; no more is sent",
                *self.lock_advice(),
            )

    def _take_again(self) -> None:
        """Waits for the lock for up to LOCK_WAIT_SECONDS."""
        start_time = self.clock.now()
        is_announced = False
        while True:
            try:
                self.acquire()
            except LockHeldError as error:
                waited_seconds = self.clock.now() - start_time
                if waited_seconds >= LOCK_WAIT_SECONDS:
                    raise LockHeldError(
                        f"{self.run} gave the lock back while it only looked, and could not take "
                        f"it again for {waited_seconds:.0f} s: {error}",
                        *error.advice,
                    ) from None
                if not is_announced:
                    self.notify(f"waiting for the lock, which was given back for a look: {error}")
                    is_announced = True
                self.clock.sleep(LOCK_POLL_SECONDS)
            else:
                self.is_given_back = False
                return
