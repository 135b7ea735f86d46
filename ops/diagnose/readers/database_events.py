"""What an event of RDS means, by its message: DescribeEvents names no event id.

Sources: RDS User Guide, "Amazon RDS event categories and event messages" (the numbers below are of
RDS-EVENT-…), whose wording has changed over the years, so that only its telling words are matched.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ops.core.times import parse_aws_time
from ops.diagnose.reader import FactCollector

_EVENT_KEY: Final = "rds.event"


@dataclass(frozen=True)
class EventSign:
    """The words of a kind of event, and what its fact is called below `rds.event`."""

    name: str
    pattern: str


# The first that matches.
_EVENT_SIGNS: Final = (
    # 0034: nothing happened.
    EventSign("failover-refused", r"abandoning .*failover|not attempting .*failover"),
    # 0013, 0015, 0049, 0050, 0051, 0065, and "The user requested a failover of the DB instance".
    EventSign(
        "failover",
        r"multi-az .*(?:failover|activation)|failover (?:started|completed|to )"
        r"|partial failover|requested a failover",
    ),
    # 0221; 0007; status names as they are in 0031.
    EventSign(
        "storage-full",
        r"storage-full|storage has been exhausted|allocated storage .*(?:consumed|exhausted)"
        r"|out of (?:disk|storage)",
    ),
    # 0223, 0224, 0225, 0254, 0219, 0220, 0231, 0237: the storage cannot grow by itself.
    EventSign(
        "storage-stuck",
        r"autoscaling is unable|maximum storage threshold|storage quota|cooling-off period"
        r"|autoscaling will retry|storage modification encountered",
    ),
    # 0089, 0222, 0227.
    EventSign(
        "storage-low",
        r"free storage capacity .* low|consumed more than \d+ ?% of its allocated storage"
        r"|running low on space",
    ),
    # 0217, 0218, 0017, 0018.
    EventSign("storage-changed", r"modification to allocated storage|storage settings"),
    # 0189.
    EventSign("burst-low", r"burst balance|burst credits?|i/o credits?"),
    # 0419, and "... inaccessible-encryption-credentials state" as 0031 has it.
    EventSign(
        "key-inaccessible",
        r"inaccessible-encryption-credentials|kms (?:encryption )?key|encryption key",
    ),
    # 0266, 0267, 0268, 0269, 0270, 0264, 0265, 0188; 0026, 0027, 0047, 0230 once it is applied.
    EventSign(
        "maintenance",
        r"off-?line (?:patches|maintenance)|(?:was|has been|instance) patched"
        r"|engine version upgrade (?:started|finished|failed)"
        r"|downtime (?:started|finished).*upgrade|applying .*(?:patch|maintenance|system update)"
        r"|(?:patch|maintenance|operating system update|upgrade) .*(?:applied|complete|started)",
    ),
    # 0035: a parameter keeps it from starting.
    EventSign("parameters-invalid", r"incompatible-parameters|invalid parameters"),
    # 0036.
    EventSign("network-incompatible", r"incompatible-network|incompatible network"),
    # 0031 of another status, 0022.
    EventSign(
        "failed",
        r"put into .* state|has failed due to|error (?:has occurred while )?restarting",
    ),
    # 0045, 0057, 0062, 0063; "Replication has stopped".
    EventSign(
        "replication-stopped",
        r"replication .*(?:stopped|terminated|error|reset)|error .*replication process",
    ),
    # 0046.
    EventSign("replication-resumed", r"replication .*resumed|resumed replication"),
    # 0067, of which nothing came; 0016, and the same in the words of 0033.
    EventSign("password-not-reset", r"unable to reset your password|attempt to reset .*failed"),
    EventSign(
        "password-reset",
        r"reset master credentials|master (?:password|credentials) .*reset|users .*been reset",
    ),
    # 0020, 0052: RDS starts it on another host by itself.
    EventSign("recovery", r"recovery of the (?:db|multi-az) instance|multi-az instance recovery"),
    # 0087, 0154, 0088.
    EventSign("stopped", r"db instance (?:has been )?stopped|instance was stopped"),
    EventSign("started", r"db instance (?:has been |is being )?started"),
    # 0006, 0004.
    EventSign("restarted", r"restarted|instance shutdown|rebooted"),
    # 0012, 0014.
    EventSign("class-changed", r"modification to (?:database|db) instance class|instance class"),
    # 0011, 0092, 0037.
    EventSign("parameters-changed", r"parameter group|updated parameter|dbparametergroup"),
    # 0003.
    EventSign("deleted", r"db instance (?:has been )?deleted"),
    EventSign("certificate-changed", r"certificate|certificate authority"),
)
_PATTERNS: Final = tuple((sign.name, re.compile(sign.pattern, re.I)) for sign in _EVENT_SIGNS)
# What is done to snapshots and backups says nothing of the instance.
_SNAPSHOT_TYPE: Final = "db-snapshot"


def classify_database_event(message: str) -> str | None:
    """The name of the kind of event; None if it says nothing of what may be wrong."""
    text = " ".join(message.split())
    return next((name for name, pattern in _PATTERNS if pattern.search(text)), None)


def add_database_events(collector: FactCollector, rows: list[dict[str, object]]) -> None:
    """Adds the events of the span as facts: each kind once for each instance, at its first time.

    `value` is how often it happened; the text is of the last one.
    """
    found: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
    for row in rows:
        name = classify_database_event(str(row["event"] or ""))
        if name is not None and row["type"] != _SNAPSHOT_TYPE:
            key = (name, str(row["source"]))
            found.setdefault(key, []).append((parse_aws_time(row["at"]), str(row["event"])))
    for (name, source), events in found.items():
        collector.add(
            f"{_EVENT_KEY}.{name}",
            "database",
            f"RDS: {events[-1][1]} ({source})",
            since=events[0][0],
            value=float(len(events)),
            subject=source,
            command="ops db events",
        )
