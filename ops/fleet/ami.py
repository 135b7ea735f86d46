"""The AMI of the fleet's instances, and the newest one that AWS recommends.

A newer AMI is not drift and comes with no other deployment: the setting `fleet.ami` brings it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from components.facts.fleet import AMI_PARAMETERS
from ops.core.aws import Aws
from ops.core.plan import Call
from ops.core.scaling_apis import TEMPLATE_VERSIONS_API
from ops.fleet.model import FleetState, build_refused_error, format_age, send_read_call
from ops.outputs import Outputs

# Deregistered, or no longer shared (Amazon EC2 API Reference, "Error codes").
ABSENT_AMI_CODES: Final = frozenset({"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"})
AMI_COLUMNS: Final = ("ami", "use", "architecture", "created", "age", "name")


def build_ami_rows(
    aws: Aws, outputs: Outputs, fleet_state: FleetState, now: datetime
) -> list[dict[str, object]]:
    """Builds a row of the AMI in use and one of the newest, which has the command that sets it.

    If AWS no longer shows the AMI in use, its architecture is unknown: there is a row of the newest
    AMI of each.
    """
    current_ami = _get_current_ami(aws, fleet_state)
    current_image = _find_image(aws, current_ami)
    architecture = current_image.get("Architecture")
    newest_amis = {
        name: str(_get_parameter(aws, path))
        for name, path in AMI_PARAMETERS.items()
        if architecture in (None, name)
    }
    rows = [_build_row(current_ami, current_image, "in use", now)]
    for name, ami in newest_amis.items():
        if ami == current_ami:
            rows[0]["use"] = "in use, the newest"
            continue
        stack = outputs.stack
        command = f"pulumi config set --stack {stack.stack} --path {stack.project}:fleet.ami {ami}"
        row = _build_row(ami, _find_image(aws, ami), "newest", now)
        rows.append({**row, "architecture": row["architecture"] or name, "command": command})
    return rows


def _get_current_ami(aws: Aws, fleet_state: FleetState) -> str:
    """Returns the AMI of the launch template version that the group uses."""
    versions = send_read_call(
        aws,
        Call(
            api=TEMPLATE_VERSIONS_API,
            params={
                "LaunchTemplateId": fleet_state.launch_template_id,
                "Versions": [fleet_state.launch_template_version],
            },
        ),
    )["LaunchTemplateVersions"]
    return str(versions[0]["LaunchTemplateData"]["ImageId"])


def _get_parameter(aws: Aws, name: str) -> object:
    call = Call(api="ssm.get_parameter", params={"Name": name})
    return send_read_call(aws, call)["Parameter"]["Value"]


def _find_image(aws: Aws, ami: str) -> Mapping[str, Any]:
    """Returns the AMI's description, nothing if AWS no longer shows it."""
    try:
        answer: Any = aws.call("ec2.describe_images", {"ImageIds": [ami]}, None)
    except ClientError as error:
        if error.response["Error"]["Code"] in ABSENT_AMI_CODES:
            return {}
        raise build_refused_error("ec2.describe_images", error) from error
    return next(iter(answer["Images"]), {})


def _build_row(ami: str, image: Mapping[str, Any], use: str, now: datetime) -> dict[str, object]:
    created = image.get("CreationDate")
    age_seconds = (now - datetime.fromisoformat(created)).total_seconds() if created else None
    return {
        "ami": ami,
        "use": use,
        "architecture": image.get("Architecture"),
        "created": created,
        "age": format_age(age_seconds) if age_seconds is not None else None,
        "name": image.get("Name"),
    }
