"""What RDS accepts and gives up: it is told by an event, in RDS's own words, and undone."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest
from moto.rds.models import Event, rds_backends

from ops.core.errors import ThrottledError
from ops.core.plan import Plan
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.database import failover, replicas, upgrade
from ops.database import instance as database
from ops.database.events import CLASS_CHANGE_FAILURES, UPGRADE_FAILURES, build_failure_reports
from ops.recovery.fence import build_fence_step
from sandbox.patches.rds.given_up import (
    FAILED_RESTORE_EVENT,
    GIVE_UP_EVENTS,
    GivenUpChange,
    fail_next_restore,
    give_up_next,
)
from tests.ops.db_stage import describe_database, put_database
from tests.ops.procedures import recover
from tests.ops.procedures.db_replica import REPLICA_IDENTIFIER, put_database_replica
from tests.ops.procedures.db_size import plan_resize
from tests.ops.stage import ACCOUNT, REGION, KilledError, KillFuse, Stage, open_stage

PRIMARY_IDENTIFIER = "bulwark-test-database"


def plan_failover(stage: Stage) -> Plan:
    primary = database.get_primary(stage.aws, stage.outputs)
    return failover.build_database_failover_plan(stage.outputs, primary, "failover-1")


def plan_upgrade(stage: Stage) -> Plan:
    primary = database.get_primary(stage.aws, stage.outputs)
    targets = upgrade.list_database_upgrade_targets(stage.aws, stage.outputs, primary)
    target = upgrade.resolve_upgrade_target(primary, targets, "17")
    return upgrade.build_database_upgrade_plan(stage.outputs, primary, (), target, (), "upgrade-1")


def plan_groups(stage: Stage) -> Plan:
    primary = replicas.get_instance_description(stage.aws, stage.outputs)
    step = build_fence_step(stage.outputs, primary)
    return build_stack_plan(
        stage.outputs, "promote-1", "recover promote", step, changes=[], losses=[], cost=NO_COST
    )


CASES: tuple[tuple[GivenUpChange, Callable[[Stage], Plan], float], ...] = (
    ("class", plan_resize, 3600),
    ("upgrade", plan_upgrade, 3600),
    ("failover", plan_failover, 1200),
)
# The instance that RDS is to change, what puts it there, and the plan.
RECOVERY_CASES: tuple[
    tuple[GivenUpChange, str, Callable[[Stage], None], Callable[[Stage], Plan]], ...
] = (
    ("rename", PRIMARY_IDENTIFIER, recover.put_restored_instance, recover.plan_rename_promotion),
    ("groups", PRIMARY_IDENTIFIER, recover.put_restored_instance, plan_groups),
    ("promotion", REPLICA_IDENTIFIER, put_database_replica, recover.plan_replica_promotion),
)


@pytest.mark.parametrize(("change", "build_plan", "limit"), CASES, ids=[case[0] for case in CASES])
def test_a_change_that_rds_gives_up_is_quoted_and_undone(
    change: GivenUpChange, build_plan: Callable[[Stage], Plan], limit: float
) -> None:
    with open_stage() as stage:
        put_database(stage)
        before = describe_database(stage)
        give_up_next(ACCOUNT, REGION, PRIMARY_IDENTIFIER, change)
        engine, began = stage.build_engine(KillFuse()), stage.clock.now()
        assert engine.start(build_plan(stage)) == "undone"
        assert GIVE_UP_EVENTS[change][2] in engine.reason
        assert stage.clock.now() - began < limit
        stage.clock.sleep(3600)
        after = describe_database(stage)
        for key in ("DBInstanceClass", "EngineVersion", "AvailabilityZone", "DBInstanceStatus"):
            assert after[key] == before[key]


@pytest.mark.parametrize("point", range(8, 44, 3))
def test_a_resumed_run_also_reports_that_rds_gave_up(point: int) -> None:
    with open_stage() as stage:
        put_database(stage)
        give_up_next(ACCOUNT, REGION, PRIMARY_IDENTIFIER, "class")
        plan, fuse = plan_resize(stage), KillFuse(point)
        with suppress(KilledError):
            stage.build_engine(fuse).start(plan)
        fuse.touches_left = 10**9
        engine = stage.build_engine(fuse)
        assert engine.resume() == "undone"
        assert "Unable to modify database instance class" in engine.reason


def test_an_earlier_failed_change_does_not_end_the_next_attempt() -> None:
    with open_stage() as stage:
        put_database(stage)
        give_up_next(ACCOUNT, REGION, PRIMARY_IDENTIFIER, "class")
        assert stage.build_engine(KillFuse()).start(plan_resize(stage)) == "undone"
        stage.client("rds").delete_db_snapshot(
            DBSnapshotIdentifier=f"{PRIMARY_IDENTIFIER}-resize-1"
        )
        stage.clock.sleep(300)
        assert stage.build_engine(KillFuse()).start(plan_resize(stage)) == "done"
        assert describe_database(stage)["DBInstanceClass"] == "db.m7g.large"


def test_the_event_of_a_failed_change_is_found_behind_a_page_of_others() -> None:
    """RDS answers 100 events a page, the oldest first."""
    with open_stage() as stage:
        put_database(stage)
        instance = rds_backends[ACCOUNT][REGION].databases[PRIMARY_IDENTIFIER]
        for _ in range(105):
            instance.add_event("MULTI_AZ_FAILOVER_START")
        rds = stage.client("rds")
        page = rds.describe_events(
            SourceIdentifier=PRIMARY_IDENTIFIER,
            SourceType="db-instance",
            EventCategories=["failover"],
        )
        assert len(page["Events"]) == 100
        assert page["Marker"]
        answer = stage.aws.call(
            "rds.describe_events",
            {"SourceIdentifier": PRIMARY_IDENTIFIER, "SourceType": "db-instance"},
        )
        assert isinstance(answer, dict)
        assert set(answer) == {"Events"}
        give_up_next(ACCOUNT, REGION, PRIMARY_IDENTIFIER, "class")
        engine = stage.build_engine(KillFuse())
        assert engine.start(plan_resize(stage)) == "undone"
        assert "Unable to modify database instance class" in engine.reason


def test_a_plan_names_the_read_of_reports_among_what_it_calls() -> None:
    with open_stage() as stage:
        put_database(stage)
        reads = [getattr(action, "api", "") for action in plan_failover(stage).actions()]
        assert "rds.describe_events" in reads
        reports = build_failure_reports(stage.outputs, PRIMARY_IDENTIFIER, UPGRADE_FAILURES)
        assert all(text in reports.messages for text in UPGRADE_FAILURES)
        assert CLASS_CHANGE_FAILURES[0] not in reports.messages


@pytest.mark.parametrize(
    ("change", "identifier", "prepare", "build_plan"),
    RECOVERY_CASES,
    ids=[case[0] for case in RECOVERY_CASES],
)
def test_a_recovery_that_rds_gives_up_ends_with_its_words(
    change: GivenUpChange,
    identifier: str,
    prepare: Callable[[Stage], None],
    build_plan: Callable[[Stage], Plan],
) -> None:
    with open_stage() as stage:
        prepare(stage)
        before = describe_database(stage, identifier)
        plan = build_plan(stage)
        give_up_next(ACCOUNT, REGION, identifier, change)
        engine, began = stage.build_engine(KillFuse()), stage.clock.now()
        assert engine.start(plan) == "undone"
        assert GIVE_UP_EVENTS[change][2] in engine.reason
        # A rename and a promotion would be waited for for two hours.
        assert stage.clock.now() - began < 3600
        stage.clock.sleep(3600)
        after = describe_database(stage, identifier)
        for key in ("DbiResourceId", "VpcSecurityGroups", "DBInstanceStatus"):
            assert after[key] == before[key]


@pytest.mark.parametrize(
    "build_plan", [recover.plan_time_restore, recover.plan_snapshot_restore, recover.plan_drill]
)
def test_a_restore_that_rds_fails_ends_with_its_words(build_plan: Callable[[Stage], Plan]) -> None:
    with open_stage() as stage:
        recover.put_saved_snapshot(stage)
        fail_next_restore(ACCOUNT, REGION, recover.RESTORED_IDENTIFIER)
        engine = stage.build_engine(KillFuse())
        assert engine.start(build_plan(stage)) == "undone"
        assert FAILED_RESTORE_EVENT in engine.reason
        instances = stage.client("rds").describe_db_instances()["DBInstances"]
        assert [item["DBInstanceIdentifier"] for item in instances] == [PRIMARY_IDENTIFIER]


def test_a_status_without_an_end_is_told_with_the_reason_that_rds_gives() -> None:
    """`incompatible-parameters` ends a wait by itself; only the event says which parameter."""
    with open_stage() as stage:
        put_database(stage)
        plan = plan_failover(stage)
        instance = rds_backends[ACCOUNT][REGION].databases[PRIMARY_IDENTIFIER]
        reason = "Database instance put into incompatible-parameters. shared_buffers is too large."
        Event.EVENT_MAP["SPOILED"] = {"Categories": ["failure"], "Message": reason}
        engine = stage.build_engine(KillFuse())
        seen = engine.listener.on_wait

        def spoil(step: Any, *arguments: Any) -> None:
            seen(step, *arguments)
            if step.name == "failover" and instance.status != "incompatible-parameters":
                instance.add_event("SPOILED")
                instance.sandbox_phases = ()  # type: ignore[attr-defined]
                instance.status = "incompatible-parameters"

        with patch.object(engine.listener, "on_wait", spoil):
            assert engine.start(plan) == "undone"
        assert reason in engine.reason
        assert "DBInstanceStatus is 'incompatible-parameters'" in engine.reason


def test_reports_that_cannot_be_read_do_not_end_a_wait() -> None:
    with open_stage() as stage:
        put_database(stage)
        engine = stage.build_engine(KillFuse())
        read, failures = engine.run_action, iter([True] * 3)

        def throttle(action: Any, results: Any) -> Any:
            has_begun = any(record.event == "sent" for record in engine.journal.records)
            is_report = getattr(action, "api", "") == "rds.describe_events"
            if is_report and has_begun and next(failures, False):
                raise ThrottledError("rds.describe_events: Throttling: Rate exceeded")
            return read(action, results)

        engine.run_action = throttle
        assert engine.start(plan_failover(stage)) == "done"
        assert next(failures, None) is None
