"""Keys that are about to be deleted, disabled, not rotated, or open to everybody."""

import json
from collections.abc import Callable

import pytest

from tests.ops.audit.looks import mend, read_open
from tests.ops.every_command import open_command_line
from tests.ops.stage import Stage

KEY = "encryption-keys"


def put_key(stage: Stage) -> None:
    kms = stage.client("kms")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.enable_key_rotation(KeyId=arn)
    part = stage.outputs.stack.model_copy(
        update={"data_key_arn": arn, "logs_key_arn": None, "recovery_key_arn": None}
    )
    stage.outputs = stage.outputs.model_copy(update={"stack": part})


def get_key(stage: Stage) -> str:
    arn = stage.outputs.stack.data_key_arn
    assert arn is not None
    return arn


def schedule_deletion(stage: Stage) -> None:
    stage.client("kms").schedule_key_deletion(KeyId=get_key(stage), PendingWindowInDays=7)


def disable(stage: Stage) -> None:
    stage.client("kms").disable_key(KeyId=get_key(stage))


def stop_rotation(stage: Stage) -> None:
    stage.client("kms").disable_key_rotation(KeyId=get_key(stage))


def open_policy(stage: Stage) -> None:
    kms, key = stage.client("kms"), get_key(stage)
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    policy["Statement"].append(
        {"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}
    )
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))


@pytest.mark.parametrize(
    ("change", "name", "severity"),
    [
        (schedule_deletion, "deletion", "critical"),
        (disable, "disabled", "critical"),
        (stop_rotation, "rotation", "medium"),
        (open_policy, "policy", "critical"),
    ],
)
def test_a_key_is_usable_rotated_and_closed_again(
    change: Callable[[Stage], None],
    name: str,
    severity: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_key) as (stage, run_line):
        assert read_open(run_line, capsys, KEY) == {}
        change(stage)
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["id"] == f"{KEY}/data/{name}"
        assert finding["severity"] == severity
        mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}
        kms, key = stage.client("kms"), get_key(stage)
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_policy_that_is_closed_keeps_its_other_statements(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_key) as (stage, run_line):
        kms, key = stage.client("kms"), get_key(stage)
        before = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
        open_policy(stage)
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert "kms:Decrypt" in finding["evidence"]
        mend(stage, finding)
        after = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
        assert after["Statement"][:-1] == before["Statement"]
        assert after["Statement"][-1]["Principal"] == {"AWS": stage.outputs.stack.account}
