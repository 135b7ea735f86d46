"""`ops recover ready`: what a recovery needs, told apart from what could not be looked at."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from moto.acm.models import acm_backends
from moto.s3.models import s3_backends

from ops.core.aws import Aws
from ops.core.errors import OpsError, UnreachableError
from ops.recovery import estimate as estimating
from ops.recovery import readiness
from ops.recovery.drill_history import DrillPhases, DrillRecord, RecoveryObjectives
from ops.recovery.estimate import ESTIMATED_DEPLOY_SECONDS
from tests.ops.db_stage import fail_operations
from tests.ops.every_command import open_command_line
from tests.ops.stage import (
    ACCOUNT,
    RECOVERY_REGION,
    REGION,
    STACK_PREFIX,
    Stage,
    build_stack_outputs,
)
from tests.ops.typed_lines import put_operations_bucket, put_recovery_region

READINESS_TIME = datetime(2026, 11, 26, 12, tzinfo=UTC)
ReadinessItems = dict[str, Any]


@pytest.fixture
def readiness_stage(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """The stage, and what `ops recover ready` says of it."""
    with open_command_line(put_recovery_region) as (stage, run_line):

        def run_ready(code: int = 3) -> ReadinessItems:
            capsys.readouterr()
            assert run_line("recover ready --output json") == code
            body = json.loads(capsys.readouterr().out)
            return {"body": body, **{item["subject"]: item for item in body["items"]}}

        yield stage, run_ready, run_line


def publish_outputs(stage: Stage) -> None:
    """The outputs in the recovery region, as the stack writes them."""
    from ops.outputs import divide_part

    body = stage.outputs.model_dump(mode="json", by_alias=True)
    body["stack"]["protect"] = False  # as the console has them
    for part, value in body.items():
        labelled_part = {"services": "services", "loadBalancer": "targets"}.get(part)
        labels = (
            sorted(value[labelled_part]) if labelled_part else ["1"] if part == "alarms" else []
        )
        for name, text in divide_part(part, value, labels).items():
            stage.client("ssm", RECOVERY_REGION).put_parameter(
                Name=f"{stage.outputs.backups.outputs_path}/{name}",
                Value=text,
                Type="String",
                Overwrite=True,
            )


def test_readiness_lists_what_is_prepared_and_how_to_mend_what_is_missing(
    readiness_stage: Any,
) -> None:
    stage, looked, _ = readiness_stage
    stage.clock.sleep(3600)
    found = looked()
    assert {
        s: found[s]["state"]
        for s in (
            "recovery region",
            f"key in {RECOVERY_REGION}",
            f"room for a database in {RECOVERY_REGION}",
            f"replication to {RECOVERY_REGION}",
            "restorable here",
        )
    } == dict.fromkeys(
        (
            "recovery region",
            f"key in {RECOVERY_REGION}",
            f"room for a database in {RECOVERY_REGION}",
            f"replication to {RECOVERY_REGION}",
            "restorable here",
        ),
        "ok",
    )
    missing = {
        f"copy of Pulumi's state in {REGION}": "ops state backup",
        f"outputs in {RECOVERY_REGION}": "pulumi up --refresh",
        f"images in {RECOVERY_REGION}": "aws ecr put-replication-configuration",
        "drill of the last month": "ops recover drill",
    }
    for subject, command in missing.items():
        assert found[subject]["state"] == "failing"
        assert found[subject]["command"].startswith(command)
    ways = {(e["way"], e["phase"].split(":")[0]) for e in found["body"]["estimates"]}
    assert {
        ("here", "RTO"),
        ("here", "RPO"),
        (RECOVERY_REGION, "RTO"),
        (RECOVERY_REGION, "RPO"),
    } <= ways


def test_prepared_items_are_recognised(readiness_stage: Any) -> None:
    stage, looked, typed = readiness_stage
    publish_outputs(stage)
    stage.client("s3").put_object(
        Bucket=stage.outputs.backups.operations_bucket, Key="states/test/state-1.json", Body=b"{}"
    )
    stage.client("ecr").put_replication_configuration(
        replicationConfiguration={
            "rules": [{"destinations": [{"region": RECOVERY_REGION, "registryId": "123456789012"}]}]
        }
    )
    assert typed("recover drill --no-sql --rto 60 --rpo 60 --yes") == 0
    found = looked(0)
    assert found["body"]["failing"] == found["body"]["unknown"] == 0
    assert found[f"outputs in {RECOVERY_REGION}"]["evidence"] == "are those of the stack"
    here = next(e for e in found["body"]["estimates"] if e["phase"].startswith("RTO"))
    assert here["source"].startswith("the drill drill-")


def test_outdated_published_outputs_are_not_ready(readiness_stage: Any) -> None:
    stage, looked, _ = readiness_stage
    publish_outputs(stage)
    name = f"{stage.outputs.backups.outputs_path}/database"
    ssm = stage.client("ssm", RECOVERY_REGION)
    text = ssm.get_parameter(Name=name)["Parameter"]["Value"].replace("5433", "5432")
    ssm.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)
    assert looked()[f"outputs in {RECOVERY_REGION}"]["evidence"] == "are not those of the stack"


@pytest.mark.parametrize(
    ("code", "operation", "subject"),
    [
        ("AccessDenied", "describe_key", "key"),
        ("Throttling", "describe_account_attributes", f"room for a database in {REGION}"),
        ("AccessDeniedException", "describe_registry", "images"),
    ],
)
def test_an_item_that_cannot_be_read_is_unknown(
    readiness_stage: Any, code: str, operation: str, subject: str
) -> None:
    _, looked, _ = readiness_stage
    with fail_operations(code, operation):
        found = looked()
    assert found[subject]["state"] == "unknown"


def build_recent_drill(**overrides: Any) -> DrillRecord:
    fields = {
        "run": "drill-1",
        "taken": "2026-11-20T00:00:00Z",
        "stack": "test",
        "outcome": "done",
        "phases": DrillPhases(),
        "rto_seconds": 1500,
        "rpo_seconds": 60,
        "rpo_by": "restorable time",
        "objectives": RecoveryObjectives(),
        "tables": None,
        "rows": None,
        "met": True,
        **overrides,
    }
    return DrillRecord.model_validate(fields)


@pytest.mark.parametrize(
    ("overrides", "state"),
    [
        ({}, "ok"),
        ({"taken": "2026-10-01T00:00:00Z"}, "failing"),
        ({"met": False, "why": ("its RTO is 40 min",)}, "failing"),
    ],
)
def test_a_drill_counts_for_a_month_and_where_it_met_its_objectives(
    overrides: ReadinessItems, state: str
) -> None:
    assert (
        readiness.build_drill_finding([build_recent_drill(**overrides)], READINESS_TIME).state
        == state
    )


def test_an_estimate_is_from_the_last_drill_or_says_that_it_assumes() -> None:
    outputs = build_stack_outputs()
    seen = {"AllocatedStorage": 100, "LatestRestorableTime": "2026-11-26T11:57:00Z"}
    replica = {"RestoreWindow": {"LatestTime": "2026-11-26T11:50:00Z"}}
    measured = build_recent_drill(phases=DrillPhases(restore=1200, configure=200, first_query=40))
    figures = estimating.estimate_recovery(outputs, [measured], seen, replica, READINESS_TIME)
    assert [(e.way, e.seconds) for e in figures] == [
        ("here", 1200),
        ("here", 240),
        ("here", 1500),
        ("here", 1024),
        ("here", 180),
        (RECOVERY_REGION, ESTIMATED_DEPLOY_SECONDS),
        (RECOVERY_REGION, 1200),
        (RECOVERY_REGION, 240),
        (RECOVERY_REGION, ESTIMATED_DEPLOY_SECONDS + 1440),
        (RECOVERY_REGION, 600),
    ]
    assert {e.source for e in figures if e.phase == "restore"} == {"the drill drill-1"}
    nothing = estimating.estimate_recovery(
        outputs, [], None, OpsError("rds was denied"), READINESS_TIME
    )
    lost = [(e.seconds, e.source) for e in nothing if "RPO" in e.phase]
    assert lost == [(None, "does not exist"), (None, "unknown: rds was denied")]
    assert all("an assumption" in e.source for e in nothing if e.phase == "restore")


def put_replicated_bucket(stage: Stage) -> None:
    """A bucket that is replicated to the recovery region."""
    put_recovery_region(stage)
    put_operations_bucket(stage)
    copy_bucket, s3 = f"{STACK_PREFIX}-operations-there", stage.client("s3")
    stage.client("s3", RECOVERY_REGION).create_bucket(
        Bucket=copy_bucket, CreateBucketConfiguration={"LocationConstraint": RECOVERY_REGION}
    )
    for region, name in (
        (REGION, stage.outputs.backups.operations_bucket),
        (RECOVERY_REGION, copy_bucket),
    ):
        stage.client("s3", region).put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Enabled"}
        )
    s3.put_bucket_replication(
        Bucket=stage.outputs.backups.operations_bucket,
        ReplicationConfiguration={
            "Role": f"arn:aws:iam::{ACCOUNT}:role/x",
            "Rules": [
                {
                    "Status": "Enabled",
                    "Priority": 1,
                    "Filter": {"Prefix": ""},
                    "DeleteMarkerReplication": {"Status": "Disabled"},
                    "Destination": {"Bucket": f"arn:aws:s3:::{copy_bucket}"},
                }
            ],
        },
    )
    part = stage.outputs.backups.model_copy(update={"recovery_bucket": copy_bucket})
    stage.outputs = stage.outputs.model_copy(update={"backups": part})


def put_dated_object(stage: Stage, bucket: str, key: str, region: str) -> None:
    """An object of the sandbox's time."""
    stage.client("s3", region).put_object(Bucket=bucket, Key=key, Body=b"{}")
    for version in s3_backends[ACCOUNT]["aws"].buckets[bucket].keys.getlist(key):
        version.last_modified = stage.clock.held_clock.now().replace(tzinfo=None)


