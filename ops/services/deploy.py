"""Deployments: another image, the revision of before, or new tasks of the same revision.

A deployment has succeeded when ECS says so of that very deployment, and the revision that it was
for is the primary one and completed. Running counts do not tell: after a rollback they are right.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import RefusedError, UsageError
from ops.core.plan import Call, Http, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.outputs import Outputs
from ops.services import images
from ops.services import model as services
from ops.services.images import ContainerImage
from ops.services.model import Service, short

RUN_TAG: Final = "bulwark:run"
IMAGE_TAG: Final = "bulwark:image"
PRIMARY: Final = "services[0].deployments[?status=='PRIMARY'] | [0]"
# What a description has beyond what a registration takes.
SEEN_ONLY: Final = frozenset(
    {
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
        "deregisteredAt",
        "deleteRequestedAt",
    }
)
GOING: Final = json.dumps(
    ["PENDING", "IN_PROGRESS", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "STOP_REQUESTED"]
)
OVER: Final = ("ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "STOPPED")
TYPICAL: Final = 3 * 60
ASSUMED: Final = "an assumption, AWS states none: image pull, health checks and draining"
WITHIN: Final = 30 * 60
CONFIRM: Final = 5 * 60
# Seconds that an answer may be wrong for after a deployment: an assumption, a few health checks.
ANSWERS: Final = 60


def deploy(
    aws: Aws,
    outputs: Outputs,
    service: Service,
    image: ContainerImage,
    run: str,
    *,
    wait: bool = True,
    url: str | None = None,
) -> Plan:
    """The service runs `image`, in a revision that differs from Pulumi's last one only in it.

    Undone: the service runs the revision of before. The new revision stays registered; it costs
    nothing.
    """
    base, tags = services.definition(aws, service.part.task_definition_arn)
    running, _ = services.definition(aws, service.revision)
    before = services.image_of(running, service.part.container)
    if before == image.reference and service.settled:
        raise UsageError(
            f"IMAGE is {image.requested_reference!r}, which {service.name} runs already",
            f"ops service restart --service {service.name}",
        )
    wanted = registration(base, tags, service.part.container, image, run)
    here = {"taskDefinition": "register.taskDefinition.taskDefinitionArn"}
    update = _update(
        aws,
        service,
        f"put {service.name} on the new revision",
        refs=here,
        wait=wait,
        undo=(_back(service, goes_back_to(aws, service)),),
    )
    confirm = _confirm(service, same=here["taskDefinition"])
    notes = (
        f"image: {before} -> {image.reference}",
        *_differences(running, wanted, service.part.container),
        *(
            []
            if image.is_in_registry
            else [f"{image.requested_reference} is of another registry: not looked at"]
        ),
        *_unprotected(service),
        "the new revision stays registered, also when this is undone; it costs nothing",
    )
    steps = (_register(service, wanted, run), update, *([confirm] if wait else []))
    if url is not None:
        steps = (*steps, answers(url))
    return build_stack_plan(
        outputs, run, "service deploy", *steps, notes=notes, arguments=f"--service {service.name}"
    )


def rollback(
    aws: Aws,
    outputs: Outputs,
    service: Service,
    run: str,
    *,
    to: str | None = None,
    wait: bool = True,
    url: str | None = None,
) -> Plan:
    """The service runs the last revision that a deployment has proven, or the one of `to`.

    Undone: the service runs the revision of before. No revision is ever deregistered.
    """
    target = _asked(aws, service, to) if to is not None else _last_proven(aws, service)
    found, _ = services.definition(aws, target)
    image = services.image_of(found, service.part.container)
    running, _ = services.definition(aws, service.revision)
    update = _update(
        aws,
        service,
        f"put {service.name} back on {short(target)}",
        wait=wait,
        params={"taskDefinition": target},
        undo=(_back(service, service.revision),),
    )
    notes = (
        f"image: {services.image_of(running, service.part.container)} -> {image}",
        *_differences(running, found, service.part.container),
        *_unprotected(service),
    )
    steps = (update, *([_confirm(service, revision=target)] if wait else []))
    if url is not None:
        steps = (*steps, answers(url))
    return build_stack_plan(
        outputs, run, "service rollback", *steps, notes=notes, arguments=f"--service {service.name}"
    )


def restart(aws: Aws, outputs: Outputs, service: Service, run: str, *, wait: bool = True) -> Plan:
    """Every task of the service is a new one, of the same revision."""
    update = _update(
        aws,
        service,
        f"start the tasks of {service.name} anew",
        wait=wait,
        params={"forceNewDeployment": True},
    )
    steps = (update, *([_confirm(service, revision=service.revision)] if wait else []))
    notes = ("the old tasks stop only once new ones are healthy", *_unprotected(service))
    return build_stack_plan(
        outputs, run, "service restart", *steps, notes=notes, arguments=f"--service {service.name}"
    )


def anew(aws: Aws, service: Service, name: str) -> Step:
    """The step that gives a service new tasks, unless somebody has begun to just now."""
    says = f"see the tasks of {service.name} started anew"
    made = _update(aws, service, says, wait=True, params={"forceNewDeployment": True})
    return made.model_copy(update={"name": name})


def registration(
    base: Mapping[str, Any],
    tags: list[dict[str, str]],
    container: str,
    image: ContainerImage,
    run: str,
) -> JsonObject:
    """What to register: `base` with another image, and the tags by which it is found again."""
    services.image_of(base, container)
    kept = {k: v for k, v in base.items() if k not in SEEN_ONLY and v is not None}
    kept["containerDefinitions"] = [
        {**item, "image": image.reference} if item["name"] == container else item
        for item in base["containerDefinitions"]
    ]
    ours = {RUN_TAG: run, IMAGE_TAG: image.requested_reference}
    others = [t for t in tags if t["key"] not in ours and not t["key"].startswith("aws:")]
    added = [{"key": key, "value": value} for key, value in ours.items()]
    return {**kept, "tags": [*others, *added]}


def goes_back_to(aws: Aws, service: Service) -> str:
    """Where an undo leads: what runs, or the last proven one while that is not completed."""
    if service.settled:
        return service.revision
    return next(services.proven(aws, service), service.revision)


def answers(url: str) -> Step:
    """Looks whether the service answers. One that goes on answering with an error has failed; where
    no answer comes at all, it may be the way from here that is broken: nobody knows.
    """
    read = Http(url=url)
    return Step(
        name="answers",
        description=f"look whether {url} answers",
        action=read,
        goal=Wait(
            read=read,
            met={"status": 200},
            failed_on_timeout={"status >= `400`": [True]},
            every=5,
            within=ANSWERS,
        ),
    )


def _register(service: Service, wanted: JsonObject, run: str) -> Step:
    """Registering is not idempotent, and AWS has no token: ours is found by its tag.

    Sent twice, as when another one was registered in between, it leaves a revision that nothing
    uses.
    """
    read = Call(
        api="ecs.describe_task_definition",
        params={"taskDefinition": service.part.family, "include": ["TAGS"]},
    )
    tagged = f"tags[?key=='{RUN_TAG}'].value | [0]"
    return Step(
        name="register",
        description=f"register a revision of {service.part.family}",
        action=Call(api="ecs.register_task_definition", params=wanted),
        goal=Wait(read=read, met={tagged: run}, every=5, within=CONFIRM),
    )


def _update(
    aws: Aws,
    service: Service,
    says: str,
    *,
    wait: bool,
    params: JsonObject | None = None,
    refs: dict[str, str] | None = None,
    undo: tuple[Step, ...] = (),
) -> Step:
    """Begins a deployment, and waits for what becomes of it: the one that was not there before."""
    last = next(services.history(aws, service), None)
    known: JsonObject = {"cluster": service.cluster, "service": service.name}
    since: JsonObject = {"createdAt": {"after": last["createdAt"]}} if last else {}
    old = last["serviceDeploymentArn"] if last else ""
    newest = f"max_by(serviceDeployments[?serviceDeploymentArn!='{old}'], &createdAt).status"
    going = f"contains(`{GOING}`, {newest})"
    begun = f"{newest} != `null`"
    goal = Wait(
        read=Call(api="ecs.list_service_deployments", params={**known, **since}),
        met={newest: "SUCCESSFUL"} if wait else {begun: True},
        begun={going: True} if wait else {},
        failed={newest: list(OVER)},
        within=WITHIN,
        typical=TYPICAL if wait else None,
        source=ASSUMED if wait else None,
    )
    call = Call(api="ecs.update_service", params={**known, **(params or {})}, refs=refs or {})
    return Step(name="update", description=says, action=call, goal=goal, undo=undo)


def _confirm(service: Service, *, revision: str | None = None, same: str | None = None) -> Step:
    """Looks whether it is our revision that runs: the last deployment may be somebody else's."""
    read = _described(service)
    met: JsonObject = {f"{PRIMARY}.rolloutState": "COMPLETED"}
    path = f"{PRIMARY}.taskDefinition"
    if revision is not None:
        met[path] = revision
    return Step(
        name="confirm",
        description=f"look whether {service.name} runs it",
        action=read,
        goal=Wait(
            read=read, met=met, same_as={path: same} if same else {}, every=10, within=CONFIRM
        ),
    )


