"""What a client that writes sees of the database while it is operated on, line by line.

The server is a real one, behind its instance's endpoint. The clock stands still until a line
waits; the client then writes once in five simulated seconds.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.clients.http_client import STEP_SECONDS
from sandbox.clients.observation import ClientObservation
from sandbox.clients.writer import DatabaseWriter
from tests.ops import service_stage
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import describe_database
from tests.ops.procedures.db_password import put_rotation_function
from tests.ops.stage import Stage
from tests.ops.writing_client import fetch_login, open_simulated_console, write_continuously

# Simulated seconds of an outage: RDS User Guide, Multi-AZ DB instance deployments.
FAILOVER_SECONDS_RANGE = (60.0, 120.0)
MODELLED_REBOOT_SECONDS = 60.0  # as the sandbox models it


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpsConsole]:
    def set_up(stage: Stage) -> None:
        service_stage.put_services(stage)
        put_rotation_function(stage)

    with open_simulated_console(tmp_path_factory.mktemp("writer"), set_up) as console:
        yield console


@pytest.fixture
def ops(server: OpsConsole, capsys: pytest.CaptureFixture[str]) -> OpsConsole:
    server.capture = capsys
    server.stage.clock.sleep(3600)  # whatever the test before has left going on
    return server


def observe_line(ops: OpsConsole, line: str) -> ClientObservation:
    """What the client saw of a line."""
    with write_continuously(ops) as writer:
        ops(line)
    observation = writer.get_observation()
    assert observation.lost_rows == 0, "what was acknowledged is there"
    assert observation.answered > 2
    return observation


@pytest.mark.parametrize(
    "line",
    [
        "db snapshot create --yes",
        pytest.param("db storage 40 --yes", marks=pytest.mark.exhaustive),
    ],
)
def test_an_operation_without_an_outage_loses_no_query(ops: OpsConsole, line: str) -> None:
    found = observe_line(ops, line)
    assert (found.errors, found.answered) == (0, found.sent)
    assert found.longest_gap <= STEP_SECONDS


def test_a_failover_is_felt_for_as_long_as_aws_says(ops: OpsConsole) -> None:
    before = describe_database(ops.stage)
    found = observe_line(ops, "db failover --yes")
    after = describe_database(ops.stage)
    assert after["AvailabilityZone"] == before["SecondaryAvailabilityZone"]
    assert after["Endpoint"] == before["Endpoint"]
    assert found.errors > 0
    assert (
        FAILOVER_SECONDS_RANGE[0]
        <= found.longest_gap
        <= FAILOVER_SECONDS_RANGE[1] + 2 * STEP_SECONDS
    )


@pytest.mark.exhaustive
def test_a_reboot_is_felt_until_it_is_over(ops: OpsConsole) -> None:
    found = observe_line(ops, "db reboot --yes")
    assert found.errors > 0
    assert (
        MODELLED_REBOOT_SECONDS - STEP_SECONDS
        <= found.longest_gap
        <= MODELLED_REBOOT_SECONDS + 2 * STEP_SECONDS
    )


@pytest.mark.exhaustive
def test_another_class_is_felt_as_a_failover_is(ops: OpsConsole) -> None:
    found = observe_line(ops, "db resize db.m7g.large --yes")
    assert describe_database(ops.stage)["DBInstanceClass"] == "db.m7g.large"
    assert found.errors > 0
    assert (
        FAILOVER_SECONDS_RANGE[0]
        <= found.longest_gap
        <= FAILOVER_SECONDS_RANGE[1] + 2 * STEP_SECONDS
    )


@pytest.mark.exhaustive
def test_another_password_is_not_felt_and_is_read_when_one_connects_again(ops: OpsConsole) -> None:
    before = fetch_login(ops)["password"]
    with write_continuously(ops) as writer:
        ops("db rotate-password --yes")
        ops.stage.clock.sleep(120)
        assert (writer.get_observation().errors, writer.get_observation().longest_gap) == (
            0,
            STEP_SECONDS,
        ), "who is in stays in"
        ops("db reboot --yes")
    found = writer.get_observation()
    assert fetch_login(ops)["password"] != before
    assert (found.lost_rows, found.errors > 0) == (0, True)
    assert found.longest_gap <= MODELLED_REBOOT_SECONDS + 2 * STEP_SECONDS


@pytest.mark.exhaustive
def test_rows_that_are_lost_are_counted(ops: OpsConsole) -> None:
    with write_continuously(ops) as writer:
        ops.stage.clock.sleep(60)
        with writer._connect() as other:
            other.execute(b"DELETE FROM bulwark_writer WHERE n IN (2, 3)")
    assert writer.get_observation().lost_rows == 2


def test_the_writer_can_run_in_a_thread(ops: OpsConsole, tmp_path: Path) -> None:
    with DatabaseWriter(lambda: fetch_login(ops)) as writer:
        until = time.monotonic() + 20
        while writer.get_observation().answered < 3 and time.monotonic() < until:
            time.sleep(0.01)
    found = writer.get_observation()
    assert found.answered >= 3
    assert (found.errors, found.lost_rows) == (0, 0)
    assert "0 acknowledged rows lost" in found.line()