def test_the_bucket_is_replicated_and_what_is_in_it_has_arrived(
    capsys: pytest.CaptureFixture[str],
) -> None:
    subject = f"operations bucket in {RECOVERY_REGION}"
    with open_command_line(put_replicated_bucket) as (stage, typed):

        def found() -> ReadinessItems:
            capsys.readouterr()
            typed("recover ready --output json")
            items: list[ReadinessItems] = json.loads(capsys.readouterr().out)["items"]
            return next(item for item in items if item["subject"] == subject)

        own, there = (
            stage.outputs.backups.operations_bucket,
            str(stage.outputs.backups.recovery_bucket),
        )
        assert found()["evidence"] == "is replicated; there is nothing in it yet"
        put_dated_object(stage, own, "states/test/state-1.json", REGION)
        assert found()["state"] == "ok", "it has an hour to arrive"
        stage.clock.sleep(7200)
        assert "1 objects of an hour ago or more are not there" in found()["evidence"]
        put_dated_object(stage, there, "states/test/state-1.json", RECOVERY_REGION)
        stage.clock.sleep(600)
        assert found()["evidence"] == "is replicated, its newest object is of 10 min ago"
        stage.client("s3").delete_bucket_replication(Bucket=own)
        assert found()["evidence"] == f"{own} is not replicated"


