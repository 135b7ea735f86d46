"""What a baseline is: the stack as it was at a time, typed and versioned, to compare with later.

It is JSON that a person can read. What could not be read stands in it as a gap with its reason, so
that it is never taken for something that is not there.
"""

import json
from typing import Final, Literal

from pydantic import JsonValue, ValidationError

from ops.core.checks import HealthState
from ops.core.errors import UsageError
from ops.core.plan import FrozenModel
from ops.health.registry import HEALTH_AREAS as CHECKED
from ops.outputs import Outputs
from ops.usage.capacity import USAGE_AREAS as COUNTED

VERSION: Final = 1
AREAS: Final = tuple(
    dict.fromkeys((*(area for area in CHECKED if area != "account"), "parameters", *COUNTED))
)


class Gap(FrozenModel):
    """What is not known, and why: a whole area, one subject of it, or one field of that."""

    area: str
    subject: str | None = None
    what: str | None = None
    why: str


class Figure(FrozenModel):
    """A figure of `ops usage`, as it has them. All None without `unread`: AWS has no data."""

    area: str
    subject: str
    what: str
    unit: str
    now: float | None
    mean: float | None
    peak: float | None
    unread: str | None = None


class Instance(FrozenModel):
    """A DB instance. Storage is in GiB, retention in days; `replicates` is a replica's source.

    `parameters` is how far the instance has taken what its group says, `pending` what of it will
    change in the next window.
    """

    instance_class: str
    engine_version: str
    multi_az: bool
    zone: str | None
    storage: int
    storage_type: str | None
    iops: int | None
    parameter_group: str | None
    parameters: str | None
    retention: int
    protected: bool
    replicates: str | None
    pending: tuple[str, ...]


class Service(FrozenModel):
    """An ECS service: what it runs, how often, and within which limits it is scaled by itself."""

    status: str
    revision: str
    images: dict[str, str]
    desired: int
    running: int
    scaling: dict[str, int]


class Fleet(FrozenModel):
    """The Auto Scaling group. `machine_image` is the template's, `image` the container's."""

    desired: int
    in_service: int
    min_size: int
    max_size: int
    template: str | None
    template_version: int | None
    machine_image: str | None
    image: str | None
    suspended: tuple[str, ...]


class Cache(FrozenModel):
    """The replication group."""

    engine: str | None
    node_type: str | None
    nodes: int
    multi_az: str | None
    failover: str | None


class Alarm(FrozenModel):
    """An alarm. Muted, its actions are off; mute rules, which end by themselves, are not told."""

    state: str
    muted: bool


class Baseline(FrozenModel):
    """The stack at a time: each part by the names of what it is about."""

    version: Literal[1] = VERSION
    taken: str
    project: str
    stack: str
    account: str
    region: str
    health: dict[str, dict[str, HealthState]]
    usage: tuple[Figure, ...]
    database: dict[str, Instance]
    parameters: dict[str, str | None]
    services: dict[str, Service]
    fleet: dict[str, Fleet]
    cache: dict[str, Cache]
    alarms: dict[str, Alarm]
    gaps: tuple[Gap, ...]

    @property
    def unknown(self) -> tuple[str, ...]:
        """What of it is not known, for a person."""
        return (
            *(" ".join(filter(None, (g.area, g.subject, g.what))) for g in self.gaps),
            *(f"{f.area} {f.subject} {f.what}" for f in self.usage if f.unread),
            *(
                f"{area} {subject}"
                for area, found in self.health.items()
                for subject, state in found.items()
                if state == "unknown"
            ),
        )


# The parts that are compared field for field, by area.
SECTIONS: Final = ("database", "parameters", "services", "fleet", "cache", "alarms")


def text(of: Baseline) -> str:
    """A baseline as it is kept."""
    return of.model_dump_json(indent=1)


def parsed(kept: str, outputs: Outputs, asked: str) -> Baseline:
    """A baseline of this stack from its text. `asked` is what it was asked for as.

    Raises UsageError where it is none, of another version or of another stack.
    """
    said = f"BASELINE is {asked!r}"
    try:
        found: JsonValue = json.loads(kept)
    except ValueError as error:
        raise UsageError(f"{said}, which is no JSON: {error}") from None
    if not isinstance(found, dict) or "version" not in found:
        raise UsageError(f"{said}, may be a file of `ops baseline capture`")
    if found["version"] != VERSION:
        raise UsageError(f"{said}, which is of version {found['version']}, may be of {VERSION}")
    try:
        made = Baseline.model_validate(found)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        where = ".".join(map(str, wrong["loc"]))
        raise UsageError(f"{said}, which is damaged: {where}: {wrong['msg']}") from None
    own = outputs.stack
    if (theirs := _of(made)) != (ours := _of(own)):
        raise UsageError(f"{said}, which is of {theirs}, this is {ours}")
    return made


def _of(which: object) -> str:
    names = (getattr(which, name) for name in ("project", "stack", "account", "region"))
    return "{}/{} in {}, {}".format(*names)
