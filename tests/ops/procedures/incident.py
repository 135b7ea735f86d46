"""`ops incident`: records of the operations bucket, and what its topics were told."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from moto.sns.models import sns_backends

from ops.core.plan import Plan
from ops.core.run_context import StackContext
from ops.incident import object_keys, store
from ops.incident.model import IncidentOpening, TimelineLine
from ops.incident.plans import (
    build_close_plan,
    build_entry,
    build_note_plan,
    build_open_plan,
    build_public_status_plan,
)
from tests.ops import change_stage
from tests.ops.procedures import Procedure, baseline
from tests.ops.stage import ACCOUNT, REGION, Stage

INCIDENT_NAME: Final = "incident-20261130-031500-1a2b"
OPENED: Final = datetime(2026, 11, 30, 3, 15, tzinfo=UTC)
TITLE: Final = "The shop is slow"
CAUSE: Final = "a missing index"
ANNOUNCED: Final = frozenset({"announce"})
OPENING: Final = IncidentOpening(
    time=OPENED, by="ann@desk", severity="P2", title=TITLE, commander="ann"
)


def put_stack_and_topics(stage: Stage) -> None:
    """A whole stack, its bucket and its topics."""
    baseline.put_stack_and_bucket(stage)
    _put_topics(stage)


def put_changed_stack_in_incident(stage: Stage) -> None:
    """A stack of which every source has something to say, and an incident that is open."""
    change_stage.put_changed_stack(stage)
    stage.client("s3").create_bucket(
        Bucket=stage.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    _put_topics(stage)
    put_opening(stage)


def _put_topics(stage: Stage) -> None:
    for level in ("page", "warn"):
        stage.client("sns").create_topic(Name=f"bulwark-test-{level}")


def put_open_incident(stage: Stage) -> None:
    """The same, and an incident that is open."""
    put_stack_and_topics(stage)
    put_opening(stage)


def put_opening(stage: Stage, name: str = INCIDENT_NAME) -> None:
    """The record that an incident was opened."""
    stage.client("s3").put_object(
        Bucket=stage.outputs.backups.operations_bucket,
        Key=object_keys.get_opening_key(name),
        Body=OPENING.model_dump_json().encode(),
    )


def plan_open(stage: Stage) -> Plan:
    return build_open_plan(stage.outputs, OPENING, "incident-20261130-031501-1a2b")


def plan_note(stage: Stage) -> Plan:
    context = StackContext(stage.outputs, stage.aws)
    incident = store.load_incident(context, INCIDENT_NAME)
    entry = build_entry("note", OPENED, text="worse", severity="P0", commander="bob")
    return build_note_plan(stage.outputs, incident, entry, "incident-note-1", is_announced=False)


def plan_public_status(stage: Stage) -> Plan:
    context = StackContext(stage.outputs, stage.aws)
    incident = store.load_incident(context, INCIDENT_NAME)
    entry = build_entry("status", OPENED, state="identified", public="The shop is slow.")
    return build_public_status_plan(stage.outputs, incident, entry, "incident-status-1")


def plan_close(stage: Stage) -> Plan:
    context = StackContext(stage.outputs, stage.aws)
    incident = store.load_incident(context, INCIDENT_NAME)
    closing = {"cause": CAUSE, "helped": "the index", "actions": ["watch for it"]}
    line = TimelineLine(time=OPENED, source="alarms", what="${AT} is no placeholder")
    last_status = build_entry("status", OPENED, state="resolved", public="It works.")
    return build_close_plan(
        stage.outputs,
        incident,
        closing,
        [line],
        ["pulumi: not read"],
        "incident-close-1",
        final_status=last_status,
    )


def list_messages(stage: Stage) -> list[tuple[str, str, dict[str, Any]]]:
    """What the topics were sent, the oldest first: topic, subject, and text by protocol."""
    topics = sns_backends[ACCOUNT][REGION].topics
    return [
        (arn.rpartition("-")[2], subject or "", json.loads(message))
        for arn, topic in topics.items()
        for _, message, subject, _, _ in topic.sent_notifications
    ]


def collect_incident_facts(stage: Stage) -> object:
    """The records without their times, and each message once: one may be sent again."""
    s3, bucket = stage.client("s3"), stage.outputs.backups.operations_bucket
    objects = s3.list_objects_v2(Bucket=bucket, Prefix="incidents/").get("Contents", ())
    records = []
    for item in objects:
        body = json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
        records.append((item["Key"], {k: v for k, v in body.items() if k != "time"}))
    messages = {json.dumps(message) for message in list_messages(stage)}
    return sorted(records, key=lambda record: record[0]), sorted(messages)


PROCEDURES: Final = (
    Procedure(
        "incident open",
        f"'{TITLE}' --severity P2 --commander ann",
        put_stack_and_topics,
        plan_open,
        collect_incident_facts,
        repeated_steps=ANNOUNCED,
    ),
    Procedure(
        "incident note",
        "worse --severity P0 --commander bob",
        put_open_incident,
        plan_note,
        collect_incident_facts,
        repeated_steps=ANNOUNCED,
    ),
    Procedure(
        "incident status",
        "--public 'The shop is slow.' --state identified",
        put_open_incident,
        plan_public_status,
        collect_incident_facts,
        repeated_steps=ANNOUNCED,
    ),
    Procedure(
        "incident close",
        f"--cause '{CAUSE}' --helped 'the index' --action 'watch for it' --public 'It works.'",
        put_open_incident,
        plan_close,
        collect_incident_facts,
        repeated_steps=ANNOUNCED,
    ),
)