def put_external_certificate(stage: Stage) -> None:
    """A load balancer whose certificate was given, for two names."""
    put_recovery_region(stage)
    certificate = stage.client("acm").request_certificate(
        DomainName="app.example.com", SubjectAlternativeNames=["www.example.com"]
    )
    balancer = stage.outputs.load_balancer
    assert balancer is not None
    part = balancer.model_copy(
        update={"certificate_arn": certificate["CertificateArn"], "zone_id": None}
    )
    stage.outputs = stage.outputs.model_copy(update={"load_balancer": part})


def test_a_certificate_that_was_given_is_there_for_all_of_its_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    subject = f"certificate in {RECOVERY_REGION}"
    with open_command_line(put_external_certificate) as (stage, typed):

        def found() -> ReadinessItems:
            capsys.readouterr()
            typed("recover ready --output json")
            items: list[ReadinessItems] = json.loads(capsys.readouterr().out)["items"]
            return next(item for item in items if item["subject"] == subject)

        acm = stage.client("acm", RECOVERY_REGION)
        for names in ([], ["*.example.com"]):
            made = acm.request_certificate(
                DomainName="app.example.com",
                **({"SubjectAlternativeNames": names} if names else {}),
            )["CertificateArn"]
            assert found()["state"] == "failing", "not issued yet"
            acm_backends[ACCOUNT][RECOVERY_REGION]._certificates[made].status = "ISSUED"
            assert found()["state"] == ("ok" if names else "failing")
        assert found()["evidence"] == made


def test_what_a_lost_region_would_tell_is_unknown_and_the_rest_is_told(
    readiness_stage: Any,
) -> None:
    stage, looked, _ = readiness_stage
    stage.clock.sleep(3600)
    own = stage.aws.call

    def call(api: str, params: Any, region: str | None = None) -> Any:
        if (region or REGION) == REGION:
            raise UnreachableError(f"{api} got no answer")
        return own(api, params, region)

    def pages(api: str, key: str, params: Any = None, region: str | None = None) -> Any:
        if (region or REGION) == REGION:
            raise UnreachableError(f"{api} got no answer")
        return Aws.list_items(stage.aws, api, key, params, region)

    stage.client("s3").delete_bucket(Bucket=stage.outputs.backups.operations_bucket)
    with patch.object(stage.aws, "call", call), patch.object(stage.aws, "list_items", pages):
        found = looked()
    assert {
        found[s]["state"]
        for s in (
            "restorable here",
            "images",
            "drill of the last month",
            f"room for a database in {REGION}",
        )
    } == {"unknown"}
    for subject in (
        f"newest backup in {RECOVERY_REGION}",
        f"key in {RECOVERY_REGION}",
        f"room for a database in {RECOVERY_REGION}",
        f"replication to {RECOVERY_REGION}",
    ):
        assert found[subject]["state"] == "ok", subject
    lost = {e["way"]: e["seconds"] for e in found["body"]["estimates"] if "RPO" in e["phase"]}
    assert lost["here"] is None
    assert lost[RECOVERY_REGION] > 0
