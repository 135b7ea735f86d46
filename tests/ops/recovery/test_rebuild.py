"""`ops recover rebuild` and `region`, as they are typed, with a pretended Pulumi."""

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from moto.acm.models import acm_backends
from moto.s3.models import s3_backends

from ops.core.goal_evaluation import StepFailedError, evaluate
from ops.core.plan import Call, Plan
from ops.outputs import Outputs
from ops.recovery.rebuild import RebuildChecks, build_stack_rebuild_plan
from ops.recovery.sources import BackupSource
from ops.state.differences import compute_state_digest
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.every_command import open_command_line
from tests.ops.procedures.recover import PRIMARY_IDENTIFIER
from tests.ops.procedures.recover_rebuild import (
    PROGRAM_OPTION,
    REGION_STACK,
    STATE_FILE,
    put_lost_database,
    put_lost_stack,
    put_replicated_backups,
)
from tests.ops.stage import (
    ACCOUNT,
    RECOVERY_REGION,
    REGION,
    Stage,
    build_stack_outputs,
    interrupt_at_sleep,
)
from tests.test_runbook import RUNBOOK_PAGES, list_page_commands

RunLine = Callable[[str], int]
Capture = pytest.CaptureFixture[str]


@contextmanager
def open_lost_stack(
    set_up: Callable[[Stage], None] = put_lost_database,
) -> Iterator[tuple[Stage, RunLine]]:
    with open_command_line(set_up) as (stage, run_line):
        yield stage, run_line


def list_database_ids(stage: Stage, region: str = REGION) -> list[str]:
    instances = stage.client("rds", region).describe_db_instances()["DBInstances"]
    return [instance["DBInstanceIdentifier"] for instance in instances]


RESTORE_FROM_KEY = "bulwark:database.restoreFrom"


def test_the_stack_is_there_again_from_its_newest_backup(capsys: Capture) -> None:
    with open_lost_stack() as (stage, typed):
        assert typed(f"recover rebuild {PROGRAM_OPTION} --yes --output json") == 0
        made = json.loads(capsys.readouterr().out)
        assert made["from"] == f"{PRIMARY_IDENTIFIER}-final"
        assert list_database_ids(stage) == [PRIMARY_IDENTIFIER]
        pulumi = pretended_pulumi.get_fake_pulumi(stage)
        assert (
            pulumi.stacks["test"].config[f"{RESTORE_FROM_KEY}.snapshot"]
            == f"{PRIMARY_IDENTIFIER}-final"
        )
        assert pulumi.imports == []
        assert typed(f"recover rebuild {PROGRAM_OPTION} --yes") == 2, "it is there again"
        assert "only a lost database can be rebuilt" in capsys.readouterr().err


def test_what_a_deleted_instance_has_left_is_named_by_its_resource_id(capsys: Capture) -> None:
    with open_lost_stack() as (stage, typed):
        backups = stage.client("rds").describe_db_instance_automated_backups()
        id_ = backups["DBInstanceAutomatedBackups"][0]["DbiResourceId"]
        assert typed(f"recover rebuild --from {id_} {PROGRAM_OPTION} --yes") == 0
        config = pretended_pulumi.get_fake_pulumi(stage).stacks["test"].config
        assert {k: v for k, v in config.items() if RESTORE_FROM_KEY in k} == {
            f"{RESTORE_FROM_KEY}.resourceId": id_
        }
        assert list_database_ids(stage) == [PRIMARY_IDENTIFIER]
    capsys.readouterr()


