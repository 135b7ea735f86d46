"""What `ops deploy` does with a fleet whose launch template waits."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.fleet.template_steps import build_template_steps
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.deploy.test_deploy import PASSING_RESULTS, PROGRAM_OPTION_TEXT
from tests.ops.every_command import open_command_line
from tests.ops.fleet_stage import (
    FLEET_GROUP,
    describe_group,
    list_group_instances,
    list_instance_ids,
    list_instance_refreshes,
    put_fleet,
)
from tests.ops.procedures.deploy import (
    NEW_COMMIT,
    OLD_COMMIT,
    put_deployed_fleet,
    put_unhealthy_commit,
)
from tests.ops.stage import Stage, open_stage


@pytest.fixture(autouse=True)
def passing_checks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Everything that is looked at before is well."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("ops.deploy.commands.evaluate_checklist", lambda *_: PASSING_RESULTS)


def put_unhealthy_fleet_commit(stage: Stage) -> None:
    put_fleet(stage)
    put_unhealthy_commit(stage)


def set_group_template(stage: Stage, version: str, *instance_types: str) -> None:
    """What the group launches, as Pulumi or an instance refresh leaves it."""
    policy = describe_group(stage)["MixedInstancesPolicy"]
    template = policy["LaunchTemplate"]
    template["LaunchTemplateSpecification"] = {
        "LaunchTemplateId": template["LaunchTemplateSpecification"]["LaunchTemplateId"],
        "Version": version,
    }
    template["Overrides"] = [{"InstanceType": name} for name in instance_types]
    stage.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=FLEET_GROUP, MixedInstancesPolicy=policy
    )


def list_versions(stage: Stage) -> list[str]:
    """The versions that the instances have, and last the group's."""
    policy = describe_group(stage)["MixedInstancesPolicy"]["LaunchTemplate"]
    return [
        *sorted(item["LaunchTemplate"]["Version"] for item in list_group_instances(stage)),
        str(policy["LaunchTemplateSpecification"]["Version"]),
    ]


def test_a_version_that_waits_is_brought_by_a_refresh_that_can_go_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_deployed_fleet) as (stage, run_line):
        before = list_instance_ids(stage)
        assert run_line(f"deploy test --yes --output json {PROGRAM_OPTION_TEXT}") == 0
        run = json.loads(capsys.readouterr().out)["run"]
        assert list_versions(stage) == ["2", "2", "2"]
        assert not before & list_instance_ids(stage)
        (refresh,) = list_instance_refreshes(stage)
        assert refresh["Preferences"]["AutoRollback"] is True
        template = refresh["DesiredConfiguration"]["MixedInstancesPolicy"]["LaunchTemplate"]
        assert template["LaunchTemplateSpecification"]["Version"] == "2"
        assert run_line(f"runs undo {run} --yes") == 0
        assert list_versions(stage) == ["1", "1", "1"]


def test_instance_types_that_the_deployment_changes_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_command_line(put_deployed_fleet) as (stage, run_line):
        pulumi: Any = pretended_pulumi.get_fake_pulumi(stage)
        deploy: Callable[..., Any] = pulumi.up

        def deploy_types(*arguments: Any, **options: Any) -> Any:
            set_group_template(stage, "1", "t4g.medium", "t4g.large")
            return deploy(*arguments, **options)

        monkeypatch.setattr(pulumi, "up", deploy_types)
        assert run_line(f"deploy test --yes {PROGRAM_OPTION_TEXT}") == 0
        assert list_versions(stage) == ["2", "2", "2"]
        template = describe_group(stage)["MixedInstancesPolicy"]["LaunchTemplate"]
        assert [item["InstanceType"] for item in template["Overrides"]] == [
            "t4g.medium",
            "t4g.large",
        ]


def test_a_deployment_that_is_taken_back_takes_its_instances_back() -> None:
    with open_command_line(put_unhealthy_fleet_commit) as (stage, run_line):
        assert run_line(f"deploy test --yes {PROGRAM_OPTION_TEXT}") == 5
        assert list_versions(stage) == ["1", "1", "1"]
        assert pretended_pulumi.get_fake_pulumi(stage).last_deployed_commit == OLD_COMMIT
        assert NEW_COMMIT != OLD_COMMIT


@pytest.mark.parametrize(
    ("version", "is_changed", "steps"),
    [
        ("1", False, ["template", "group", "fleet"]),
        ("2", False, []),
        ("2", True, ["template", "group", "fleet"]),
    ],
)
def test_nothing_is_replaced_unless_a_version_waits_or_will(
    version: str, is_changed: bool, steps: list[str]
) -> None:
    """A newer AMI is no reason: it comes with a setting."""
    with open_stage() as stage:
        put_fleet(stage)
        set_group_template(stage, version, "t4g.small", "t4g.medium")
        template_steps = build_template_steps(stage.aws, stage.outputs, is_changed=is_changed)
        assert [step.name for step in template_steps] == steps


def test_a_group_that_is_gone_needs_no_refresh() -> None:
    with open_stage() as stage:
        assert build_template_steps(stage.aws, stage.outputs, is_changed=True) == []
