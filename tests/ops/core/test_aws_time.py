"""A clock of this machine that is wrong: AWS's counts wherever times are compared."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any

import pytest

from ops.cli.execution import new_run_id
from ops.core import clock
from ops.core.actions import Actions
from ops.core.aws_time import AWS_TIME_OFFSET, AwsTimeOffset
from ops.core.engine import SilentListener
from ops.core.errors import LockHeldError
from ops.core.journal import Journal
from ops.core.lock import LOCK_KEY, LockRecord
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.run import Runner, WallClock
from ops.core.run_context import StackContext
from sandbox.faults import AwsRequest, RawReply, RequestHandler, inject_faults
from tests.ops.stage import REGION, Stage, open_stage

AHEAD_SECONDS = 600.0


@pytest.fixture(autouse=True)
def _forget_offset() -> Iterator[None]:
    yield
    AWS_TIME_OFFSET.forget()


def say_date(aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
    """Answers as an AWS whose clock is right, to a machine that is ten minutes ahead."""
    status, headers, body = next_handler(aws_request)
    return status, {**headers, "date": format_date(time.time() - AHEAD_SECONDS)}, body


def format_date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


@contextmanager
def open_machine_ahead(*more_faults: Any) -> Iterator[Stage]:
    """A stage with the operations bucket, seen from a machine that is ten minutes ahead."""
    fault: Any = say_date
    with open_stage() as stage:
        stage.client("s3").create_bucket(
            Bucket=stage.outputs.backups.operations_bucket,
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
        with inject_faults(fault, *more_faults):
            yield stage


def build_parameter_plan(stage: Stage, run: str) -> Plan:
    read = Call(api="ssm.describe_parameters", params={})
    step = Step(
        name="put",
        description="puts it",
        action=Call(
            api="ssm.put_parameter", params={"Name": "mode", "Value": "on", "Type": "String"}
        ),
        goal=Wait(read=read, met={"Parameters[0].Name": "mode"}, every=1, within=60),
    )
    stack = stage.outputs.stack
    return Plan(
        run=run,
        kind="service deploy",
        stack=stack.stack,
        account=stack.account,
        region=stack.region,
        steps=(step,),
    )


def build_runner(stage: Stage) -> Runner:
    context = StackContext(stage.outputs, stage.aws)
    return Runner(context, WallClock(), SilentListener(), Actions(stage.aws), settle_seconds=0)


def get_aws_time_error() -> float:
    """Seconds between the time that operations go by and AWS's."""
    return abs(clock.now().timestamp() - (time.time() - AHEAD_SECONDS))


def test_a_machine_ahead_does_not_take_a_lock_that_is_alive() -> None:
    with open_machine_ahead() as stage:
        aws_now = time.time() - AHEAD_SECONDS
        record = LockRecord(
            holder="ann@laptop", run="resize-1", reason="", since=aws_now, until=aws_now + 300
        )
        bucket = stage.outputs.backups.operations_bucket
        stage.client("s3").put_object(
            Bucket=bucket, Key=LOCK_KEY, Body=record.model_dump_json().encode()
        )
        with pytest.raises(LockHeldError, match="ann@laptop holds the lock"):
            build_runner(stage).start(build_parameter_plan(stage, "put-1"))


def test_the_lock_the_journal_and_the_run_have_the_time_of_aws() -> None:
    locks, contexts = list[LockRecord](), list[StackContext]()

    def keep_lock(aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        if aws_request.api == "ssm.put_parameter":
            lock = contexts[0].lock().find_record()
            assert lock is not None
            locks.append(lock)
        return next_handler(aws_request)

    with open_machine_ahead(keep_lock) as stage:
        context = StackContext(stage.outputs, stage.aws)
        contexts.append(context)
        context.check_account()
        run = new_run_id("put")
        aws_now = time.time() - AHEAD_SECONDS
        assert build_runner(stage).start(build_parameter_plan(stage, run)) == "done"
        records = Journal(context.get_journal_store(run)).records
    times = [record.timestamp for record in records] + [locks[0].since]
    assert all(abs(moment - aws_now) < AHEAD_SECONDS / 2 for moment in times)
    run_minutes = time.strftime("%Y%m%d-%H", time.gmtime(aws_now))
    assert run_minutes in run or time.strftime("%Y%m%d-%H", time.gmtime(aws_now + 60)) in run
    assert get_aws_time_error() < AHEAD_SECONDS / 2


def test_a_clock_within_the_answers_uncertainty_is_not_corrected() -> None:
    offset, sent_at = AwsTimeOffset(), time.time()
    offset.learn(format_date(sent_at), sent_at)
    assert offset.seconds == 0


@pytest.mark.parametrize("wrong_by", [-3600.0, -90.0, 90.0, 600.0])
def test_the_clock_offset_stays_within_what_the_answers_prove(wrong_by: float) -> None:
    offset = AwsTimeOffset()
    for _ in range(3):
        sent_at = time.time()
        offset.learn(format_date(sent_at + wrong_by), sent_at)
        assert offset.seconds == pytest.approx(wrong_by, abs=30)
    # An answer that took two hours: it could have been given at this machine's time.
    offset.learn(format_date(time.time() - 3600), time.time() - 7200)
    assert offset.seconds == 0


@pytest.mark.parametrize("date", ["", "soon", "None", "Mon, 32 Nov 2026 00:00:00 GMT"])
def test_an_answer_without_a_date_changes_no_offset(date: str) -> None:
    offset = AwsTimeOffset()
    offset.learn(date, time.time())
    assert offset.seconds == 0


def test_a_sandboxs_clock_is_not_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    AWS_TIME_OFFSET.learn(format_date(time.time() - AHEAD_SECONDS), time.time())
    monkeypatch.setenv(clock.CLOCK_VARIABLE, str(clock.ClockRate(time.time() - 1, 1)))
    assert abs(clock.now().timestamp() - time.time()) < AHEAD_SECONDS / 2
