"""Runs checks: every read once, all that can be sent at once in parallel, no answer is unknown."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.checks import CUT, Answer, Check, Facts, Finding, Looking, Read, UnknownError
from ops.core.errors import OpsError, UsageError

THREADS: Final = 16
Send = Callable[[Read], Answer]


@dataclass
class _Going:
    """A check on its way: the generator, and the reads that it waits for."""

    check: Check
    looking: Looking
    wanted: Sequence[Read] = ()


def send(aws: Aws, read: Read, region: str) -> Answer:
    """The items of a read, or why they are not known. A bug is raised, not reported as unknown."""
    try:
        params, where = json.loads(read.params), read.region or region
        if not read.items:
            whole: Any = aws.call(read.api, params, where)
            return [whole]
        if read.most is not None:
            found, more = aws.list_first_items(read.api, read.items, params, where, read.most)
            return [*found, CUT] if more else found
        items: Iterator[Any] = aws.list_items(read.api, read.items, params, where)
        if read.newest is not None:
            field, since = read.newest
            items = takewhile(lambda item: item[field] >= since, items)
        return list(items)
    except UsageError:
        raise  # no credentials: nothing can be looked at
    except OpsError as error:
        return UnknownError(str(error), error.advice[0] if error.advice else "")
    except ClientError as error:
        if error.response["Error"]["Code"] in read.absent:
            return []
        return UnknownError(f"{read.api}: {error.response['Error'].get('Message', error)}")


def run(checks: Iterable[Check], facts: Facts, sending: Send) -> list[Finding]:
    """What the checks find, in their order.

    A check whose read had no answer is unknown as a whole where it does not say better itself.
    """
    found: dict[int, list[Finding]] = {}
    with ThreadPoolExecutor(THREADS, thread_name_prefix="health") as pool:
        answers: dict[Read, Future[Answer]] = {}
        going: dict[int, _Going] = {}

        def advance(number: int, one: _Going, given: list[Answer] | None) -> None:
            try:
                one.wanted = next(one.looking) if given is None else one.looking.send(given)
            except StopIteration as end:
                found[number] = end.value
            except UnknownError as error:
                check = one.check
                found[number] = [
                    Finding("unknown", check.area, check.subject, str(error), error.advice)
                ]
            else:
                for read in one.wanted:
                    if read.api not in one.check.apis:
                        raise ValueError(f"{one.check.subject} reads {read.api} undeclared")
                    if read not in answers:
                        answers[read] = pool.submit(sending, read)
                going[number] = one

        for number, check in enumerate(checks):
            advance(number, _Going(check, check.look(facts)), None)
        while going:
            open_ = {answers[r] for one in going.values() for r in one.wanted}
            ready = [
                (number, one)
                for number, one in going.items()
                if all(answers[r].done() for r in one.wanted)
            ]
            if not ready:
                wait({f for f in open_ if not f.done()}, return_when=FIRST_COMPLETED)
                continue
            for number, one in ready:
                del going[number]
                advance(number, one, [answers[r].result() for r in one.wanted])
    return [finding for number in sorted(found) for finding in found[number]]


def elsewhere(findings: Sequence[Finding]) -> list[Finding]:
    """In another account nothing of the stack can be seen: "not there" is then not known."""
    account = [f for f in findings if f.area == "account"]
    if all(f.state == "ok" for f in account):
        return list(findings)
    return [
        f
        if f.area == "account" or f.state == "unknown"
        else replace(f, state="unknown", evidence=f"not the stack's account for sure: {f.evidence}")
        for f in findings
    ]
