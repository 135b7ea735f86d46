"""What the deployments of the hour changed of a service: image, variables, secrets, limits.

Values of variables are not read into facts: they may be secret.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ops.core.parts import get_service_part
from ops.core.times import parse_aws_time
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.services.model import (
    ServiceState,
    call_ecs,
    list_deployment_history,
    list_service_states,
    list_task_definitions_by_revision,
)

# What of a container is compared as it is, and the key of its change.
COMPARED_FIELDS: Final = (
    ("image", "image"),
    ("healthCheck", "health-check"),
    ("command", "command"),
    ("entryPoint", "command"),
    ("portMappings", "port"),
    ("memory", "memory"),
)


def read_releases(request: DiagnosisRequest) -> Facts:
    """What changed between the revision before and the one that was deployed in the hour."""
    collector = FactCollector("releases")
    assert request.outputs.services is not None
    services = request.outputs.services.services
    events = [e for e in request.read_changes().events if e.source == "deployments"]
    deployed = {event.part for event in events}
    parts = {get_service_part(request.outputs, name): service for name, service in services.items()}
    changed = [service for part, service in parts.items() if part in deployed]
    if not changed:
        return collector.build_facts()
    for state in list_service_states(request.aws, request.outputs, changed):
        part = get_service_part(request.outputs, state.name)
        with collector.note_gap("the revisions", part):
            _add_changes(collector, request, state, part)
    return collector.build_facts()


def list_container_changes(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """What differs between two definitions of a container: a key and words, without values."""
    for field, key in COMPARED_FIELDS:
        if old.get(field) != new.get(field):
            words = f": {old.get(field)} to {new.get(field)}" if field == "image" else ""
            yield key, f"the deployment changed the {key}{words}"
    for field, key in (("environment", "environment"), ("secrets", "secrets")):
        before, after = (
            {str(item["name"]): item.get("value", item.get("valueFrom")) for item in side}
            for side in (old.get(field) or (), new.get(field) or ())
        )
        names = sorted(
            name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
        )
        if names:
            yield key, f"the deployment changed {key}: {', '.join(names)}"


def _add_changes(
    collector: FactCollector, request: DiagnosisRequest, state: ServiceState, part: str
) -> None:
    for source, item in list_revision_pairs(list_deployment_history(request.aws, state)):
        created = parse_aws_time(item["createdAt"])
        if not request.span.since <= created <= request.at:
            continue
        target = str(item["targetServiceRevisionArn"])
        definitions = list_task_definitions_by_revision(request.aws, [source, target])
        old, new = (
            _read_definition(request, definitions[revision]) for revision in (source, target)
        )
        for key, text in _list_changes(state, old, new):
            collector.add(
                f"release.changed.{key}",
                part,
                text,
                since=created,
                command=f"ops service revisions --service {state.name}",
            )


def list_revision_pairs(
    deployments: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each deployment with the revision that ran before it: the last one that was successful."""
    source: str | None = None
    for item in sorted(deployments, key=lambda item: str(item["createdAt"])):
        if source is not None:
            yield source, item
        if item.get("status") == "SUCCESSFUL":
            source = str(item["targetServiceRevisionArn"])


def _list_changes(
    state: ServiceState, old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[tuple[str, str]]:
    changes = list(list_container_changes(_find(state, old), _find(state, new)))
    if old.get("memory") != new.get("memory"):
        words = f"{old.get('memory')} to {new.get('memory')}"
        changes.append(("memory", f"memory of the task changed: {words}"))
    if old.get("taskRoleArn") != new.get("taskRoleArn"):
        changes.append(("role", "the role of the task changed"))
    return changes or [("nothing", "the deployment changed nothing of the task")]


def _read_definition(request: DiagnosisRequest, arn: str) -> dict[str, Any]:
    answer = call_ecs(request.aws, "ecs.describe_task_definition", {"taskDefinition": arn})
    definition: dict[str, Any] = answer["taskDefinition"]
    return definition


def _find(state: ServiceState, definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """The service's own container of a definition."""
    containers = definition["containerDefinitions"]
    return next((c for c in containers if c["name"] == state.part.container), {})
