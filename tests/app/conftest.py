"""The stage of these tests: one database for each file."""

from collections.abc import Iterator

import pytest

from tests.app.stage import AppStage, open_app_stage


@pytest.fixture(scope="module")
def stage() -> Iterator[AppStage]:
    with open_app_stage() as app_stage:
        yield app_stage
