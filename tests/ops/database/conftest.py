"""A PostgreSQL server for each file of tests that asks for one."""

from collections.abc import Iterator

import pytest

from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import open_postgres_console


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpsConsole]:
    """The command line on a stack with a server, which the file's `prepare_server` may prepare."""
    with open_postgres_console(tmp_path_factory.mktemp("server")) as console:
        prepare_server = getattr(request.module, "prepare_server", None)
        if prepare_server is not None:
            prepare_server(console)
        yield console


@pytest.fixture
def ops(server: OpsConsole, capsys: pytest.CaptureFixture[str]) -> OpsConsole:
    """The same server for each test of a file, with the test's own output."""
    server.capture = capsys
    return server