def test_without_a_pulumi_stack_the_state_option_is_required(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with open_lost_stack(put_lost_stack) as (stage, typed):
        pulumi = pretended_pulumi.get_fake_pulumi(stage)
        assert typed(f"recover rebuild {PROGRAM_OPTION} --yes") == 2
        assert "--state is not set, and Pulumi knows no stack test" in capsys.readouterr().err
        assert typed(f"recover rebuild --state newest {PROGRAM_OPTION} --yes") == 1
        assert "no state of this stack was saved" in capsys.readouterr().err
        assert (pulumi.stacks, pulumi.up_count) == ({}, 0)
        assert typed(f"recover rebuild --state {STATE_FILE} {PROGRAM_OPTION} --yes") == 0
        assert pulumi.imports == [
            compute_state_digest(json.loads(STATE_FILE.read_text(encoding="utf-8")))
        ]
        assert list_database_ids(stage) == [PRIMARY_IDENTIFIER]
        assert list((tmp_path / "bulwark" / "states").iterdir()) == [], "no draft is left"
    with open_lost_stack() as (stage, typed):
        assert typed(f"recover rebuild --state {STATE_FILE} {PROGRAM_OPTION} --yes") == 2
        assert "would be forgotten" in capsys.readouterr().err


COPY_BUCKET = f"bulwark-test-operations-{ACCOUNT}-{RECOVERY_REGION}"


def put_copied_states(stage: Stage) -> None:
    """Nothing is left where the stack was but snapshots; the bucket's copy is."""
    put_lost_stack(stage)
    part = stage.outputs.backups.model_copy(update={"recovery_bucket": COPY_BUCKET})
    stage.outputs = stage.outputs.model_copy(update={"backups": part})
    recovery_s3 = stage.client("s3", RECOVERY_REGION)
    recovery_s3.create_bucket(
        Bucket=COPY_BUCKET, CreateBucketConfiguration={"LocationConstraint": RECOVERY_REGION}
    )
    for name in ("state-1", "state-2"):
        body = json.dumps(pretended_pulumi.build_stack_export(name))
        recovery_s3.put_object(Bucket=COPY_BUCKET, Key=f"states/test/{name}.json", Body=body)
        for version in (
            s3_backends[ACCOUNT]["aws"]
            .buckets[COPY_BUCKET]
            .keys.getlist(f"states/test/{name}.json")
        ):
            version.last_modified = stage.clock.held_clock.now().replace(tzinfo=None)
        stage.clock.sleep(60)


@pytest.mark.parametrize("gone", [False, True])
def test_the_newest_state_may_be_that_of_the_copy_a_region_away(
    capsys: Capture, gone: bool, tmp_path: Path
) -> None:
    folder = {"BULWARK_JOURNAL": str(tmp_path)} if gone else {}
    with open_lost_stack(put_copied_states) as (stage, typed), patch.dict(os.environ, folder):
        if gone:
            stage.client("s3").delete_bucket(Bucket=stage.outputs.backups.operations_bucket)
        assert typed("state list --output json") == 0
        listed = json.loads(capsys.readouterr().out)["items"]
        assert [(x["state"], x["region"]) for x in listed] == [
            ("state-2", RECOVERY_REGION),
            ("state-1", RECOVERY_REGION),
        ]
        assert typed(f"recover rebuild --state newest {PROGRAM_OPTION} --yes") == 0
        wanted = compute_state_digest(pretended_pulumi.build_stack_export("state-2"))
        assert pretended_pulumi.get_fake_pulumi(stage).imports == [wanted]
    capsys.readouterr()


@pytest.mark.parametrize("why", ["the database: no capacity", "the zone is full"])
def test_a_deployment_that_fails_leaves_no_way_to_an_empty_database(
    capsys: Capture, why: str
) -> None:
    with open_lost_stack() as (stage, typed):
        pulumi = pretended_pulumi.get_fake_pulumi(stage)
        pulumi.failure_message = why
        assert typed(f"recover rebuild {PROGRAM_OPTION} --yes") == 5
        said = capsys.readouterr().err
        assert f"pulumi ended with 255: error: {why}" in said
        assert "nothing of it is undone" in said
        config = pulumi.stacks["test"].config
        assert config[f"{RESTORE_FROM_KEY}.snapshot"] == f"{PRIMARY_IDENTIFIER}-final", (
            "whoever deploys next restores"
        )
        pulumi.failure_message = ""
        again = typed(f"recover rebuild {PROGRAM_OPTION} --yes")
        said = capsys.readouterr().err
        if "the database" in why:
            assert again == 0
        else:
            assert (again, "pulumi up --stack test" in said) == (2, True)
        assert list_database_ids(stage) == [PRIMARY_IDENTIFIER]


def test_a_killed_deployment_is_not_taken_for_done_because_its_database_is_there(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with open_lost_stack(put_lost_stack) as (stage, typed):
        pulumi = pretended_pulumi.get_fake_pulumi(stage)
        pulumi.kills_left = 1
        assert typed(f"recover rebuild --state {STATE_FILE} {PROGRAM_OPTION} --yes") == 1
        said = capsys.readouterr().err
        assert "kept out by another that is at work, or was killed" in said
        assert "pulumi cancel --stack test" in said
        (resume,) = re.findall(r"ops (runs resume \S+)", said)
        stage.clock.sleep(7200)
        assert list_database_ids(stage) == [PRIMARY_IDENTIFIER], "it came so far"
        assert typed(f"{resume} --yes") == 1, "and no further"
        pulumi.locked = False
        capsys.readouterr()
        assert typed(f"{resume} --yes") == 0
        assert [one["result"] for one in pulumi.stacks["test"].history] == ["succeeded"]
        assert (list_database_ids(stage), len(pulumi.imports)) == ([PRIMARY_IDENTIFIER], 1)


def test_a_rebuild_in_another_region_is_another_stack(capsys: Capture) -> None:
    with open_lost_stack(put_replicated_backups) as (stage, typed):
        assert typed(f"recover region {PROGRAM_OPTION} --yes --output json") == 0
        made = json.loads(capsys.readouterr().out)
        assert (made["stack"], made["region"]) == (REGION_STACK, RECOVERY_REGION)
        assert list_database_ids(stage, RECOVERY_REGION) == [f"bulwark-{REGION_STACK}-database"]
        assert list_database_ids(stage) == [PRIMARY_IDENTIFIER], "the lost one is not touched"
        stacks = pretended_pulumi.get_fake_pulumi(stage).stacks
        assert stacks["test"].config["aws:region"] == REGION
        assert stacks[REGION_STACK].config["aws:region"] == RECOVERY_REGION
        assert "bulwark:recoveryRegion" not in stacks[REGION_STACK].config
        capsys.readouterr()
        assert typed(f"recover region {PROGRAM_OPTION} --yes") == 2, "it is there"
        assert f"pulumi up --stack {REGION_STACK}" in capsys.readouterr().err
        assert pretended_pulumi.get_fake_pulumi(stage).up_count == 1


def request_certificate(stage: Stage, region: str) -> str:
    response = stage.client("acm", region).request_certificate(DomainName="app.example.com")
    return str(response["CertificateArn"])


def test_a_given_certificate_is_one_of_the_recovery_region(capsys: Capture) -> None:
    with open_lost_stack(put_replicated_backups) as (stage, typed):
        pulumi = pretended_pulumi.get_fake_pulumi(stage)
        own, there = request_certificate(stage, REGION), request_certificate(stage, RECOVERY_REGION)
        pulumi.stacks["test"].config["bulwark:loadBalancer.certificateArn"] = own
        for line, says in (
            ("", "--certificate is not set, must be the ARN of a certificate in eu-west-1"),
            (f"--certificate {own}", "must be the ARN of a certificate in eu-west-1"),
            (f"--certificate {there}", "it is PENDING_VALIDATION"),
            (f"--certificate {there[:-1]}x", "it is ResourceNotFoundException"),
        ):
            assert typed(f"recover region {line} {PROGRAM_OPTION} --yes") == 2
            assert says in capsys.readouterr().err
        assert (list(pulumi.stacks), pulumi.up_count) == (["test"], 0)
        acm_backends[ACCOUNT][RECOVERY_REGION]._certificates[there].status = "ISSUED"
        assert typed(f"recover region --certificate {there} {PROGRAM_OPTION} --yes") == 0
        found = pulumi.stacks[REGION_STACK].config["bulwark:loadBalancer.certificateArn"]
        assert found == there


def test_where_the_bucket_is_gone_journals_are_kept_in_a_folder(
    capsys: Capture, tmp_path: Path
) -> None:
    with open_lost_stack() as (stage, typed):
        stage.client("s3").delete_bucket(Bucket=stage.outputs.backups.operations_bucket)
        assert typed(f"recover rebuild {PROGRAM_OPTION} --yes") == 1
        assert "set BULWARK_JOURNAL to one" in capsys.readouterr().err
        with patch.dict(os.environ, BULWARK_JOURNAL=str(tmp_path)):
            with interrupt_at_sleep(stage.clock, 12):
                assert typed(f"recover rebuild {PROGRAM_OPTION} --yes") == 130
            (run,) = [path.name for path in (tmp_path / "runs").iterdir()]
            assert typed(f"runs resume {run} --yes") == 0
            assert typed("runs list --output json") == 0
        assert list_database_ids(stage) == [PRIMARY_IDENTIFIER]


@pytest.mark.parametrize(
    ("page", "build"), [("region-down", put_replicated_backups), ("total-loss", put_lost_database)]
)
def test_the_rebuild_commands_of_the_runbook_work(
    capsys: Capture, page: str, build: Callable[[Stage], None]
) -> None:
    (path,) = [one for one in RUNBOOK_PAGES if one.stem == page]
    lines = [
        x
        for x in list_page_commands(path)
        if x.startswith(("ops recover region", "ops recover reb"))
    ]
    assert len(lines) == 2
    with open_lost_stack(build) as (_, typed):
        for line in lines:
            words: Any = shlex.split(line)[1:]
            agreed = [] if "--dry-run" in words else ["--yes"]
            assert typed(" ".join([*words, *agreed, PROGRAM_OPTION])) == 0, line
    capsys.readouterr()


def plan_rebuild(outputs: Outputs, checks: RebuildChecks) -> Plan:
    source = BackupSource("snapshot", "snap-1", "2026-11-30T02:00:00Z", 20)
    return build_stack_rebuild_plan(outputs, Path("/program"), source, "rebuild-1", None, checks)


def test_a_rebuild_ends_when_tables_are_seen_and_fails_if_there_are_none() -> None:
    plan = plan_rebuild(build_stack_outputs(), RebuildChecks(can_query=True))
    (query,) = (step for step in plan.steps if step.name == "query")
    assert evaluate(query.goal, {"exit": 0, "output": {"has_tables": True}}) == "met"
    assert evaluate(query.goal, {"exit": 1, "output": None}) == "absent", "it does not answer yet"
    with pytest.raises(StepFailedError, match="has_tables is False"):
        evaluate(query.goal, {"exit": 0, "output": {"has_tables": False}})


def test_every_wait_for_the_database_of_a_rebuild_reads_what_rds_reports() -> None:
    plan = plan_rebuild(build_stack_outputs(), RebuildChecks(can_query=False))
    waits = {
        step.name: step.goal.reports
        for step in plan.steps
        if isinstance(step.goal.read, Call) and step.goal.read.api == "rds.describe_db_instances"
    }
    assert waits.keys() == {"database", "warm"}
    for reports in waits.values():
        assert reports is not None
        assert isinstance(reports.read, Call)
        assert reports.read.params["SourceIdentifier"] == "bulwark-test-database"
        assert "nstance creation failed" in reports.messages


def test_a_rebuild_whose_data_nobody_sees_says_so() -> None:
    plan = plan_rebuild(build_stack_outputs(), RebuildChecks())
    assert not any(step.name == "query" for step in plan.steps)
    assert any("ops --stack test db size" in note for note in plan.notes)


def test_a_rebuild_writes_no_setting_into_another_namespace() -> None:
    """A fixed namespace would be ignored by the program, which would make an empty database."""
    stage_outputs = build_stack_outputs()
    part = stage_outputs.stack.model_copy(update={"project": "shop"})
    outputs = stage_outputs.model_copy(update={"stack": part})
    plan = plan_rebuild(outputs, RebuildChecks())
    texts = [step.model_dump_json() for step in plan.steps]
    assert any("shop:database.restoreFrom.snapshot" in text for text in texts)
    assert not any("bulwark:" in text for text in texts)
