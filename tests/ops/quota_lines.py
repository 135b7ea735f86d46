"""Lines of `ops quotas` and other looks that are typed, for calls that no procedure makes."""

from typing import Final

from tests.ops import db_stage, quota_stage, service_stage
from tests.ops.image_stage import put_waived_image
from tests.ops.procedures import state
from tests.ops.typed_line import TypedLine

QUOTA_LINES: Final = {
    "quotas": (TypedLine("quotas", quota_stage.put_waived_quota, exit_code=3),),
    "image findings": (TypedLine("image findings", put_waived_image, exit_code=3),),
    "quotas requests": (TypedLine("quotas requests"),),
    "service images": (TypedLine("service images backend", service_stage.put_services),),
    "state list": (TypedLine("state list", state.put_saved_state),),
    "usage": (TypedLine("usage", db_stage.put_database),),
}
