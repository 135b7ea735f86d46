"""`ops diagnose` as it is typed, on the sandbox."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from ops.diagnose.registry import DIAGNOSE_APIS
from ops.incident.object_keys import ENTRIES_PREFIX
from ops.permissions.call_sets import OUTPUTS_CALLS
from tests.ops import log_stage, metric_stage
from tests.ops.call_recorder import record_calls
from tests.ops.change_stage import ALARM, put_call, put_changed_stack
from tests.ops.diagnose_stage import put_named_balancer
from tests.ops.every_command import open_command_line
from tests.ops.incident_stage import deploy_image, put_open_incident
from tests.ops.stage import Stage


@contextmanager
def deny(*operations: str) -> Iterator[None]:
    """AWS denies these operations."""
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def answer(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in operations:
            error = {"Code": "AccessDeniedException", "Message": "not authorized"}
            raise ClientError({"Error": error, "ResponseMetadata": {}}, operation)  # type: ignore[typeddict-item]
        return original(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", answer):
        yield


class Console:
    """A command line on a stage, whose answers are read as JSON."""

    def __init__(self, stage: Stage, run_line: Any, capture: pytest.CaptureFixture[str]) -> None:
        self.stage, self.run_line, self.capture = stage, run_line, capture

    def run(self, line: str, code: int) -> str:
        self.capture.readouterr()
        assert self.run_line(line) == code, self.capture.readouterr().err
        captured = self.capture.readouterr()
        self.err = captured.err
        return captured.out

    def diagnose(self, options: str = "", code: int = 3) -> Any:
        return json.loads(self.run(f"diagnose --output json {options}", code))


def put_stack(stage: Stage) -> None:
    """Services with their logs, and all else that changes."""
    put_changed_stack(stage)
    put_named_balancer(stage)
    names = dict(stage.outputs.alarms.names) | {"P1": (ALARM,)}
    alarms = stage.outputs.alarms.model_copy(update={"names": names})
    stage.outputs = stage.outputs.model_copy(update={"alarms": alarms})
    for group in ("backend", "frontend"):
        log_stage.put_lines(stage, ["started"], group=f"/bulwark/test/services/{group}")
    log_stage.put_lines(stage, ["started"], group=log_stage.FLEET_GROUP)


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str]) -> Iterator[Console]:
    with open_command_line(put_stack) as (stage, run_line):
        stage.clock.sleep(3600)
        yield Console(stage, run_line, capsys)


def deploy(console: Console, tag: str, seconds: float) -> None:
    """Deploys an image by hand, and lets time pass."""
    deploy_image(console.stage, tag)
    console.stage.clock.sleep(seconds)


def list_causes(body: Any) -> list[tuple[str, str]]:
    return [(item["cause"], item["part"]) for item in body["items"]]


def test_an_image_that_exits_is_the_cause_and_the_deployment_its_trigger(
    console: Console,
) -> None:
    deploy(console, "v4-crash", 240)
    body = console.diagnose("backend")
    assert list_causes(body)[0] == ("image-crashes", "backend")
    cause = body["items"][0]
    assert cause["trigger"]["key"] == "change.deployment"
    assert cause["command"] == "ops service tasks --service backend --stopped"
    assert "ecs.stopped.exit" in [fact["key"] for fact in cause["evidence"]]
    assert cause["since"] is not None


def test_a_deployment_that_still_fails_is_to_be_rolled_back(console: Console) -> None:
    deploy(console, "v4-crash", 60)
    cause = console.diagnose("backend")["items"][0]
    assert cause["cause"] == "image-crashes"
    assert cause["command"] == "ops service rollback --service backend"


def test_an_alarm_is_a_symptom_with_its_time_and_the_wrong_since(console: Console) -> None:
    body = console.diagnose("database-cpu-high")
    assert [fact["key"] for fact in body["symptoms"]] == ["alarm.raised.database-cpu-high"]
    assert body["symptoms"][0]["part"] == "database"
    assert body["wrongSince"] == body["symptoms"][0]["since"]
    assert body["about"] == "database-cpu-high"


def test_new_errors_and_5xx_after_a_deployment_are_of_the_image(console: Console) -> None:
    deploy(console, "v2", 600)
    lines = [f"ERROR cannot render page {number}" for number in range(40)]
    log_stage.put_lines(console.stage, lines, ago=400, apart=10)
    metric_stage.put_values(
        console.stage,
        "HTTPCode_Target_5XX_Count",
        [40.0] * 7,
        dimensions=metric_stage.BACKEND_TARGETS,
        minutes_ago=8,
    )
    body = console.diagnose("backend")
    assert list_causes(body)[0] == ("image-errors", "backend")
    keys = {fact["key"] for fact in body["items"][0]["evidence"]}
    assert {"metric.target.5xx.high", "log.errors.new", "release.changed.image"} <= keys


def test_the_same_errors_without_a_deployment_are_not_of_the_image(console: Console) -> None:
    lines = [f"ERROR cannot render page {number}" for number in range(40)]
    log_stage.put_lines(console.stage, lines, ago=400, apart=10)
    assert "image-errors" not in {cause for cause, _ in list_causes(console.diagnose("backend"))}


def test_the_report_fits_80_columns_and_has_the_line_to_type(console: Console) -> None:
    deploy(console, "v4-crash", 240)
    text = console.run("diagnose", 3)
    assert "1. the new image's container exits by itself: backend" in text
    assert "ops service tasks --service backend --stopped" in text
    assert "refuted if" in text
    long_lines = [line for line in text.splitlines() if len(line) > 80]
    assert not [line for line in long_lines if " " in line.strip()[:60]], long_lines


def test_the_calls_of_a_diagnosis_are_declared_and_few(console: Console) -> None:
    with record_calls() as calls:
        console.diagnose()
    apis = [call.api for call in calls]
    assert set(apis) <= {*DIAGNOSE_APIS, *OUTPUTS_CALLS}
    with record_calls() as calls:
        log_stage.put_lines(console.stage, [f"ERROR {n}" for n in range(300)], ago=300)
        console.diagnose()
    puts = {"logs.put_log_events", "logs.describe_log_groups", "logs.describe_log_streams"}
    assert len([call for call in calls if call.api not in puts]) <= len(apis) + 2


def test_a_denied_look_is_said_and_the_others_still_diagnose(console: Console) -> None:
    deploy(console, "v4-crash", 240)
    whole = console.diagnose("backend")["items"][0]
    with deny("GetMetricData", "FilterLogEvents", "DescribeAlarms"):
        body = console.diagnose("backend")
    assert list_causes(body)[0] == ("image-crashes", "backend")
    assert body["items"][0]["confidence"] < whole["confidence"]
    sources = {gap["source"] for gap in body["notRead"] if gap["failed"]}
    assert {"metrics", "logs", "alarms"} <= sources
    assert "logs" in body["items"][0]["notRead"]


def test_nothing_that_is_denied_makes_a_stack_healthy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def deny_all(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        error = {"Code": "AccessDeniedException", "Message": "not authorized"}
        raise ClientError({"Error": error, "ResponseMetadata": {}}, operation)  # type: ignore[typeddict-item]

    with open_command_line(put_stack) as (stage, run_line):
        console = Console(stage, run_line, capsys)
        with patch.object(BaseClient, "_make_api_call", deny_all):
            text = console.run("diagnose", 3)
    assert "nothing is wrong in what could be read: the rest is unknown" in text
    assert "AccessDenied" in text


def test_a_past_time_is_read_from_what_aws_keeps(console: Console) -> None:
    deploy(console, "v4-crash", 240)
    console.stage.clock.sleep(7200)
    body = console.diagnose("backend --at 2h")
    assert {gap["source"] for gap in body["notRead"]} >= {"health", "services"}
    moment = datetime.fromisoformat(body["until"])
    ago = datetime.fromtimestamp(console.stage.clock.now(), moment.tzinfo) - moment
    assert abs(ago - timedelta(hours=2)) < timedelta(minutes=1)
    # ECS keeps neither the tasks nor why they stopped: its events only say that none could start.
    assert list_causes(body)[0] == ("deployment-rolled-back", "backend")
    cause = body["items"][0]
    assert cause["trigger"]["key"] == "change.deployment"
    assert cause["notRead"] == ["services"]


def test_a_page_is_written_with_the_hour_drawn(console: Console, tmp_path: Path) -> None:
    put_call(console.stage, "UpdateService", {"service": "<b>backend</b>"}, minutes_ago=10)
    deploy(console, "v4-crash", 240)
    console.run(f"diagnose --to {tmp_path / 'diagnosis.html'}", 3)
    page = (tmp_path / "diagnosis.html").read_text("utf-8")
    assert "ops service tasks --service backend --stopped" in page
    assert 'class="back" style="left:' in page
    assert "<b>backend</b>" not in page


def test_it_is_shared_with_the_open_incident(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_open_incident) as (stage, run_line):
        console = Console(stage, run_line, capsys)
        console.run("diagnose --share", 3)
        bucket = stage.outputs.backups.operations_bucket
        s3 = stage.client("s3")
        keys = s3.list_objects_v2(Bucket=bucket, Prefix=ENTRIES_PREFIX)["Contents"]
        entry = json.loads(s3.get_object(Bucket=bucket, Key=keys[0]["Key"])["Body"].read())
    assert entry["kind"] == "diagnosis"
    assert "before it" in entry["text"]
    assert {"items", "notRead"} <= entry["data"].keys()
    assert "added to incident-" in console.err


def test_sharing_without_an_incident_is_refused_before_it_is_read(console: Console) -> None:
    with record_calls() as calls:
        console.run("diagnose --share", 2)
    assert "no incident is open" in console.err
    assert not [call for call in calls if not call.api.startswith("s3.")]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("nonsense", "ALARM|SYMPTOM must be"),
        ("backnd", "did you mean 'backend'"),
        ("--at soon", "--at must be"),
        ("--at 2099-01-01", "--at must be in the past"),
        ("--to /no/such/folder/x.html", "--to must be a file"),
        ("--share --watch 5s", "--watch must be without"),
    ],
)
def test_bad_input_is_refused_before_any_call(console: Console, options: str, words: str) -> None:
    with record_calls() as calls:
        console.run(f"diagnose {options}", 2)
    assert words in console.err
    assert not calls


def test_aws_health_without_a_support_plan_is_said_and_no_failure(console: Console) -> None:
    (gap,) = [gap for gap in console.diagnose()["notRead"] if gap["source"] == "aws-health"]
    assert "Business Support" in gap["reason"]
    assert not gap["failed"]


def test_an_open_event_of_aws_is_named_with_what_it_does(console: Console) -> None:
    began = datetime.fromtimestamp(console.stage.clock.now() - 900, UTC)
    event = {
        "arn": "arn:aws:health:eu-north-1::event/RDS/AWS_RDS_OPERATIONAL_ISSUE/1",
        "service": "RDS",
        "eventTypeCode": "AWS_RDS_OPERATIONAL_ISSUE",
        "region": "eu-north-1",
        "startTime": began.timestamp(),
        "statusCode": "open",
    }
    other = event | {"service": "CONNECT"}
    reply: tuple[int, dict[str, str], bytes] = (
        200,
        {},
        json.dumps({"events": [event, other]}).encode(),
    )
    with patch("sandbox.patches.aws_health.HEALTH_REPLY", reply):
        body = console.diagnose()
    (cause,) = [item for item in body["items"] if item["cause"] == "aws-event"]
    assert cause["since"] == began.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [fact["key"] for fact in cause["evidence"]].count("aws.event.issue") == 1
