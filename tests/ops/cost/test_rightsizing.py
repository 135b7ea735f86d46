"""What is larger than its load: proposed with its headroom, done by the command, and gone."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from components.facts.units import DAY_SECONDS, GIB_BYTES
from ops.core.run import WallClock
from ops.cost.rightsizing.rules import DISK_LIMITS, LOOKBACK_HOURS
from sandbox import clock as sandbox_clock
from sandbox.patches.cloudwatch.metrics import MODELLED_METRICS
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations, open_database_console
from tests.ops.fleet_stage import put_fleet
from tests.ops.metric_stage import put_cache
from tests.ops.service_stage import put_services

MetricValues = Mapping[tuple[str, str], float]
DATABASE_LOAD: MetricValues = {
    ("AWS/RDS", "CPUUtilization"): 6,
    ("AWS/RDS", "FreeableMemory"): 3.2 * GIB_BYTES,
    ("AWS/RDS", "DatabaseConnections"): 20,
    ("AWS/RDS", "ReadIOPS"): 40,
    ("AWS/RDS", "WriteIOPS"): 60,
    ("AWS/RDS", "ReadThroughput"): 1_000_000,
    ("AWS/RDS", "WriteThroughput"): 1_000_000,
    ("AWS/RDS", "FreeStorageSpace"): 16 * GIB_BYTES,
}
CACHE_LOAD: MetricValues = {
    ("AWS/ElastiCache", "EngineCPUUtilization"): 2,
    ("AWS/ElastiCache", "DatabaseMemoryUsagePercentage"): 20,
    ("AWS/ElastiCache", "CurrConnections"): 12,
}
FLEET_LOAD: MetricValues = {
    ("AWS/EC2", "CPUUtilization"): 4,
    ("CWAgent", "mem_used_percent"): 30,
}
SERVICE_LOAD: MetricValues = {
    ("AWS/ECS", "CPUUtilization"): 12,
    ("AWS/ECS", "MemoryUtilization"): 30,
}


@contextmanager
def use_load(values: MetricValues) -> Iterator[None]:
    """CloudWatch has these values of every resource, each minute."""

    def build_model(value: float) -> Callable[[Any, Any], float]:
        return lambda *_: value

    models = {key: build_model(value) for key, value in values.items()}
    with patch(
        "sandbox.patches.cloudwatch.metrics.MODELLED_METRICS", {**MODELLED_METRICS, **models}
    ):
        yield


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with (
        open_database_console(capsys, tmp_path, DBInstanceClass="db.t4g.medium") as console,
        patch("ops.core.clock.now") as now,
        patch.object(WallClock, "now", lambda _: console.stage.clock.now()),
        patch.object(WallClock, "sleep", lambda _, seconds: console.stage.clock.sleep(seconds)),
    ):
        now.side_effect = console.stage.clock.held_clock.now
        sandbox_clock.set_sandbox_clock(console.stage.clock.held_clock)
        yield console


def publish(ops: OpsConsole) -> None:
    ops.file.write_text(ops.stage.outputs.model_dump_json(by_alias=True))


def look(ops: OpsConsole, part: str, code: int) -> list[dict[str, Any]]:
    line = f"cost rightsizing --only rightsizing-{part}"
    items: list[dict[str, Any]] = ops.run_for_json(line, code)["items"]
    return items


def get_open(items: list[dict[str, Any]]) -> dict[str, Any]:
    (item,) = [item for item in items if item["state"] == "failing"]
    return item


def test_a_class_that_is_too_large_is_resized_by_the_command_and_is_right_then(
    ops: OpsConsole,
) -> None:
    ops.stage.clock.sleep(20 * DAY_SECONDS)
    with use_load(DATABASE_LOAD):
        finding = get_open(look(ops, "database", 3))
        assert finding["evidence"].startswith("db.t4g.medium -> db.t4g.small; CPU p95 6 %")
        for part in (
            "memory 40 % (at most 80)",
            "CPU 6 % (at most 80)",
            "IOPS 10 % (at most 80)",
            "CPU credits 30 % (at most 80)",
            "risk: connections drop",
        ):
            assert part in finding["evidence"]
        assert finding["monthly_usd"] == round((0.065 - 0.032) * 730 * 2, 2)
        assert finding["command"] == "ops db resize db.t4g.small"
        assert "saves 48.18 $ a month (us-east-1's list price, 2026-11)" in finding["reason"]
        ops(ops.add_plan_hash(finding["command"].removeprefix("ops ")))
        ops.stage.clock.sleep(3600)
    with use_load({**DATABASE_LOAD, ("AWS/RDS", "FreeableMemory"): GIB_BYTES}):
        items = look(ops, "database", 0)
    assert items[0]["evidence"] == (
        "db.t4g.small is right: on db.t4g.micro memory 100 % (at most 80)"
    )


@pytest.mark.parametrize(
    ("metric", "value", "reason"),
    [
        ("CPUUtilization", 85, "CPU 85 % (at most 80), CPU credits 425 % (at most 80)"),
        ("CPUUtilization", 17, "CPU credits 85 % (at most 80)"),
        ("FreeableMemory", 2.3 * GIB_BYTES, "memory 85 % (at most 80)"),
        ("DatabaseConnections", 170, "connections 91 % (at most 80)"),
        ("WriteIOPS", 900, "IOPS 94 % (at most 80)"),
        ("WriteThroughput", 20_000_000, "throughput 97 % (at most 80)"),
    ],
)
def test_a_class_stays_if_the_worst_hour_does_not_fit_the_smaller_one(
    ops: OpsConsole, metric: str, value: float, reason: str
) -> None:
    ops.stage.clock.sleep(20 * DAY_SECONDS)
    with use_load({**DATABASE_LOAD, ("AWS/RDS", metric): value}):
        size, storage = look(ops, "database", 0)
    assert size["evidence"] == f"db.t4g.medium is right: on db.t4g.small {reason}"
    assert "RDS cannot shrink storage in place" in storage["evidence"]
    assert storage["evidence"].startswith("4.0 of 20 GiB were used at most")


def test_less_than_two_weeks_of_data_are_unknown_and_not_in_the_monthly_list(
    ops: OpsConsole,
) -> None:
    publish_database_alone(ops)
    ops.stage.clock.sleep(5 * DAY_SECONDS)
    with use_load(DATABASE_LOAD):
        items = look(ops, "database", 3)
        monthly = ops.run_for_json("check monthly", 3)["items"]
    assert {item["state"] for item in items} == {"unknown"}
    assert f"302 of the {LOOKBACK_HOURS} hours of 14 days have data" in items[0]["evidence"]
    assert "rightsizing" not in {item["item"] for item in monthly}


def publish_database_alone(ops: OpsConsole) -> None:
    ops.stage.outputs = ops.stage.outputs.model_copy(update={"services": None, "fleet": None})
    publish(ops)


def test_the_monthly_list_has_what_is_known(ops: OpsConsole) -> None:
    ops.stage.clock.sleep(20 * DAY_SECONDS)
    with use_load(DATABASE_LOAD):
        items = ops.run_for_json("check monthly", 3)["items"]
    (item,) = [item for item in items if item["item"] == "rightsizing"]
    assert item["state"] == "failing"
    # The stage has no services: what is not known of them hides nothing of the database.
    assert {f["state"] for f in item["findings"]} == {"failing", "unknown", "ok"}
    assert item["command"] == "ops db resize db.t4g.small"


def test_graviton_is_proposed_for_the_same_size(ops: OpsConsole) -> None:
    ops(ops.add_plan_hash("db resize db.t3.medium"))
    ops.stage.clock.sleep(20 * DAY_SECONDS)
    load = {**DATABASE_LOAD, ("AWS/RDS", "DatabaseConnections"): 170.0}
    with use_load(load):
        finding = get_open(
            [i for i in look(ops, "database", 3) if i["subject"] == ops_database(ops)]
        )
        assert finding["command"] == "ops db resize db.t4g.medium"
        assert finding["monthly_usd"] == round((0.072 - 0.065) * 730 * 2, 2)
        ops(ops.add_plan_hash("db resize db.t4g.medium"))
        assert {item["state"] for item in look(ops, "database", 0)} == {"ok"}


def ops_database(ops: OpsConsole) -> str:
    return ops.stage.outputs.database.identifier


def test_tasks_that_are_too_large_are_proposed_a_pair_that_fargate_has(ops: OpsConsole) -> None:
    put_services(ops.stage)
    ecs = ops.stage.client("ecs")

    def register(cpu: str, memory: str) -> str:
        definition = ecs.register_task_definition(
            family="bulwark-test-backend",
            cpu=cpu,
            memory=memory,
            runtimePlatform={"cpuArchitecture": "ARM64"},
            containerDefinitions=[{"name": "backend", "image": "public.ecr.aws/x/y:1"}],
        )
        return str(definition["taskDefinition"]["taskDefinitionArn"])

    ecs.update_service(
        cluster="bulwark-test", service="backend", taskDefinition=register("512", "2048")
    )
    ops.stage.clock.sleep(20 * DAY_SECONDS)
    with use_load(SERVICE_LOAD):
        finding = get_open(look(ops, "services", 3))
        assert finding["command"] == (
            "services.backend.cpu: 256, services.backend.memory: 1024 in Pulumi.test.yaml, then "
            "ops deploy"
        )
        assert "CPU 24 % (at most 80), memory 60 % (at most 80)" in finding["evidence"]
        assert finding["monthly_usd"] == round(2 * 730 * (0.25 * 0.03238 + 0.00356), 2)
        ecs.update_service(
            cluster="bulwark-test", service="backend", taskDefinition=register("256", "1024")
        )
        ops.stage.clock.sleep(3600)
    with use_load({("AWS/ECS", "CPUUtilization"): 24, ("AWS/ECS", "MemoryUtilization"): 60}):
        (item,) = look(ops, "services", 0)
    assert item["evidence"].startswith("256 CPU units and 1024 MiB are right")


def test_x86_tasks_are_told_that_the_image_must_be_multi_arch(ops: OpsConsole) -> None:
    put_services(ops.stage)
    ecs = ops.stage.client("ecs")
    definition = ecs.register_task_definition(
        family="bulwark-test-backend",
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "backend", "image": "public.ecr.aws/x/y:1"}],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="bulwark-test", service="backend", taskDefinition=definition)
    ops.stage.clock.sleep(20 * DAY_SECONDS)
    with use_load(SERVICE_LOAD):
        finding = get_open(look(ops, "services", 3))
    assert "only if the image is multi-arch" in finding["evidence"]
    assert finding["command"].startswith("services.backend.architecture: arm64")


def test_fleet_and_cache_are_proposed_a_smaller_size(ops: OpsConsole) -> None:
    put_fleet(ops.stage)
    put_cache(ops.stage)
    publish(ops)
    ops.stage.clock.sleep(20 * DAY_SECONDS)
    with use_load({**FLEET_LOAD, **CACHE_LOAD}):
        fleet, cache = get_open(look(ops, "fleet", 3)), get_open(look(ops, "cache", 3))
    assert fleet["evidence"].startswith("t4g.small -> t4g.micro; CPU p95 4 %")
    assert "memory 60 % (at most 80), CPU credits 40 % (at most 80)" in fleet["evidence"]
    assert fleet["command"].startswith("fleet.instanceTypes: [t4g.micro, t4g.small]")
    assert cache["evidence"].startswith("cache.t4g.small -> cache.t4g.micro")
    assert "memory 55 % (at most 80)" in cache["evidence"]
    assert cache["monthly_usd"] == round(2 * 0.016 * 730, 2)
    with use_load({**FLEET_LOAD, ("CWAgent", "mem_used_percent"): 45.0}):
        (item,) = look(ops, "fleet", 0)
    assert "memory 90 % (at most 80)" in item["evidence"]


def test_without_the_memory_of_its_instances_a_fleet_is_unknown(ops: OpsConsole) -> None:
    put_fleet(ops.stage)
    ops.stage.clock.sleep(20 * DAY_SECONDS)
    with use_load({("AWS/EC2", "CPUUtilization"): 4}):
        (item,) = look(ops, "fleet", 3)
    assert item["state"] == "unknown"
    assert item["evidence"].startswith("memory: fewer than 302")


@pytest.mark.parametrize("operation", ["describe_db_instances", "get_metric_data"])
def test_a_denied_call_is_unknown(ops: OpsConsole, operation: str) -> None:
    with fail_operations("AccessDenied", operation):
        (item,) = look(ops, "database", 3)
    assert item["state"] == "unknown"
    assert "was denied" in item["evidence"]
    assert item["command"] == "ops permissions"


def test_a_wrong_key_is_refused(ops: OpsConsole) -> None:
    _, err = ops("cost rightsizing --only rightsizing-db", 2)
    assert "--only is 'rightsizing-db', must be keys of checks of rightsizing" in err


def test_larger_sizes_have_no_lower_limits() -> None:
    for family in ("t4g", "m6g", "m7g", "r6g", "r7g"):
        limits = [v for name, v in DISK_LIMITS.items() if name.startswith(f"{family}.")]
        assert [v.iops for v in limits] == sorted(v.iops for v in limits)
