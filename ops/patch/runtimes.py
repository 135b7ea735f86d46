"""The checks of what AWS patches by itself, as long as it supports it: Fargate, Lambda."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    build_read,
    get_answer_items,
    split_into_chunks,
)
from ops.core.counts import format_count
from ops.core.steps import SERVICES_PER_CALL
from ops.findings.model import ResourceFinding, build_finding_id, summarize_findings
from ops.findings.waivers import apply_waivers
from ops.patch.check_records import PATCH_AREA

_SERVICES_API: Final = "ecs.describe_services"
_SERVICES_KEY: Final = "patch-services"
_FUNCTIONS_KEY: Final = "patch-functions"
# The platform versions that AWS patches (ECS Developer Guide, "Fargate platform versions").
PATCHED_PLATFORMS: Final = ("LATEST", "1.4.0")
PLATFORM_CONTROL: Final = "FSBP ECS.10"
_FUNCTION_API: Final = "lambda.get_function_configuration"
RUNTIME_CONTROL: Final = "FSBP Lambda.2"
# The last day on which AWS patches a runtime (Lambda Developer Guide, "Lambda runtimes"; as
# endoflife.date/aws-lambda has them, 2026-02).
RUNTIME_ENDS: Final[Mapping[str, datetime]] = {
    # tflint-ruleset-aws#969
    "python3.9": datetime(2025, 12, 15, tzinfo=UTC),
    "python3.12": datetime(2028, 10, 31, tzinfo=UTC),
    "python3.13": datetime(2029, 6, 30, tzinfo=UTC),
    "python3.14": datetime(2029, 6, 30, tzinfo=UTC),
}
# AWS writes to the owners of functions so long before (Lambda Developer Guide, "Runtime
# deprecation policy").
RUNTIME_NOTICE: Final = timedelta(days=180)


def check_platform_versions(facts: CheckFacts) -> CheckRoutine:
    """Checks that each service runs on a platform version that AWS patches."""
    services_part = facts.outputs.services
    assert services_part is not None
    names = sorted(services_part.services)
    if not names:
        return [CheckFinding("ok", PATCH_AREA, services_part.cluster, "has no services")]
    answers = yield [
        build_read(_SERVICES_API, "services", cluster=services_part.cluster, services=c)
        for c in split_into_chunks(names, SERVICES_PER_CALL)
    ]
    services = [service for answer in answers for service in get_answer_items(answer)]
    findings = [
        ResourceFinding(
            "failing",
            PATCH_AREA,
            str(service["serviceName"]),
            f"runs on the platform version {version}, which AWS no longer patches",
            "pulumi up --refresh",
            id=build_finding_id(_SERVICES_KEY, str(service["serviceName"])),
            severity="medium",
            reason=PLATFORM_CONTROL,
        )
        for service in services
        if (version := service.get("platformVersion")) not in (None, *PATCHED_PLATFORMS)
    ]
    looked_at = f"{format_count(len(services), 'service')} on a platform version that AWS patches"
    return (
        yield from apply_waivers(
            facts, summarize_findings(PATCH_AREA, services_part.cluster, findings, looked_at)
        )
    )


def check_function_runtimes(facts: CheckFacts) -> CheckRoutine:
    """Checks that AWS patches the runtimes of the rotation functions for another half year."""
    stack = facts.outputs.stack
    names = [f"{stack.project}-{stack.stack}-rotation"]
    if facts.outputs.cache is not None:
        names.append(f"{stack.project}-{stack.stack}-cache-rotation")
    answers = yield [
        build_read(
            _FUNCTION_API,
            "",
            FunctionName=name,
            absent_codes=("ResourceNotFoundException",),
        )
        for name in names
    ]
    findings: list[ResourceFinding] = []
    unknown: list[CheckFinding] = []
    seen: list[str] = []
    for name, answer in zip(names, answers, strict=True):
        for function in get_answer_items(answer):
            runtime = str(function.get("Runtime") or "a container image")
            end = RUNTIME_ENDS.get(runtime)
            seen.append(f"{name}: {runtime}" + (f" until {end:%Y-%m-%d}" if end else ""))
            if end is None:
                evidence = f"runs {runtime}, whose end is not known to this version of ops"
                unknown.append(CheckFinding("unknown", PATCH_AREA, name, evidence, "pulumi up"))
            elif end - facts.now < RUNTIME_NOTICE:
                findings.append(
                    ResourceFinding(
                        "failing",
                        PATCH_AREA,
                        name,
                        f"runs {runtime}, which AWS patches until {end:%Y-%m-%d}",
                        "pulumi up",
                        id=build_finding_id(_FUNCTIONS_KEY, name),
                        severity="high" if end < facts.now else "medium",
                        reason=RUNTIME_CONTROL,
                    )
                )
    looked_at = "; ".join(seen) or "the stack has none"
    if unknown:
        return (yield from apply_waivers(facts, [*findings, *unknown]))
    return (
        yield from apply_waivers(
            facts, summarize_findings(PATCH_AREA, "functions", findings, looked_at)
        )
    )
