"""How reads are sent: once, together, as far as needed; and no answer is taken for another."""

from collections.abc import Iterator
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.check_runner import mark_unknown_in_wrong_account, run_checks, send_read
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    HealthCheck,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
    build_read,
    get_answer_items,
)
from ops.core.errors import UnreachableError, UsageError
from ops.health.registry import HEALTH_CHECKS
from tests.ops.single_check import NOW
from tests.ops.stage import REGION, build_stack_outputs


class PagedAws(Aws):
    """AWS that has some items to list, and says how many were asked for."""

    def __init__(self, *items: Any) -> None:
        super().__init__(REGION)
        self.items, self.requested_count = items, 0

    def list_items(self, *_: Any) -> Iterator[Any]:
        for item in self.items:
            self.requested_count += 1
            if isinstance(item, Exception):
                raise item
            yield item


def build_client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Describe")


def test_a_list_is_read_only_back_to_the_requested_time() -> None:
    times = ("2026-11-21T11:50:00Z", "2026-11-21T11:10:00Z", "2026-11-21T10:50:00Z", "2026-11-20")
    aws = PagedAws(*({"StartTime": time} for time in times))
    facts = CheckFacts(build_stack_outputs(), NOW)
    found = send_read(
        aws, build_read("a.b", "x", newest_since=("StartTime", facts.format_time_ago(3600))), REGION
    )
    assert get_answer_items(found) == [{"StartTime": time} for time in times[:2]]
    assert aws.requested_count == 3  # the first that is too old ends it


def test_only_declared_error_codes_mean_absent() -> None:
    one = build_read("a.b", "x", absent_codes=("ThingNotFound",))
    assert send_read(PagedAws(build_client_error("ThingNotFound")), one, REGION) == []
    found = send_read(PagedAws(build_client_error("ValidationError")), one, REGION)
    assert isinstance(found, UnknownAnswerError)
    assert str(found) == "a.b: no"


def test_an_error_on_a_later_page_leaves_all_unknown() -> None:
    found = send_read(PagedAws({}, UnreachableError("no answer")), build_read("a.b", "x"), REGION)
    assert isinstance(found, UnknownAnswerError)


def test_without_credentials_no_check_is_run() -> None:
    with pytest.raises(UsageError, match="no credentials"):
        send_read(PagedAws(UsageError("there are no credentials")), build_read("a.b", "x"), REGION)


def test_no_read_is_sent_twice_and_reads_of_a_round_are_sent_together() -> None:
    sent: list[ReadRequest] = []
    together = Barrier(3, timeout=10)  # broken unless three reads are under way at once

    def look(_: CheckFacts) -> CheckRoutine:
        answers = yield [
            build_read("a.one", "x"),
            build_read("a.two", "x"),
            build_read("a.three", "x"),
        ]
        more = yield [build_read("a.one", "x")]
        return [CheckFinding("ok", "a", str(get_answer_items(more[0])), str(len(answers)))]

    def sending(call: ReadRequest) -> ReadAnswer:
        sent.append(call)
        together.wait()
        return [{}]

    check = HealthCheck("a", "b", look, ("a.one", "a.two", "a.three"))
    findings = run_checks([check, check], CheckFacts(build_stack_outputs(), NOW), sending)
    assert len(findings) == 2
    assert len(sent) == 3


def test_a_bug_in_a_read_is_raised_and_not_reported_as_unknown() -> None:
    def sending(_: ReadRequest) -> ReadAnswer:
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        run_checks(HEALTH_CHECKS[:1], CheckFacts(build_stack_outputs(), NOW), sending)


def test_a_read_that_a_check_does_not_declare_is_refused() -> None:
    def look(_: CheckFacts) -> CheckRoutine:
        yield [build_read("a.secret", "x")]
        return []

    with pytest.raises(ValueError, match=r"reads a\.secret undeclared"):
        run_checks(
            [HealthCheck("a", "b", look, ())], CheckFacts(build_stack_outputs(), NOW), lambda _: []
        )


def test_an_unknown_account_turns_failing_checks_into_unknown() -> None:
    findings = [
        CheckFinding("unknown", "account", "credentials", "throttled"),
        CheckFinding("failing", "network", "vpc", "is gone"),
    ]
    assert [f.state for f in mark_unknown_in_wrong_account(findings)] == ["unknown", "unknown"]
