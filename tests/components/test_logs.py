"""Log groups: kept as long as the settings say, under the stack's key."""

import pytest

from components.component import Component
from components.logs import create_log_group
from tests.conftest import Build
from tests.world import build_settings


@pytest.mark.parametrize(("profile", "days"), [("prod", 90), ("dev", 14)])
def test_a_log_group_has_its_retention_and_key_and_is_data(
    build: Build, profile: str, days: int
) -> None:
    def program() -> None:
        component = Component("Anything", "anything", settings=build_settings(profile=profile))
        create_log_group(
            component, "tasks", name="/bulwark/test/tasks", kms_key="arn:aws:kms:x:1:key/2"
        )

    resource = build(program).get_resource("aws:cloudwatch/logGroup:LogGroup", "anything-tasks")
    group, is_kept = resource.inputs, profile == "prod"
    assert (resource.protect, resource.retain_on_delete) == (is_kept, is_kept)
    assert group["name"] == "/bulwark/test/tasks"
    assert (group["retentionInDays"], group["kmsKeyId"]) == (days, "arn:aws:kms:x:1:key/2")
