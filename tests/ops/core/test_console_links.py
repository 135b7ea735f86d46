"""Pages of the AWS console: of each partition, with names as the console encodes them."""

import json
from collections.abc import Callable

import pytest

from ops.core.console_links import (
    build_alarm_link,
    build_console_address,
    build_database_link,
    build_log_group_link,
    build_service_link,
)
from ops.health.console_pages import build_console_pages
from ops.health.registry import HEALTH_AREAS
from tests.ops.change_stage import put_raised_alarm
from tests.ops.db_stage import put_database
from tests.ops.every_command import open_command_line
from tests.ops.stage import STACK_PREFIX, Stage, build_stack_outputs

OUTPUTS = build_stack_outputs()
CONSOLE = "https://eu-north-1.console.aws.amazon.com"
ALARM = f"{STACK_PREFIX}-database-cpu-high-primary"


@pytest.mark.parametrize(
    ("partition", "region", "address"),
    [
        ("aws", "eu-north-1", CONSOLE),
        ("aws-cn", "cn-north-1", "https://cn-north-1.console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_each_partition_has_its_console(partition: str, region: str, address: str) -> None:
    arn = OUTPUTS.database.arn.replace("arn:aws:", f"arn:{partition}:")
    outputs = OUTPUTS.model_copy(
        update={
            "database": OUTPUTS.database.model_copy(update={"arn": arn}),
            "stack": OUTPUTS.stack.model_copy(update={"region": region}),
        }
    )
    assert build_console_address(outputs) == address
    assert build_alarm_link(outputs, "a").startswith(f"{address}/cloudwatch/home?region={region}#")


def test_names_are_encoded_as_the_console_does() -> None:
    assert build_log_group_link(OUTPUTS, "/aws/rds/instance/a b#1/postgresql") == (
        f"{CONSOLE}/cloudwatch/home?region=eu-north-1#logsV2:log-groups/log-group/"
        "$252Faws$252Frds$252Finstance$252Fa$2520b$25231$252Fpostgresql"
    )
    assert build_alarm_link(OUTPUTS, "TargetTracking-service/a").endswith(
        "#alarmsV2:alarm/TargetTracking-service%2Fa"
    )
    assert build_service_link(OUTPUTS, "bulwark-test", "backend") == (
        f"{CONSOLE}/ecs/v2/clusters/bulwark-test/services/backend/health?region=eu-north-1"
    )
    assert build_database_link(OUTPUTS, "a-replica-1").endswith(
        "/rds/home?region=eu-north-1#database:id=a-replica-1;is-cluster=false"
    )


def read_table_and_items(
    put_stack: Callable[[Stage], None], line: str, capsys: pytest.CaptureFixture[str]
) -> tuple[str, list[dict[str, object]]]:
    with open_command_line(put_stack) as (_, run_line):
        assert run_line(line) == 0
        table = capsys.readouterr().out
        assert run_line(f"{line} --output json") == 0
        return table, json.loads(capsys.readouterr().out)["items"]


def test_raised_alarms_are_listed_with_their_pages(capsys: pytest.CaptureFixture[str]) -> None:
    def put_alarm(stage: Stage) -> None:
        put_raised_alarm(stage, ALARM)
        part = stage.outputs.alarms.model_copy(update={"names": {"P1": (ALARM,)}})
        stage.outputs = stage.outputs.model_copy(update={"alarms": part})

    table, (alarm,) = read_table_and_items(put_alarm, "alarms list", capsys)
    link = f"{CONSOLE}/cloudwatch/home?region=eu-north-1#alarmsV2:alarm/{ALARM}"
    assert link in table.splitlines()
    assert alarm["console"] == link


def test_the_database_is_shown_with_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    table, (instance,) = read_table_and_items(put_database, "db status", capsys)
    assert build_database_link(OUTPUTS) in table.splitlines()
    assert instance["console"] == build_database_link(OUTPUTS)


def test_each_area_of_health_has_its_page() -> None:
    pages = build_console_pages(OUTPUTS)
    assert set(pages) <= {*HEALTH_AREAS, "buckets"}
    # The account and upkeep have no page; the stack has neither a cache nor a certificate.
    assert set(HEALTH_AREAS) - set(pages) == {"account", "keeping", "cache", "certificate"}
    region = "region=eu-north-1"
    assert pages["network"] == f"{CONSOLE}/vpcconsole/home?{region}#VpcDetails:VpcId=vpc-1"
    assert pages["services"].startswith(f"{CONSOLE}/ecs/v2/clusters/bulwark-test/services?")
    assert pages["fleet"].endswith(
        f"{region}#AutoScalingGroupDetails:id=bulwark-test-fleet;view=details"
    )
    without = OUTPUTS.model_copy(update={"services": None, "fleet": None, "load_balancer": None})
    assert not {"services", "fleet", "balancer"} & set(build_console_pages(without))


def test_health_shows_the_pages_of_what_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_database) as (_, run_line):
        assert run_line("health --only network-vpc,account") == 3
        table = capsys.readouterr().out
        assert run_line("health --only network-vpc,account --output json") == 3
        items = json.loads(capsys.readouterr().out)["items"]
    pages = build_console_pages(OUTPUTS)
    assert f"network: {pages['network']}" in table.splitlines()
    assert {item["area"]: item["console"] for item in items} == {
        "network": pages["network"],
        "account": None,
    }
