"""Log groups: one function, so that each has its retention and its key."""

import pulumi_aws as aws
from pulumi import Input

from components.component import Component


def create_log_group(
    component: Component, key: str, *, name: str, kms_key: Input[str] | None
) -> aws.cloudwatch.LogGroup:
    """A log group of `component`. Logs are kept as long as the settings say, and are data: a
    removed log group stays in AWS, unless the settings discard logs."""
    return aws.cloudwatch.LogGroup(
        component.format_logical_name(key),
        name=name,
        retention_in_days=component.settings.logs.retention_days,
        kms_key_id=kms_key,
        opts=component.build_data_options("logs"),
    )
