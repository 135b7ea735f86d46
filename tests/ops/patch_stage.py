"""A stage with a fleet that is behind: patches that it lacks, and a newer AMI."""

from collections.abc import Mapping
from typing import Any, Final

from sandbox.patches.ssm.patch_catalogue import publish_ami, release_patches
from tests.ops.fleet_stage import describe_group, list_instance_ids, put_fleet
from tests.ops.quota_stage import put_waiver
from tests.ops.stage import ACCOUNT, REGION, Stage
from tests.ops.typed_line import TypedLine


def put_scanned_fleet(stage: Stage, size: int = 2, **overrides: Any) -> None:
    """A fleet that was scanned, and lacks nothing."""
    put_fleet(stage, size, **overrides)
    run_scan(stage)


def put_fleet_behind(stage: Stage, size: int = 2, **overrides: Any) -> None:
    """A fleet that lacks patches, was scanned since, and of whose AMI there is a newer one."""
    put_fleet(stage, size, **overrides)
    release_patches(ACCOUNT, REGION, days_ago=30)
    publish_ami(ACCOUNT, REGION)
    run_scan(stage)


def run_scan(stage: Stage) -> None:
    """Somebody scans the fleet."""
    stage.client("ssm").send_command(
        DocumentName="AWS-RunPatchBaseline",
        InstanceIds=sorted(list_instance_ids(stage)),
        Parameters={"Operation": ["Scan"]},
    )
    stage.clock.sleep(300)


def set_tag(stage: Stage, instance: str, key: str, value: str) -> None:
    """A tag by which the sandbox's instances behave otherwise."""
    stage.client("ec2").create_tags(Resources=[instance], Tags=[{"Key": key, "Value": value}])


def list_missing_counts(stage: Stage) -> list[int | None]:
    """How many patches each instance lacks, as Systems Manager has it; None if it does not know."""
    ids = sorted(list_instance_ids(stage))
    states = stage.client("ssm").describe_instance_patch_states(InstanceIds=ids)
    counts = {s["InstanceId"]: s["MissingCount"] for s in states["InstancePatchStates"]}
    return [counts.get(id_) for id_ in ids]


def list_fleet_amis(stage: Stage) -> list[str]:
    """The AMI of each instance of the group."""
    ids = sorted(list_instance_ids(stage))
    reservations = stage.client("ec2").describe_instances(InstanceIds=ids)["Reservations"]
    return sorted(i["ImageId"] for r in reservations for i in r["Instances"])


def list_patch_commands(stage: Stage) -> list[tuple[str, str]]:
    """The operation and the status of each command, the oldest first."""
    commands = stage.client("ssm").list_commands()["Commands"]
    return [
        (command["Parameters"]["Operation"][0], command["Status"]) for command in commands[::-1]
    ]


def collect_patch_facts(stage: Stage) -> tuple[object, ...]:
    """The fleet once everything has settled: sizes, states, what is missing, what was sent."""
    stage.clock.sleep(3600)
    group = describe_group(stage)
    return (
        group["DesiredCapacity"],
        sorted(instance["LifecycleState"] for instance in group["Instances"]),
        list_missing_counts(stage),
        list_patch_commands(stage),
    )


def collect_ami_facts(stage: Stage) -> tuple[object, ...]:
    """The fleet once everything has settled: its AMIs, and how many versions there are."""
    stage.clock.sleep(4 * 3600)
    template = stage.client("ec2").describe_launch_templates()["LaunchTemplates"][0]
    group = describe_group(stage)
    states = sorted(instance["LifecycleState"] for instance in group["Instances"])
    return len(set(list_fleet_amis(stage))), states, template["LatestVersionNumber"]


def put_waived_fleet(stage: Stage) -> None:
    """A fleet that is behind, with an instance that somebody lives with."""
    put_fleet_behind(stage)
    stage.client("s3").create_bucket(
        Bucket=stage.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    put_waiver(stage, f"patch-compliance/{min(list_instance_ids(stage))}")


PATCH_LINES: Final[Mapping[str, tuple[TypedLine, ...]]] = {
    "patch status": (TypedLine("patch status", put_waived_fleet, exit_code=3),),
}
