"""Waivers of findings: which one counts, for how long, and what is said if none can be read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
)
from ops.core.s3 import S3_OBJECTS_API
from ops.findings.model import ResourceFinding, build_finding_id, sort_findings
from ops.findings.waivers import Waiver, apply_waivers, get_waiver_key, select_waiver_keys
from tests.ops.stage import build_stack_outputs

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
OPEN_GROUP = ResourceFinding(
    "failing",
    "audit",
    "sg-1",
    "22/tcp is open to 0.0.0.0/0",
    "aws ec2 revoke-security-group-ingress --group-id sg-1",
    id="open-groups/sg-1",
    severity="high",
)
DAY = timedelta(days=1)


def build_waiver(written: datetime, until: datetime, finding: str = OPEN_GROUP.id) -> Waiver:
    return Waiver(finding=finding, until=until, reason="bastion", by="ann", time=written)


def judge(
    objects: Mapping[str, str],
    findings: Sequence[CheckFinding] = (OPEN_GROUP,),
    *,
    list_error: UnknownAnswerError | None = None,
) -> list[CheckFinding]:
    """Applies waivers to findings; `objects` are the bucket's."""

    def answer(read: ReadRequest) -> ReadAnswer:
        if read.api == S3_OBJECTS_API:
            return list_error or [{"Key": key} for key in objects]
        key = next(key for key in objects if f'"{key}"' in read.params)
        return [{"text": objects[key]}]

    routine = apply_waivers(CheckFacts(build_stack_outputs(), NOW), findings)
    try:
        reads = next(routine)
        while True:
            reads = routine.send([answer(read) for read in reads])
    except StopIteration as stop:
        marked_findings: list[CheckFinding] = stop.value
        return marked_findings


def keep(*waivers: Waiver) -> dict[str, str]:
    return {get_waiver_key(w.finding, w.time): w.model_dump_json() for w in waivers}


def test_a_waived_finding_is_ok_and_says_by_whom_and_why() -> None:
    (finding,) = judge(keep(build_waiver(NOW - DAY, NOW + DAY)))
    assert isinstance(finding, ResourceFinding)
    assert finding.state == "ok"
    assert finding.waiver == "waived until 2026-12-01 by ann: bastion"
    assert finding.command == ""


@pytest.mark.parametrize(
    ("waivers", "state"),
    [
        ((), "failing"),
        ((build_waiver(NOW - 2 * DAY, NOW - DAY),), "failing"),
        ((build_waiver(NOW - DAY, NOW),), "failing"),
        ((build_waiver(NOW - DAY, NOW + DAY, "open-groups/sg-2"),), "failing"),
        (
            (build_waiver(NOW - 2 * DAY, NOW + DAY), build_waiver(NOW - DAY, NOW)),
            "failing",
        ),
        (
            (build_waiver(NOW - 2 * DAY, NOW - DAY), build_waiver(NOW - DAY, NOW + DAY)),
            "ok",
        ),
    ],
    ids=["none", "over", "ends-now", "of-another", "ended-early", "renewed"],
)
def test_the_newest_waiver_counts_until_it_ends(waivers: tuple[Waiver, ...], state: str) -> None:
    (finding,) = judge(keep(*waivers))
    assert finding.state == state


def test_waivers_that_cannot_be_read_hide_nothing() -> None:
    denied = UnknownAnswerError("s3:ListBucket is missing", "ops bootstrap")
    states = [f.state for f in judge({}, list_error=denied)]
    assert states == ["failing", "unknown"]
    key = get_waiver_key(OPEN_GROUP.id, NOW)
    findings = judge({key: "{}"})
    assert [f.state for f in findings] == ["failing", "unknown"]
    assert "is not a waiver" in findings[1].evidence


def test_nothing_is_read_if_nothing_is_open() -> None:
    fine = CheckFinding("ok", "audit", "groups", "12 groups")
    routine = apply_waivers(CheckFacts(build_stack_outputs(), NOW), [fine])
    with pytest.raises(StopIteration) as stop:
        next(routine)
    assert stop.value.value == [fine]


def test_keys_of_one_finding_sort_by_their_time() -> None:
    early, late = get_waiver_key("a/b", NOW), get_waiver_key("a/b", NOW + timedelta(seconds=1))
    other = get_waiver_key("a/c", NOW)
    assert set(select_waiver_keys([late, early, other, "waivers/readme"])) == {late, other}


def test_findings_are_sorted_by_what_is_open_and_bad() -> None:
    low = ResourceFinding("failing", "unused", "a", "", id="u/a", severity="low", monthly_usd=1)
    dear = ResourceFinding("failing", "unused", "b", "", id="u/b", severity="low", monthly_usd=9)
    unknown = CheckFinding("unknown", "unused", "c", "")
    fine = CheckFinding("ok", "unused", "d", "")
    assert sort_findings([fine, unknown, low, OPEN_GROUP, dear]) == [
        OPEN_GROUP,
        dear,
        low,
        unknown,
        fine,
    ]
    assert build_finding_id("unused", "my volume") == "unused/my-volume"
