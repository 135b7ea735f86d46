"""`ops fleet console` and `ops fleet session`, of instances that run, that are new or replaced."""

from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from sandbox.patches.ec2.console import get_console_outputs
from tests.ops.call_recorder import record_calls
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations
from tests.ops.fleet_stage import FLEET_GROUP
from tests.ops.stage import ACCOUNT, REGION


def get_instance_id(ops: OpsConsole) -> str:
    return str(ops.run_for_json("fleet instances")["items"][0]["instance"])


def put_console_output(instance: str, text: str) -> None:
    get_console_outputs(ec2_backends[ACCOUNT][REGION])[instance] = text


def test_the_newest_lines_are_shown_without_escapes(ops: OpsConsole) -> None:
    instance = get_instance_id(ops)
    text = "".join(f"[    {n}.0] line {n}\r\n" for n in range(300))
    put_console_output(instance, text + "\x1b[0;32mcloud-init: \x1b[1mfailed\x1b[0m\x07\r\n")
    body = ops.run_for_json(f"fleet console {instance} --lines 2")
    assert body["lines"] == ["[    299.0] line 299", "cloud-init: failed\x07"]
    assert (body["state"], body["latest"], body["empty"], body["cut"]) == (
        "InService",
        True,
        False,
        299,
    )
    out, _ = ops(f"fleet console {instance} --lines 2")
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "the last 2 of 301 lines" in out
    assert "line 0\n" not in ops(f"fleet console {instance}")[0]
    assert "line 0\n" in ops(f"fleet console {instance} --lines 301")[0]


def test_an_empty_console_is_said_to_be_empty(ops: OpsConsole) -> None:
    instance = get_instance_id(ops)
    put_console_output(instance, "")
    body = ops.run_for_json(f"fleet console {instance}")
    assert (body["lines"], body["empty"]) == ([], True)
    assert "the console output is empty: AWS has none yet" in ops(f"fleet console {instance}")[0]


def test_an_instance_that_is_not_nitro_has_what_was_posted(ops: OpsConsole) -> None:
    instance = get_instance_id(ops)
    ec2_backends[ACCOUNT][REGION].get_instance(instance).instance_type = "t2.micro"
    put_console_output(instance, "posted")
    body = ops.run_for_json(f"fleet console {instance}")
    assert (body["latest"], body["lines"]) == (False, ["posted"])
    assert "posted after its last start" in ops(f"fleet console {instance}")[0]


def test_an_instance_that_was_replaced_still_has_its_console(
    ops: OpsConsole,
) -> None:
    instance = get_instance_id(ops)
    put_console_output(instance, "Kernel panic")
    ops.stage.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=instance, ShouldDecrementDesiredCapacity=False
    )
    ops.stage.clock.sleep(1200)
    with record_calls() as calls:
        body = ops.run_for_json(f"fleet console {instance}")
    assert (body["state"], body["lines"]) == ("no longer in the group", ["Kernel panic"])
    assert "autoscaling.describe_scaling_activities" in {call.api for call in calls}
    out, _ = ops(f"fleet session {instance}")
    assert "is no longer in the group: a session fails if it is terminated" in out


@pytest.mark.parametrize("verb", ["console", "session"])
def test_instances_of_others_and_bad_ids_are_refused(ops: OpsConsole, verb: str) -> None:
    with record_calls() as calls:
        _, err = ops(f"fleet {verb} web-1", 2)
    assert calls == []
    assert "INSTANCE must be an instance id, like i-0123456789abcdef0, not 'web-1'" in err
    foreign: Any = ops.stage.client("ec2").run_instances(
        ImageId="ami-12c6146b", InstanceType="t4g.small", MinCount=1, MaxCount=1
    )
    _, err = ops(f"fleet {verb} {foreign['Instances'][0]['InstanceId']}", 2)
    assert "INSTANCE must be an instance of the fleet" in err
    assert FLEET_GROUP in err


def test_a_denied_console_is_an_error_and_not_an_empty_one(ops: OpsConsole) -> None:
    instance = get_instance_id(ops)
    with fail_operations("UnauthorizedOperation", "get_console_output"):
        out, err = ops(f"fleet console {instance}", 1)
    assert "ec2.get_console_output was denied" in err
    assert "empty" not in out


def test_the_line_of_a_session_names_region_profile_and_instance(ops: OpsConsole) -> None:
    instance = get_instance_id(ops)
    line = f"aws ssm start-session --region {REGION} --target {instance}"
    assert ops.run_for_json(f"fleet session {instance}")["command"] == line
    out, _ = ops(f"fleet session {instance} --profile admin")
    assert f"aws ssm start-session --region {REGION} --profile admin --target {instance}\n" in out
    assert "which the stack's own roles may not open" in out
    assert f"ops fleet run --instance {instance} -- uptime" in out
