"""The runbook: every command on its pages is typed on a stack that is up, in the order of the page.

What a page leaves to its reader (IMAGE, RUN, PID) is put there by GIVEN, and what a command wants
to find beforehand by BEFORE. Commands that change something are agreed to with the hash of their
plan, as a program would. What is not covered: that what they do helps.
"""

import json
import os
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest

from components.facts.metrics import ALB_NAMESPACE
from ops.cli.app import main
from ops.permissions.grants import USER_TAG
from sandbox import clock
from sandbox.aws import get_client
from sandbox.image_push import push_image
from sandbox.patches.iam import KEY_SOURCE_TAG
from sandbox.program import PROJECT_ROOT
from sandbox.running_stack import RunningStack, serve_stack
from tests.open_group import open_group
from tests.runbook_lines import (
    ADDED_OPTIONS,
    FINDING_EXIT_CODES,
    LOOKING_COMMANDS,
    PULUMI_COMMANDS,
    REFUSED_LINES,
)

RUNBOOK_PAGES = sorted((PROJECT_ROOT / "docs" / "runbook").glob("*.md"))


def list_page_commands(page: Path) -> list[str]:
    """The lines of `ops` that a page shows in its blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("ops ")]


class RunbookConsole:
    """Types lines on the stack, and keeps what they say."""

    def __init__(self, stack_up: RunningStack, capture: pytest.CaptureFixture[str]) -> None:
        self.stack_up, self.capture = stack_up, capture

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self.capture.readouterr()
        code = main(list(words))
        captured = self.capture.readouterr()
        return code, captured.out, captured.err

    def run_for_json(self, *words: str) -> Any:
        code, out, err = self(*words, "--output", "json")
        assert code == 0, err
        return json.loads(out)

    def run_with_plan_hash(self, words: list[str]) -> tuple[int, str, str]:
        """A line that wants to be agreed to, with the hash of its plan."""
        split = words.index("--") if "--" in words else len(words)
        front, rest = words[:split], words[split:]
        code, out, err = self(*front, "--dry-run", "--output", "json", *rest)
        plan_hash = None if code else json.loads(out).get("hash")
        if plan_hash is None:  # it is refused, or there is nothing to do
            return code, out, err
        return self(*front, "--yes", "--expect", plan_hash, *rest)


@pytest.fixture(scope="module")
def prod() -> Iterator[RunningStack]:
    with serve_stack(
        "prod", {"compute": "both", "cache": {"enabled": True}}, factor=1200
    ) as stack_up:
        environment = {k: v for k, v in stack_up.settings.items() if k != "AWS_ENDPOINT_URL"}
        with patch.dict(os.environ, environment):
            yield stack_up


@pytest.fixture
def runbook_console(prod: RunningStack, capsys: pytest.CaptureFixture[str]) -> RunbookConsole:
    return RunbookConsole(prod, capsys)


def push_unused_image(runbook_console: RunbookConsole) -> str:
    """An image that the backend does not run yet."""
    url = str(runbook_console.stack_up.deployment.exports["registry"]["repositories"]["backend"])
    ecr, repository = get_client("ecr", "eu-north-1"), url.partition("/")[2]
    tag = f"v{len(ecr.list_images(repositoryName=repository)['imageIds']) + 1}"
    push_image(ecr, repository, tag)
    return f"{url}:{tag}"


def get_newest_run(runbook_console: RunbookConsole) -> str:
    """The newest run."""
    return str(runbook_console.run_for_json("runs", "list", "--limit", "1")["items"][0]["run"])


def start_slow_session(runbook_console: RunbookConsole) -> str:
    """A session that does something for long."""
    part = runbook_console.stack_up.deployment.exports["database"]
    secret = json.loads(
        get_client("secretsmanager", "eu-north-1").get_secret_value(SecretId=part["secretArn"])[
            "SecretString"
        ]
    )
    connection = psycopg.connect(
        host=secret["host"],
        port=secret["port"],
        dbname=secret["dbname"],
        user=secret["username"],
        password=secret["password"],
    )

    def run_slow_query() -> None:
        with connection, pytest.raises(psycopg.Error):
            connection.execute("SELECT pg_sleep(60)")

    threading.Thread(target=run_slow_query, daemon=True).start()
    return str(connection.info.backend_pid)


def deploy_second_revision(runbook_console: RunbookConsole) -> None:
    """Another revision that runs, so that there is one to go back to."""
    code, _, err = runbook_console(
        "service", "deploy", push_unused_image(runbook_console), "--service", "backend", "--yes"
    )
    assert code in (0, 2), err  # 2: it runs already


@contextmanager
def hold_time() -> Iterator[None]:
    """The time of the sandbox stands still, so that what takes any time does not end."""
    running_clock = clock.get_sandbox_clock()
    clock.set_sandbox_clock(clock.ManualClock(running_clock.now()))
    try:
        yield
    finally:
        clock.set_sandbox_clock(running_clock)


def change_task_count(runbook_console: RunbookConsole) -> None:
    """Another number of tasks than the page asks for."""
    code, _, err = runbook_console("service", "scale", "3", "--service", "backend", "--yes")
    assert code in (0, 2), err  # 2: it has as many already


def stop_run_halfway(runbook_console: RunbookConsole) -> None:
    """A run that timed out: ECS is at it still, and the lock is held for it."""
    with hold_time():
        code, _, err = runbook_console(
            "service", "scale", "5", "--service", "backend", "--yes", "--timeout", "1"
        )
    assert code == 4, err


def stop_deployment_halfway(runbook_console: RunbookConsole) -> None:
    """A run whose plan has a way back: another revision is on its way."""
    image = push_unused_image(runbook_console)
    with hold_time():
        code, _, err = runbook_console(
            "service", "deploy", image, "--service", "backend", "--yes", "--timeout", "1"
        )
    assert code == 4, err


def stop_second_run(runbook_console: RunbookConsole) -> None:
    """Another one, of which nobody knows how far it has come."""
    with hold_time():
        code, _, err = runbook_console(
            "service", "restart", "--service", "backend", "--yes", "--timeout", "1"
        )
    assert code == 4, err


# Of five minutes in which every request was answered at once.
SERVED_VALUES = {"ConsumedLCUs": 0.1, "RequestCount": 9, "TargetResponseTime": 0.1}


def put_measured_requests(runbook_console: RunbookConsole) -> None:
    """What a load balancer sends that serves; with it, the report knows what users were served."""
    cloudwatch, elbv2 = (get_client(name, "eu-north-1") for name in ("cloudwatch", "elbv2"))
    arn = str(runbook_console.stack_up.deployment.exports["loadBalancer"]["arn"])
    (balancer,) = elbv2.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
    created = balancer["CreatedTime"].timestamp() // 300 * 300
    dimensions = [{"Name": "LoadBalancer", "Value": arn.partition(":loadbalancer/")[2]}]
    with hold_time():
        steps = int((clock.get_sandbox_clock().now().timestamp() - created) // 300) + 1
        for metric, value in SERVED_VALUES.items():
            points = [
                {
                    "MetricName": metric,
                    "Dimensions": dimensions,
                    "Timestamp": datetime.fromtimestamp(created + number * 300, UTC),
                    "Value": value,
                }
                for number in range(steps)
            ]
            for first in range(0, steps, 1000):
                cloudwatch.put_metric_data(
                    Namespace=ALB_NAMESPACE, MetricData=points[first : first + 1000]
                )
        _, out, err = runbook_console("slo", "report", "--output", "json")
        levels = {level["level"]: level["verdict"] for level in json.loads(out)["items"]}
        assert {levels[name] for name in ("availability", "errors", "latency")} == {"met"}, err


def put_key_user(_: RunbookConsole) -> None:
    """A user of the stack with one key, and an application that uses it."""
    iam = get_client("iam", "eu-north-1")
    if "exporter" not in {user["UserName"] for user in iam.list_users()["Users"]}:
        tags = {
            USER_TAG: "bulwark-prod",
            KEY_SOURCE_TAG: "bulwark-prod-access-key-exporter",
        }
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        iam.create_user(UserName="exporter", Tags=pairs)
        iam.create_access_key(UserName="exporter")


def get_last_month(_: RunbookConsole) -> str:
    """The month before this one, as AWS will not have the values of the page's for ever."""
    first_day = clock.get_sandbox_clock().now().replace(day=1)
    return f"{first_day - timedelta(days=1):%Y-%m}"