def _back(service: Service, revision: str) -> Step:
    """The service runs a revision. Where the circuit breaker went back already, nothing is done."""
    met: JsonObject = {
        f"{PRIMARY}.taskDefinition": revision,
        f"{PRIMARY}.rolloutState": "COMPLETED",
    }
    where: JsonObject = {"cluster": service.cluster, "service": service.name}
    return Step(
        name="back",
        description=f"put {service.name} back on {short(revision)}",
        action=Call(api="ecs.update_service", params={**where, "taskDefinition": revision}),
        goal=Wait(
            read=_described(service),
            met=met,
            begun={f"{PRIMARY}.taskDefinition": revision},
            within=WITHIN,
            typical=TYPICAL,
            source=ASSUMED,
        ),
    )


def _described(service: Service) -> Call:
    return Call(
        api="ecs.describe_services",
        params={"cluster": service.cluster, "services": [service.name]},
    )


def _asked(aws: Aws, service: Service, to: str) -> str:
    """The ARN of --to: a number, or family:number. Raises UsageError where it cannot be run."""
    head, _, _ = service.part.task_definition_arn.rpartition("/")
    family, _, number = short(to).rpartition(":")
    known = f"ops service revisions --service {service.name}"
    if not number.isdigit() or (family or service.part.family) != service.part.family:
        raise UsageError(
            f"--to is {to!r}, may be the number of a revision of {service.part.family}", known
        )
    arn = f"{head}/{service.part.family}:{int(number)}"
    if arn == service.revision and service.settled:
        raise UsageError(f"--to is {to!r}, which {service.name} runs already", known)
    if problem := unusable(aws, service, arn):
        raise UsageError(f"--to is {to!r}, {problem}", known)
    return arn


