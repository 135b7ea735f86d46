"""An item of a checklist: what it means, how it is known, what came of it."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from ops.core.aws import Aws, explain_error, get_error_code
from ops.core.check_runner import elsewhere, run, send
from ops.core.checks import STATES, Answer, Check, Facts, Finding, Looking, Read, UnknownError
from ops.core.checks import State as State
from ops.core.errors import OpsError, UsageError

OBJECT: Final = "s3.get_object"
GONE: Final = ("NoSuchKey", "404", "NotFound")
SHOWN: Final = 3  # findings of an item that are told where all of them are well


@dataclass(frozen=True)
class Asked(Facts):
    """What checks know, and how many seconds back a deployment was."""

    since: float = 15 * 60


def since(facts: Facts) -> float:
    """How many seconds back is looked."""
    assert isinstance(facts, Asked)
    return facts.since


@dataclass(frozen=True)
class Item:
    """One line of a checklist, on each of these lists. `of` are the checks that tell."""

    name: str
    means: str
    lists: tuple[str, ...]
    of: tuple[Check, ...]


@dataclass(frozen=True)
class Result:
    """What an item came to: the worst of its findings, with what was looked at."""

    item: str
    means: str
    state: State
    evidence: str
    command: str
    findings: tuple[Finding, ...]


def look(items: Iterable[Item], facts: Facts, sending: Callable[[Read], Answer]) -> list[Result]:
    """The results of the items that apply to the stack, in their order."""
    asked = [
        (item, check, found)
        for item in items
        for check in item.of
        if check.applies(facts.outputs)
        for found in [list[Finding]()]
    ]
    run([replace(check, look=_noted(check, found)) for _, check, found in asked], facts, sending)
    whole = iter(elsewhere([finding for *_, found in asked for finding in found]))
    own: dict[Item, list[Finding]] = {}
    for item, _, found in asked:
        own.setdefault(item, []).extend(next(whole) for _ in found)
    return [_result(item, findings) for item, findings in own.items() if findings]


def _noted(check: Check, into: list[Finding]) -> Callable[[Facts], Looking]:
    """The check, whose findings are kept with its item."""

    def looking(facts: Facts) -> Looking:
        try:
            findings = yield from check.look(facts)
        except UnknownError as error:
            unknown = Finding("unknown", check.area, check.subject, str(error), error.advice)
            findings = [unknown]
        into.extend(findings)
        return findings

    return looking


def _result(item: Item, findings: Sequence[Finding]) -> Result:
    state = next(s for s in STATES if any(f.state == s for f in findings))
    told = [f for f in findings if f.state != "ok"] or list(findings[:SHOWN])
    evidence = "; ".join(
        f.evidence if f.subject == item.name else f"{f.subject}: {f.evidence}" for f in told
    )
    if state == "ok" and len(findings) > len(told):
        evidence += f"; and {len(findings) - len(told)} more"
    worst = [f for f in told if f.state == state]
    command = next((f.command for f in (*worst, *told) if f.command), "")
    return Result(item.name, item.means, state, evidence, command, tuple(findings))


def sender(aws: Aws, region: str) -> Callable[[Read], Answer]:
    """Sends reads, those of objects too: an object is one item, whose `text` is what it holds."""
    return lambda read: _text(aws, read) if read.api == OBJECT else send(aws, read, region)


def _text(aws: Aws, read: Read) -> Answer:
    params = json.loads(read.params)
    try:
        body: bytes = aws.client("s3", read.region).get_object(**params)["Body"].read()
        return [{"text": body.decode()}]
    except (ClientError, BotoCoreError) as error:
        if get_error_code(error) in GONE:
            return []
        told = explain_error(error, OBJECT)
        if isinstance(told, UsageError):
            raise told from error
        advice = told.advice[0] if isinstance(told, OpsError) and told.advice else ""
        return UnknownError(str(told), advice)
