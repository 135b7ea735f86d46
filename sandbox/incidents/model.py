"""An incident as data, and how it is read from its file.

Raises IncidentFileError for a file that says something else than it may, with its name.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ops.core.times import parse_duration
from ops.diagnose.causes import CAUSES, CauseKind

INCIDENTS_FOLDER: Final = Path(__file__).parent
DEVELOPMENT_FOLDER: Final = INCIDENTS_FOLDER / "development"
HELD_OUT_FOLDER: Final = INCIDENTS_FOLDER / "held_out"
StackVariant = Literal["dev", "prod", "full"]


class IncidentFileError(Exception):
    """A file of an incident says what it may not."""


class _FilePart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExpectedCause(_FilePart):
    """A key of CAUSES and the part that has it, named as in `ops changes`.

    `also` are parts that are as right, where a cause lies between two.
    """

    cause: str
    part: str
    also: tuple[str, ...] = ()

    def is_named_by(self, cause: str, part: str) -> bool:
        """True if a diagnosis that says this is right."""
        return cause == self.cause and part in (self.part, *self.also)


class Trigger(_FilePart):
    """The change that set it off: the source that has it, as in `ops changes`, and its part."""

    source: str
    part: str


class Happening(_FilePart):
    """One thing that happens: a name of the registry, when, and what it needs to know.

    `at` and `until` are before the moment of the diagnosis, like 18m; `until` only for what lasts.
    """

    do: str
    at: str = "0s"
    until: str = "0s"
    arguments: dict[str, Any] = Field(default_factory=dict)

    @property
    def before_seconds(self) -> float:
        """How long before the diagnosis it begins."""
        return parse_ago(self.at)

    @property
    def until_seconds(self) -> float:
        """How long before the diagnosis it ends; 0 if it still lasts."""
        return parse_ago(self.until)


class Incident(_FilePart):
    """An incident: what happens, and what a diagnosis should say. Without causes: nothing is wrong.

    `hour` is the hour of the day at the moment of the diagnosis, for the daily course of load.
    """

    name: str
    kind: CauseKind | Literal["quiet"]
    stack: StackVariant = "full"
    title: str
    causes: tuple[ExpectedCause, ...] = ()
    trigger: Trigger | None = None
    hour: float = Field(default=10.5, ge=0, lt=24)
    seed: int = 1
    steps: tuple[Happening, ...] = ()
    metrics: tuple[Happening, ...] = ()
    logs: tuple[Happening, ...] = ()
    events: tuple[Happening, ...] = ()
    noise: tuple[Happening, ...] = ()

    @property
    def happenings(self) -> tuple[Happening, ...]:
        """All that happens, in the order of time; at the same time in the order of the file."""
        everything = (*self.noise, *self.steps, *self.metrics, *self.logs, *self.events)
        return tuple(sorted(everything, key=lambda happening: -happening.before_seconds))


@dataclass(frozen=True)
class HappeningKind:
    """What a name of the registry brings about: a function of the world, when, and arguments."""

    function: Callable[..., None]

    @property
    def arguments(self) -> Mapping[str, inspect.Parameter]:
        """Its arguments beside the world and the happening."""
        parameters = inspect.signature(self.function).parameters
        return {
            name: item
            for name, item in parameters.items()
            if item.kind is inspect.Parameter.KEYWORD_ONLY
        }


HAPPENING_KINDS: Final[dict[str, HappeningKind]] = {}


def happening(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers a function `f(world, span, *, ...)` under a name for the files of incidents."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        assert name not in HAPPENING_KINDS, f"{name} is registered twice"
        HAPPENING_KINDS[name] = HappeningKind(function)
        return function

    return register


def parse_ago(text: str) -> float:
    """Seconds of a text such as 18m; 0 for `0s`. Raises IncidentFileError."""
    if text in ("0s", "now"):
        return 0.0
    seconds = parse_duration(text, "s")
    if seconds is None:
        raise IncidentFileError(f"{text!r} must be a time before the diagnosis, like 90s or 18m")
    return seconds


def load_incident(file: Path) -> Incident:
    """The incident of a file."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        incident = Incident.model_validate(_split_arguments(content))
        _require_valid(incident, file)
    except (ValidationError, yaml.YAMLError, IncidentFileError, TypeError) as error:
        raise IncidentFileError(f"{file.name}: {error}") from None
    return incident


def list_incidents(folder: Path = DEVELOPMENT_FOLDER) -> list[Incident]:
    """The incidents of a folder, by name."""
    return [load_incident(file) for file in sorted(folder.glob("*.yaml"))]


def list_all_incidents() -> dict[str, Incident]:
    """Every incident by its name."""
    folders = (DEVELOPMENT_FOLDER, HELD_OUT_FOLDER)
    return {incident.name: incident for folder in folders for incident in list_incidents(folder)}


def _split_arguments(content: Any) -> Any:
    """A happening is written flat: what is not its name and time is an argument."""
    if not isinstance(content, dict):
        raise IncidentFileError(f"must be a mapping, not {content!r}")
    result = dict(content)
    for key in ("steps", "metrics", "logs", "events", "noise"):
        result[key] = [_split_happening(item) for item in content.get(key) or ()]
    return result


def _split_happening(item: Any) -> Any:
    if isinstance(item, str):
        return {"do": item}
    fields = {key: str(item[key]) for key in ("do", "at", "until") if key in item}
    return {**fields, "arguments": {k: v for k, v in item.items() if k not in fields}}


def _require_valid(incident: Incident, file: Path) -> None:
    if incident.name != file.stem:
        raise IncidentFileError(f"name is {incident.name!r}, must be {file.stem!r}")
    for expected in incident.causes:
        if expected.cause not in CAUSES:
            raise IncidentFileError(f"cause {expected.cause!r} must be one of CAUSES")
    kinds: set[str] = {CAUSES[expected.cause].kind for expected in incident.causes}
    if incident.kind not in (kinds or {"quiet"}):
        raise IncidentFileError(f"kind is {incident.kind}, must be of its causes: {sorted(kinds)}")
    require_known(incident.happenings)


def require_known(happenings: Sequence[Happening]) -> None:
    """Raises IncidentFileError for a name or an argument that the registry does not have."""
    for item in happenings:
        kind = HAPPENING_KINDS.get(item.do)
        if kind is None:
            raise IncidentFileError(
                f"do: {item.do!r} must be one of {', '.join(sorted(HAPPENING_KINDS))}"
            )
        unknown = sorted(set(item.arguments) - set(kind.arguments))
        missing = [
            name
            for name, parameter in kind.arguments.items()
            if parameter.default is inspect.Parameter.empty and name not in item.arguments
        ]
        if unknown or missing:
            raise IncidentFileError(
                f"{item.do}: unknown arguments {unknown}, missing {missing}; "
                f"it takes {', '.join(kind.arguments) or 'none'}"
            )
        if item.until_seconds > item.before_seconds:
            raise IncidentFileError(f"{item.do}: until {item.until} is before at {item.at}")
