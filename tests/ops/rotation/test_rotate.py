"""`ops rotate`: each finding made real, found, mended by its line, and gone; all that is well."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.iam.models import iam_backends
from moto.secretsmanager.models import secretsmanager_backends

from components.facts.secret import FIRST_VERSION_STAGE
from sandbox.faults import DeniedFault, inject_faults
from tests.ops.audit.looks import RunLine, mend, read_items
from tests.ops.every_command import open_command_line
from tests.ops.key_stage import USER, put_user, put_user_with_secret
from tests.ops.stage import ACCOUNT, RECOVERY_REGION, REGION, STACK_PREFIX, Stage

KEYS = ("rotated-secrets", "rotated-kms-keys", "rotated-access-keys")
SECRET_NAME = f"{STACK_PREFIX}-database"
DAYS = 30


def put_rotations(stage: Stage) -> None:
    """A database's secret that is rotated, and keys in both regions that KMS rotates."""
    secret = stage.client("secretsmanager").create_secret(Name=SECRET_NAME, SecretString="{}")
    set_secret(stage, rotated_days_ago=3)
    keys = {}
    for name, region in (("data", REGION), ("logs", REGION), ("recovery", RECOVERY_REGION)):
        kms = stage.client("kms", region)
        keys[f"{name}_key_arn"] = kms.create_key()["KeyMetadata"]["Arn"]
        kms.enable_key_rotation(KeyId=keys[f"{name}_key_arn"])
    outputs = stage.outputs
    stage.outputs = outputs.model_copy(
        update={
            "stack": outputs.stack.model_copy(update=keys),
            "database": outputs.database.model_copy(update={"secret_arn": secret["ARN"]}),
        }
    )


def get_secret(name: str = SECRET_NAME) -> Any:
    return secretsmanager_backends[ACCOUNT][REGION].secrets[name]


def set_secret(stage: Stage, *, rotated_days_ago: int, is_rotated: bool = True) -> None:
    secret = get_secret()
    rotated_at = int(stage.clock.now()) - rotated_days_ago * 86_400 + 60
    secret.rotation_requested = secret.rotation_enabled = is_rotated
    secret.auto_rotate_after_days = DAYS if is_rotated else 0
    vars(secret)["sandbox_rules"] = {"AutomaticallyAfterDays": DAYS} if is_rotated else {}
    secret.last_rotation_date = rotated_at
    secret.created_date = secret.last_changed_date = rotated_at
    secret.next_rotation_date = None


def read_check(
    run_line: RunLine, capsys: pytest.CaptureFixture[str], key: str
) -> list[dict[str, Any]]:
    return read_items(run_line, capsys, f"rotate --only {key}")


def read_open(
    run_line: RunLine, capsys: pytest.CaptureFixture[str], key: str
) -> list[dict[str, Any]]:
    return [item for item in read_check(run_line, capsys, key) if item["state"] == "failing"]


def format_day(stage: Stage, days: int) -> str:
    return f"{datetime.fromtimestamp(stage.clock.now(), UTC) + timedelta(days=days):%Y-%m-%d}"


def test_what_is_rotated_in_time_is_told_with_its_days(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_rotations) as (stage, run_line):
        put_user(stage)
        items = read_items(run_line, capsys, f"rotate --only {','.join(KEYS)}")
        assert {item["state"] for item in items} == {"ok"}
        evidence = {item["subject"].split()[0]: item["evidence"] for item in items}
        assert evidence["secret"] == (
            f"rotated by Secrets Manager every {DAYS} days, last {format_day(stage, -3)}, next "
            f"{format_day(stage, DAYS - 3)}"
        )
        assert evidence["data"] == (
            f"rotated by KMS every 365 days, not yet rotated, next {format_day(stage, 365)}"
        )
        assert evidence["access"].endswith(f"next by {format_day(stage, 90)}")
        assert sum(item["subject"].split()[1] == "key" for item in items) == 4


def test_an_overdue_secret_is_rotated_by_the_line_that_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_rotations) as (stage, run_line):
        set_secret(stage, rotated_days_ago=DAYS + 2)
        assert read_open(run_line, capsys, KEYS[0]) == []
        set_secret(stage, rotated_days_ago=DAYS + 3)
        (found,) = read_open(run_line, capsys, KEYS[0])
        assert found["evidence"].startswith("overdue: rotated by Secrets Manager every 30 days")
        assert found["command"] == "ops db rotate-password"
        set_secret(stage, rotated_days_ago=0)
        assert read_open(run_line, capsys, KEYS[0]) == []


