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
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends

from ops.state import backup as states
from sandbox.patches.rds.restores import set_instance_quota
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.every_command import typing
from tests.ops.procedures.recover import OWN, put
from tests.ops.procedures.recover_rebuild import (
    LINE,
    NAME,
    STATE,
    facts,
    put_all_lost,
    put_lost,
    put_program,
    put_replicated,
)
from tests.ops.stage import ACCOUNT, RECOVERY, REGION, Stage, interrupted
from tests.test_runbook import PAGES, commands

Typed = Callable[[str], int]
Capture = pytest.CaptureFixture[str]


@contextmanager
def lost(build: Callable[[Stage], None] = put_lost) -> Iterator[tuple[Stage, Typed]]:
    with typing(build) as (on, typed):
        yield on, typed


def databases(on: Stage, region: str = REGION) -> list[str]:
    listed = on.client("rds", region).describe_db_instances()["DBInstances"]
    return [one["DBInstanceIdentifier"] for one in listed]


ORIGIN = "bulwark:database.restoreFrom"


def test_the_stack_is_there_again_from_its_newest_backup(capsys: Capture) -> None:
    with lost() as (on, typed):
        assert typed(f"recover rebuild {LINE} --yes --output json") == 0
        made = json.loads(capsys.readouterr().out)
        assert made["from"] == f"{OWN}-final"
        assert databases(on) == [OWN]
        pulumi = pretended_pulumi.of(on)
        assert pulumi.stacks["test"].config[f"{ORIGIN}.snapshot"] == f"{OWN}-final"
        assert pulumi.imports == []
        assert typed(f"recover rebuild {LINE} --yes") == 2, "it is there again"
        assert "rebuilt is what is lost" in capsys.readouterr().err


def test_what_a_deleted_instance_has_left_is_named_by_its_resource_id(capsys: Capture) -> None:
    with lost() as (on, typed):
        backups = on.client("rds").describe_db_instance_automated_backups()
        id_ = backups["DBInstanceAutomatedBackups"][0]["DbiResourceId"]
        assert typed(f"recover rebuild --from {id_} {LINE} --yes") == 0
        config = pretended_pulumi.of(on).stacks["test"].config
        assert {k: v for k, v in config.items() if ORIGIN in k} == {f"{ORIGIN}.resourceId": id_}
        assert databases(on) == [OWN]
    capsys.readouterr()


