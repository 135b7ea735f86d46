"""Checklists: each item of the table well, failing for its reason and unknown; and as typed."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from components.alarm_registry.database import DATABASE
from ops.checks import deployment as deploying
from ops.checks import trends
from ops.checks import upkeep as keeping
from ops.checks.model import Asked, Item, Result, look
from ops.checks.table import ITEMS, LISTS, check, items
from ops.core.checks import DAY, Answer, Check, Read, UnknownError
from ops.core.lock import LockRecord
from ops.core.metrics import metric
from ops.health.registry import CHECKS
from ops.outputs import Outputs
from sandbox import clock as sandbox_clock
from tests.ops.command_line import Console
from tests.ops.db_stage import console, failing
from tests.ops.health_answers import (
    DB,
    GIB,
    Answers,
    deployment,
    instance,
    logged,
    refresh,
    services,
)
from tests.ops.procedures.maintenance import put
from tests.ops.single_check import NOW, ago, changed
from tests.ops.stage import PREFIX, stack_outputs

METRIC, ALARMS = "cloudwatch.get_metric_data", "cloudwatch.describe_alarms"
OBJECT, OBJECTS = "s3.get_object", "s3.list_objects_v2"
SECRET, ROLE = "secretsmanager.describe_secret", "iam.get_role"
FREE = metric("AWS/RDS", "FreeStorageSpace", "Minimum", period=DAY, DBInstanceIdentifier=DB)
USED = metric("AWS/RDS", "DatabaseConnections", "Maximum", period=DAY, DBInstanceIdentifier=DB)
KEY = "drills/20261101-120000-drill-1.json"
RECORD = {
    "version": 1,
    "run": "drill-1",
    "taken": ago(days=20),
    "stack": "test",
    "outcome": "done",
    "phases": {},
    "rto_seconds": 1500.0,
    "rpo_seconds": 120.0,
    "rpo_by": "heartbeat",
    "objectives": {"rto_seconds": 3600.0, "rpo_seconds": 300.0},
    "tables": 1,
    "rows": 1,
    "met": True,
    "why": [],
    "more": "of a later version",
}


def daily(of: str, *values: float) -> Answers:
    """A value a day, the newest first."""
    times = [ago(days=n) for n in range(len(values))]
    return {METRIC: [{"Id": of, "Timestamps": times, "Values": list(values)}]}


def free(*gib: float, **given: Any) -> Answers:
    return {**instance(**given), **daily(FREE.id, *(value * GIB for value in gib))}


def connected(*peaks: float) -> Answers:
    dimensions = [{"Name": "DBInstanceIdentifier", "Value": DB}]
    alarm = {"AlarmName": "a", "Threshold": 160.0, "Dimensions": dimensions}
    return {**daily(USED.id, *peaks), ALARMS: [alarm]}


def drilled(**given: Any) -> Answers:
    text = json.dumps({**RECORD, **given})
    return {OBJECTS: [{"Key": "drills/20260101-a.json"}, {"Key": KEY}], OBJECT: [{"text": text}]}


def secret(**given: Any) -> Answers:
    rules = {"RotationEnabled": True, "RotationRules": {"AutomaticallyAfterDays": 30}}
    return {SECRET: [{"CreatedDate": ago(days=400), **rules, **given}]}


def made(*days: int) -> Answers:
    found = [{"SnapshotCreateTime": ago(days=n), "DBSnapshotIdentifier": f"s-{n}"} for n in days]
    return {"rds.describe_db_snapshots": found}


def held(**given: Any) -> Answers:
    now = NOW.timestamp()
    one = LockRecord(holder="a@b", run="r-1", reason="a release", since=now - 60, until=now + 60)
    return {OBJECT: [{"text": one.model_copy(update=given).model_dump_json()}]}


def alarm(name: str, state: str = "OK", since: str = ago(minutes=5)) -> dict[str, Any]:
    text = "P0. The site is down. Run: ops health"
    return {
        "AlarmName": name,
        "StateValue": state,
        "AlarmDescription": text,
        "StateReason": "why",
        "StateUpdatedTimestamp": since,
    }


def alarms(grave: str = "OK", mild: str = "OK", since: str = ago(minutes=5)) -> Answers:
    return {ALARMS: [alarm("grave", grave, since), alarm("mild", mild, since)]}


OF_ALARMS = changed("alarms", names={"P0": ("grave",), "P2": ("mild",)})
LIMITED = changed("alarms", names={"P1": (f"{PREFIX}-database-connections-high-primary",)})
# A check, the outputs that it looks at, answers with which it is well, and with which it is not:
# state, what the evidence then says, and the command that helps.
Case = tuple[Check, Outputs | None, Answers, list[tuple[Answers, str, str, str]]]
CASES: list[Case] = [
    (
        trends.STORAGE,
        None,
        free(50, 50.5, 51, 51.5),
        [
            (free(10, 11, 12, 13), "failing", "full in 10 days", "ops db storage GIB"),
            (free(10, 11, 12, 80, 1, 2), "failing", "full in 10 days", "ops db storage GIB"),
            (free(50, 51), "unknown", "2 days of data in two weeks", "ops usage"),
            (
                {**free(50, 51, 52), "rds.describe_db_instances": []},
                "failing",
                "is gone",
                "ops db status",
            ),
        ],
    ),
    (
        trends.CONNECTIONS,
        LIMITED,
        connected(20, 139, 10),
        [
            (
                connected(20, 150),
                "failing",
                "150 at most in 2 days, of 200 (75%)",
                "ops db activity",
            ),
            (connected(), "unknown", "no data", "ops usage"),
            ({**connected(1), ALARMS: []}, "unknown", "there is no alarm", "pulumi up"),
        ],
    ),
    (
        keeping.DRILLS,
        None,
        drilled(),
        [
            (drilled(taken=ago(days=32)), "failing", "older than 31 days: drill-1", "ops recover"),
            (
                drilled(met=False, why=["its RTO is 2 h"]),
                "failing",
                "not met (its RTO is 2 h)",
                "ops recover drill",
            ),
            (
                drilled(version=2),
                "unknown",
                "is no record of a drill: version",
                "ops recover drill",
            ),
            (
                {**drilled(), OBJECT: [{"text": "{}"}]},
                "unknown",
                "a drill: run, taken",
                "ops recover",
            ),
            ({**drilled(), OBJECT: [{"text": ""}]}, "unknown", "is no record", "ops recover drill"),
            ({**drilled(), OBJECT: []}, "unknown", "is gone meanwhile", "ops recover drill"),
            ({OBJECTS: [{"Key": "drills/readme"}]}, "failing", "there is no record", "ops recover"),
        ],
    ),
    (
        keeping.PASSWORD,
        None,
        secret(LastRotatedDate=ago(days=31)),
        [
            (
                secret(LastRotatedDate=ago(days=33)),
                "failing",
                "33 days old; rotated each 30 days",
                "ops db rotate-password",
            ),
            (
                secret(RotationEnabled=False),
                "failing",
                "nothing rotates it",
                "ops db rotate-password",
            ),
            (secret(CreatedDate=None), "unknown", "AWS does not say", "ops db rotate-password"),
            ({SECRET: []}, "failing", "is gone", "pulumi up"),
        ],
    ),
    (
        keeping.OLD_SNAPSHOTS,
        None,
        made(1, 89),
        [
            (
                made(1, 91, 100),
                "failing",
                "4 are older than 90 days: s-100",
                "ops db snapshot prune",
            ),
        ],
    ),
    (
        keeping.ROLES,
        None,
        {ROLE: [{"Role": {}}]},
        [
            ({ROLE: []}, "failing", f"no {PREFIX}-reader, no {PREFIX}-operator", "pulumi up"),
        ],
    ),
    (
        deploying.LOCK,
        None,
        {OBJECT: []},
        [
            (held(), "failing", "held by a@b for r-1: a release, until", "ops lock show"),
            ({OBJECT: [{"text": "{}"}]}, "unknown", "is no lock", "ops lock show"),
        ],
    ),
    (
        deploying.DEPLOYED,
        None,
        services(),
        [
            (
                deployment("IN_PROGRESS", ago(minutes=1)),
                "failing",
                "1 of them under way",
                "ops service events --service backend",
            ),
            (services(deployments=[{}, {}]), "failing", "2 deployments", "ops service events"),
            ({"ecs.describe_services": []}, "failing", "is gone", "pulumi up"),
        ],
    ),
    (
        deploying.REFRESHED,
        None,
        refresh("Failed"),
        [
            (refresh("InProgress"), "failing", "is InProgress", "ops fleet refresh status"),
            (refresh("Baking"), "failing", "is Baking", "ops fleet refresh status"),
        ],
    ),
    (
        deploying.GRAVE_ALARMS,
        OF_ALARMS,
        alarms(mild="ALARM"),
        [
            (alarms(grave="ALARM"), "failing", "why", "ops health"),
            ({ALARMS: [alarm("mild")]}, "unknown", "1 are not there: grave", "pulumi up"),
        ],
    ),
    (
        deploying.RESTORABLE,
        None,
        instance(LatestRestorableTime=ago(minutes=9)),
        [
            (
                instance(LatestRestorableTime=ago(minutes=11)),
                "failing",
                "11 min ago",
                "ops db snapshot create",
            ),
            (
                instance(LatestRestorableTime=None),
                "failing",
                "no backup yet",
                "ops db snapshot create",
            ),
            ({"rds.describe_db_instances": []}, "failing", "is gone", "ops db snapshot create"),
        ],
    ),
    (
        deploying.NEW_ALARMS,
        OF_ALARMS,
        alarms("ALARM", since=ago(minutes=16)),
        [
            (alarms("OK", "ALARM"), "failing", "why", "ops health"),
            ({ALARMS: [alarm("mild")]}, "unknown", "1 are not there: grave", "pulumi up"),
        ],
    ),
    (
        deploying.ERRORS,
        None,
        logged(0),
        [
            (logged(1), "failing", "1 in the last 15 min, the newest at", "aws logs tail"),
            ({"logs.filter_log_events": [{"cut": True}]}, "unknown", "more lines", "aws logs tail"),
        ],
    ),
]
OWN = {
    one
    for module in (trends, keeping, deploying)
    for one in vars(module).values()
    if isinstance(one, Check)
}


def result(of: Check, answers: Answers, outputs: Outputs | None) -> Result:
    def sending(read: Read) -> Answer:
        found = answers[read.api]
        return found if isinstance(found, UnknownError) else list(found)

    facts = Asked(outputs or stack_outputs(), NOW)
    (only,) = look([Item("item", "", (), (of,))], facts, sending)
    return only


def test_every_check_of_the_lists_is_tested_and_stands_on_one() -> None:
    assert {one for one, *_ in CASES} == OWN
    assert {one for item in ITEMS for one in item.of} >= OWN


def named(value: object) -> str:
    """What a case is called: by its check and by what is read, the same in every process."""
    if isinstance(value, Check):
        return f"{value.area} {value.subject}"
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize(("of", "outputs", "well"), [case[:3] for case in CASES], ids=named)
def test_where_it_is_well_it_is_ok_with_evidence(
    of: Check, outputs: Outputs | None, well: Answers
) -> None:
    found = result(of, well, outputs)
    assert (found.state, found.command) == ("ok", ""), found
    assert found.evidence


@pytest.mark.parametrize(
    ("of", "outputs", "answers", "state", "evidence", "command"),
    [(of, outputs, *one) for of, outputs, _, cases in CASES for one in cases],
)
def test_it_fails_or_is_unknown_for_its_reason(
    of: Check, outputs: Outputs | None, answers: Answers, state: str, evidence: str, command: str
) -> None:
    found = result(of, answers, outputs)
    assert found.state == state, found
    assert evidence in found.evidence
    assert found.command.startswith(command)


@pytest.mark.parametrize(
    ("of", "outputs", "well", "api"),
    [(of, outputs, well, api) for of, outputs, well, _ in CASES for api in of.apis],
    ids=named,
)
def test_without_an_answer_it_is_unknown(
    of: Check, outputs: Outputs | None, well: Answers, api: str
) -> None:
    answers = {**well, api: UnknownError(f"{api} was denied", "ops permissions")}
    found = result(of, answers, outputs)
    assert (found.state, found.command) == ("unknown", "ops permissions")


def test_a_young_database_has_no_trend_yet_and_storage_that_grows_has_room() -> None:
    assert result(trends.STORAGE, free(50, InstanceCreateTime=ago(days=2)), None).state == "ok"
    grows = result(trends.STORAGE, free(10, 11, 12, MaxAllocatedStorage=200), None)
    assert grows.state == "ok"
    assert "110.0 GiB left of 200 GiB" in grows.evidence


def test_a_lock_that_is_over_keeps_nobody_off() -> None:
    found = result(deploying.LOCK, held(until=NOW.timestamp() - 1), None)
    assert found.state == "ok"
    assert "it was over at" in found.evidence


def test_the_alarm_of_connections_is_raised_at_the_share_that_is_counted_with() -> None:
    (own,) = (one for one in DATABASE if one.key == trends.LIMIT)
    assert own.limit.says == f"{trends.RAISED:.0%} of max_connections".replace("%", " %", 1)


def test_longer_lists_hold_the_shorter_ones_and_each_has_the_account() -> None:
    names = {name: [item.name for item in items(name)] for name in LISTS}
    assert set(names["daily"]) < set(names["weekly"]) < set(names["monthly"])
    assert all("account" in listed for listed in names.values())
    assert len({item.name for item in ITEMS}) == len(ITEMS)
    assert all(item.means and item.lists for item in ITEMS)


def test_the_monthly_list_looks_at_all_that_health_looks_at() -> None:
    assert set(CHECKS) <= {one for item in items("monthly") for one in item.of}


def test_what_does_not_apply_is_not_shown() -> None:
    outputs = stack_outputs().model_copy(update={"services": None, "fleet": None, "access": None})
    shown = {item.name for item in items("monthly") if any(c.applies(outputs) for c in item.of)}
    found = look(items("monthly"), Asked(outputs, NOW), lambda _: UnknownError("no answer"))
    assert {one.item for one in found} == shown
    assert not {"services", "fleet", "cache", "roles"} & shown


def test_credentials_of_another_account_make_all_of_it_unknown() -> None:
    def sending(read: Read) -> Answer:
        return [{"Account": "999999999999"}] if read.api.startswith("sts.") else []

    found = look(items("pre-deploy"), Asked(stack_outputs(), NOW), sending)
    states = {one.item: one.state for one in found}
    assert states.pop("account") == "failing"
    assert set(states.values()) == {"unknown"}


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Console]:
    elsewhere = {"DBInstanceIdentifier": "elsewhere"}
    with console(capsys, tmp_path, **elsewhere) as made, patch("ops.core.clock.now") as now:
        now.side_effect = made.stage.clock.held.now
        sandbox_clock.set_sandbox_clock(made.stage.clock.held)
        put(made.stage)
        part = made.stage.outputs
        part = part.model_copy(update={"fleet": None, "load_balancer": None})
        part = part.model_copy(update={"backups": part.backups.model_copy(update={"vault": None})})
        made.stage.outputs = part
        made.file.write_text(part.model_dump_json(by_alias=True))
        yield made


def test_a_list_is_printed_for_a_person_and_for_a_program(ops: Console) -> None:
    out, err = ops("check pre-deploy", 3)
    assert out.splitlines()[0].split() == ["state", "item", "evidence", "command"]
    assert "failing, 0 unknown" in err
    found = ops.json("check pre-deploy", 3)
    assert (found["schema"], found["kind"], found["list"]) == (1, "check", "pre-deploy")
    assert found["state"] == "failing"
    assert [item["state"] for item in found["items"]] == sorted(
        (item["state"] for item in found["items"]), key=["failing", "unknown", "ok"].index
    )
    states = {item["item"]: item["state"] for item in found["items"]}
    assert states == {
        "account": "ok",
        "lock": "ok",
        "no deployment": "ok",
        "grave alarms": "ok",
        "restorable": "ok",
        "capacity": "failing",
    }
    capacity = found["items"][0]
    assert "has no scaling" in capacity["evidence"]
    assert capacity["means"].startswith("No service")
    assert {finding["area"] for finding in capacity["findings"]} == {"services"}


def test_whoever_holds_the_lock_is_seen_before_a_deployment(ops: Console) -> None:
    s3, bucket = ops.stage.client("s3"), ops.stage.outputs.backups.operations_bucket
    now = ops.stage.clock.held.now()
    one = LockRecord(
        holder="a@b",
        run="r-1",
        reason="x",
        since=now.timestamp(),
        until=(now + timedelta(hours=1)).timestamp(),
    )
    s3.put_object(Bucket=bucket, Key="lock.json", Body=one.model_dump_json().encode())
    (lock,) = [i for i in ops.json("check pre-deploy", 3)["items"] if i["item"] == "lock"]
    assert lock["state"] == "failing"
    assert "held by a@b for r-1: x" in lock["evidence"]


@pytest.mark.parametrize(
    ("api", "name"), [("get_object", "lock"), ("describe_alarms", "grave alarms")]
)
def test_what_is_denied_is_unknown_and_never_well(ops: Console, api: str, name: str) -> None:
    with failing("AccessDenied", api):
        found = ops.json("check pre-deploy", 3)
    (item,) = [i for i in found["items"] if i["item"] == name]
    assert item["state"] == "unknown"
    assert "was denied" in item["evidence"]
    assert item["command"] == "ops permissions"


def test_a_record_in_the_bucket_is_read(ops: Console) -> None:
    s3, bucket = ops.stage.client("s3"), ops.stage.outputs.backups.operations_bucket
    taken = ops.stage.clock.held.now().isoformat()
    body = json.dumps({**RECORD, "taken": taken}).encode()
    s3.put_object(Bucket=bucket, Key=KEY, Body=body)
    (drill,) = [i for i in ops.json("check monthly", 3)["items"] if i["item"] == "drill"]
    assert drill["state"] == "ok"
    assert "back after 25 min of 60 min, lost 2 min of 5 min" in drill["evidence"]


def test_after_a_deployment_it_is_looked_as_far_back_as_is_asked(ops: Console) -> None:
    name = ops.stage.outputs.alarms.names["P1"][0]
    ops.stage.client("cloudwatch").set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="test"
    )
    now = ops.stage.clock.held.now()

    def state(minutes: float) -> str:
        found = check("post-deploy", ops.stage.outputs, ops.stage.aws, now, minutes * 60)
        (one,) = [r for r in found if r.item == "new alarms"]
        return one.state

    assert state(24 * 60) == "failing"
    ops.stage.clock.sleep(3600)
    now = ops.stage.clock.held.now()
    assert state(15) == "ok"
    _, err = ops("check post-deploy --since 0", 2)
    assert "--since" in err
