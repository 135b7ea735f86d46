"""`ops keys rotate`: the new key is in the secret alone, and the old one goes once it is unused."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from ops.core.aws import Aws
from ops.core.run import WallClock
from sandbox.faults import DeniedFault, LostAnswerFault, inject_faults
from tests.ops.key_stage import (
    SECRET_NAME,
    USER,
    list_keys,
    put_user,
    put_user_with_secret,
    read_secret_key,
)
from tests.ops.procedures.keys import plan_rotation
from tests.ops.runs.scene import Scene, open_scene
from tests.ops.stage import KilledError, Stage

LINE = f"keys rotate {USER} --yes"


@pytest.fixture
def scene(capsys: pytest.CaptureFixture[str]) -> Iterator[Scene]:
    with open_scene(put_user, capsys) as opened_scene:
        yield opened_scene


def get_moto_secret_keys(stage: Stage) -> dict[str, str]:
    """The secret keys as IAM knows them, by key."""
    from moto.iam.models import iam_backends

    user = iam_backends["123456789012"]["aws"].users[USER]
    return {key.access_key_id: key.secret_access_key for key in user.access_keys}


def read_bucket(scene: Scene) -> str:
    s3 = scene.stage.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=scene.bucket).get("Contents", ())]
    return "".join(
        s3.get_object(Bucket=scene.bucket, Key=key)["Body"].read().decode() for key in keys
    )


def get_run(scene: Scene) -> str:
    return str(scene.run_for_json("runs list")["items"][0]["run"])


def die_before_the_secret_is_written(scene: Scene) -> str:
    """Kills the run between the two calls; the key whose secret nobody has."""
    call = Aws.call
    (old_key,) = list_keys(scene.stage)

    def die_at_put(aws: Aws, api: str, params: Any, region: str | None = None) -> Any:
        if api == "secretsmanager.put_secret_value":
            raise KilledError
        return call(aws, api, params, region)

    with patch.object(Aws, "call", die_at_put), pytest.raises(KilledError):
        scene.run_line(LINE)
    (lost_key,) = (key["AccessKeyId"] for key in list_keys(scene.stage) if key != old_key)
    return str(lost_key)


def test_a_key_is_rotated_and_its_secret_is_in_the_secret_alone(scene: Scene) -> None:
    (old_key,) = list_keys(scene.stage)
    said = scene.run(f"{LINE} --details")
    (new_key,) = list_keys(scene.stage)
    assert new_key["AccessKeyId"] != old_key["AccessKeyId"]
    assert new_key["Status"] == "Active"
    content = read_secret_key(scene.stage)
    assert content["AccessKeyId"] == new_key["AccessKeyId"]
    assert get_moto_secret_keys(scene.stage) == {content["AccessKeyId"]: content["SecretAccessKey"]}
    journal = read_bucket(scene)
    assert content["AccessKeyId"] in journal
    assert content["SecretAccessKey"] not in journal
    assert content["SecretAccessKey"] not in said


def test_again_the_next_time_it_is_the_same_secret(scene: Scene) -> None:
    scene.run(LINE)
    first = read_secret_key(scene.stage)
    scene.run(LINE)
    second = read_secret_key(scene.stage)
    assert first["AccessKeyId"] != second["AccessKeyId"]
    assert get_moto_secret_keys(scene.stage) == {second["AccessKeyId"]: second["SecretAccessKey"]}


def test_a_process_that_dies_before_the_secret_has_the_key_leaves_none_behind(
    scene: Scene,
) -> None:
    (old_key,) = list_keys(scene.stage)
    lost_key = die_before_the_secret_is_written(scene)
    scene.run(f"runs resume {get_run(scene)} --yes")
    (new_key,) = list_keys(scene.stage)
    assert new_key["AccessKeyId"] not in (old_key["AccessKeyId"], lost_key)
    content = read_secret_key(scene.stage)
    assert get_moto_secret_keys(scene.stage) == {content["AccessKeyId"]: content["SecretAccessKey"]}


def test_the_same_run_is_undone_and_the_old_key_is_the_only_one(scene: Scene) -> None:
    (old_key,) = list_keys(scene.stage)
    die_before_the_secret_is_written(scene)
    scene.run(f"runs undo {get_run(scene)} --yes")
    assert list_keys(scene.stage) == [old_key]


@pytest.mark.parametrize("api", ["iam.create_access_key", "secretsmanager.put_secret_value"])
def test_an_answer_that_is_lost_costs_no_key(scene: Scene, api: str) -> None:
    with inject_faults(LostAnswerFault((api,), times=1)):
        scene.run(LINE)
    content = read_secret_key(scene.stage)
    assert get_moto_secret_keys(scene.stage) == {content["AccessKeyId"]: content["SecretAccessKey"]}


def test_a_secret_that_may_not_be_written_leaves_the_old_key_alone(scene: Scene) -> None:
    (old_key,) = list_keys(scene.stage)
    with inject_faults(DeniedFault(("secretsmanager.put_secret_value",))):
        assert "secretsmanager.put_secret_value was denied" in scene.run(LINE, 1)
    assert list_keys(scene.stage) == [old_key]


def test_the_hash_is_the_same_although_the_key_is_used_meanwhile(scene: Scene) -> None:
    first = scene.run_for_json(f"{LINE} --dry-run")
    scene.stage.clock.sleep(3600)
    second = scene.run_for_json(f"{LINE} --dry-run")
    assert first["hash"] == second["hash"]
    assert first != second  # it says when the key was last used


def test_a_key_that_is_activated_again_by_hand_is_not_deleted(scene: Scene) -> None:
    """Somebody needs it: the run waits, and says what it waits for."""
    (old_key,) = list_keys(scene.stage)
    iam, sleep = scene.stage.client("iam"), WallClock.sleep

    def activate(clock: WallClock, seconds: float) -> None:
        keys = {key["AccessKeyId"]: key["Status"] for key in list_keys(scene.stage)}
        if keys[old_key["AccessKeyId"]] == "Inactive":
            iam.update_access_key(
                UserName=USER, AccessKeyId=old_key["AccessKeyId"], Status="Active"
            )
        sleep(clock, seconds)

    with patch.object(WallClock, "sleep", activate):
        said = scene.run(f"{LINE} --timeout 30m --unused 0s", 4)
    assert "old_status is 'Active', must be 'Inactive'" in said
    assert old_key["AccessKeyId"] in {key["AccessKeyId"] for key in list_keys(scene.stage)}


def test_an_old_key_that_is_still_used_is_not_made_inactive(scene: Scene) -> None:
    """Nobody reads the secret: the application goes on with the old key."""
    iam = scene.stage.client("iam")
    iam.untag_user(UserName=USER, TagKeys=["sandbox:reads-secret"])
    said = scene.run(f"{LINE} --timeout 2h", 4)
    assert "new_has_taken_over is False" in said
    assert {key["Status"] for key in list_keys(scene.stage)} == {"Active"}
    run = get_run(scene)
    scene.run(f"runs undo {run} --yes")
    assert len(list_keys(scene.stage)) == 1


def test_undone_after_its_end_the_new_key_stays(scene: Scene) -> None:
    """The old one is deleted, so that the new one is all there is."""
    scene.run(LINE)
    keys = list_keys(scene.stage)
    scene.run_line(f"runs undo {get_run(scene)} --yes")
    assert list_keys(scene.stage) == keys
    assert read_secret_key(scene.stage)["AccessKeyId"] == keys[0]["AccessKeyId"]


def test_a_user_of_another_stack_is_not_rotated(capsys: pytest.CaptureFixture[str]) -> None:
    with open_scene(lambda stage: put_user(stage, stack="bulwark-prod"), capsys) as scene:
        said = scene.run(LINE, 2)
        assert "USER must have the tag KeysRotatedBy=bulwark-test" in said
        assert f"aws iam tag-user --user-name {USER}" in said
        assert len(list_keys(scene.stage)) == 1


def test_two_keys_a_missing_user_and_no_key_are_each_one_clear_error(scene: Scene) -> None:
    iam = scene.stage.client("iam")
    assert "USER must be an IAM user of the account, not 'eve'" in scene.run(
        "keys rotate eve --yes", 2
    )
    iam.create_access_key(UserName=USER)
    said = scene.run(LINE, 1)
    assert "has two access keys, the most that IAM allows" in said
    assert "aws iam delete-access-key --user-name exporter --access-key-id" in said
    for key in list_keys(scene.stage):
        iam.delete_access_key(UserName=USER, AccessKeyId=key["AccessKeyId"])
    assert "has no access key" in scene.run(LINE, 1)


def test_a_secret_that_is_being_deleted_is_said_before(scene: Scene) -> None:
    put_user_with_secret_only(scene.stage)
    scene.stage.client("secretsmanager").delete_secret(SecretId=SECRET_NAME)
    said = scene.run(LINE, 1)
    assert f"aws secretsmanager restore-secret --secret-id {SECRET_NAME}" in said


def put_user_with_secret_only(stage: Stage) -> None:
    stage.client("secretsmanager").create_secret(Name=SECRET_NAME, SecretString="{}")


def test_a_forged_plan_for_another_secret_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from ops.core.plan import AccessKeys
    from tests.ops.runs.test_forged_plans import put_forged_run

    with open_scene(put_user_with_secret, capsys) as scene:
        plan = plan_rotation(scene.stage)
        hand_over, *others = plan.steps
        action = AccessKeys(operation="hand_over", user=USER, old_key="AKIA", secret="mine")
        forged = plan.model_copy(
            update={"steps": (hand_over.model_copy(update={"action": action}), *others)}
        )
        run = put_forged_run(scene, forged)
        assert "mine is not the secret of a key" in scene.run(f"runs resume {run} --yes", 2)
        moved = forged.model_copy(update={"kind": "db resize", "run": f"{run}2"})
        run = put_forged_run(scene, moved)
        assert "`ops db resize` never changes access keys" in scene.run(
            f"runs resume {run} --yes", 2
        )
