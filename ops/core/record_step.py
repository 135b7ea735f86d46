"""A step that writes a record of people's decisions in the operations bucket, once and never over.

Who writes it and when are filled in when its plan starts, so neither is part of the plan's hash.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.core.engine import get_person
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.s3 import HEAD_NOT_FOUND_CODE
from ops.core.start_time import StartTime

RECORD_TIMEOUT_SECONDS: Final = 300
# Of a record: by whom, and when.
PERSON: Final = "PERSON"
STARTED: Final = "AT"
# Two records of one second keep their order.
MICROSECOND_FORM: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


def build_record_step(
    bucket: str, key: str, body: str, run: str, *, name: str = "record", description: str = ""
) -> Step:
    """Writes an object that was not there: the run's own if another try had written it."""
    return Step(
        name=name,
        description=description or f"write {key} in {bucket}",
        action=Call(
            api="s3.put_object",
            params={
                "Bucket": bucket,
                "Key": key,
                "Body": body,
                "ContentType": "application/json",
                "IfNoneMatch": "*",
                "Metadata": {"run": run},
            },
        ),
        goal=Wait(
            read=Call(
                api="s3.head_object",
                params={"Bucket": bucket, "Key": key},
                expected_errors=(HEAD_NOT_FOUND_CODE,),
            ),
            met={"Metadata.run": run},
            every=5,
            within=RECORD_TIMEOUT_SECONDS,
        ),
    )


def format_record_body(fields: Mapping[str, Any], captured: Sequence[str] = ()) -> str:
    """The JSON of a record, with what is filled in when the plan starts.

    `captured` are names of Plan.captured, which fill the fields of those names in small letters.
    """
    body = hide_placeholders(json.dumps(fields, sort_keys=True))[1:-1]
    parts = ['"version": 1', f'"time": "${{{STARTED}}}"', f'"by": ${{{PERSON}}}']
    parts += [body] if body else []
    parts += [f'"{name.lower()}": ${{{name}}}' for name in captured]
    return f"{{{', '.join(parts)}}}"


def mark_as_record(plan: Plan) -> Plan:
    """The plan as one that only writes records: it needs no lock, and knows who writes and when."""
    return plan.model_copy(
        update={
            "only_records": True,
            "captured": {PERSON: json.dumps(get_person())},
            "times": {STARTED: StartTime(form=MICROSECOND_FORM)},
        }
    )


def hide_placeholders(json_text: str) -> str:
    """JSON of the same meaning in which nothing looks like a text that a plan fills in."""
    return json_text.replace("$", r"\u0024")


def show_text(text: str) -> str:
    """A person's text in a plan's own words, in which nothing is filled in later."""
    return text.replace("${", "$ {")
