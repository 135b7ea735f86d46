"""--region of the recovery region: outputs are read there, the stack is where it is."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.cli.selection import Selection
from ops.core.aws import Aws
from tests.ops import service_stage
from tests.ops.service_stage import BACKEND_IMAGE, describe_service
from tests.ops.stage import RECOVERY_REGION, REGION, build_stack_outputs


def test_the_stack_is_called_in_its_own_region_and_the_account_in_the_one_that_is_given() -> None:
    outputs = build_stack_outputs()
    aws = Selection(region=RECOVERY_REGION).build_aws(outputs)
    assert aws.region == REGION
    assert aws.identity_region == RECOVERY_REGION
    assert Selection().build_aws(outputs).identity_region is None


def test_services_are_operated_with_the_recovery_region_given(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    original, regions = Aws.client, set[tuple[str, str]]()

    def client(self: Aws, service: str, region: str | None = None) -> Any:
        regions.add((service, region or self.region))
        return original(self, service, region)

    build_aws = Selection.build_aws
    with (
        service_stage.open_service_console(capsys, tmp_path) as ops,
        patch.object(Selection, "build_aws", build_aws),
        patch.object(Aws, "client", client),
    ):
        line = f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes"
        _, err = ops(f"{line} --region {RECOVERY_REGION}")
        assert "pulumi up --refresh" not in err
        assert describe_service(ops.stage)["taskDefinition"].endswith(":2")
    assert {service for service, region in regions if region == RECOVERY_REGION} == {"sts"}
    assert ("ecs", REGION) in regions
