"""The table of `ops service show`: a row for each setting that has a value."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

DESCRIPTION_COLUMNS: Final = ("part", "setting", "value")
Row: TypeAlias = tuple[str, str, object]


def list_description_rows(body: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """Yields the rows of the table: part, setting, value; settings without a value are left out."""
    for part, setting, value in (
        *_list_service_rows(body),
        *_list_task_rows(body["task"]),
        *(row for container in body["containers"] for row in _list_container_rows(container)),
        *_list_scaling_rows(body["scaling"]),
        *(("unknown", "", reason) for reason in body["unknown"]),
    ):
        if value not in (None, "", [], ()):
            yield {"part": part, "setting": setting, "value": value}


def _list_service_rows(body: Mapping[str, Any]) -> Iterator[Row]:
    tasks, settings = body["tasks"], body["deployment"]
    yield (
        "service",
        "tasks",
        f"{tasks['running']} of {tasks['desired']} run, {tasks['pending']} pending",
    )
    yield "service", "revision", body["revision"]
    if body["deployedRevision"] != body["revision"]:
        yield "service", "revision of Pulumi", body["deployedRevision"]
    for item in body["deployments"]:
        failed = f", {item['failed']} failed" if item["failed"] else ""
        reason = f": {item['reason']}" if item["reason"] else ""
        yield (
            "deployment",
            item["status"],
            f"{item['revision']}, {item['running']} of {item['desired']} run{failed}, "
            f"{item['rollout'] or 'rollout unknown'}{reason} ({item['id']}, {item['since']})",
        )
    healthy = (settings["minimumHealthyPercent"], settings["maximumPercent"])
    if healthy != (None, None):
        yield "deployment", "tasks during it", f"{healthy[0]} to {healthy[1]} percent"
    yield (
        "deployment",
        "circuit breaker",
        "rolls back"
        if settings["circuitBreakerRollsBack"]
        else ("on, without rollback" if settings["circuitBreaker"] else "off"),
    )
    alarms = ", ".join(settings["alarms"])
    yield (
        "deployment",
        "alarms",
        f"{alarms} ({'roll it back' if settings['alarmsRollBack'] else 'only stop it'})"
        if alarms
        else None,
    )
    yield "deployment", "strategy", settings["strategy"]
    yield "deployment", "grace period", _format_seconds(settings["healthCheckGraceSeconds"])
    yield "service", "ECS Exec", "on" if settings["exec"] else "off"
    yield "service", "launch type", settings["launchType"]
    for item in settings["capacityProviders"]:
        yield (
            "service",
            "capacity",
            f"{item['capacityProvider']}, base {item['base'] or 0}, weight {item['weight'] or 0}",
        )
    yield "service", "platform", settings["platformVersion"]
    yield "service", "subnets", settings["subnets"]
    yield "service", "security groups", settings["securityGroups"]
    yield "service", "public address", "yes" if settings["publicAddress"] else "no"
    yield "service", "target groups", settings["targetGroups"]


def _list_task_rows(task: Mapping[str, Any]) -> Iterator[Row]:
    size = [f"{float(task['cpu']) / 1024:g} vCPU"] if task["cpu"] else []
    size += [f"{task['memory']} MiB"] if task["memory"] else []
    yield "task", "size", ", ".join([*size, task["architecture"], task["operatingSystem"]])
    yield "task", "storage", f"{task['storageGib']} GiB" if task["storageGib"] else None
    yield "task", "registered", task["registered"]
    yield "task", "task role", task["taskRole"]
    yield "task", "execution role", task["executionRole"]
    yield "task", "volumes", task["volumes"]


def _list_container_rows(container: Mapping[str, Any]) -> Iterator[Row]:
    name = f"container {container['name']}"
    yield name, "image", container["image"]
    yield (
        name,
        "digest",
        ", ".join(container["digests"])
        or "unknown: the image is named by a tag, and no running task shows what it pulled",
    )
    yield name, "essential", "yes" if container["essential"] else "no"
    yield name, "cpu", f"{container['cpu']} units" if container["cpu"] else None
    for key, setting in (("memory", "memory limit"), ("memoryReservation", "memory reserved")):
        yield name, setting, f"{container[key]} MiB" if container[key] else None
    yield name, "ports", container["ports"]
    yield name, "user", container["user"]
    yield name, "root file system", "read-only" if container["readOnlyRoot"] else "writable"
    for key, setting in (("entryPoint", "entry point"), ("command", "command")):
        yield name, setting, " ".join(container[key])
    for item in container["environment"]:
        yield name, "environment", f"{item['name']}={item['value']}"
    yield name, "environment files", container["environmentFiles"]
    for secret in container["secrets"]:
        yield name, "secret", secret
    if (check := container["healthCheck"]) is None:
        yield name, "health check", "none of its own"
    else:
        yield (
            name,
            "health check",
            f"{' '.join(check['command'])} every {check['interval']} s, {check['retries']} times, "
            f"within {check['timeout']} s, from {check['startPeriod']} s on",
        )
    for item in container["ulimits"]:
        yield name, "limit", f"{item['name']}: {item['softLimit']} (hard {item['hardLimit']})"
    yield name, "stop timeout", _format_seconds(container["stopTimeout"])
    yield name, "log group", container["logGroup"] or container["logDriver"]


def _list_scaling_rows(scaling: Mapping[str, Any] | None) -> Iterator[Row]:
    if scaling is None or scaling["registered"] is False:
        yield "scaling", "limits", "does not scale by itself"
    if scaling is None:
        return
    if scaling["registered"]:
        suspended = ", suspended" if scaling["suspended"] else ""
        yield "scaling", "limits", f"{scaling['min']} to {scaling['max']} tasks{suspended}"
    for policy in scaling["policies"] or ():
        kept = f": {policy['metric']} at {policy['target']:g}" if policy["metric"] else ""
        never_in = ", never in" if policy["scaleInDisabled"] else ""
        cooldowns = [
            f"{word} again after {policy[key]} s"
            for word, key in (("out", "scaleOutCooldown"), ("in", "scaleInCooldown"))
            if policy[key] is not None
        ]
        steps = [f"{step['change']:+d} from {step['from']}" for step in policy["steps"]]
        rest = "".join(f", {word}" for word in (*cooldowns, *steps))
        yield (
            "scaling",
            "policy",
            f"{policy['name']}{kept or ', ' + policy['type']}{never_in}{rest}",
        )
        for alarm in policy["alarms"]:
            since = f" since {alarm['since']}" if alarm["since"] else ""
            yield "scaling", "alarm", f"{alarm['name']}: {alarm['state']}{since}"
    for item in scaling["schedules"] or ():
        yield (
            "scaling",
            "schedule",
            f"{item['name']}: {item['schedule']} {item['timezone']}, {item['min']} to "
            f"{item['max']} tasks",
        )
    for item in scaling["activities"] or ():
        reasons = f", not scaled: {', '.join(item['notScaled'])}" if item["notScaled"] else ""
        yield (
            "scaling",
            "activity",
            f"{item['at']} {item['status']}: {item['activity']} {item['cause'] or ''} "
            f"{item['message'] or ''}".strip()
            + reasons,
        )
    if scaling["activities"] == []:
        yield "scaling", "activity", "none in six weeks"


def _format_seconds(seconds: int | None) -> str | None:
    return None if seconds is None else f"{seconds} s"
