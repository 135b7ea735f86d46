"""The health check of the major version's support: Extended Support costs, and then ends."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from components.facts.extended_support import (
    ENROLLED,
    LOWER_PRICE_YEARS,
    NOT_ENROLLED,
    format_extended_support_command,
)
from components.facts.vcpus import find_rds_vcpus
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    HealthState,
    ResponseItem,
    build_read,
    get_answer_items,
)
from ops.database.health import DATABASE_AREA, build_instances_read, find_primary_item
from ops.prices.price_table import DEFAULT_PRICE_TABLE, HOURS

MAJOR_VERSIONS_API: Final = "rds.describe_db_major_engine_versions"
STANDARD_SUPPORT: Final = "open-source-rds-standard-support"
SUPPORT_SUBJECT: Final = "version support"
# A major upgrade is rehearsed first, and then waits for a quiet week.
MIN_SUPPORT_TIME: Final = timedelta(days=90)


def check_version_support(facts: CheckFacts) -> CheckRoutine:
    """Checks that RDS supports the major version without a charge for the next 90 days, and that
    it does what the settings say once that ends."""
    answers = yield [
        build_instances_read(facts),
        build_read(MAJOR_VERSIONS_API, "DBMajorEngineVersions", Engine="postgres"),
    ]
    instances = get_answer_items(answers[0])
    primary = find_primary_item(facts, instances)
    if primary is None:
        return []  # `status` reports that it is gone
    enrollment_findings = _list_enrollment_findings(facts, primary)
    major_version = str(primary["EngineVersion"]).partition(".")[0]
    end_times = _list_end_times(get_answer_items(answers[1]), major_version)
    standard_end, extended_end = end_times.get(STANDARD_SUPPORT), end_times.get(ENROLLED)
    if standard_end is None:
        evidence = f"RDS does not say until when it supports PostgreSQL {major_version}"
        return [*enrollment_findings, _build_finding("unknown", evidence)]
    if standard_end - facts.now > MIN_SUPPORT_TIME:
        evidence = f"PostgreSQL {major_version} has standard support until {standard_end:%Y-%m-%d}"
        return [*enrollment_findings, _build_finding("ok", evidence)]
    is_over = standard_end <= facts.now
    words = [
        f"standard support of PostgreSQL {major_version} {'ended' if is_over else 'ends'} on "
        f"{standard_end:%Y-%m-%d}"
    ]
    if primary.get("EngineLifecycleSupport") == NOT_ENROLLED:
        words.append("RDS then upgrades the major version by itself")
    else:
        words.append(_describe_charge(instances, facts.now, standard_end))
        if extended_end is not None:
            words.append(f"after {extended_end:%Y-%m-%d} RDS upgrades the major version by itself")
    return [*enrollment_findings, _build_finding("failing", "; ".join(words))]


def _list_enrollment_findings(facts: CheckFacts, primary: ResponseItem) -> list[CheckFinding]:
    """A finding if RDS has another choice than the settings: Pulumi sets it only at creation."""
    database, enrollment = facts.outputs.database, primary.get("EngineLifecycleSupport")
    if database.extended_support is None or enrollment is None:
        return []
    is_enrolled = enrollment == ENROLLED
    if is_enrolled == database.extended_support:
        return []
    return [
        CheckFinding(
            "failing",
            DATABASE_AREA,
            SUPPORT_SUBJECT,
            f"RDS has Extended Support {_format_switch(is_enrolled)}, the settings "
            f"(database.extendedSupport) {_format_switch(not is_enrolled)}",
            format_extended_support_command(
                primary["DBInstanceIdentifier"],
                region=facts.outputs.stack.region,
                is_enrolled=not is_enrolled,
            ),
        )
    ]


def _format_switch(is_on: bool) -> str:
    return "on" if is_on else "off"


def _list_end_times(versions: Sequence[ResponseItem], major_version: str) -> dict[str, datetime]:
    """The end of each kind of support of a major version, by AWS's name of the kind."""
    return {
        lifecycle["LifecycleSupportName"]: datetime.fromisoformat(
            lifecycle["LifecycleSupportEndDate"]
        )
        for version in versions
        if version["MajorEngineVersion"] == major_version
        for lifecycle in version.get("SupportedEngineLifecycles", ())
    }


def _describe_charge(
    instances: Sequence[ResponseItem], now: datetime, standard_end: datetime
) -> str:
    """What Extended Support costs a month for all instances and their standbys."""
    vcpus = 0
    for instance in instances:
        class_vcpus = find_rds_vcpus(instance["DBInstanceClass"])
        if class_vcpus is None:
            return (
                "Extended Support is billed then, by vCPU; those of "
                f"{instance['DBInstanceClass']} are not known"
            )
        vcpus += class_vcpus * (2 if instance.get("MultiAZ") else 1)
    table = DEFAULT_PRICE_TABLE
    is_third_year = now - standard_end > timedelta(days=365 * LOWER_PRICE_YEARS)
    price = table.extended_support_year_3 if is_third_year else table.extended_support
    return (
        f"Extended Support then costs about {price * vcpus * HOURS:.0f} $ a month "
        f"({vcpus} vCPU, {table.region}'s list price)"
    )


def _build_finding(state: HealthState, evidence: str) -> CheckFinding:
    command = "" if state == "ok" else "ops db upgrade"
    return CheckFinding(state, DATABASE_AREA, SUPPORT_SUBJECT, evidence, command)
