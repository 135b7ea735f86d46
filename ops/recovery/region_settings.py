"""Settings of a stack that must be others in the recovery region: domain and certificate."""

import re
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.health.load_balancer import CERTIFICATE_API
from ops.outputs import Outputs
from ops.stack import pulumi as pulumi_steps

LOAD_BALANCER_SETTING: Final = "loadBalancer"


def format_setting(outputs: Outputs, key: str) -> str:
    """A setting of the stack's program, as Pulumi knows it: the project's name is its namespace."""
    return f"{outputs.stack.project}:{key}"


def list_load_balancer_settings(
    aws: Aws, outputs: Outputs, folder: Path, domain: str | None, certificate: str | None
) -> list[tuple[str, str]]:
    """The settings of the load balancer that must be others in the recovery region.

    Raises UsageError where a certificate is wanted, or that which is given cannot be used there.
    """
    stack, recovery_region = outputs.stack, outputs.stack.recovery_region
    requirement = f"must be the ARN of a certificate in {recovery_region}"
    if certificate is None:
        stack_certificate = pulumi_steps.find_stack_setting(
            folder, stack.stack, format_setting(outputs, f"{LOAD_BALANCER_SETTING}.certificateArn")
        )
        if stack_certificate is not None:
            raise UsageError(
                f"--certificate is not set, {requirement}: that of {stack.stack} is "
                f"{stack_certificate}"
            )
    elif (status := _get_certificate_status(aws, certificate, recovery_region)) != "ISSUED":
        raise UsageError(f"--certificate is {certificate!r}, {requirement}: it is {status}")
    settings = {"domain": domain, "certificateArn": certificate}
    return [
        (format_setting(outputs, f"{LOAD_BALANCER_SETTING}.{key}"), value)
        for key, value in settings.items()
        if value is not None
    ]


def require_certificate_in_region(region: str, arn: str | None) -> None:
    """Raises UsageError unless --certificate is the ARN of a certificate in the region."""
    pattern = rf"arn:[\w-]+:acm:{region}:\d{{12}}:certificate/.+"
    if arn is not None and not re.fullmatch(pattern, arn):
        raise UsageError(f"--certificate is {arn!r}, must be the ARN of a certificate in {region}")


def _get_certificate_status(aws: Aws, arn: str, region: str | None) -> str:
    try:
        response: Any = aws.call(CERTIFICATE_API, {"CertificateArn": arn}, region)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return str(response["Certificate"]["Status"])
