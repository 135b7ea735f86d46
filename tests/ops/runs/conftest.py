"""A stack with a database whose runs are stopped, forged and resumed."""

from collections.abc import Iterator

import pytest

from tests.ops import db_stage
from tests.ops.runs.scene import Scene, open_scene


@pytest.fixture
def scene(capsys: pytest.CaptureFixture[str]) -> Iterator[Scene]:
    with open_scene(db_stage.put_database, capsys) as opened:
        yield opened
