"""What the commands of `ops image` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls
from ops.permissions.call_sets import CHANGE

DECLARATIONS: Final = (
    Declaration(
        "image findings",
        role="reader",
        calls=list_view_calls("images"),
        bad={"SERVICE": ("nonsense",)},
    ),
    Declaration(
        "image scan",
        role="operator",
        calls=(
            *CHANGE,
            "ecr.batch_get_image",
            "ecr.describe_image_scan_findings",
            "ecr.get_registry_scanning_configuration",
            "ecr.start_image_scan",
            "ecs.describe_tasks",
            "ecs.list_tasks",
            "ssm.get_parameter",
        ),
        bad={"SERVICE": ("nonsense",), "--image": ("nonsense", "python:3.12")},
    ),
)
