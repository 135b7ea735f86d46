"""What happens to the database as AWS shows it: events, restarts, failovers, maintenance, storage.

Source of events and their words: RDS User Guide, "Amazon RDS event categories and event messages".
"""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

from moto.rds.models import Event, rds_backends

from sandbox import postgres as databases
from sandbox.aws import ACCOUNT_ID
from sandbox.incidents.model import happening
from sandbox.incidents.world import TimeSpanBack, World
from sandbox.patches.rds.maintenance import announce_maintenance

WRITTEN_EVENT = "BULWARK_WRITTEN"


@happening("database-event")
def add_database_event(
    world: World, span: TimeSpanBack, *, category: str, text: str, instance: str | None = None
) -> None:
    """An event of the instance, or of a replica."""
    database = get_instance(world, instance)
    Event.EVENT_MAP[WRITTEN_EVENT] = {"Categories": [category], "Message": text}
    event = Event(WRITTEN_EVENT, database)
    event.message, event.event_categories = text, [category]
    event.date = world.get_time(span.begin)
    rds_backends[ACCOUNT_ID][world.region].events.append(event)


@happening("database-restarts")
def restart_database(
    world: World, span: TimeSpanBack, *, by: str | None = None, is_failover: bool = False
) -> None:
    """The instance is rebooted by somebody; with `is_failover` to its standby."""
    assert by is not None
    # Its server goes on: other incidents work on it.
    with patch.object(databases, "find_postgres_servers", lambda: None):
        world.person("rds", by).reboot_db_instance(
            DBInstanceIdentifier=world.outputs.database.identifier, ForceFailover=is_failover
        )


@happening("database-fails-over")
def fail_over(world: World, span: TimeSpanBack, *, reason: str | None = None) -> None:
    """AWS fails the instance over to its standby, by itself."""
    instance = get_instance(world, None)
    with patch.object(databases, "find_postgres_servers", lambda: None):
        world.client("rds").reboot_db_instance(
            DBInstanceIdentifier=world.outputs.database.identifier, ForceFailover=True
        )
    if reason is not None:
        add_database_event(world, span, category="failover", text=reason)
    assert instance is not None


@happening("database-status")
def set_status(world: World, span: TimeSpanBack, *, status: str) -> None:
    """The instance has another status than available, such as storage-full."""
    get_instance(world, None).status = status


@happening("change-parameter")
def change_parameter(
    world: World,
    span: TimeSpanBack,
    *,
    parameter: str,
    value: str,
    by: str = "jane.doe",
) -> None:
    """A static parameter is changed in the instance's group: it waits for a reboot."""
    world.person("rds", by).modify_db_parameter_group(
        DBParameterGroupName=world.outputs.database.parameter_group,
        Parameters=[
            {
                "ParameterName": parameter,
                "ParameterValue": value,
                "ApplyMethod": "pending-reboot",
            }
        ],
    )


@happening("maintenance-announced")
def announce(
    world: World, span: TimeSpanBack, *, action: str = "system-update", description: str
) -> None:
    """AWS announces maintenance of the instance for the next window."""
    announce_maintenance(
        ACCOUNT_ID,
        world.region,
        world.outputs.database.arn,
        {
            "Action": action,
            "Description": description,
            "CurrentApplyDate": world.get_time(0) + timedelta(days=4),
        },
    )


def get_instance(world: World, name: str | None) -> Any:
    """The primary, or an instance whose name ends so."""
    identifier = world.outputs.database.identifier
    if name is not None:
        identifier = f"{identifier}-{name}"
    return rds_backends[ACCOUNT_ID][world.region].databases[identifier]
