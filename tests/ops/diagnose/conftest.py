"""A stage with all that a diagnosis looks at, for each file of tests that asks for one."""

from collections.abc import Iterator

import pytest

from tests.ops.diagnose_stage import put_diagnosed_stack
from tests.ops.stage import Stage, open_stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as stage:
        put_diagnosed_stack(stage)
        # Whose instances have the VPC's default group here.
        stage.outputs = stage.outputs.model_copy(update={"fleet": None})
        yield stage
