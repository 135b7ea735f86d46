"""RDS in the sandbox: a failover moves the zone, events tell of it, classes can be ordered."""

from datetime import timedelta
from typing import Any

from sandbox.clock import ManualClock
from tests.sandbox.conftest import ClientFactory, RefusalGetter
from tests.sandbox.patches.test_rds import create_main_database, read_database


def get_instance_zones(rds: Any) -> tuple[str, str | None]:
    instance = read_database(rds)
    return instance["AvailabilityZone"], instance.get("SecondaryAvailabilityZone")


def list_event_messages(rds: Any, **parameters: Any) -> list[str]:
    response = rds.describe_events(SourceIdentifier="main", SourceType="db-instance", **parameters)
    return [event["Message"] for event in response["Events"]]


def test_a_failover_swaps_the_zones_when_it_is_over_and_back_again(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds = aws_client("rds")
    create_main_database(rds, MultiAZ=True)
    held_clock.advance(3600)
    first, second = get_instance_zones(rds)
    rds.reboot_db_instance(DBInstanceIdentifier="main", ForceFailover=True)
    assert read_database(rds)["DBInstanceStatus"] == "rebooting"
    assert get_instance_zones(rds) == (first, second)
    held_clock.advance(120)
    assert read_database(rds)["DBInstanceStatus"] == "available"
    assert get_instance_zones(rds) == (second, first)
    rds.reboot_db_instance(DBInstanceIdentifier="main", ForceFailover=True)
    held_clock.advance(120)
    assert get_instance_zones(rds) == (first, second)


def test_a_reboot_without_failover_leaves_the_zones(aws_client: ClientFactory) -> None:
    rds = aws_client("rds")
    create_main_database(rds, MultiAZ=True)
    before = get_instance_zones(rds)
    rds.reboot_db_instance(DBInstanceIdentifier="main")
    assert get_instance_zones(rds) == before


def test_without_a_standby_there_is_no_failover(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    rds = aws_client("rds")
    create_main_database(rds)
    code, message = get_refusal(
        rds.reboot_db_instance, DBInstanceIdentifier="main", ForceFailover=True
    )
    assert code == "InvalidParameterCombination"
    assert "MultiAZ" in message


def test_events_tell_of_a_restart_when_it_is_over(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds = aws_client("rds")
    create_main_database(rds, MultiAZ=True)
    held_clock.advance(3600)
    began = held_clock.now()
    held_clock.advance(1)
    rds.reboot_db_instance(DBInstanceIdentifier="main")
    assert list_event_messages(rds, StartTime=began) == ["DB instance shutdown"]
    held_clock.advance(120)
    assert list_event_messages(rds, StartTime=began) == [
        "DB instance shutdown",
        "DB instance restarted",
    ]
    later = held_clock.now()
    held_clock.advance(1)
    rds.reboot_db_instance(DBInstanceIdentifier="main", ForceFailover=True)
    held_clock.advance(120)
    assert list_event_messages(rds, StartTime=later, EventCategories=["failover"]) == [
        "Multi-AZ instance failover started.",
        "Multi-AZ instance failover completed",
    ]
    assert "DB instance restarted" in list_event_messages(rds, EventCategories=["availability"])
    assert list_event_messages(rds, StartTime=later + timedelta(hours=1)) == []


def test_events_are_of_the_last_hour_unless_asked_for_more(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds = aws_client("rds")
    create_main_database(rds)
    held_clock.advance(7200)
    assert list_event_messages(rds) == []
    assert "DB instance created" in list_event_messages(rds, Duration=180)


def test_only_known_classes_can_be_ordered(aws_client: ClientFactory) -> None:
    rds = aws_client("rds")

    def list_orderable_options(**parameters: Any) -> list[str]:
        options = rds.describe_orderable_db_instance_options(
            Engine="postgres", EngineVersion="16.10", **parameters
        )["OrderableDBInstanceOptions"]
        return [option["DBInstanceClass"] for option in options]

    assert list_orderable_options(DBInstanceClass="db.m7g.large") == ["db.m7g.large"]
    assert list_orderable_options(DBInstanceClass="db.m7g.tiny") == []
    assert len(list_orderable_options()) > 50
