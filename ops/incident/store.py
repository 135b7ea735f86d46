"""Where incidents are kept: objects of the operations bucket, each written once and never over.

`incidents/opened/NAME.json`, `incidents/closed/NAME.json`, and below `incidents/entries/NAME/` one
object an entry. An incident is open if it was opened and not closed, which two lists say.
"""

import uuid
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError
from pydantic import ValidationError

from ops.core.aws import explain_bucket_error, get_error_code
from ops.core.credentials import CALL_ERRORS
from ops.core.daemon_pool import DaemonPool
from ops.core.errors import UsageError
from ops.core.journal import summarize_errors
from ops.core.run_context import StackContext
from ops.core.s3 import OBJECT_NOT_FOUND_CODES, S3_OBJECT_API, S3_OBJECTS_API
from ops.incident.model import (
    Incident,
    IncidentClosing,
    IncidentEntry,
    IncidentGap,
    IncidentOpening,
    IncidentRecord,
    sort_entries,
)
from ops.incident.object_keys import (
    CLOSED_PREFIX,
    ENTRIES_PREFIX,
    INCIDENT_NAME_PATTERN,
    OPENED_PREFIX,
    get_closing_key,
    get_entry_key,
    get_opening_key,
    select_incident_names,
    select_open_incident_names,
)

# AWS refuses to write over an object with this (S3 User Guide, "Conditional writes").
OBJECT_EXISTS_CODE: Final = "PreconditionFailed"
_READ_AT_ONCE: Final = 16
# Bytes of a record: more than an opening or an entry can have, so that no other object is read.
MAX_RECORD_BYTES: Final = 400_000
AnyRecord = TypeVar("AnyRecord", bound=IncidentRecord)


def parse_incident_name(text: str, option: str = "INCIDENT") -> str:
    """A name of an incident. Raises UsageError if none can have it."""
    if not INCIDENT_NAME_PATTERN.fullmatch(text):
        raise UsageError(
            f"{option} must be a name from `ops incident list`, like "
            f"incident-20261130-031500-1a2b, not {text!r}",
            "ops incident list",
        )
    return text


def list_incident_names(context: StackContext) -> list[str]:
    """The names of all incidents, the oldest first."""
    return _list_names(context, OPENED_PREFIX)


def list_open_incident_names(context: StackContext) -> list[str]:
    """The names of the incidents that are open, the oldest first. Two calls, and no more."""
    closed_keys = _list_keys(context, CLOSED_PREFIX)
    return select_open_incident_names([*closed_keys, *_list_keys(context, OPENED_PREFIX)])


def resolve_incident(context: StackContext, name: str | None, *, may_be_closed: bool) -> str:
    """The incident of that name; without one the one that is open, or was opened last.

    Raises UsageError if there is none, or if several are open.
    """
    open_names = list_open_incident_names(context)
    if name is not None:
        if name not in list_incident_names(context):
            raise UsageError(f"INCIDENT is {name!r}, which was never opened", "ops incident list")
        if name not in open_names and not may_be_closed:
            raise UsageError(
                f"INCIDENT is {name!r}, which is closed", f"ops incident report {name}"
            )
        return name
    if len(open_names) > 1:
        raise UsageError(
            f"INCIDENT must be set: {len(open_names)} are open, {', '.join(open_names)}",
            "ops incident list",
        )
    if open_names:
        return open_names[0]
    names = list_incident_names(context) if may_be_closed else []
    if not names:
        raise UsageError("no incident is open", "ops incident open TITLE --severity P1")
    return names[-1]


def load_incident(context: StackContext, name: str, *, with_entries: bool = True) -> Incident:
    """An incident, with what of it cannot be read. Raises OpsError if the bucket cannot be."""
    gaps: list[IncidentGap] = []
    opening = _load_record(context, get_opening_key(name), IncidentOpening, gaps)
    closing_key = get_closing_key(name)
    closing_text = _read_object(context, closing_key)
    closing = (
        None
        if closing_text is None
        else _parse_record(closing_key, closing_text, IncidentClosing, gaps)
    )
    keys = _list_keys(context, f"{ENTRIES_PREFIX}{name}/") if with_entries else []
    with DaemonPool(_READ_AT_ONCE) as pool:
        texts = list(pool.map(lambda key: _read_object(context, key), keys))
    keyed_entries = [
        (key, entry)
        for key, text in zip(keys, texts, strict=True)
        if text is not None and (entry := _parse_record(key, text, IncidentEntry, gaps)) is not None
    ]
    return Incident(
        name, opening, sort_entries(keyed_entries), closing, closing_text is not None, tuple(gaps)
    )


def load_incidents(context: StackContext, names: Sequence[str]) -> list[Incident]:
    """Several incidents, read at once, in the order of their names."""
    with DaemonPool(_READ_AT_ONCE) as pool:
        return list(pool.map(lambda name: load_incident(context, name), names))


def add_incident_entry(context: StackContext, name: str, entry: IncidentEntry) -> str:
    """Writes an entry of an incident beside all others, and returns its key.

    For commands whose result belongs to an incident, such as a diagnosis; `ops incident note` has a
    plan. Two at once write two objects. Raises OpsError if it may not have been written.
    """
    key = get_entry_key(name, f"{entry.kind}-{entry.time:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}")
    try:
        context.aws.client("s3").put_object(
            Bucket=context.bucket,
            Key=key,
            Body=entry.model_dump_json().encode(),
            ContentType="application/json",
            IfNoneMatch="*",
        )
    except CALL_ERRORS as error:
        if get_error_code(error) == OBJECT_EXISTS_CODE:
            # The key is ours alone: a call whose answer was lost has written it.
            return key
        raise explain_bucket_error(error, "s3.put_object") from error
    return key


def _list_names(context: StackContext, prefix: str) -> list[str]:
    return select_incident_names(_list_keys(context, prefix), prefix)


def _list_keys(context: StackContext, prefix: str) -> list[str]:
    params: dict[str, Any] = {"Bucket": context.bucket, "Prefix": prefix}
    try:
        items = list(context.aws.list_items(S3_OBJECTS_API, "Contents", params))
    except ClientError as error:
        raise explain_bucket_error(error, S3_OBJECTS_API) from error
    return sorted(item["Key"] for item in items if item["Key"].endswith(".json"))


def _read_object(context: StackContext, key: str) -> bytes | None:
    """The object's bytes, of a larger one as many as a record can have; None if there is none."""
    try:
        response = context.aws.client("s3").get_object(Bucket=context.bucket, Key=key)
        body: bytes = response["Body"].read(MAX_RECORD_BYTES)
    except CALL_ERRORS as error:
        if get_error_code(error) in OBJECT_NOT_FOUND_CODES:
            return None
        raise explain_bucket_error(error, S3_OBJECT_API) from error
    return body


def _load_record(
    context: StackContext, key: str, model: type[AnyRecord], gaps: list[IncidentGap]
) -> AnyRecord | None:
    text = _read_object(context, key)
    if text is None:
        gaps.append(IncidentGap(key, "it is gone"))
        return None
    return _parse_record(key, text, model, gaps)


def _parse_record(
    key: str, text: bytes, model: type[AnyRecord], gaps: list[IncidentGap]
) -> AnyRecord | None:
    """The record, or None and a gap that says why not."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        gaps.append(IncidentGap(key, f"it is no record of this version: {summarize_errors(error)}"))
        return None
