"""A look that hangs is said not to be read, and holds up neither the others nor the end."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from ops.cli.time_span import TimeSpan
from ops.core.aws import Aws
from ops.core.run_context import StackContext
from ops.diagnose.diagnosis import diagnose, read_all_facts
from ops.diagnose.facts import Fact, Facts
from ops.diagnose.look import FactReader
from ops.diagnose.reader import DiagnosisRequest
from tests.ops.health.test_registry import PROJECT_ROOT
from tests.ops.stage import build_stack_outputs

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
MODULE = "tests.ops.diagnose.test_deadline"
MAY_END = threading.Event()


def read_at_once(request: DiagnosisRequest) -> Facts:
    return Facts((Fact("alarm.raised.cpu", "database", "CPU is high", "alarms", request.now),))


def read_never(_: DiagnosisRequest) -> Facts:
    MAY_END.wait()
    return Facts((Fact("change.run", "database", "too late", "changes"),))


READERS = (
    FactReader("changes", f"{MODULE}:read_never", (), (), parts=lambda _: ("database", "cache")),
    FactReader("alarms", f"{MODULE}:read_at_once", (), ()),
)


def build_request() -> DiagnosisRequest:
    span = TimeSpan(NOW - timedelta(hours=1), NOW, is_until_now=True)
    context = StackContext(build_stack_outputs(), Aws("eu-north-1"))
    return DiagnosisRequest(context, span, NOW)


def wait_for_those_that_end(futures: Sequence[Future[Any]], timeout: float) -> Any:
    """Waits as if the time had come as soon as the last look has its answer."""
    futures[-1].result()
    return {futures[-1]}, set(futures[:-1])


def test_what_a_look_does_not_answer_in_time_is_not_read_and_the_rest_is_shown() -> None:
    with patch("ops.diagnose.diagnosis.wait", wait_for_those_that_end):
        facts = read_all_facts(build_request(), READERS, deadline_seconds=45)
        diagnosis = diagnose(build_request(), READERS, ())
    MAY_END.set()
    assert [fact.text for fact in facts.facts] == ["CPU is high"]
    (gap,) = facts.gaps
    assert (gap.source, gap.reason) == ("changes", "not read: no answer in 45 s")
    assert gap.parts == ("database", "cache")
    assert gap.is_failure
    assert not diagnosis.is_known
    assert [fact.text for fact in diagnosis.symptoms] == ["CPU is high"]


def test_the_program_ends_although_a_look_hangs() -> None:
    program = (
        f"from {MODULE} import READERS, build_request\n"
        "from ops.diagnose.diagnosis import read_all_facts\n"
        "facts = read_all_facts(build_request(), READERS[:1], deadline_seconds=0.01)\n"
        "print(*(gap.reason for gap in facts.gaps))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.stdout == "not read: no answer in 0.01 s\n", result.stderr
