"""Where journals and locks are kept: the same promises in a folder and in a bucket."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.core.journal import (
    BucketJournalStore,
    FolderJournalStore,
    Journal,
    JournalStore,
    LineTakenError,
)
from ops.core.lock import BucketLockStore, FolderLockStore, Lock, LockedError, LockRecord, LockStore


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="operations")
        yield client


@pytest.fixture(params=["folder", "bucket"])
def lines(request: pytest.FixtureRequest, s3: Any, tmp_path: Path) -> Callable[[], JournalStore]:
    if request.param == "folder":
        return lambda: FolderJournalStore(tmp_path / "run-1")
    return lambda: BucketJournalStore(s3, "operations", "run-1")


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, s3: Any, tmp_path: Path) -> LockStore:
    return (
        FolderLockStore(tmp_path)
        if request.param == "folder"
        else BucketLockStore(s3, "operations")
    )


def build_lock_record(run: str, since: float = 100, until: float = 200) -> LockRecord:
    return LockRecord(holder="ann@laptop", run=run, reason="resize", since=since, until=until)


def test_journal_lines_of_one_process_are_read_in_order_by_the_next(
    lines: Callable[[], JournalStore],
) -> None:
    first = Journal(lines())
    for n in range(12):
        first.write_record("note", f"step{n}", timestamp=n)
    assert [r.step for r in Journal(lines()).records] == [f"step{n}" for n in range(12)]


def test_a_second_engine_on_a_run_stops_at_its_next_journal_line(
    lines: Callable[[], JournalStore],
) -> None:
    first, second = Journal(lines()), Journal(lines())
    first.write_record("note", "a", timestamp=1)
    with pytest.raises(LineTakenError, match="is written already"):
        second.write_record("note", "b", timestamp=1)
    assert [r.step for r in Journal(lines()).records] == ["a"]


def test_a_journal_line_whose_answer_was_lost_is_recognised_as_written(s3: Any) -> None:
    journal = BucketJournalStore(s3, "operations", "run-1")
    journal.append(0, "line")
    journal.append(0, "line")  # as if the answer had not come: the client sends it again
    assert journal.read() == ["line"]


def test_a_second_operator_is_refused_and_told_who_and_why(place: LockStore) -> None:
    Lock(place).acquire(build_lock_record("run-1"))
    with pytest.raises(LockedError, match=r"ann@laptop holds the lock: resize \(run run-1\)"):
        Lock(place).acquire(build_lock_record("run-2", since=150))


def test_a_run_that_resumes_takes_its_own_lock_again(place: LockStore) -> None:
    Lock(place).acquire(build_lock_record("run-1"))
    Lock(place).acquire(build_lock_record("run-1", since=150, until=250))
    found = Lock(place).find_record()
    assert found is not None
    assert found.until == 250


def test_an_expired_lock_can_be_taken_over(place: LockStore) -> None:
    Lock(place).acquire(build_lock_record("run-1"))
    Lock(place).acquire(build_lock_record("run-2", since=201, until=300))
    found = Lock(place).find_record()
    assert found is not None
    assert found.run == "run-2"


def test_a_run_releases_only_its_own_lock(place: LockStore) -> None:
    Lock(place).acquire(build_lock_record("run-1"))
    Lock(place).release("run-2")
    assert Lock(place).find_record() == build_lock_record("run-1")
    Lock(place).release("run-1")
    assert Lock(place).find_record() is None


def test_a_broken_lock_says_whose_it_was(place: LockStore) -> None:
    Lock(place).acquire(build_lock_record("run-1"))
    assert Lock(place).break_lock(build_lock_record("run-1"))
    assert Lock(place).find_record() is None
    assert not Lock(place).break_lock(build_lock_record("run-1"))


def test_only_the_version_of_the_lock_that_was_read_is_removed(place: LockStore) -> None:
    Lock(place).acquire(build_lock_record("run-1"))
    found = place.read()
    assert found is not None
    assert Lock(place).break_lock(build_lock_record("run-1"))
    Lock(place).acquire(build_lock_record("run-2"))
    assert not place.remove(found[1])
    assert Lock(place).find_record() == build_lock_record("run-2")