def test_where_pulumi_knows_nothing_it_is_told_what_to_begin_with(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with lost(put_all_lost) as (on, typed):
        pulumi = pretended_pulumi.of(on)
        assert typed(f"recover rebuild {LINE} --yes") == 2
        assert "--state is not set, and Pulumi knows no stack test" in capsys.readouterr().err
        assert typed(f"recover rebuild --state newest {LINE} --yes") == 1
        assert "no state of this stack was saved" in capsys.readouterr().err
        assert (pulumi.stacks, pulumi.ups) == ({}, 0)
        assert typed(f"recover rebuild --state {STATE} {LINE} --yes") == 0
        assert pulumi.imports == [
            states.compute_state_digest(json.loads(STATE.read_text(encoding="utf-8")))
        ]
        assert databases(on) == [OWN]
        assert list((tmp_path / "bulwark" / "states").iterdir()) == [], "no draft is left"
    with lost() as (on, typed):
        assert typed(f"recover rebuild --state {STATE} {LINE} --yes") == 2
        assert "would be forgotten" in capsys.readouterr().err


COPY = f"bulwark-test-operations-{ACCOUNT}-{RECOVERY}"


def with_copied_states(on: Stage) -> None:
    """Nothing is left where the stack was but snapshots; the bucket's copy is."""
    put_all_lost(on)
    part = on.outputs.backups.model_copy(update={"recovery_bucket": COPY})
    on.outputs = on.outputs.model_copy(update={"backups": part})
    there = on.client("s3", RECOVERY)
    there.create_bucket(Bucket=COPY, CreateBucketConfiguration={"LocationConstraint": RECOVERY})
    for name in ("state-1", "state-2"):
        body = json.dumps(pretended_pulumi.state(name))
        there.put_object(Bucket=COPY, Key=f"states/test/{name}.json", Body=body)
        for version in (
            s3_backends[ACCOUNT]["aws"].buckets[COPY].keys.getlist(f"states/test/{name}.json")
        ):
            version.last_modified = on.clock.held.now().replace(tzinfo=None)
        on.clock.sleep(60)


@pytest.mark.parametrize("gone", [False, True])
def test_the_newest_state_may_be_that_of_the_copy_a_region_away(
    capsys: Capture, gone: bool, tmp_path: Path
) -> None:
    folder = {"BULWARK_JOURNAL": str(tmp_path)} if gone else {}
    with lost(with_copied_states) as (on, typed), patch.dict(os.environ, folder):
        if gone:
            on.client("s3").delete_bucket(Bucket=on.outputs.backups.operations_bucket)
        assert typed("state list --output json") == 0
        listed = json.loads(capsys.readouterr().out)["items"]
        assert [(x["state"], x["region"]) for x in listed] == [
            ("state-2", RECOVERY),
            ("state-1", RECOVERY),
        ]
        assert typed(f"recover rebuild --state newest {LINE} --yes") == 0
        wanted = states.compute_state_digest(pretended_pulumi.state("state-2"))
        assert pretended_pulumi.of(on).imports == [wanted]
    capsys.readouterr()


@pytest.mark.parametrize("why", ["the database: no capacity", "the zone is full"])
def test_a_deployment_that_fails_leaves_no_way_to_an_empty_database(
    capsys: Capture, why: str
) -> None:
    with lost() as (on, typed):
        pulumi = pretended_pulumi.of(on)
        pulumi.fails = why
        assert typed(f"recover rebuild {LINE} --yes") == 5
        said = capsys.readouterr().err
        assert f"pulumi ended with 255: error: {why}" in said
        assert "nothing of it is undone" in said
        config = pulumi.stacks["test"].config
        assert config[f"{ORIGIN}.snapshot"] == f"{OWN}-final", "whoever deploys next restores"
        pulumi.fails = ""
        again = typed(f"recover rebuild {LINE} --yes")
        said = capsys.readouterr().err
        if "the database" in why:
            assert again == 0
        else:
            assert (again, "pulumi up --stack test" in said) == (2, True)
        assert databases(on) == [OWN]


def test_a_killed_deployment_is_not_taken_for_done_because_its_database_is_there(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with lost(put_all_lost) as (on, typed):
        pulumi = pretended_pulumi.of(on)
        pulumi.killed = 1
        assert typed(f"recover rebuild --state {STATE} {LINE} --yes") == 1
        said = capsys.readouterr().err
        assert "kept out by another that is at work, or was killed" in said
        assert "pulumi cancel --stack test" in said
        (resume,) = re.findall(r"ops (runs resume \S+)", said)
        on.clock.sleep(7200)
        assert databases(on) == [OWN], "it came so far"
        assert typed(resume) == 1, "and no further"
        pulumi.locked = False
        capsys.readouterr()
        assert typed(resume) == 0
        assert [one["result"] for one in pulumi.stacks["test"].history] == ["succeeded"]
        assert (databases(on), len(pulumi.imports)) == ([OWN], 1)


def test_a_region_away_it_is_another_stack(capsys: Capture) -> None:
    with lost(put_replicated) as (on, typed):
        assert typed(f"recover region {LINE} --yes --output json") == 0
        made = json.loads(capsys.readouterr().out)
        assert (made["stack"], made["region"]) == (NAME, RECOVERY)
        assert databases(on, RECOVERY) == [f"bulwark-{NAME}-database"]
        assert databases(on) == [OWN], "the lost one is not touched"
        stacks = pretended_pulumi.of(on).stacks
        assert stacks["test"].config["aws:region"] == REGION
        assert stacks[NAME].config["aws:region"] == RECOVERY
        assert "bulwark:recoveryRegion" not in stacks[NAME].config
        capsys.readouterr()
        assert typed(f"recover region {LINE} --yes") == 2, "it is there"
        assert f"pulumi up --stack {NAME}" in capsys.readouterr().err
        assert pretended_pulumi.of(on).ups == 1


def certificate(on: Stage, region: str) -> str:
    made = on.client("acm", region).request_certificate(DomainName="app.example.com")
    return str(made["CertificateArn"])


def test_a_given_certificate_is_one_of_the_recovery_region(capsys: Capture) -> None:
    with lost(put_replicated) as (on, typed):
        pulumi = pretended_pulumi.of(on)
        own, there = certificate(on, REGION), certificate(on, RECOVERY)
        pulumi.stacks["test"].config["bulwark:loadBalancer.certificateArn"] = own
        for line, says in (
            ("", "--certificate is not set, may be the ARN of a certificate in eu-west-1"),
            (f"--certificate {own}", "may be the ARN of a certificate in eu-west-1"),
            (f"--certificate {there}", "it is PENDING_VALIDATION"),
            (f"--certificate {there[:-1]}x", "it is ResourceNotFoundException"),
        ):
            assert typed(f"recover region {line} {LINE} --yes") == 2
            assert says in capsys.readouterr().err
        assert (list(pulumi.stacks), pulumi.ups) == (["test"], 0)
        acm_backends[ACCOUNT][RECOVERY]._certificates[there].status = "ISSUED"
        assert typed(f"recover region --certificate {there} {LINE} --yes") == 0
        found = pulumi.stacks[NAME].config["bulwark:loadBalancer.certificateArn"]
        assert found == there


def without_recovery(on: Stage) -> None:
    put_replicated(on)
    part = on.outputs.stack.model_copy(update={"recovery_region": None})
    on.outputs = on.outputs.model_copy(update={"stack": part})


def unprepared(on: Stage) -> None:
    """A recovery region to which nothing was replicated."""
    put_program()
    put(on)


def with_a_zone(on: Stage) -> None:
    put_replicated(on)
    balancer = on.outputs.load_balancer
    assert balancer is not None
    part = balancer.model_copy(update={"zone_id": "Z1"})
    on.outputs = on.outputs.model_copy(update={"load_balancer": part})


def full(on: Stage) -> None:
    put_replicated(on)
    set_instance_quota(ACCOUNT, RECOVERY, 0)


def without_backups(on: Stage) -> None:
    put_lost(on)
    rds = on.client("rds")
    for one in rds.describe_db_snapshots()["DBSnapshots"]:
        rds.delete_db_snapshot(DBSnapshotIdentifier=one["DBSnapshotIdentifier"])
    from moto.rds.models import rds_backends

    from sandbox.patches.patching import backend_state

    backend_state(rds_backends[ACCOUNT][REGION], "retained", dict).clear()


def without_its_key(on: Stage) -> None:
    """The key of the newest snapshot goes away."""
    put_lost(on)
    (final,) = on.client("rds").describe_db_snapshots(DBSnapshotIdentifier=f"{OWN}-final")[
        "DBSnapshots"
    ]
    kms_backends[ACCOUNT][REGION].schedule_key_deletion(final["KmsKeyId"].split("/")[-1], 7)


def with_a_disabled_key(on: Stage) -> None:
    put_replicated(on)
    (key,) = on.client("kms", RECOVERY).list_keys()["Keys"]
    on.client("kms", RECOVERY).disable_key(KeyId=key["KeyId"])


def unknown_to_pulumi(on: Stage) -> None:
    put_replicated(on)
    pretended_pulumi.of(on).stacks.clear()


def world(on: Stage) -> object:
    return facts(on), sorted(pretended_pulumi.of(on).stacks)


@pytest.mark.parametrize(
    ("build", "line", "code", "says"),
    [
        (without_its_key, "rebuild", 1, "aws kms cancel-key-deletion --region eu-north-1"),
        (with_a_disabled_key, "region", 1, "aws kms enable-key --region eu-west-1"),
        (unknown_to_pulumi, "region", 2, "pulumi stack init test"),
        (without_recovery, "region", 2, "has no recovery region"),
        (unprepared, "region", 1, "there is no whole backup of the database in eu-west-1"),
        (with_a_zone, "region", 2, "--domain is not set"),
        (full, "region", 1, "all that its quota allows"),
        (put_lost, "rebuild --from gone", 2, "--from is 'gone', may be"),
        (without_backups, "rebuild", 1, "there is no whole backup"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    capsys: Capture, build: Callable[[Stage], None], line: str, code: int, says: str
) -> None:
    with lost(build) as (on, typed):
        before = world(on)
        capsys.readouterr()
        assert typed(f"recover {line} {LINE} --yes") == code
        assert says in capsys.readouterr().err
        assert world(on) == before
        assert pretended_pulumi.of(on).ups == 0


def test_without_pulumi_or_with_anothers_state_it_is_refused(
    capsys: Capture, tmp_path: Path
) -> None:
    with lost(put_all_lost) as (_, typed):
        other = tmp_path / "other.json"
        text = STATE.read_text(encoding="utf-8").replace("pulumi:test::", "pulumi:prod::")
        other.write_text(text, encoding="utf-8")
        assert typed(f"recover rebuild --state {other} {LINE} --yes") == 2
        assert "which is of 'prod', not of 'test'" in capsys.readouterr().err
        with patch("shutil.which", lambda _: None):
            assert typed(f"recover rebuild {LINE} --yes") == 2
        assert "there is no `pulumi` on the PATH" in capsys.readouterr().err


def test_where_the_bucket_is_gone_journals_are_kept_in_a_folder(
    capsys: Capture, tmp_path: Path
) -> None:
    with lost() as (on, typed):
        on.client("s3").delete_bucket(Bucket=on.outputs.backups.operations_bucket)
        assert typed(f"recover rebuild {LINE} --yes") == 1
        assert "set BULWARK_JOURNAL to one" in capsys.readouterr().err
        with patch.dict(os.environ, BULWARK_JOURNAL=str(tmp_path)):
            with interrupted(on.clock, 12):
                assert typed(f"recover rebuild {LINE} --yes") == 130
            (run,) = [path.name for path in (tmp_path / "runs").iterdir()]
            assert typed(f"runs resume {run}") == 0
            assert typed("runs list --output json") == 0
        assert databases(on) == [OWN]


@pytest.mark.parametrize(
    ("page", "build"), [("region-down", put_replicated), ("total-loss", put_lost)]
)
def test_the_lines_of_the_runbook_that_want_pulumi(
    capsys: Capture, page: str, build: Callable[[Stage], None]
) -> None:
    (path,) = [one for one in PAGES if one.stem == page]
    lines = [x for x in commands(path) if x.startswith(("ops recover region", "ops recover reb"))]
    assert len(lines) == 2
    with lost(build) as (_, typed):
        for line in lines:
            words: Any = shlex.split(line)[1:]
            agreed = [] if "--dry-run" in words else ["--yes"]
            assert typed(" ".join([*words, *agreed, LINE])) == 0, line
    capsys.readouterr()
