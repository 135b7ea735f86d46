"""Which instance services are sent to, judged without reading the secret."""

from typing import Final

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    HealthState,
    ResponseItem,
    build_read,
    get_answer_items,
)
from ops.core.metrics import build_metric_query, build_metric_read, collect_metric_values
from ops.database.health import DATABASE_AREA, DB_INSTANCES_API
from ops.database.instance_in_use import (
    VERSION_LABELS_API,
    find_labelled_instance,
    is_beside_primary,
)

METRIC_NAMES_PER_READ: Final = 100  # instances beside the primary that are asked for connections


def check_instance_in_use(facts: CheckFacts) -> CheckRoutine:
    """Checks that services are sent to the instance that ops, alarms and dashboards watch.

    The label of the secret's current version says it. A version without label was written by
    Pulumi, by the rotation, or by hand: then connections are the evidence.
    """
    database = facts.outputs.database
    answers = yield [
        build_read(
            VERSION_LABELS_API,
            "",
            SecretId=database.secret_arn,
            absent_codes=("ResourceNotFoundException",),
        ),
        build_read(DB_INSTANCES_API, "DBInstances"),
    ]
    secrets, instances = get_answer_items(answers[0]), get_answer_items(answers[1])
    if not secrets:
        return _build_finding(
            "failing", "the stack's secret is gone, so services do not start", "pulumi up --refresh"
        )
    labelled = find_labelled_instance(secrets[0])
    if labelled == database.identifier:
        return _build_finding("ok", f"services are sent to {labelled}")
    if labelled is not None:
        return _judge_other_instance(facts, labelled, instances)
    others = sorted(
        str(item["DBInstanceIdentifier"])
        for item in instances
        if is_beside_primary(facts.outputs, item)
    )[:METRIC_NAMES_PER_READ]
    if not others:
        return _build_finding(
            "ok", f"services are sent to {database.identifier}, the stack's only instance"
        )
    queries = {
        name: build_metric_query(
            "AWS/RDS", "DatabaseConnections", "Maximum", DBInstanceIdentifier=name
        )
        for name in (database.identifier, *others)
    }
    (metrics,) = yield [build_metric_read([*queries.values()], facts)]
    values_by_id = collect_metric_values(get_answer_items(metrics))
    connection_counts = {
        name: round(max(values))
        for name, query in queries.items()
        if (values := values_by_id.get(query.id))
    }
    return _judge_connections(database.identifier, connection_counts)


def _judge_other_instance(
    facts: CheckFacts, labelled: str, instances: list[ResponseItem]
) -> list[CheckFinding]:
    """Judges a secret that a promotion has led to another instance."""
    watched = facts.outputs.database.identifier
    status = next(
        (
            str(item["DBInstanceStatus"])
            for item in instances
            if item["DBInstanceIdentifier"] == labelled
        ),
        None,
    )
    if status is None:
        return _build_finding(
            "failing", f"services are sent to {labelled}, which does not exist", "ops recover list"
        )
    return _build_finding(
        "failing",
        f"services are sent to {labelled} ({status}), but ops, alarms and dashboards watch "
        f"{watched}",
        f"ops recover promote {labelled} --by rename",
    )


def _judge_connections(watched: str, connection_counts: dict[str, int]) -> list[CheckFinding]:
    """Judges by the most connections of each instance in the last 15 minutes."""
    if count := connection_counts.get(watched):
        noun = "connection" if count == 1 else "connections"
        return _build_finding("ok", f"{count} {noun} to {watched}")
    busy = [f"{count} to {name}" for name, count in connection_counts.items() if count]
    problem = (
        f"AWS reports no connection count of {watched}"
        if watched not in connection_counts
        else f"nobody was connected to {watched} in the last 15 minutes"
    )
    if busy:
        problem += f", but {' and '.join(busy)}: the address in the secret may have been changed"
    return _build_finding("unknown", problem, "ops recover list")


def _build_finding(state: HealthState, evidence: str, command: str = "") -> list[CheckFinding]:
    return [CheckFinding(state, DATABASE_AREA, "instance in use", evidence, command)]
