"""RDS in the sandbox: a failover moves the zone, events tell of it, classes can be ordered."""

from datetime import timedelta
from typing import Any

from sandbox.clock import ManualClock
from tests.sandbox.conftest import Clients, Refusal
from tests.sandbox.patches.test_rds import create, seen


def zones(rds: Any) -> tuple[str, str | None]:
    found = seen(rds)
    return found["AvailabilityZone"], found.get("SecondaryAvailabilityZone")


def messages(rds: Any, **given: Any) -> list[str]:
    found = rds.describe_events(SourceIdentifier="main", SourceType="db-instance", **given)
    return [event["Message"] for event in found["Events"]]


def test_a_failover_swaps_the_zones_when_it_is_over_and_back_again(
    mended: Clients, held: ManualClock
) -> None:
    rds = mended("rds")
    create(rds, MultiAZ=True)
    held.advance(3600)
    first, second = zones(rds)
    rds.reboot_db_instance(DBInstanceIdentifier="main", ForceFailover=True)
    assert seen(rds)["DBInstanceStatus"] == "rebooting"
    assert zones(rds) == (first, second)
    held.advance(120)
    assert seen(rds)["DBInstanceStatus"] == "available"
    assert zones(rds) == (second, first)
    rds.reboot_db_instance(DBInstanceIdentifier="main", ForceFailover=True)
    held.advance(120)
    assert zones(rds) == (first, second)


def test_a_reboot_without_failover_leaves_the_zones(mended: Clients) -> None:
    rds = mended("rds")
    create(rds, MultiAZ=True)
    before = zones(rds)
    rds.reboot_db_instance(DBInstanceIdentifier="main")
    assert zones(rds) == before


def test_without_a_standby_there_is_no_failover(mended: Clients, refused: Refusal) -> None:
    rds = mended("rds")
    create(rds)
    code, message = refused(rds.reboot_db_instance, DBInstanceIdentifier="main", ForceFailover=True)
    assert code == "InvalidParameterCombination"
    assert "MultiAZ" in message


def test_events_tell_of_a_restart_when_it_is_over(mended: Clients, held: ManualClock) -> None:
    rds = mended("rds")
    create(rds, MultiAZ=True)
    held.advance(3600)
    began = held.now()
    held.advance(1)
    rds.reboot_db_instance(DBInstanceIdentifier="main")
    assert messages(rds, StartTime=began) == ["DB instance shutdown"]
    held.advance(120)
    assert messages(rds, StartTime=began) == ["DB instance shutdown", "DB instance restarted"]
    later = held.now()
    held.advance(1)
    rds.reboot_db_instance(DBInstanceIdentifier="main", ForceFailover=True)
    held.advance(120)
    assert messages(rds, StartTime=later, EventCategories=["failover"]) == [
        "Multi-AZ instance failover started.",
        "Multi-AZ instance failover completed",
    ]
    assert "DB instance restarted" in messages(rds, EventCategories=["availability"])
    assert messages(rds, StartTime=later + timedelta(hours=1)) == []


def test_events_are_of_the_last_hour_unless_asked_for_more(
    mended: Clients, held: ManualClock
) -> None:
    rds = mended("rds")
    create(rds)
    held.advance(7200)
    assert messages(rds) == []
    assert "DB instance created" in messages(rds, Duration=180)


def test_only_known_classes_can_be_ordered(mended: Clients) -> None:
    rds = mended("rds")

    def ordered(**given: Any) -> list[str]:
        found = rds.describe_orderable_db_instance_options(
            Engine="postgres", EngineVersion="16.10", **given
        )["OrderableDBInstanceOptions"]
        return [option["DBInstanceClass"] for option in found]

    assert ordered(DBInstanceClass="db.m7g.large") == ["db.m7g.large"]
    assert ordered(DBInstanceClass="db.m7g.tiny") == []
    assert len(ordered()) > 50
