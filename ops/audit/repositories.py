"""The stack's repositories of images: scanned, with tags that stay, and closed."""

import shlex
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from ops.audit.model import AuditReport, close_report
from ops.audit.open_policies import close_policy, list_open_actions
from ops.audit.rules import AuditRule, add_broken
from ops.core.checks import REPAIR_COMMAND, CheckFacts, CheckRoutine, build_read

_REPOSITORIES_API: Final = "ecr.describe_repositories"
_LIFECYCLE_API: Final = "ecr.get_lifecycle_policy"
_POLICY_API: Final = "ecr.get_repository_policy"
_SCANNING_API: Final = "ecr.get_registry_scanning_configuration"
REPOSITORIES_KEY: Final = "image-repositories"
_GONE_CODES: Final = ("RepositoryNotFoundException",)
_NO_LIFECYCLE_CODES: Final = (*_GONE_CODES, "LifecyclePolicyNotFoundException")
_NO_POLICY_CODES: Final = (*_GONE_CODES, "RepositoryPolicyNotFoundException")
_LINE: Final = "--region {region} --repository-name {name}"
_SCAN_RULE: Final = AuditRule(
    "scan",
    lambda repository: not repository.get("imageScanningConfiguration", {}).get("scanOnPush"),
    "high",
    "FSBP ECR.1",
    "its images are not scanned when they are pushed",
    f"aws ecr put-image-scanning-configuration {_LINE} "
    "--image-scanning-configuration scanOnPush=true",
)
_TAGS_RULE: Final = AuditRule(
    "tags",
    lambda repository: not str(repository.get("imageTagMutability", "")).startswith("IMMUTABLE"),
    "medium",
    "FSBP ECR.2",
    "a tag can be another image tomorrow: a rollback may run what nobody tried",
    f"aws ecr put-image-tag-mutability {_LINE} --image-tag-mutability IMMUTABLE",
)


def check_repositories(facts: CheckFacts) -> CheckRoutine:
    """Judges each repository: its scans, its tags, its lifecycle and its policy."""
    report, registry = AuditReport(facts, REPOSITORIES_KEY, "repositories"), facts.outputs.registry
    assert registry is not None
    names = sorted(
        url.partition("/")[2].partition(":")[0] for url in registry.repositories.values()
    )
    scanning_answer, *answers = yield [
        build_read(_SCANNING_API, ""),
        *(
            read
            for name in names
            for read in (
                build_read(
                    _REPOSITORIES_API,
                    "repositories",
                    repositoryNames=[name],
                    absent_codes=_GONE_CODES,
                ),
                build_read(
                    _LIFECYCLE_API, "", repositoryName=name, absent_codes=_NO_LIFECYCLE_CODES
                ),
                build_read(_POLICY_API, "", repositoryName=name, absent_codes=_NO_POLICY_CODES),
            )
        ),
    ]
    patterns = _list_scanned_patterns(report.get_items(scanning_answer, "scans of the registry"))
    stack = facts.outputs.stack
    for number, name in enumerate(names):
        repository_answer, lifecycle_answer, policy_answer = answers[3 * number :][:3]
        is_scanned = any(fnmatchcase(name, pattern) for pattern in patterns)
        rules = [_TAGS_RULE] if is_scanned else [_SCAN_RULE, _TAGS_RULE]
        repositories = report.get_items(repository_answer, name)
        for item in repositories:
            add_broken(report, rules, item, name, region=stack.region, name=name)
        lifecycles = report.get_items(lifecycle_answer, name)
        if repositories and isinstance(lifecycle_answer, list) and not lifecycles:
            report.add(
                f"{name}/lifecycle",
                "its images are kept for ever: it has no lifecycle",
                REPAIR_COMMAND,
                severity="low",
                reason="FSBP ECR.3",
                subject=name,
            )
        for item in report.get_items(policy_answer, name):
            policy = str(item["policyText"])
            if actions := list_open_actions(policy):
                closed = shlex.quote(close_policy(policy, stack.account))
                report.add(
                    f"{name}/policy",
                    f"its policy lets everybody {', '.join(actions)}",
                    f"aws ecr set-repository-policy --region {stack.region} "
                    f"--repository-name {name} --policy-text {closed}",
                    severity="critical",
                    reason="Well-Architected SEC03-BP07: analyze public access",
                    subject=name,
                )
    looked_at = f"all {len(names)} are scanned and closed, with tags that stay"
    return (yield from close_report(report, looked_at))


def _list_scanned_patterns(configurations: Sequence[dict[str, Any]]) -> list[str]:
    """Which repositories the registry itself scans, whatever they say (ECR User Guide)."""
    return [
        str(filter_["filter"])
        for answer in configurations
        for rule in answer.get("scanningConfiguration", {}).get("rules", ())
        if rule.get("scanFrequency") in ("SCAN_ON_PUSH", "CONTINUOUS_SCAN")
        for filter_ in rule.get("repositoryFilters", ())
    ]
