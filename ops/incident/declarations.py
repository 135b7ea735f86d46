"""What the commands of `ops incident` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.changes.declarations import ONLY_WITH_BACKUPS, TIMELINE_CALLS
from ops.core.declaration import Declaration
from ops.permissions.call_sets import RECORD

# A plan that only writes records takes no lock, so that nothing is deleted.
_RECORDS: Final = ("s3.list_objects_v2", "s3.head_object", "s3.put_object", "sns.publish")
_WRITES: Final = (*RECORD, *_RECORDS[1:])
_WRONG_NAMES: Final = ("nonsense", "incident-1", "../lock")
_WRONG_PUBLIC: Final = ("", "10.0.0.1", "arn:aws:iam::1:role/a", "bulwark-test-database")
_NAMES_IN_BUCKET: Final = {"INCIDENT": "which incidents there are"}

DECLARATIONS: Final = (
    Declaration(
        "incident open",
        role="operator",
        calls=(*_RECORDS, "cloudwatch.describe_alarms", "sts.get_caller_identity"),
        needs={"TITLE": "'The shop is slow'", "--severity": "P1"},
        bad={
            "TITLE": ("", "x" * 201),
            "--commander": ("",),
            "--alarm": ("nonsense",),
        },
        never_bad={"--known": "a person's words"},
        judged_by_aws={"--alarm": "which alarms there are"},
    ),
    Declaration(
        "incident note",
        role="operator",
        calls=(*_WRITES, "sts.get_caller_identity"),
        needs={"TEXT": "'connections are used up'"},
        bad={"TEXT": ("",), "--incident": _WRONG_NAMES, "--commander": ("",)},
        judged_by_aws={"--incident": "which incidents there are"},
    ),
    Declaration(
        "incident status",
        role="reader",
        calls=(*RECORD, "cloudwatch.describe_alarm_history"),
        bad={
            "INCIDENT": _WRONG_NAMES,
            "--public": _WRONG_PUBLIC,
            "--to": ("/no/such/folder/status.html", "status.txt"),
        },
        judged_by_aws=_NAMES_IN_BUCKET,
    ),
    Declaration(
        "incident status --public",
        role="operator",
        calls=(*_WRITES, "sts.get_caller_identity"),
    ),
    Declaration(
        "incident close",
        role="operator",
        calls=tuple(sorted({*_WRITES, *TIMELINE_CALLS, "sts.get_caller_identity"})),
        unseen={"rds.describe_db_snapshots": ONLY_WITH_BACKUPS},
        needs={"--cause": "'a missing index'"},
        bad={
            "INCIDENT": _WRONG_NAMES,
            "--cause": ("",),
            "--action": ("", "x" * 201),
            "--public": _WRONG_PUBLIC,
        },
        never_bad={"--helped": "a person's words"},
        judged_by_aws=_NAMES_IN_BUCKET,
    ),
    Declaration(
        "incident list",
        role="reader",
        calls=RECORD,
    ),
    Declaration(
        "incident report",
        role="reader",
        calls=TIMELINE_CALLS,
        unseen={"rds.describe_db_snapshots": ONLY_WITH_BACKUPS},
        bad={
            "INCIDENT": _WRONG_NAMES,
            "--to": ("/no/such/folder/report.html", "report.txt"),
        },
        judged_by_aws=_NAMES_IN_BUCKET,
        plans=False,
    ),
    Declaration(
        "incident issues",
        role="reader",
        calls=RECORD,
        bad={"INCIDENT": _WRONG_NAMES},
        judged_by_aws=_NAMES_IN_BUCKET,
    ),
)