def get_restorable_time(runbook_console: RunbookConsole) -> str:
    """The latest time that the database can be restored to."""
    (primary,) = [
        item
        for item in runbook_console.run_for_json("db", "status")["items"]
        if item["role"] == "primary"
    ]
    return str(primary["restorable"])


def create_snapshot(runbook_console: RunbookConsole) -> str:
    """A snapshot that operations made."""
    code, _, err = runbook_console("db", "snapshot", "create", "--yes")
    assert code == 0, err
    return str(runbook_console.run_for_json("db", "snapshot", "list")["items"][0]["snapshot"])


def get_fleet_instance(runbook_console: RunbookConsole) -> str:
    """An instance of the fleet."""
    return str(runbook_console.run_for_json("fleet", "instances")["items"][0]["instance"])


PLACEHOLDER_VALUES: dict[str, Callable[[RunbookConsole], str]] = {
    "IMAGE": push_unused_image,
    "RUN": get_newest_run,
    "PID": start_slow_session,
    "TIME": get_restorable_time,
    "SNAPSHOT": create_snapshot,
    "INSTANCE": get_fleet_instance,
    "OWNER/NAME": lambda _: "owner/fork",
    "2026-10": get_last_month,
    "FINDING": lambda console: open_group(console.stack_up.deployment.exports),
    "RECOVERY": lambda _: "eu-west-1",
}
PREPARATIONS: dict[str, Callable[[RunbookConsole], None]] = {
    "service scale": change_task_count,
    "service revisions": deploy_second_revision,
    "slo report": put_measured_requests,
    "keys rotate": put_key_user,
    "runs list": stop_run_halfway,
    "runs undo": stop_deployment_halfway,
    "lock break": stop_second_run,
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("page", RUNBOOK_PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_do_what_they_say(
    page: Path,
    runbook_console: RunbookConsole,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values: dict[str, str] = {}
    if page.stem in ("checklists", "incident"):  # their reports are files
        monkeypatch.chdir(tmp_path)
    for line in list_page_commands(page):
        if line.startswith(PULUMI_COMMANDS):
            continue
        for start, prepare in PREPARATIONS.items():
            if line.startswith(f"ops {start}"):
                prepare(runbook_console)
                values.pop("RUN", None)  # the one that was just started
        words = shlex.split(line)[1:]
        for start, options in ADDED_OPTIONS.items():
            words += options if line.startswith(start) else []
        for name in PLACEHOLDER_VALUES.keys() & set(words):
            values.setdefault(name, PLACEHOLDER_VALUES[name](runbook_console))
            words = [values[name] if word == name else word for word in words]
        code, out, err = (
            runbook_console.run_with_plan_hash(words)
            if is_confirmation_asked(words)
            else runbook_console(*words, *get_confirmation_options(words))
        )
        is_look = " ".join(words).startswith(LOOKING_COMMANDS) or words[:2] in (
            ["audit"],
            ["audit", "may"],
        )
        expected_codes = FINDING_EXIT_CODES if is_look else (0,)
        refusals = [REFUSED_LINES[start] for start in REFUSED_LINES if line.startswith(start)]
        is_refused = code in (1, 2, 5) and any(text in err for text in refusals)
        assert is_refused or code in expected_codes, f"{line}\n{out}{err}"


def is_confirmation_asked(words: list[str]) -> bool:
    """Whether a line shows a plan and asks, as its command's options say."""
    if "--dry-run" in words or words[:2] == ["bootstrap", "check"]:
        return False
    return "--dry-run" in get_command_help(words)


def get_confirmation_options(words: list[str]) -> tuple[str, ...]:
    """What agrees to a line that asks, and has no plan of its own to show before."""
    return ("--yes",) if "--yes" in get_command_help(words) and "--dry-run" not in words else ()


def get_command_help(words: list[str]) -> str:
    """The help of a line's command."""
    import contextlib
    import io

    names = [word for word in words[:3] if re.fullmatch(r"[a-z][a-z-]*", word)]
    while names:
        help_text = io.StringIO()
        with contextlib.redirect_stdout(help_text), contextlib.redirect_stderr(help_text):
            code = main([*names, "--help"])
        if code == 0:
            return help_text.getvalue()
        names.pop()
    raise AssertionError(f"{words} is no command")


@pytest.mark.parametrize("page", RUNBOOK_PAGES, ids=lambda page: page.stem)
def test_the_commands_that_a_page_shows_are_there(page: Path) -> None:
    assert page.stem == "README" or list_page_commands(page)
    for line in list_page_commands(page):
        assert "Usage: ops" in get_command_help(shlex.split(line)[1:]), line


def test_every_page_is_in_the_index() -> None:
    index = (PROJECT_ROOT / "docs" / "runbook" / "README.md").read_text(encoding="utf-8")
    assert {f"({page.name})" for page in RUNBOOK_PAGES if page.stem != "README"} <= set(
        re.findall(r"\([\w-]+\.md\)", index)
    )
