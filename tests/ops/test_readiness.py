"""`ops recover ready`: what a recovery needs, told apart from what could not be looked at."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops import readiness
from ops.drills import Drill, Objectives, Phases
from tests.ops.db_stage import failing
from tests.ops.every_command import prepared, typing
from tests.ops.stage import RECOVERY, REGION, Stage, stack_outputs

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
Said = dict[str, Any]


@pytest.fixture
def look(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """The stage, and what `ops recover ready` says of it."""
    with typing(prepared) as (on, typed):

        def looked(code: int = 3) -> Said:
            capsys.readouterr()
            assert typed("recover ready --output json") == code
            body = json.loads(capsys.readouterr().out)
            return {"body": body, **{item["subject"]: item for item in body["items"]}}

        yield on, looked, typed


def published(on: Stage) -> None:
    """The outputs in the recovery region, as the stack writes them."""
    from ops.outputs import divide

    body = on.outputs.model_dump(mode="json", by_alias=True)
    body["stack"]["protect"] = False  # as the console has them
    for part, value in body.items():
        grown = {"services": "services", "loadBalancer": "targets"}.get(part)
        labels = sorted(value[grown]) if grown else ["1"] if part == "alarms" else []
        for name, text in divide(part, value, labels).items():
            on.client("ssm", RECOVERY).put_parameter(
                Name=f"{on.outputs.backups.outputs_path}/{name}", Value=text, Type="String",
                Overwrite=True,
            )  # fmt: skip


def test_what_is_prepared_is_told_and_what_is_missing_says_what_helps(look: Any) -> None:
    on, looked, _ = look
    on.clock.sleep(3600)
    found = looked()
    assert {s: found[s]["state"] for s in ("recovery region", f"key in {RECOVERY}",
            f"room for a database in {RECOVERY}", f"replication to {RECOVERY}",
            "restorable here")} == dict.fromkeys(
        ("recovery region", f"key in {RECOVERY}", f"room for a database in {RECOVERY}",
         f"replication to {RECOVERY}", "restorable here"), "ok",
    )  # fmt: skip
    missing = {
        f"copy of Pulumi's state in {REGION}": "ops state backup",
        f"outputs in {RECOVERY}": "pulumi up --refresh",
        f"images in {RECOVERY}": "aws ecr put-replication-configuration",
        "drill of the last month": "ops recover drill",
    }
    for subject, command in missing.items():
        assert found[subject]["state"] == "failing"
        assert found[subject]["command"].startswith(command)
    ways = {(e["way"], e["phase"].split(":")[0]) for e in found["body"]["estimates"]}
    assert {("here", "RTO"), ("here", "RPO"), (RECOVERY, "RTO"), (RECOVERY, "RPO")} <= ways


def test_what_has_been_brought_about_is_found(look: Any) -> None:
    on, looked, typed = look
    published(on)
    on.client("s3").put_object(
        Bucket=on.outputs.backups.operations_bucket, Key="states/test/state-1.json", Body=b"{}"
    )
    on.client("ecr").put_replication_configuration(
        replicationConfiguration={
            "rules": [{"destinations": [{"region": RECOVERY, "registryId": "123456789012"}]}]
        }
    )
    assert typed("recover drill --no-sql --rto 60 --rpo 60 --yes") == 0
    found = looked(0)
    assert found["body"]["failing"] == found["body"]["unknown"] == 0
    assert found[f"outputs in {RECOVERY}"]["evidence"] == "are those of the stack"
    here = next(e for e in found["body"]["estimates"] if e["phase"].startswith("RTO"))
    assert here["source"].startswith("the drill drill-")


def test_outputs_of_before_are_not_those_of_now(look: Any) -> None:
    on, looked, _ = look
    published(on)
    name = f"{on.outputs.backups.outputs_path}/database"
    ssm = on.client("ssm", RECOVERY)
    text = ssm.get_parameter(Name=name)["Parameter"]["Value"].replace("5433", "5432")
    ssm.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)
    assert looked()[f"outputs in {RECOVERY}"]["evidence"] == "are not those of the stack"


@pytest.mark.parametrize(
    ("code", "operation", "subject"),
    [
        ("AccessDenied", "describe_key", "key"),
        ("Throttling", "describe_account_attributes", f"room for a database in {REGION}"),
        ("AccessDeniedException", "describe_registry", "images"),
    ],
)
def test_what_could_not_be_looked_at_is_unknown(
    look: Any, code: str, operation: str, subject: str
) -> None:
    _, looked, _ = look
    with failing(code, operation):
        found = looked()
    assert found[subject]["state"] == "unknown"


def drill(**given: Any) -> Drill:
    known = {
        "run": "drill-1", "taken": "2026-11-20T00:00:00Z", "stack": "test", "outcome": "done",
        "phases": Phases(), "rto_seconds": 1500, "rpo_seconds": 60, "rpo_by": "restorable time",
        "objectives": Objectives(), "tables": None, "rows": None, "met": True, **given,
    }  # fmt: skip
    return Drill.model_validate(known)


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({}, "ok"),
        ({"taken": "2026-10-01T00:00:00Z"}, "failing"),
        ({"met": False, "why": ("its RTO is 40 min",)}, "failing"),
    ],
)
def test_a_drill_counts_for_a_month_and_where_it_met_its_objectives(
    given: Said, state: str
) -> None:
    assert readiness.drilled([drill(**given)], NOW).state == state


def test_an_estimate_is_from_the_last_drill_or_says_that_it_assumes(tmp_path: Path) -> None:
    outputs = stack_outputs()
    seen = {"AllocatedStorage": 100, "LatestRestorableTime": "2026-11-26T11:57:00Z"}
    replica = {"RestoreWindow": {"LatestTime": "2026-11-26T11:50:00Z"}}
    figures = readiness.estimates(outputs, [drill()], seen, replica, NOW)
    assert [(e.way, e.seconds) for e in figures] == [
        ("here", 1500), ("here", 1024), ("here", 180),
        (RECOVERY, 1500 + readiness.DEPLOY), (RECOVERY, 600),
    ]  # fmt: skip
    nothing = readiness.estimates(outputs, [], None, None, NOW)
    assert [e.seconds for e in nothing if "RPO" in e.phase] == [None, None]
    assert "an assumption" in nothing[0].source
