"""What recovery does to data and to a client that writes all the time, on a real server."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ops.alarms.mute_state import format_time
from ops.recovery.restore import list_restored_and_replaced_instances
from sandbox.clients.http_client import STEP_SECONDS, step_clients
from sandbox.clients.writer import WRITER_TABLE, DatabaseWriter
from sandbox.patches.rds.changes import MODIFY_SECONDS, MODIFY_SECONDS_BY_PARAMETER
from sandbox.postgres.servers import NAME_CACHED_SECONDS
from tests.ops import service_stage
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import describe_database
from tests.ops.procedures.recover import put_fence
from tests.ops.sql_stage import DATABASE_NAME, DATABASE_PASSWORD, DATABASE_USER
from tests.ops.stage import Stage
from tests.ops.writing_client import PatientWriter, fetch_login, open_simulated_console

PRIMARY_IDENTIFIER = "bulwark-test-database"
RENAME_SECONDS = MODIFY_SECONDS_BY_PARAMETER["new_db_instance_identifier"]


@pytest.fixture
def ops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[OpsConsole]:
    def set_up(stage: Stage) -> None:
        service_stage.put_services(stage)
        put_fence(stage)
        part = stage.outputs.services
        assert part is not None
        backend_only = part.model_copy(update={"services": {"backend": part.services["backend"]}})
        stage.outputs = stage.outputs.model_copy(update={"services": backend_only, "fleet": None})

    with open_simulated_console(tmp_path, set_up) as console:
        console.capture = capsys
        console.stage.clock.sleep(3600)
        yield console


def read_rows(ops: OpsConsole, name: str) -> list[int]:
    """The numbers in the writer's table of an instance, with the password of the stack's secret."""
    endpoint = describe_database(ops.stage, name)["Endpoint"]
    with psycopg.connect(
        host=endpoint["Address"],
        port=endpoint["Port"],
        user=DATABASE_USER,
        password=fetch_login(ops)["password"],
        dbname=DATABASE_NAME,
        sslmode="disable",
    ) as connection:
        return [
            row[0]
            for row in connection.execute(f"SELECT n FROM {WRITER_TABLE} ORDER BY n".encode())
        ]


class TimedWriter:
    """A client that writes, and notes when each of its rows was acknowledged."""

    def __init__(self, ops: OpsConsole, fetch_address: Any) -> None:
        self.ops, self.writer = ops, DatabaseWriter(fetch_address)
        self.times: dict[int, datetime] = {}
        self._client = PatientWriter(self.writer)

    def send_request(self) -> None:
        before = self.writer.get_observation().answered
        self._client.send_request()
        if self.writer.get_observation().answered > before:
            self.times[self.writer.get_observation().sent] = self.ops.stage.clock.held_clock.now()

    def list_acknowledged(self, moment: datetime) -> list[int]:
        """What was acknowledged by then."""
        return [number for number, acknowledged in self.times.items() if acknowledged <= moment]


def test_a_dropped_table_is_there_again_as_of_the_second_before(ops: OpsConsole) -> None:
    clock = ops.stage.clock
    client = TimedWriter(ops, lambda: fetch_login(ops))
    client.writer.create_table()
    with step_clients(clock.held_clock, client, step_seconds=7):
        clock.sleep(700)
    dropped = clock.held_clock.now()
    with client.writer._connect() as connection:
        connection.execute(f"DROP TABLE {WRITER_TABLE}".encode())
    clock.sleep(900)
    before = dropped - timedelta(seconds=1)
    found = ops.run_for_json(
        f"recover point-in-time --to {format_time(before)} --name before --yes"
    )
    whole = datetime.fromisoformat(format_time(before).replace("Z", "+00:00"))
    wanted = client.list_acknowledged(whole)
    assert read_rows(ops, found["instance"]) == wanted
    assert 90 < len(wanted) < len(client.times), "some were written in the last second"
    with pytest.raises(psycopg.errors.UndefinedTable):
        read_rows(ops, PRIMARY_IDENTIFIER)
    out, err = ops(
        f"recover compare {PRIMARY_IDENTIFIER} {PRIMARY_IDENTIFIER}-before --heartbeat "
        f"{WRITER_TABLE}.n --no-sql",
        0,
    )
    assert "only settings were compared" in out
    compared = ops.run_for_json(
        f"recover compare {PRIMARY_IDENTIFIER} {PRIMARY_IDENTIFIER}-before", 3
    )["items"]
    assert compared == [
        {
            "kind": "table",
            "what": f"public.{WRITER_TABLE}",
            "source": "missing",
            "restored": "present",
        },
    ]
    assert err == ""


@pytest.mark.exhaustive
def test_a_restored_instance_gets_the_current_password_of_the_secret(ops: OpsConsole) -> None:
    clock, own = ops.stage.clock, ops.stage.client("rds")
    arn = ops.stage.outputs.database.secret_arn
    secrets = ops.stage.client("secretsmanager")
    content = {**json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])}
    clock.sleep(900)
    own.create_db_snapshot(
        DBInstanceIdentifier=PRIMARY_IDENTIFIER, DBSnapshotIdentifier=f"{PRIMARY_IDENTIFIER}-old"
    )
    clock.sleep(900)
    own.modify_db_instance(
        DBInstanceIdentifier=PRIMARY_IDENTIFIER, MasterUserPassword="another-password"
    )
    secrets.put_secret_value(
        SecretId=arn, SecretString=json.dumps({**content, "password": "another-password"})
    )
    clock.sleep(900)
    found = ops.run_for_json(f"recover snapshot {PRIMARY_IDENTIFIER}-old --name old --yes")
    at = describe_database(ops.stage, found["instance"])["Endpoint"]

    def enter(word: str) -> None:
        psycopg.connect(
            host=at["Address"],
            port=at["Port"],
            user=DATABASE_USER,
            password=word,
            dbname=DATABASE_NAME,
            sslmode="disable",
        ).close()

    enter("another-password")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        enter(DATABASE_PASSWORD)
    compared = ops(f"recover compare {PRIMARY_IDENTIFIER} {PRIMARY_IDENTIFIER}-old", 0)[0]
    assert f"{PRIMARY_IDENTIFIER}-old matches {PRIMARY_IDENTIFIER}" in compared


def restore_while_writing(ops: OpsConsole, client: TimedWriter) -> tuple[str, list[int]]:
    """An instance restored to the latest time while the client writes, and what it has not."""
    clock = ops.stage.clock
    with step_clients(clock.held_clock, client, step_seconds=60):
        clock.sleep(900)
        line = "recover point-in-time --to latest --name again --yes"
        name = ops.run_for_json(line)["instance"]
    client.writer._longest_gap = 0.0  # what is felt is looked at from here on
    restored_rows = read_rows(ops, name)
    return name, [number for number in client.times if number not in restored_rows]


def list_lost(ops: OpsConsole, client: TimedWriter) -> list[int]:
    """What was acknowledged and is not in the promoted instance."""
    name = fetch_host_identifier(ops)
    return [number for number in client.times if number not in read_rows(ops, name)]


def fetch_host_identifier(ops: OpsConsole) -> str:
    """The instance that the secret leads to."""
    arn = ops.stage.outputs.database.secret_arn
    secret = ops.stage.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    host = json.loads(secret).get("host")
    instances = ops.stage.client("rds").describe_db_instances()["DBInstances"]
    return next(
        (
            str(instance["DBInstanceIdentifier"])
            for instance in instances
            if instance["Endpoint"]["Address"] == host
        ),
        PRIMARY_IDENTIFIER,
    )


def require_nothing_lost_since_the_fence(lost: list[int], client: TimedWriter) -> None:
    """What is lost was acknowledged before anything that is not."""
    later = [n for n in client.times if n not in lost and n > min(lost)]
    assert later
    assert max(lost) < min(later), "the old one took a write when the new one did already"


def test_promotion_by_rename_answers_no_client_until_the_new_instance_serves(
    ops: OpsConsole,
) -> None:
    clock = ops.stage.clock
    client = TimedWriter(ops, lambda: fetch_login(ops))
    client.writer.create_table()
    name, missing = restore_while_writing(ops, client)
    kept = describe_database(ops.stage)["DbiResourceId"]
    with step_clients(clock.held_clock, client, step_seconds=3 * STEP_SECONDS):
        made = ops.run_for_json(ops.add_plan_hash(f"recover promote {name} --by rename"))
        clock.sleep(2 * STEP_SECONDS)
    client.writer.count_lost_rows()
    found = client.writer.get_observation()
    old = describe_database(ops.stage, made["kept"])
    assert (old["DbiResourceId"], old["DBInstanceStatus"]) == (kept, "available")
    least = 2 * RENAME_SECONDS
    assert least <= found.longest_gap <= least + MODIFY_SECONDS + NAME_CACHED_SECONDS + 120
    lost = list_lost(ops, client)
    assert (found.lost_rows, lost[: len(missing)]) == (len(lost), missing)
    require_nothing_lost_since_the_fence(lost, client)
    with pytest.raises(psycopg.OperationalError):
        read_rows(ops, made["kept"])
    ops(f"runs note {made['run']} client-saw-{found.longest_gap:.0f}-s-without-an-answer")
    report = ops(f"runs report {made['run']}")[0]
    assert "without-an-answer" in report
    ops(f"runs undo {made['run']} --yes")
    clock.sleep(NAME_CACHED_SECONDS)
    assert describe_database(ops.stage)["DbiResourceId"] == kept
    assert set(lost) <= set(read_rows(ops, PRIMARY_IDENTIFIER)), "nothing acknowledged is gone"


@pytest.mark.exhaustive
def test_without_a_fence_the_old_instance_answers_at_the_new_ones_name(ops: OpsConsole) -> None:
    stage = ops.stage
    part = stage.outputs.database.model_copy(update={"fence_security_group_id": None})
    stage.outputs = stage.outputs.model_copy(update={"database": part})
    ops.file.write_text(stage.outputs.model_dump_json(by_alias=True))
    client = TimedWriter(ops, lambda: fetch_login(ops))
    client.writer.create_table()
    name, missing = restore_while_writing(ops, client)
    with step_clients(stage.clock.held_clock, client, step_seconds=3 * STEP_SECONDS):
        line = f"recover promote {name} --by rename"
        assert "is not fenced and takes writes" in " ".join(ops(f"{line} --dry-run")[0].split())
        ops.run_for_json(ops.add_plan_hash(line))
        # The closing query has waited for the new one.
        assert not set(missing) & set(read_rows(ops, PRIMARY_IDENTIFIER))
    client.writer.count_lost_rows()
    assert client.writer.get_observation().longest_gap < 2 * RENAME_SECONDS


class RestartedWriter(TimedWriter):
    """A client that is started anew whenever its service is: then it reads the secret again."""

    def __init__(self, ops: OpsConsole, fetch_address: Any) -> None:
        super().__init__(ops, fetch_address)
        self._deployment_count = self._count_deployments()

    def _count_deployments(self) -> int:
        response = self.ops.stage.client("ecs").list_service_deployments(
            cluster="bulwark-test", service="backend", status=["SUCCESSFUL"]
        )
        return len(response["serviceDeployments"])

    def send_request(self) -> None:
        if (now := self._count_deployments()) != self._deployment_count:
            self._deployment_count = now
            if self.writer._connection is not None:
                self.writer._connection.close()
        super().send_request()


def test_promotion_by_secret_refuses_writes_to_the_old_instance(
    ops: OpsConsole,
) -> None:
    clock = ops.stage.clock
    arn = ops.stage.outputs.database.secret_arn

    def secret() -> dict[str, Any]:
        found = ops.stage.client("secretsmanager").get_secret_value(SecretId=arn)
        known: dict[str, Any] = json.loads(found["SecretString"])
        return known

    before = secret()
    client = RestartedWriter(ops, secret)
    client.writer.create_table()
    name, missing = restore_while_writing(ops, client)
    with step_clients(clock.held_clock, client, step_seconds=STEP_SECONDS):
        made = ops.run_for_json(ops.add_plan_hash(f"recover promote {name} --by secret"))
        clock.sleep(2 * STEP_SECONDS)
    client.writer.count_lost_rows()
    found = client.writer.get_observation()
    after = secret()
    assert {k: v for k, v in after.items() if before[k] != v}.keys() == {"host"}
    assert after["host"] == describe_database(ops.stage, name)["Endpoint"]["Address"]
    lost = list_lost(ops, client)
    assert found.lost_rows == len(lost) >= len(missing)
    require_nothing_lost_since_the_fence(lost, client)
    with pytest.raises(psycopg.OperationalError):
        read_rows(ops, PRIMARY_IDENTIFIER)
    assert set(client.times) - set(lost) <= set(read_rows(ops, name))
    made_by_rename = ops.run_for_json(ops.add_plan_hash(f"recover promote {name} --by rename"))
    assert secret()["host"] == ops.stage.outputs.database.endpoint, "its name has changed"
    ops(f"runs undo {made_by_rename['run']} --yes")
    ops(f"runs undo {made['run']} --yes")
    assert secret() == before
    clock.sleep(NAME_CACHED_SECONDS)
    assert set(lost) <= set(read_rows(ops, PRIMARY_IDENTIFIER)), "nothing acknowledged is gone"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "recover point-in-time --to 2099-01-01T00:00:00Z --name x --yes",
            "must be latest or from",
        ),
        ("recover point-in-time --to latest --name there --yes", "--name must be a new name"),
        ("recover snapshot bulwark-test-database-gone --name x --yes", "SNAPSHOT must be"),
    ],
)
def test_a_restore_that_cannot_be_is_refused_before_any_change(
    ops: OpsConsole, line: str, message: str
) -> None:
    rds = ops.stage.client("rds")
    ops.stage.clock.sleep(900)
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=PRIMARY_IDENTIFIER,
        TargetDBInstanceIdentifier=f"{PRIMARY_IDENTIFIER}-there",
        UseLatestRestorableTime=True,
    )
    before = [i["DBInstanceIdentifier"] for i in rds.describe_db_instances()["DBInstances"]]
    assert message in ops(line, 2)[1]
    after = [i["DBInstanceIdentifier"] for i in rds.describe_db_instances()["DBInstances"]]
    assert after == before
    assert ops("runs list")[0].count("restore-") == 0


def test_a_full_quota_is_refused_before_any_change(ops: OpsConsole) -> None:
    from sandbox.patches.rds.restores import set_instance_quota
    from tests.ops.stage import ACCOUNT, REGION

    ops.stage.clock.sleep(900)
    set_instance_quota(ACCOUNT, REGION, 1)
    said = ops("recover point-in-time --to latest --name x --yes", 1)[1]
    assert "its full quota: delete one" in said
    assert list_restored_and_replaced_instances(ops.stage.aws, ops.stage.outputs) == []
