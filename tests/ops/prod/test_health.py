"""`ops health` as a user types it, on prod deployed into the in-memory AWS."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from moto.cloudwatch.models import cloudwatch_backends
from moto.ecs.models import ecs_backends

from ops.cli.app import main
from ops.core.check_runner import run_checks, send_read
from ops.core.checks import CheckFacts
from ops.health.registry import HEALTH_AREAS, HEALTH_CHECKS
from ops.health.report import check_health
from tests.ops.prod.deployed import REGION, DeployedProd, count_calls
from tests.ops.stage import ACCOUNT

CHECKED_APIS = [(c.area, c.subject, api) for c in HEALTH_CHECKS for api in c.apis]
WITHOUT_UNDERSCORES = str.maketrans("", "", "_")


def get_operation_name(api: str) -> str:
    """rds.describe_db_instances is DescribeDBInstances: alike but for case and underscores."""
    return api.split(".")[1].translate(WITHOUT_UNDERSCORES)


@contextmanager
def raise_alarm(prod: DeployedProd, name: str) -> Iterator[None]:
    client = prod.aws.client("cloudwatch")
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="it burns")
    yield
    client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="over")


def parse_health_items(output: str) -> list[dict[str, Any]]:
    body = json.loads(output)
    assert (body["schema"], body["kind"]) == (1, "health")
    items: list[dict[str, Any]] = body["items"]
    for state in ("ok", "failing", "unknown"):
        assert body[state] == sum(item["state"] == state for item in items)
    return items


def test_a_fresh_prod_is_healthy(prod: DeployedProd, capsys: pytest.CaptureFixture[str]) -> None:
    assert prod.run_ops("health") == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].split() == ["state", "area", "subject", "evidence", "command"]
    assert {line.split()[0] for line in lines[1:-1]} == {"ok"}
    assert lines[-1] == f"all {len(lines) - 2} ok"
    assert "2 of 2 are healthy" in out  # the targets, by their tasks
    assert "…" not in out  # piped, nothing is cut


def test_as_json_every_finding_has_evidence(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prod.run_ops("health", "--output", "json") == 0
    out = capsys.readouterr().out
    items = parse_health_items(out)
    assert json.loads(out)["state"] == "ok"
    assert {item["area"] for item in items} == set(HEALTH_AREAS) - {"fleet", "cache"}
    assert all(item["evidence"] for item in items)


def test_what_fails_comes_first_with_its_command_and_exit_code_3(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    name = prod.outputs.alarms.names["P0"][-1]
    with raise_alarm(prod, name):
        assert prod.run_ops("health", "--output", "json") == 3
    captured = capsys.readouterr()
    first, *rest = parse_health_items(captured.out)
    assert (first["state"], first["subject"]) == ("failing", f"P0 {name}")
    assert first["command"].startswith("ops ")
    assert {item["state"] for item in rest} == {"ok"}
    assert captured.err.splitlines()[0].startswith("ops: 1 failing, 0 unknown")
    assert captured.err.splitlines()[1].strip() == first["command"]


def test_resources_deleted_from_aws_are_failing(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    backend = ecs_backends[ACCOUNT][REGION]
    removed_service = backend.services.pop("bulwark-prod:backend")
    try:
        assert prod.run_ops("health", "--only", "services,balancer", "--output", "json") == 3
    finally:
        backend.services["bulwark-prod:backend"] = removed_service
    failing = {
        i["subject"]: i
        for i in parse_health_items(capsys.readouterr().out)
        if i["state"] == "failing"
    }
    assert set(failing) == {"backend", "targets of backend"}
    assert failing["backend"]["evidence"] == "is gone"


def test_free_storage_comes_from_its_metric(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    name = prod.outputs.database.identifier
    model = {
        ("AWS/RDS", "FreeStorageSpace"): lambda _, names: (
            1024**3 * (names["DBInstanceIdentifier"] == name)
        )
    }
    with patch("sandbox.patches.cloudwatch.metrics.MODELLED_METRICS", model):
        assert prod.run_ops("health", "--only", "database") == 3
    captured = capsys.readouterr()
    assert "5 % of 20 GiB is free" in captured.out
    assert "  ops db storage" in captured.err


def test_only_the_areas_that_are_named_are_looked_at(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    with count_calls() as call_counts:
        assert prod.run_ops("health", "--only", "alarms, network", "--output", "json") == 0
    assert {item["area"] for item in parse_health_items(capsys.readouterr().out)} == {
        "account",
        "alarms",
        "network",
    }
    assert set(call_counts) == {
        "GetCallerIdentity",
        "DescribeAlarms",
        "ListAlarmMuteRules",
        "ListSubscriptionsByTopic",
        "DescribeVpcs",
        "DescribeNatGateways",
        "GetMetricData",
    }


@pytest.mark.parametrize("only", ["databse", "database,", "", "DATABASE"])
def test_an_unknown_area_is_refused_before_any_call(
    prod: DeployedProd, only: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with count_calls() as call_counts:
        assert prod.run_ops("health", "--only", only) == 2
    assert not call_counts
    err = capsys.readouterr().err
    assert err.startswith(f"ops: --only is {only!r}, must be some of account, alarms")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "code", ["AccessDenied", pytest.param("Throttling", marks=pytest.mark.exhaustive)]
)
@pytest.mark.parametrize(("area", "subject", "api"), CHECKED_APIS)
def test_a_call_without_an_answer_leaves_unknown_what_needs_it(
    prod: DeployedProd, area: str, subject: str, api: str, code: str
) -> None:
    (check,) = (c for c in HEALTH_CHECKS if (c.area, c.subject) == (area, subject))
    # No task has stopped, no mute rule is active, and no other instance could be in use.
    if not check.is_applicable(prod.outputs) or (
        api in ("ecs.describe_tasks", "cloudwatch.get_alarm_mute_rule")
        or (subject, api) == ("instance in use", "cloudwatch.get_metric_data")
    ):
        return
    facts = CheckFacts(prod.outputs, datetime.now(UTC))
    refused_operation = get_operation_name(api)

    def refuse(called_operation: str) -> str | None:
        return code if called_operation.lower() == refused_operation else None

    with count_calls(refuse) as call_counts:
        findings = run_checks([check], facts, lambda r: send_read(prod.aws, r, REGION))
    assert any(called_operation.lower() == refused_operation for called_operation in call_counts), (
        "the check declares it for nothing"
    )
    assert "unknown" in {f.state for f in findings}
    assert "failing" not in {f.state for f in findings}


def test_denied_everywhere_everything_is_unknown_with_the_way_to_permissions(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    with count_calls(lambda _: "AccessDeniedException"):
        assert prod.run_ops("health", "--output", "json") == 3
    captured = capsys.readouterr()
    assert prod.outputs.load_balancer is not None
    known = [i["subject"] for i in parse_health_items(captured.out) if i["state"] != "unknown"]
    assert known == [prod.outputs.load_balancer.url]  # its answer needs no permission
    assert "0 failing" in captured.err
    assert "  ops permissions" in captured.err


def test_in_another_account_nothing_is_said_to_be_gone(
    prod: DeployedProd, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    exports = json.loads(prod.file.read_text())
    exports["stack"]["account"] = "999999999999"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(exports))
    assert DeployedProd(prod.outputs, other, prod.aws).run_ops("health", "--output", "json") == 3
    items = parse_health_items(capsys.readouterr().out)
    assert [i["area"] for i in items if i["state"] == "failing"] == ["account"]
    assert prod.outputs.load_balancer is not None
    known = [i["subject"] for i in items if i["state"] == "ok"]
    assert known == [prod.outputs.load_balancer.url]  # not a question of the account


def test_a_thousand_alarms_take_their_pages_and_a_constant(prod: DeployedProd) -> None:
    backend = cloudwatch_backends[ACCOUNT][REGION]
    names = [f"bulwark-big-{n:04}" for n in range(1000)]
    template = next(iter(backend.alarms.values()))
    for name in names:
        alarm = object.__new__(type(template))
        vars(alarm).update(vars(template) | {"name": name})
        backend.alarms[name] = alarm
    stack = prod.outputs.stack.model_copy(update={"stack": "big"})
    alarms = prod.outputs.alarms.model_copy(update={"names": {"P1": tuple(names)}})
    big = prod.outputs.model_copy(update={"stack": stack, "alarms": alarms})
    try:
        with count_calls() as few_calls:
            check_health(prod.outputs, prod.aws, datetime.now(UTC))
        with count_calls() as many_calls:
            findings = check_health(big, prod.aws, datetime.now(UTC))
    finally:
        for name in names:
            del backend.alarms[name]
    assert "no alarm of 1000 is raised" in next(f.evidence for f in findings if f.area == "alarms")
    assert few_calls["DescribeAlarms"] == 2  # a page of metric alarms, one of composites
    assert many_calls["DescribeAlarms"] == 10 + 1
    assert many_calls.total() - few_calls.total() == 9


def test_a_noun_with_one_verb_is_still_a_noun(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prod.run_ops("outputs", "show") == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "outputs"
    assert prod.run_ops("health", "show") == 2


def test_health_loads_no_pulumi_no_moto_and_help_loads_no_aws() -> None:
    text = (
        "import sys; from ops.cli.app import main; main(['--help']);"
        "assert not {'botocore', 'boto3', 'pulumi', 'moto'} & set(sys.modules), 'help';"
        "main(['health', '--only', 'none']);"
        "assert not {'boto3', 'pulumi', 'moto', 'sandbox'} & set(sys.modules), 'health';"
        "from ops.health.registry import select_checks;"
        "[check.load_routine() for check in select_checks('health')];"
        "import ops.health.report, ops.health.console_pages;"
        "assert not {'ops.core.plan', 'ops.core.engine'} & set(sys.modules), 'plans'"
    )
    subprocess.run([sys.executable, "-c", text], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("words", "requested"),
    [
        ((), "own"),
        (("--only", "database,balancer"), "own"),
        (("--only", "database"), None),
        (("--only", "database", "--url", "https://else.example.com"), "https://else.example.com"),
    ],
)
def test_one_request_is_sent_to_the_stacks_url_with_the_area_of_the_load_balancer(
    prod: DeployedProd,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    requested: str | None,
) -> None:
    answer = {"status": 502, "reason": "Bad Gateway"}
    arguments = ["health", *words, "--output", "json", "--outputs", str(prod.file)]
    with patch("ops.health.requests.fetch_url", return_value=answer) as fetch_url:
        code = main(arguments)
    assert prod.outputs.load_balancer is not None
    url = prod.outputs.load_balancer.url if requested == "own" else requested
    assert [call.args[0] for call in fetch_url.call_args_list] == ([url] if url else [])
    items = parse_health_items(capsys.readouterr().out)
    failing = [item["subject"] for item in items if item["state"] == "failing"]
    assert (code, failing) == ((3, [url]) if url else (0, []))
