"""Lines of `ops check`."""

from collections.abc import Mapping
from typing import Final

from ops.core.check_record import DAILY
from tests.ops.cost_stage import put_billed_stack
from tests.ops.procedures import maintenance
from tests.ops.stage import REGION, Stage
from tests.ops.typed_line import TypedLine


def put_drill_record(stage: Stage) -> None:
    """A stack that runs, and the record of a drill."""
    maintenance.put_maintainable_stack(stage)
    s3, bucket = stage.client("s3"), stage.outputs.backups.operations_bucket
    if bucket not in [item["Name"] for item in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="drills/20261101-120000-d.json", Body=b"{}")


CHECK_LINES: Final[Mapping[str, tuple[TypedLine, ...]]] = {
    **{
        f"check {name}": (
            TypedLine(
                f"check {name}",
                maintenance.put_maintainable_stack,
                3,
                ("db snapshot create --yes",),
            ),
        )
        for name in ("daily", "weekly")
    },
    **{
        f"check {name} --record": (TypedLine(f"check {name} --record", put_drill_record, 3),)
        for name in DAILY
    },
    "check monthly": (
        TypedLine("check monthly", put_drill_record, exit_code=3),
        TypedLine("check monthly", put_billed_stack, exit_code=3),
    ),
    "check pre-deploy": (
        TypedLine("check pre-deploy", maintenance.put_maintainable_stack, exit_code=3),
    ),
}
