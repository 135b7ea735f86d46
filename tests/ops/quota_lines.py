"""Lines of `ops quotas` that are typed, for calls that no procedure makes."""

from typing import Final

from tests.ops import quota_stage
from tests.ops.typed_line import TypedLine

QUOTA_LINES: Final = {
    "quotas": (TypedLine("quotas", quota_stage.put_waived_quota, exit_code=3),),
    "quotas requests": (TypedLine("quotas requests"),),
}
