"""Repositories that are not scanned, open, without a lifecycle, or whose tags move."""

import json
from collections.abc import Callable

import pytest

from ops.outputs import RegistryPart
from tests.ops.audit.looks import mend, read_open
from tests.ops.every_command import open_command_line
from tests.ops.stage import ACCOUNT, REGION, Stage

KEY, NAME = "image-repositories", "bulwark/test/backend"
LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 7,
            },
            "action": {"type": "expire"},
        }
    ]
}


def put_repository(stage: Stage) -> None:
    ecr = stage.client("ecr")
    ecr.create_repository(
        repositoryName=NAME,
        imageTagMutability="IMMUTABLE",
        imageScanningConfiguration={"scanOnPush": True},
    )
    put_lifecycle(stage)
    url = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{NAME}"
    registry = RegistryPart(repositories={"backend": url})
    stage.outputs = stage.outputs.model_copy(update={"registry": registry})


def put_lifecycle(stage: Stage) -> None:
    stage.client("ecr").put_lifecycle_policy(
        repositoryName=NAME, lifecyclePolicyText=json.dumps(LIFECYCLE)
    )


def stop_scans(stage: Stage) -> None:
    stage.client("ecr").put_image_scanning_configuration(
        repositoryName=NAME, imageScanningConfiguration={"scanOnPush": False}
    )


def let_tags_move(stage: Stage) -> None:
    stage.client("ecr").put_image_tag_mutability(repositoryName=NAME, imageTagMutability="MUTABLE")


def open_policy(stage: Stage) -> None:
    statement = {
        "Sid": "x",
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["ecr:BatchGetImage"],
    }
    stage.client("ecr").set_repository_policy(
        repositoryName=NAME,
        policyText=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


@pytest.mark.parametrize(
    ("change", "name", "reason"),
    [
        (stop_scans, "scan", "FSBP ECR.1"),
        (let_tags_move, "tags", "FSBP ECR.2"),
        (open_policy, "policy", "SEC03-BP07"),
    ],
)
def test_a_repository_is_scanned_and_closed_again(
    change: Callable[[Stage], None], name: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_repository) as (stage, run_line):
        assert read_open(run_line, capsys, KEY) == {}
        change(stage)
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["id"] == f"{KEY}/{NAME}/{name}"
        assert reason in finding["reason"]
        mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}


def test_a_lifecycle_that_is_gone_is_made_again(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_repository) as (stage, run_line):
        stage.client("ecr").delete_lifecycle_policy(repositoryName=NAME)
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["id"] == f"{KEY}/{NAME}/lifecycle"
        assert finding["command"] == "pulumi up --refresh"
        put_lifecycle(stage)  # what that does
        assert read_open(run_line, capsys, KEY) == {}


def test_what_the_registry_scans_needs_no_setting_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_repository) as (stage, run_line):
        stop_scans(stage)
        rule = {
            "scanFrequency": "CONTINUOUS_SCAN",
            "repositoryFilters": [{"filter": "bulwark/*", "filterType": "WILDCARD"}],
        }
        stage.client("ecr").put_registry_scanning_configuration(scanType="ENHANCED", rules=[rule])
        assert read_open(run_line, capsys, KEY) == {}
