"""After a promotion by secret: which instance services are sent to, for whoever may not read it."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from ops.core.plan import Plan
from ops.database.instance_in_use import find_labelled_instance, list_unused_labels
from ops.database.password import describe_database_secret
from tests.ops.procedures.recover import (
    PRIMARY_IDENTIFIER,
    RESTORED_IDENTIFIER,
    plan_secret_promotion,
    put_restored_instance,
)
from tests.ops.runs.scene import Scene, open_scene
from tests.ops.stage import KillFuse, Stage

IN_USE_NOTE = f"services are sent to {RESTORED_IDENTIFIER}, not to {PRIMARY_IDENTIFIER}"


@pytest.fixture
def scene(capsys: pytest.CaptureFixture[str]) -> Iterator[Scene]:
    with open_scene(put_restored_instance, capsys) as opened_scene:
        yield opened_scene


def promote_by_secret(stage: Stage) -> Plan:
    plan = plan_secret_promotion(stage)
    assert stage.build_engine(KillFuse()).start(plan) == "done"
    return plan


def read_secret_description(stage: Stage) -> dict[str, Any]:
    description: Any = describe_database_secret(stage.aws, stage.outputs)
    assert isinstance(description, dict)
    return description


def find_row(scene: Scene) -> dict[str, Any]:
    scene.capture.readouterr()
    scene.run_line("health --only database --output json")
    (row,) = (
        row
        for row in json.loads(scene.capture.readouterr().out)["items"]
        if row["subject"] == "instance in use"
    )
    return dict(row)


def test_health_names_the_instance_in_use_until_the_promotion_is_undone(scene: Scene) -> None:
    assert find_row(scene)["state"] != "failing"
    promotion = scene.run_for_json(f"recover promote {RESTORED_IDENTIFIER} --by secret --yes")
    row = find_row(scene)
    assert row["state"] == "failing"
    assert f"services are sent to {RESTORED_IDENTIFIER} (available)" in row["evidence"]
    assert row["command"] == f"ops recover promote {RESTORED_IDENTIFIER} --by rename"
    assert IN_USE_NOTE in " ".join(scene.run("db snapshot create --dry-run").split())
    assert f"services are sent to {RESTORED_IDENTIFIER}, but ops" in scene.run("recover list")
    scene.run(f"runs undo {promotion['run']} --yes")
    assert find_row(scene)["state"] != "failing"
    assert IN_USE_NOTE not in " ".join(scene.run("db snapshot create --dry-run").split())
    assert "services are sent to" not in scene.run("recover list")


def test_the_line_that_health_advises_ends_it(scene: Scene) -> None:
    scene.run_for_json(f"recover promote {RESTORED_IDENTIFIER} --by secret --yes")
    line = shlex.split(find_row(scene)["command"])
    scene.run(f"{shlex.join(line[1:])} --no-sql --yes")
    assert find_labelled_instance(read_secret_description(scene.stage)) == PRIMARY_IDENTIFIER
    row = find_row(scene)
    assert (row["state"], row["evidence"]) == ("ok", f"services are sent to {PRIMARY_IDENTIFIER}")


def test_a_host_changed_by_hand_takes_the_label_away(scene: Scene) -> None:
    promote_by_secret(scene.stage)
    secrets, arn = scene.stage.client("secretsmanager"), scene.stage.outputs.database.secret_arn
    content = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({**content, "host": "db.lan"}))
    assert find_labelled_instance(read_secret_description(scene.stage)) is None
    assert find_row(scene)["state"] != "failing"
    said = " ".join(scene.run("recover list").split())
    assert "services are sent to db.lan, which is not an instance of this stack" in said


def test_labels_of_old_versions_are_taken_off_and_no_other() -> None:
    stages = {
        "v1": ["instance:a"],
        "v2": ["instance:b", "AWSPREVIOUS"],
        "v3": ["AWSCURRENT", "instance:c"],
        "v4": ["theirs", "instance:d"],
    }
    secret = {"VersionIdsToStages": stages}
    assert list_unused_labels(secret) == [
        ("v1", "instance:a"),
        ("v2", "instance:b"),
        ("v4", "instance:d"),
    ]


def test_promotions_leave_at_most_two_labels(scene: Scene) -> None:
    """AWS allows 20 labels of a secret."""
    secrets, arn = scene.stage.client("secretsmanager"), scene.stage.outputs.database.secret_arn
    content = secrets.get_secret_value(SecretId=arn)["SecretString"]
    for n in range(3):
        secrets.put_secret_value(
            SecretId=arn, SecretString=content, VersionStages=["AWSCURRENT", f"instance:old-{n}"]
        )
    promote_by_secret(scene.stage)
    stages = read_secret_description(scene.stage)["VersionIdsToStages"].values()
    labels = sorted(label for names in stages for label in names if label.startswith("instance:"))
    assert labels == [f"instance:{RESTORED_IDENTIFIER}", "instance:old-2"]


def test_a_plan_for_the_primary_says_what_is_unknown(scene: Scene) -> None:
    arn = scene.stage.outputs.database.secret_arn
    scene.stage.client("secretsmanager").delete_secret(
        SecretId=arn, ForceDeleteWithoutRecovery=True
    )
    said = " ".join(scene.run("db snapshot create --dry-run").split())
    assert f"whether services use {PRIMARY_IDENTIFIER} is unknown" in said
