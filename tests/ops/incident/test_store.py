"""Records of incidents: nothing is lost, nobody is stopped by what cannot be read."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from ops.core.errors import UsageError
from ops.core.run_context import StackContext
from ops.incident import object_keys, store
from ops.incident.model import IncidentClosing, IncidentEntry, IncidentOpening
from tests.ops.stage import Stage, open_stage
from tests.ops.typed_lines import put_operations_bucket

NAME: Final = "incident-20261130-031500-1a2b"
LATER_NAME: Final = "incident-20261130-041500-1a2b"
TIME: Final = datetime(2026, 11, 30, 3, 15, tzinfo=UTC)


def put_record(stage: Stage, key: str, body: str) -> None:
    stage.client("s3").put_object(
        Bucket=stage.outputs.backups.operations_bucket, Key=key, Body=body.encode()
    )


def put_opening(stage: Stage, name: str = NAME) -> None:
    opening = IncidentOpening(
        time=TIME, by="ann@desk", severity="P1", title="The shop is slow", commander="ann"
    )
    put_record(stage, object_keys.get_opening_key(name), opening.model_dump_json())


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as stage:
        put_operations_bucket(stage)
        put_opening(stage)
        yield stage


@pytest.fixture
def context(stage: Stage) -> StackContext:
    return StackContext(stage.outputs, stage.aws)


def build_note(text: str, seconds: int = 60) -> IncidentEntry:
    return IncidentEntry(time=TIME + timedelta(seconds=seconds), by="bob@desk", text=text)


def test_entries_written_at_once_are_all_kept(context: StackContext) -> None:
    texts = [f"note {number}" for number in range(12)]
    keys = {store.add_incident_entry(context, NAME, build_note(text)) for text in texts}
    assert len(keys) == len(texts)
    incident = store.load_incident(context, NAME)
    assert sorted(entry.text for entry in incident.entries) == sorted(texts)
    assert incident.gaps == ()


def test_the_last_severity_and_commander_count(context: StackContext) -> None:
    later = build_note("worse", 120).model_copy(update={"severity": "P0", "commander": "cy"})
    store.add_incident_entry(context, NAME, later)
    store.add_incident_entry(
        context, NAME, build_note("seen").model_copy(update={"severity": "P2"})
    )
    incident = store.load_incident(context, NAME)
    assert [entry.text for entry in incident.entries] == ["seen", "worse"]
    assert (incident.severity, incident.commander) == ("P0", "cy")


@pytest.mark.parametrize(
    "body", ["", "not JSON", "[]", "{}", '{"time": "soon"}', "\x00\xff", '{"version": 2}']
)
def test_a_malformed_entry_is_named_and_passed_by(
    context: StackContext, stage: Stage, body: str
) -> None:
    key = object_keys.get_entry_key(NAME, "note-broken")
    put_record(stage, key, body)
    store.add_incident_entry(context, NAME, build_note("whole"))
    incident = store.load_incident(context, NAME)
    assert [entry.text for entry in incident.entries] == ["whole"]
    assert [gap.key for gap in incident.gaps] == [key]


def test_an_unreadable_opening_leaves_the_incident_there(
    context: StackContext, stage: Stage
) -> None:
    put_record(stage, object_keys.get_opening_key(LATER_NAME), "not JSON")
    assert store.list_open_incident_names(context) == [NAME, LATER_NAME]
    incident = store.load_incident(context, LATER_NAME)
    assert (incident.opening, incident.severity, incident.commander) == (None, None, None)
    assert incident.opened_at == datetime(2026, 11, 30, 4, 15, tzinfo=UTC)
    assert incident.title == "how it was opened cannot be read"


def test_an_unreadable_closing_has_closed_it(context: StackContext, stage: Stage) -> None:
    put_record(stage, object_keys.get_closing_key(NAME), "not JSON")
    assert store.list_open_incident_names(context) == []
    incident = store.load_incident(context, NAME)
    assert (incident.is_closed, incident.closing) == (True, None)
    assert [gap.key for gap in incident.gaps] == [object_keys.get_closing_key(NAME)]


def test_objects_with_other_names_are_no_incidents(context: StackContext, stage: Stage) -> None:
    for key in ("readme.txt", "x.json", "incident-1.json", "../lock.json"):
        put_record(stage, f"{object_keys.OPENED_PREFIX}{key}", "{}")
    assert store.list_incident_names(context) == [NAME]


def test_an_incident_is_found_by_its_name_or_by_being_the_only_one(
    context: StackContext, stage: Stage
) -> None:
    assert store.resolve_incident(context, None, may_be_closed=False) == NAME
    put_opening(stage, LATER_NAME)
    with pytest.raises(UsageError, match="2 are open"):
        store.resolve_incident(context, None, may_be_closed=False)
    assert store.resolve_incident(context, NAME, may_be_closed=False) == NAME
    closing = IncidentClosing(time=TIME + timedelta(hours=1), by="ann@desk", cause="a lock")
    put_record(stage, object_keys.get_closing_key(NAME), closing.model_dump_json())
    assert store.resolve_incident(context, None, may_be_closed=False) == LATER_NAME
    with pytest.raises(UsageError, match="which is closed"):
        store.resolve_incident(context, NAME, may_be_closed=False)
    assert store.resolve_incident(context, NAME, may_be_closed=True) == NAME
    put_record(stage, object_keys.get_closing_key(LATER_NAME), closing.model_dump_json())
    with pytest.raises(UsageError, match="no incident is open"):
        store.resolve_incident(context, None, may_be_closed=False)
    assert store.resolve_incident(context, None, may_be_closed=True) == LATER_NAME


@pytest.mark.parametrize("name", ["nonsense", "../lock", "incident-20261130-031500", f"{NAME}x"])
def test_a_name_that_none_can_have_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="INCIDENT must be a name"):
        store.parse_incident_name(name)
