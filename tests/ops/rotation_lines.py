"""Lines of `ops rotate` as they are typed, with what is on the stage."""

from collections.abc import Mapping
from typing import Final

from tests.ops.audit_stage import put_waived_group
from tests.ops.stage import Stage
from tests.ops.typed_line import TypedLine


def put_unrotated_key(stage: Stage) -> None:
    """A data key that KMS does not rotate, and a waiver of something else."""
    put_waived_group(stage)
    key = stage.client("kms").create_key()["KeyMetadata"]["Arn"]
    stack = stage.outputs.stack.model_copy(update={"data_key_arn": key})
    stage.outputs = stage.outputs.model_copy(update={"stack": stack})


ROTATION_LINES: Final[Mapping[str, tuple[TypedLine, ...]]] = {
    "rotate": (TypedLine("rotate", put_unrotated_key, 3),),
}
