"""`ops patch` as it is typed: a fleet that is behind is found, patched both ways, and is not."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from sandbox.patches.ssm.patch_catalogue import publish_ami, release_patches
from tests.ops.every_command import open_command_line
from tests.ops.fleet_stage import describe_group, list_instance_ids, put_fleet
from tests.ops.patch_stage import (
    list_fleet_amis,
    list_missing_counts,
    list_patch_commands,
    put_fleet_behind,
    put_scanned_fleet,
    set_tag,
)
from tests.ops.stage import ACCOUNT, REGION, Stage

RunLine = Callable[[str], int]
FLEET_CHECKS = "--only patch-compliance,patch-ami"
DAY = 24 * 3600


def read_status(
    run_line: RunLine, capsys: pytest.CaptureFixture[str], options: str = FLEET_CHECKS
) -> list[dict[str, Any]]:
    """What `ops patch status` finds."""
    capsys.readouterr()
    code = run_line(f"patch status {options} --output json")
    captured = capsys.readouterr()
    body = json.loads(captured.out)
    assert code == (3 if body["failing"] or body["unknown"] else 0), captured.err
    items: list[dict[str, Any]] = body["items"]
    return items


def test_a_fleet_behind_is_found_with_severity_and_cves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_fleet_behind) as (stage, run_line):
        items = read_status(run_line, capsys)
        lacking = [i for i in items if i["id"].startswith("patch-compliance/")]
        assert {i["subject"] for i in lacking} == list_instance_ids(stage)
        assert {i["severity"] for i in lacking} == {"critical"}
        assert lacking[0]["evidence"].startswith("3 missing: openssl-libs.")
        assert "(Critical, CVE-2024-12797, CVE-2024-9143)" in lacking[0]["evidence"]
        assert lacking[0]["command"] == "ops patch apply"
        (old,) = (i for i in items if i["id"].startswith("patch-ami/"))
        assert "2 of 2 instances run it" in old["evidence"]
        assert old["command"] == "ops patch apply"


def test_a_new_ami_replaces_the_instances_and_closes_the_finding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_fleet_behind) as (stage, run_line):
        (before,) = set(list_fleet_amis(stage))
        assert run_line("patch apply --yes") == 0
        out = capsys.readouterr().out
        assert "in place closes 4 of 4 CVEs: CVE-2024-12797" in out
        assert "closes 4 of 4 CVEs" in out.partition("the AMI ami-")[2]
        (after,) = set(list_fleet_amis(stage))
        assert after != before
        assert f"pulumi config set --stack test --path bulwark:fleet.ami {after}" in out
        stage.clock.sleep(300)
        assert run_line("patch scan --yes") == 0
        assert {i["state"] for i in read_status(run_line, capsys)} == {"ok"}


def test_patches_in_place_keep_the_ami_and_the_minimum_in_service(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_fleet_behind) as (stage, run_line):
        ids, amis = list_instance_ids(stage), list_fleet_amis(stage)
        assert run_line("patch apply --in-place --yes") == 0
        out = capsys.readouterr().out
        assert "2 instances of 2, 1 at a time; at least 1 stay in service" in out
        assert "packages cannot be unpatched" in out
        assert (list_instance_ids(stage), list_fleet_amis(stage)) == (ids, amis)
        assert list_missing_counts(stage) == [0, 0]
        assert describe_group(stage)["DesiredCapacity"] == 2
        assert list_patch_commands(stage) == [
            ("Scan", "Success"),
            ("Install", "Success"),
            ("Install", "Success"),
        ]
        items = read_status(run_line, capsys, "--only patch-compliance")
        assert {i["state"] for i in items} == {"ok"}


def test_an_instance_that_fails_stops_the_waves_and_is_put_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(lambda stage: put_fleet_behind(stage, 3)) as (stage, run_line):
        first, second, third = sorted(list_instance_ids(stage))
        set_tag(stage, second, "sandbox:commands", "fail")
        assert run_line("patch apply --in-place --yes") == 5
        captured = capsys.readouterr()
        assert f"patched: {first}; not patched: {second}, {third}" in captured.err
        counts = list_missing_counts(stage)
        stage.clock.sleep(600)
        assert counts == [0, 0, 3]  # done; failed, not missing; never begun
        group = describe_group(stage)
        assert group["DesiredCapacity"] == 3
        assert {i["LifecycleState"] for i in group["Instances"]} == {"InService"}
        items = read_status(run_line, capsys, "--only patch-compliance")
        (failed,) = (i for i in items if i["subject"] == second)
        assert failed["evidence"].startswith("3 failed")


def test_what_waits_for_a_reboot_is_not_in_effect(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_fleet_behind) as (_, run_line):
        assert run_line("patch apply --in-place --no-reboot --yes") == 0
        items = read_status(run_line, capsys, "--only patch-compliance")
        assert {i["evidence"].partition(":")[0] for i in items} == {"1 waiting for a reboot"}
        assert {i["command"] for i in items} == {"ops patch apply --in-place"}


def test_a_scan_shows_what_it_found_and_installs_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def put_unscanned(stage: Stage) -> None:
        put_fleet(stage)
        release_patches(ACCOUNT, REGION, days_ago=30)

    with open_command_line(put_unscanned) as (stage, run_line):
        items = read_status(run_line, capsys, "--only patch-compliance")
        assert {(i["state"], i["evidence"], i["command"]) for i in items} == {
            ("unknown", "was never scanned", "ops patch scan")
        }
        capsys.readouterr()
        assert run_line("patch scan --yes --output json") == 0
        (row, _) = json.loads(capsys.readouterr().out)["items"]
        assert (row["missing"], row["failed"], row["pending reboot"]) == (3, 0, 0)
        assert list_patch_commands(stage) == [("Scan", "Success")]
        assert list_missing_counts(stage) == [3, 3]


def test_an_old_scan_is_not_known_any_more(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_scanned_fleet) as (stage, run_line):
        (item,) = read_status(run_line, capsys, "--only patch-compliance")
        assert item["state"] == "ok"
        stage.clock.sleep(3 * DAY)
        items = read_status(run_line, capsys, "--only patch-compliance")
        assert {i["state"] for i in items} == {"unknown"}
        assert all("was last scanned at" in i["evidence"] for i in items)


def test_an_instance_without_an_agent_is_unknown_and_not_patched_in_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_fleet_behind) as (stage, run_line):
        first = min(list_instance_ids(stage))
        set_tag(stage, first, "sandbox:managed", "no")
        items = read_status(run_line, capsys, "--only patch-compliance")
        states = [i["state"] for i in items if i["subject"] == first]
        assert "unknown" in states
        assert run_line("patch apply --in-place --yes") == 1
        assert f"{first} has no agent" in capsys.readouterr().err
        assert run_line("patch scan --yes") == 0
        out = capsys.readouterr().out
        assert f"{first} has no agent that answers: it is not scanned" in out


def test_an_empty_fleet_lacks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(lambda stage: put_fleet(stage, 0, MinSize=0)) as (_, run_line):
        assert {i["state"] for i in read_status(run_line, capsys)} == {"ok"}
        for line in ("patch scan --yes", "patch apply --in-place --yes"):
            assert run_line(line) == 1
            assert "the fleet has no instances" in capsys.readouterr().err


def test_without_room_one_instance_more_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(lambda stage: put_fleet_behind(stage, 2, MinSize=2)) as (
        stage,
        run_line,
    ):
        assert run_line("patch apply --in-place --yes") == 1
        err = capsys.readouterr().err
        assert "must keep 2 in service: none can be taken out" in err
        assert "ops fleet scale 3" in err
        assert run_line("fleet scale 3 --yes") == 0
        assert run_line("patch apply --in-place --yes") == 0
        assert [c for c in list_missing_counts(stage) if c] == []


def test_a_fleet_with_the_newest_ami_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_fleet_behind) as (_, run_line):
        assert run_line("patch apply --yes") == 0
        capsys.readouterr()
        assert run_line("patch apply --yes") == 1
        assert "already, the newest AMI that AWS recommends" in capsys.readouterr().err


def test_a_newest_ami_of_unknown_age_is_not_ok(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_scanned_fleet) as (stage, run_line):
        ami = publish_ami(ACCOUNT, REGION)
        assert run_line("patch apply --yes") == 0
        assert set(list_fleet_amis(stage)) == {ami}
        (item,) = read_status(run_line, capsys, "--only patch-ami")
        assert item["state"] == "ok"
        del ec2_backends[ACCOUNT][REGION].amis[ami]
        (item,) = read_status(run_line, capsys, "--only patch-ami")
        assert (item["state"], item["subject"]) == ("unknown", ami)
        assert "AWS does not show when it was built" in item["evidence"]


def test_times_of_a_status_are_of_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_scanned_fleet) as (stage, run_line):
        ssm = stage.client("ssm")
        (scan, *_) = ssm.describe_instance_patch_states(
            InstanceIds=sorted(list_instance_ids(stage))
        )["InstancePatchStates"]
        (item,) = read_status(run_line, capsys, "--only patch-compliance")
        minute = f"{scan['OperationEndTime']:%Y-%m-%d %H:%M} UTC"
        assert item["evidence"] == f"2 instances lack nothing; scanned {minute} or later"


def test_an_ami_older_than_a_patch_does_not_close_it(capsys: pytest.CaptureFixture[str]) -> None:
    def put_late_patches(stage: Stage) -> None:
        put_fleet(stage)
        publish_ami(ACCOUNT, REGION)
        stage.clock.sleep(20 * DAY)
        release_patches(ACCOUNT, REGION, days_ago=10)

    with open_command_line(put_late_patches) as (_, run_line):
        assert run_line("patch scan --yes") == 0
        capsys.readouterr()
        assert run_line("patch apply --dry-run") == 0
        out = capsys.readouterr().out
        assert "closes 0 of 4 CVEs" in out
        assert "the AMI is older than the patches of CVE-2024-12797" in out


def test_several_architectures_have_no_ami_in_common(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_fleet_behind) as (stage, run_line):
        from moto.ec2.models import ec2_backends

        first = min(list_instance_ids(stage))
        instance = ec2_backends[ACCOUNT][REGION].get_instance_by_id(first)
        assert instance is not None
        instance.architecture = "arm64" if instance.architecture == "x86_64" else "x86_64"
        assert run_line("patch apply --yes") == 1
        assert "must be of one architecture, for one AMI: they are arm64, x86_64" in (
            capsys.readouterr().err
        )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("patch apply --ami nonsense", "--ami must be an AMI like"),
        ("patch apply --at-a-time 2", "--at-a-time is set, so --in-place must be"),
        ("patch apply --no-reboot", "--no-reboot is set, so --in-place must be"),
        (
            "patch apply --in-place --ami ami-0123456789abcdef0",
            "--ami is set, so --in-place must not be",
        ),
        ("patch apply --in-place --checkpoint 50", "--checkpoint is set, so --in-place must not"),
        ("patch apply --in-place --at-a-time 2 --yes", "--at-a-time must be 1 to 1"),
        ("patch apply --ami ami-0123456789abcdef0 --yes", "AWS shows no such AMI"),
        ("patch status --only patches", "must be keys of checks of patches"),
    ],
)
def test_bad_input_is_one_error(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_fleet_behind) as (_, run_line):
        assert run_line(line) == 2
        assert message in capsys.readouterr().err


def test_a_stack_without_a_fleet_has_none_to_patch(capsys: pytest.CaptureFixture[str]) -> None:
    def remove_fleet(stage: Stage) -> None:
        stage.outputs = stage.outputs.model_copy(update={"fleet": None})

    with open_command_line(remove_fleet) as (_, run_line):
        assert run_line("patch scan --yes") == 2
        assert "has no fleet" in capsys.readouterr().err