def unusable(aws: Aws, service: Service, revision: str) -> str | None:
    """Why a revision cannot be run any more; None where it can."""
    try:
        found, _ = services.definition(aws, revision)
    except RefusedError:
        return "which is no revision"
    if found["status"] != "ACTIVE":
        return f"which is {found['status']}"
    image = services.image_of(found, service.part.container)
    return (
        None
        if images.is_image_available(aws, image)
        else f"whose image {image} is no longer in ECR"
    )


def _last_proven(aws: Aws, service: Service) -> str:
    for revision in services.proven(aws, service):
        if revision != service.revision and unusable(aws, service, revision) is None:
            return revision
    raise UsageError(
        f"there is no other revision of {service.name} that has been deployed with success, as "
        "far as ECS remembers, and can still be run; name one with --to",
        f"ops service revisions --service {service.name}",
    )


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], container: str) -> list[str]:
    """What changes besides the image: what Pulumi has registered and was not deployed yet."""

    def flat(revision: Mapping[str, Any]) -> dict[str, Any]:
        body = {k: v for k, v in revision.items() if k not in {*SEEN_ONLY, "tags"}}
        for item in body.pop("containerDefinitions"):
            for key, value in item.items():
                if (item["name"], key) != (container, "image"):
                    body[f"{item['name']}.{key}"] = value
        return {k: v for k, v in body.items() if v not in (None, [], {})}

    one, other = flat(old), flat(new)
    changed = sorted(k for k in {*one, *other} if one.get(k) != other.get(k))
    return [f"also changed since what runs: {', '.join(changed)}"] if changed else []


def _unprotected(service: Service) -> list[str]:
    if service.breaker:
        return []
    return ["the service has no circuit breaker with rollback: a bad deployment goes on and on"]
