"""Runs checks: sends each read once and in parallel; a read without an answer is unknown."""

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

from ops.core.aws import Aws, explain_error, get_error_code
from ops.core.checks import (
    TRUNCATED,
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    HealthCheck,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
)
from ops.core.credentials import CALL_ERRORS
from ops.core.daemon_pool import DaemonPool
from ops.core.errors import CredentialsError, OpsError, UsageError
from ops.core.s3 import S3_OBJECT_API

MAX_CHECK_THREADS: Final = 16
READY_POLL_SECONDS: Final = 2.0
MAX_READY_ATTEMPTS: Final = 15
Result = TypeVar("Result")
ReadSender = Callable[[ReadRequest], ReadAnswer]


@dataclass
class _RunningCheck:
    """A check that runs: its generator, and the reads that it waits for."""

    check: HealthCheck
    routine: CheckRoutine
    pending_reads: Sequence[ReadRequest] = ()


def send_read(aws: Aws, read: ReadRequest, region: str) -> ReadAnswer:
    """Returns the items of a read, or why they are unknown. A bug is raised, never unknown.

    An object of S3 is one item, with its content as `text`.
    """
    if read.api == S3_OBJECT_API:
        return _read_object(aws, read, region)
    try:
        params, call_region = json.loads(read.params), read.region or region
        if not read.items_key:
            return [_call_until_ready(aws, read, params, call_region)]
        if read.max_pages is not None:
            first_items, has_more = aws.list_first_items(
                read.api, read.items_key, params, call_region, read.max_pages
            )
            return [*first_items, TRUNCATED] if has_more else first_items
        items: Iterator[Any] = aws.list_items(read.api, read.items_key, params, call_region)
        if read.newest_since is not None:
            field, since = read.newest_since
            items = takewhile(lambda item: item[field] >= since, items)
        return list(items)
    except (UsageError, CredentialsError):
        raise  # no read can be sent, so that one error says it for all
    except OpsError as error:
        return UnknownAnswerError(str(error), error.advice[0] if error.advice else "")
    except ClientError as error:
        if error.response["Error"]["Code"] in read.absent_codes:
            return []
        return UnknownAnswerError(f"{read.api}: {error.response['Error'].get('Message', error)}")


def _call_until_ready(aws: Aws, read: ReadRequest, params: dict[str, Any], region: str) -> Any:
    """The answer of a call; asked again for a while if AWS is still preparing it."""
    for attempts_left in reversed(range(MAX_READY_ATTEMPTS)):
        try:
            return aws.call(read.api, params, region)
        except ClientError as error:
            if get_error_code(error) not in read.not_ready_codes or not attempts_left:
                raise
            time.sleep(READY_POLL_SECONDS)
    raise AssertionError("not reached")


def _read_object(aws: Aws, read: ReadRequest, region: str) -> ReadAnswer:
    params = json.loads(read.params)
    try:
        body: bytes = aws.client("s3", read.region or region).get_object(**params)["Body"].read()
        return [{"text": body.decode(errors="replace")}]
    except CALL_ERRORS as error:
        if get_error_code(error) in read.absent_codes:
            return []
        api_error = explain_error(error, S3_OBJECT_API)
        if isinstance(api_error, UsageError | CredentialsError):
            raise api_error from error
        advice = api_error.advice[0] if isinstance(api_error, OpsError) and api_error.advice else ""
        return UnknownAnswerError(str(api_error), advice)


def run_checks(
    checks: Iterable[HealthCheck], facts: CheckFacts, sender: ReadSender
) -> list[CheckFinding]:
    """Returns the findings of the checks, in their order.

    If a read has no answer, the whole check is unknown, unless its routine handles that itself.
    Raises ValueError if a check reads what it does not declare.
    """
    findings_by_check: dict[int, list[CheckFinding]] = {}
    with DaemonPool(MAX_CHECK_THREADS) as pool:
        answers: dict[ReadRequest, Future[ReadAnswer]] = {}
        running_checks: dict[int, _RunningCheck] = {}

        def advance_check(
            number: int, running_check: _RunningCheck, read_answers: list[ReadAnswer] | None
        ) -> None:
            try:
                running_check.pending_reads = (
                    next(running_check.routine)
                    if read_answers is None
                    else running_check.routine.send(read_answers)
                )
            except StopIteration as stop:
                findings_by_check[number] = stop.value
            except UnknownAnswerError as error:
                check = running_check.check
                findings_by_check[number] = [
                    CheckFinding("unknown", check.area, check.subject, str(error), error.advice)
                ]
            else:
                for read in running_check.pending_reads:
                    if read.api not in running_check.check.apis:
                        raise ValueError(
                            f"{running_check.check.subject} reads {read.api} undeclared"
                        )
                    if read not in answers:
                        answers[read] = pool.submit(sender, read)
                running_checks[number] = running_check

        for number, check in enumerate(checks):
            advance_check(number, _RunningCheck(check, check.routine(facts)), None)
        while running_checks:
            pending_answers = {
                answers[pending_read]
                for running_check in running_checks.values()
                for pending_read in running_check.pending_reads
            }
            ready_checks = [
                (number, running_check)
                for number, running_check in running_checks.items()
                if all(answers[pending_read].done() for pending_read in running_check.pending_reads)
            ]
            if not ready_checks:
                wait(
                    {future for future in pending_answers if not future.done()},
                    return_when=FIRST_COMPLETED,
                )
                continue
            for number, running_check in ready_checks:
                del running_checks[number]
                advance_check(
                    number,
                    running_check,
                    [
                        answers[pending_read].result()
                        for pending_read in running_check.pending_reads
                    ],
                )
    return [
        finding for number in sorted(findings_by_check) for finding in findings_by_check[number]
    ]


def run_routine(
    routine: Generator[Sequence[ReadRequest], list[ReadAnswer], Result],
    sender: ReadSender,
    announce_reads: Callable[[Sequence[ReadRequest]], None] = lambda _: None,
) -> Result:
    """Runs a routine of reads to its end. They are announced before they are sent."""
    answers: list[ReadAnswer] | None = None
    while True:
        try:
            reads = next(routine) if answers is None else routine.send(answers)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        announce_reads(reads)
        answers = [sender(read) for read in reads]


def mark_unknown_in_wrong_account(findings: Sequence[CheckFinding]) -> list[CheckFinding]:
    """Marks findings as unknown unless the credentials are known to be of the stack's account."""
    account_findings = [f for f in findings if f.area == "account"]
    if all(f.state == "ok" for f in account_findings):
        return list(findings)
    return [
        f
        if f.area == "account" or f.state == "unknown"
        else replace(f, state="unknown", evidence=f"not the stack's account for sure: {f.evidence}")
        for f in findings
    ]
