"""How the registry scans what is pushed: basic or enhanced, on push or without end, of what."""

from collections.abc import Mapping
from typing import Any, Final

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    build_read,
    get_answer_items,
    split_into_chunks,
)
from ops.findings.model import ResourceFinding, build_finding_id, summarize_findings
from ops.findings.waivers import apply_waivers
from ops.image.running import IMAGES_AREA

SCANNING_KEY: Final = "image-scanning"
REGISTRY_SCANNING_API: Final = "ecr.get_registry_scanning_configuration"
_REPOSITORY_SCANNING_API: Final = "ecr.batch_get_repository_scanning_configuration"
# Names in one call (API reference, BatchGetRepositoryScanningConfiguration).
REPOSITORIES_PER_READ: Final = 25
SCANNING_CONTROL: Final = "FSBP ECR.1"
BASIC_SCANNING: Final = "BASIC"
SCANNED_BY: Final[Mapping[str, str]] = {
    BASIC_SCANNING: "basic scanning (packages of the operating system)",
    "ENHANCED": "enhanced scanning (Amazon Inspector: the system's and the languages' packages)",
}
# API reference, ScanFrequency.
FREQUENCIES: Final[Mapping[str, str]] = {
    "SCAN_ON_PUSH": "on push",
    "CONTINUOUS_SCAN": "on push and without end",
    "MANUAL": "by hand alone",
}


def check_registry_scanning(facts: CheckFacts) -> CheckRoutine:
    """Checks that each repository of the stack is scanned by itself, and says how."""
    registry = facts.outputs.registry
    assert registry is not None
    names = sorted(url.partition("/")[2] for url in registry.repositories.values())
    answers = yield [
        build_read(REGISTRY_SCANNING_API, ""),
        *(
            build_read(_REPOSITORY_SCANNING_API, "", repositoryNames=chunk)
            for chunk in split_into_chunks(names, REPOSITORIES_PER_READ)
        ),
    ]
    configuration = get_answer_items(answers[0])[0]["scanningConfiguration"]
    repositories = {
        str(item["repositoryName"]): item
        for answer in answers[1:]
        for page in get_answer_items(answer)
        for item in page.get("scanningConfigurations") or ()
    }
    scan_type = str(configuration["scanType"])
    findings = [
        _build_finding(facts, scan_type, name)
        for name, item in repositories.items()
        if not item.get("scanOnPush") and item.get("scanFrequency") in (None, "MANUAL")
    ]
    unread = [
        CheckFinding("unknown", IMAGES_AREA, name, "ECR does not say how it is scanned")
        for name in names
        if name not in repositories
    ]
    looked_at = describe_scanning(configuration, repositories)
    found = [*unread, *findings] or summarize_findings(IMAGES_AREA, "scanning", (), looked_at)
    return (yield from apply_waivers(facts, found))


def describe_scanning(
    configuration: Mapping[str, Any], repositories: Mapping[str, Mapping[str, Any]]
) -> str:
    """The registry's scanning, its filters, and how each repository is scanned."""
    scan_type = str(configuration["scanType"])
    rules = [
        f"{', '.join(entry['filter'] for entry in rule['repositoryFilters'])} "
        f"{FREQUENCIES.get(rule['scanFrequency'], rule['scanFrequency'])}"
        for rule in configuration.get("rules") or ()
    ]
    frequencies = [f"{name} {_describe_frequency(item)}" for name, item in repositories.items()]
    return (
        f"{SCANNED_BY.get(scan_type, scan_type)}; "
        f"{'filters: ' + '; '.join(rules) if rules else 'no filters'}; {', '.join(frequencies)}"
    )


def _describe_frequency(item: Mapping[str, Any]) -> str:
    if item.get("scanFrequency") in (None, "MANUAL") and item.get("scanOnPush"):
        return FREQUENCIES["SCAN_ON_PUSH"]
    frequency = str(item.get("scanFrequency") or "MANUAL")
    return FREQUENCIES.get(frequency, frequency)


def _build_finding(facts: CheckFacts, scan_type: str, name: str) -> ResourceFinding:
    region = facts.outputs.stack.region
    if scan_type == BASIC_SCANNING:
        line = (
            f"aws ecr put-image-scanning-configuration --region {region} --repository-name {name} "
            "--image-scanning-configuration scanOnPush=true"
        )
    else:  # the rules of the registry replace the repositories' settings
        line = f"aws ecr get-registry-scanning-configuration --region {region}"
    return ResourceFinding(
        "failing",
        IMAGES_AREA,
        name,
        f"what is pushed is not scanned: {SCANNED_BY.get(scan_type, scan_type)}, "
        + (
            "and the repository does not scan on push"
            if scan_type == BASIC_SCANNING
            else "and no filter of the registry's rules takes it in"
        ),
        line,
        id=build_finding_id(SCANNING_KEY, name),
        severity="high",
        reason=SCANNING_CONTROL,
    )
