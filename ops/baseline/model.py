"""What a baseline is: the stack as it was at a time, typed and versioned, to compare with later.

It is JSON that a person can read. What could not be read stands in it as a gap with its reason, so
that it is never taken for something that is not there.
"""

import json
from typing import Final, Literal

from pydantic import JsonValue, ValidationError

from ops.core.checks import HealthState
from ops.core.errors import UsageError
from ops.core.frozen_model import FrozenModel
from ops.health.registry import HEALTH_AREAS as CHECKED
from ops.outputs import Outputs
from ops.usage.capacity import USAGE_AREAS as COUNTED

BASELINE_VERSION: Final = 1
BASELINE_AREAS: Final = tuple(
    dict.fromkeys((*(area for area in CHECKED if area != "account"), "parameters", *COUNTED))
)


class BaselineGap(FrozenModel):
    """What is not known, and why: a whole area, one subject of it, or one field of that."""

    area: str
    subject: str | None = None
    what: str | None = None
    why: str


class BaselineFigure(FrozenModel):
    """A figure of `ops usage`, as it has them. All None without `unread`: AWS has no data."""

    area: str
    subject: str
    what: str
    unit: str
    now: float | None
    mean: float | None
    peak: float | None
    unread: str | None = None


class BaselineInstance(FrozenModel):
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


class BaselineService(FrozenModel):
    """An ECS service: what it runs, how often, and within which limits it is scaled by itself."""

    status: str
    revision: str
    images: dict[str, str]
    desired: int
    running: int
    scaling: dict[str, int]


class BaselineFleet(FrozenModel):
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


class BaselineCache(FrozenModel):
    """The replication group."""

    engine: str | None
    node_type: str | None
    nodes: int
    multi_az: str | None
    failover: str | None


class BaselineAlarm(FrozenModel):
    """An alarm. Muted, its actions are off; mute rules, which end by themselves, are not told."""

    state: str
    muted: bool


class Baseline(FrozenModel):
    """The stack at a time: each part by the names of what it is about."""

    version: Literal[1] = BASELINE_VERSION
    taken: str
    project: str
    stack: str
    account: str
    region: str
    health: dict[str, dict[str, HealthState]]
    usage: tuple[BaselineFigure, ...]
    database: dict[str, BaselineInstance]
    parameters: dict[str, str | None]
    services: dict[str, BaselineService]
    fleet: dict[str, BaselineFleet]
    cache: dict[str, BaselineCache]
    alarms: dict[str, BaselineAlarm]
    gaps: tuple[BaselineGap, ...]

    @property
    def unknown_items(self) -> tuple[str, ...]:
        """What of it is not known, for a person."""
        return (
            *(" ".join(filter(None, (gap.area, gap.subject, gap.what))) for gap in self.gaps),
            *(
                f"{figure.area} {figure.subject} {figure.what}"
                for figure in self.usage
                if figure.unread
            ),
            *(
                f"{area} {subject}"
                for area, states in self.health.items()
                for subject, state in states.items()
                if state == "unknown"
            ),
        )


# The parts that are compared field for field, by area.
BASELINE_SECTIONS: Final = ("database", "parameters", "services", "fleet", "cache", "alarms")


def format_baseline(baseline: Baseline) -> str:
    """A baseline as it is kept."""
    return baseline.model_dump_json(indent=1)


def parse_baseline(text: str, outputs: Outputs, reference: str) -> Baseline:
    """A baseline of this stack from its text. `asked` is what it was asked for as.

    Raises UsageError where it is none, of another version or of another stack.
    """
    prefix = f"BASELINE is {reference!r}"
    try:
        document: JsonValue = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{prefix}, which is no JSON: {error}") from None
    if not isinstance(document, dict) or "version" not in document:
        raise UsageError(f"{prefix}, must be a file of `ops baseline capture`")
    if document["version"] != BASELINE_VERSION:
        raise UsageError(
            f"{prefix}, which is of version {document['version']}, must be of {BASELINE_VERSION}"
        )
    try:
        baseline = Baseline.model_validate(document)
    except ValidationError as error:
        first_error = error.errors(include_url=False)[0]
        location = ".".join(map(str, first_error["loc"]))
        raise UsageError(f"{prefix}, which is damaged: {location}: {first_error['msg']}") from None
    stack = outputs.stack
    if (baseline_owner := _describe_owner(baseline)) != (stack_owner := _describe_owner(stack)):
        raise UsageError(f"{prefix}, which is of {baseline_owner}, this is {stack_owner}")
    return baseline


def _describe_owner(owner: object) -> str:
    names = (getattr(owner, name) for name in ("project", "stack", "account", "region"))
    return "{}/{} in {}, {}".format(*names)