def test_a_rotation_that_did_not_end_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_rotations) as (stage, run_line):
        secret = get_secret()
        secret.versions["pending"] = {"version_id": "pending", "version_stages": ["AWSPENDING"]}
        secret.last_changed_date = int(stage.clock.now()) - 60
        (item,) = [i for i in read_check(run_line, capsys, KEYS[0]) if i["state"] == "ok"]
        assert item["evidence"].startswith("a rotation is under way")
        secret.last_changed_date = int(stage.clock.now()) - 5 * 3600
        (found,) = read_open(run_line, capsys, KEYS[0])
        assert "its last rotation failed since" in found["evidence"]
        del secret.versions["pending"]
        assert read_open(run_line, capsys, KEYS[0]) == []


def test_a_secret_that_setting_does_not_rotate_is_said_and_may_be_too_old(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_rotations) as (stage, run_line):
        set_secret(stage, rotated_days_ago=90, is_rotated=False)
        (item,) = read_check(run_line, capsys, KEYS[0])
        assert item["state"] == "ok"
        assert item["evidence"].startswith("not rotated by itself, by setting; changed ")
        set_secret(stage, rotated_days_ago=91, is_rotated=False)
        (found,) = read_open(run_line, capsys, KEYS[0])
        assert "must be changed every 90 days" in found["evidence"]


def test_the_first_password_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_rotations) as (_, run_line):
        secret = get_secret()
        secret.versions[secret.default_version_id]["version_stages"].append(FIRST_VERSION_STAGE)
        (found,) = read_open(run_line, capsys, KEYS[0])
        assert "still the first one" in found["evidence"]


def test_other_secrets_of_the_stack_are_looked_at_but_no_handed_over_keys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_rotations) as (stage, run_line):
        put_user_with_secret(stage)
        manager = stage.client("secretsmanager")
        for name in (f"{STACK_PREFIX}-application", "bulwark-other-database"):
            manager.create_secret(Name=name, SecretString="{}")
        subjects = {item["subject"] for item in read_check(run_line, capsys, KEYS[0])}
        assert subjects == {f"secret {SECRET_NAME}", f"secret {STACK_PREFIX}-application"}


@pytest.mark.parametrize("name", ["data", "logs", "recovery"])
def test_a_key_that_kms_does_not_rotate_is_rotated_again(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_rotations) as (stage, run_line):
        arn = str(getattr(stage.outputs.stack, f"{name}_key_arn"))
        region = arn.split(":")[3]
        stage.client("kms", region).disable_key_rotation(KeyId=arn)
        (found,) = read_open(run_line, capsys, KEYS[1])
        assert found["subject"].startswith(f"{name} key ")
        assert found["command"].endswith(f"--region {region}")
        mend(stage, found)
        assert read_open(run_line, capsys, KEYS[1]) == []


def test_an_old_access_key_is_rotated_by_the_line_that_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_rotations) as (stage, run_line):
        key = put_user(stage)
        stage.client("iam").create_user(UserName="not-ours")
        stage.client("iam").create_access_key(UserName="not-ours")
        old = datetime.fromtimestamp(stage.clock.now(), UTC) - timedelta(days=91)
        for user in iam_backends[ACCOUNT]["aws"].users.values():
            for each in user.access_keys:
                each.create_date = old
        stage.client("iam").get_access_key_last_used(AccessKeyId=key)
        (found,) = read_open(run_line, capsys, KEYS[2])
        assert found["command"] == f"ops keys rotate {USER}"
        assert run_line(f"keys rotate {USER} --unused 0s --yes") == 0
        assert read_open(run_line, capsys, KEYS[2]) == []


def test_a_stack_that_has_none_of_it_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(lambda _: None) as (_, run_line):
        items = read_items(run_line, capsys, f"rotate --only {','.join(KEYS)}")
        assert [item["evidence"] for item in items] == [
            "the stack has no secret",
            "AWS's own keys, which AWS rotates every year",
            "none: no user of the stack has one",
        ]


@pytest.mark.parametrize(
    ("api", "count"),
    [
        ("secretsmanager.list_secrets", 1),
        ("kms.get_key_rotation_status", 3),
        ("kms.list_key_rotations", 3),
        ("iam.get_account_authorization_details", 1),
    ],
)
def test_what_may_not_be_read_is_unknown_with_the_call_and_the_others_stay(
    api: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_rotations) as (_, run_line), inject_faults(DeniedFault((api,))):
        items = read_items(run_line, capsys, f"rotate --only {','.join(KEYS)}")
        unknown = [item for item in items if item["state"] == "unknown"]
        assert len(unknown) == count
        assert all(f"{api} was denied" in item["evidence"] for item in unknown)
        assert len(items) - count == 5 - count


def test_no_value_of_a_secret_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_rotations) as (_, run_line):
        get_secret().versions[get_secret().default_version_id]["secret_string"] = json.dumps(
            {"password": "do-not-show"}
        )
        read_check(run_line, capsys, KEYS[0])
        assert run_line(f"rotate --only {KEYS[0]}") == 0
        assert "do-not-show" not in capsys.readouterr().out
