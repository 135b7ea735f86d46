"""What the containers of the services may, and which secrets are in their definitions."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ops.audit.model import AuditReport, close_report
from ops.audit.rules import AuditRule, add_broken, build_absence_test
from ops.core.checks import CheckFacts, CheckRoutine, build_read, split_into_chunks
from ops.core.counts import format_count

_SERVICES_API: Final = "ecs.describe_services"
_DEFINITION_API: Final = "ecs.describe_task_definition"
CONTAINERS_KEY: Final = "container-rights"
_SERVICES_PER_CALL: Final = 10  # API reference, DescribeServices
# FSBP ECS.8 names AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and ECS_ENGINE_AUTH_DATA; the others are
# the words that secrets are called by (assumed).
_SECRET_NAME: Final = re.compile(
    r"(^|_)(PASS|PASSWD|PASSWORD|PASSPHRASE|SECRET|SECRETS|TOKEN|CREDENTIALS?"
    r"|(API|ACCESS|PRIVATE|SIGNING|ENCRYPTION)_?KEY)(_|$)|^ECS_ENGINE_AUTH_DATA$",
    re.IGNORECASE,
)
_AWS_NAMES: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# What is not a secret itself but says where one is, or how long it counts.
_REFERENCE_NAME: Final = re.compile(
    r"_(ARN|URL|URI|HOST|NAME|PATH|FILE|DIR|ID|TTL|SECONDS|MINUTES|DAYS|LENGTH|VERSION|ALGORITHM"
    r"|ISSUER|HEADER|ENABLED)$",
    re.IGNORECASE,
)
_ROOT_USERS: Final = ("", "0", "root")
_ROLLBACK: Final = "ops service rollback --service {service}"
_CONTAINER_RULES: Final = (
    AuditRule(
        "privileged",
        lambda container: bool(container.get("privileged")),
        "critical",
        "FSBP ECS.4",
        "it has all rights on its host",
        _ROLLBACK,
    ),
    AuditRule(
        "root",
        lambda container: str(container.get("user") or "").partition(":")[0] in _ROOT_USERS,
        "medium",
        "FSBP ECS.20",
        "it runs as root",
        _ROLLBACK,
    ),
    AuditRule(
        "writable-root",
        build_absence_test("readonlyRootFilesystem"),
        "medium",
        "FSBP ECS.5",
        "its root file system can be written: what breaks in can stay",
        _ROLLBACK,
    ),
    AuditRule(
        "no-log",
        lambda container: not (container.get("logConfiguration") or {}).get("logDriver"),
        "high",
        "FSBP ECS.9",
        "what it says is logged nowhere",
        _ROLLBACK,
    ),
)


def _build_host_test(field: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda definition: definition.get(field) == "host"


_DEFINITION_RULES: Final = (
    AuditRule(
        "host-network",
        _build_host_test("networkMode"),
        "high",
        "FSBP ECS.17",
        "it shares the network of its host, past its security group",
        _ROLLBACK,
    ),
    AuditRule(
        "host-processes",
        _build_host_test("pidMode"),
        "high",
        "FSBP ECS.3",
        "it sees and stops the processes of its host",
        _ROLLBACK,
    ),
)


def check_containers(facts: CheckFacts) -> CheckRoutine:
    """Judges the task definition that each service runs. Values of variables are never shown."""
    report, services = AuditReport(facts, CONTAINERS_KEY, "containers"), facts.outputs.services
    assert services is not None
    names = [service.name for service in services.services.values()]
    answers = yield [
        build_read(_SERVICES_API, "services", cluster=services.cluster_arn, services=chunk)
        for chunk in split_into_chunks(names, _SERVICES_PER_CALL)
    ]
    definitions = {
        str(item["serviceName"]): str(item["taskDefinition"])
        for answer in answers
        for item in report.get_items(answer, "services")
        if item.get("taskDefinition") and item.get("status") != "INACTIVE"
    }
    definition_answers = yield [
        build_read(_DEFINITION_API, "", taskDefinition=arn) for arn in definitions.values()
    ]
    keys = {service.name: key for key, service in services.services.items()}
    for name, answer in zip(definitions, definition_answers, strict=True):
        for item in report.get_items(answer, name):
            _judge_definition(report, keys.get(name, name), item["taskDefinition"])
    looked_at = f"{format_count(len(definitions), 'service')}: no privileges, no secrets in plain"
    return (yield from close_report(report, f"{looked_at} text"))


def is_secret_name(name: str) -> bool:
    """True for the name of a variable that seems to hold a secret itself."""
    if name.upper() in _AWS_NAMES:
        return True
    return _SECRET_NAME.search(name) is not None and _REFERENCE_NAME.search(name) is None


def _judge_definition(report: AuditReport, service: str, definition: Mapping[str, Any]) -> None:
    revision = str(definition["taskDefinitionArn"]).rpartition("/")[2]
    add_broken(report, _DEFINITION_RULES, definition, revision, resource=service, service=service)
    for container in definition["containerDefinitions"]:
        name = str(container["name"])
        subject = f"{name} of {revision}"
        add_broken(
            report,
            _CONTAINER_RULES,
            container,
            subject,
            resource=f"{service}/{name}",
            service=service,
        )
        variables = container.get("environment") or ()
        names = {str(variable["name"]) for variable in variables if variable.get("value")}
        for variable in sorted(filter(is_secret_name, names)):
            report.add(
                f"{service}/{name}/{variable}",
                f"{variable} seems to be a secret, in plain text for whoever describes tasks",
                _ROLLBACK.format(service=service),
                severity="high",
                reason="FSBP ECS.8: in services.SERVICE.secrets instead",
                subject=subject,
            )
