"""Operations as data: what will be called, what must be seen, how to undo it.

A procedure looks at the stack and returns a `Plan`; the engine carries it out. A plan is plain
JSON, so it can be printed, hashed, journaled, resumed by another process, and turned into the IAM
policy that it needs. Nothing in it is a secret: `Call.secrets` only says where one is fetched.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import takewhile
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import jmespath
from pydantic import Field, JsonValue, StringConstraints, model_validator

from ops.core.access_key_action import AccessKeys as AccessKeys
from ops.core.command_actions import OpsCommand as OpsCommand
from ops.core.command_actions import ProgramCommand as ProgramCommand
from ops.core.command_actions import SavedFile as SavedFile
from ops.core.container_task_action import ContainerTask as ContainerTask
from ops.core.frozen_model import FrozenModel
from ops.core.plan_kind import PlanKind
from ops.core.sql_action import JsonObject as JsonObject
from ops.core.sql_action import Sql as Sql
from ops.core.start_time import StartTime, fill_texts

RUN_TAG: Final = "bulwark:run"  # the tag with a run's id of what the run creates
UNDOCUMENTED_TIME_SOURCE: Final = "an assumption, AWS gives no figure"  # see Wait.source
StepName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]

# Reads whose answer holds a secret: never what a step waits for, since what is seen is journaled.
SECRET_READS: Final = frozenset(
    {
        "secretsmanager.get_secret_value",
        "secretsmanager.batch_get_secret_value",
        "secretsmanager.get_random_password",
        "ecr.get_authorization_token",
        "rds.generate_db_auth_token",
        "iam.create_access_key",
    }
)
# The answer, where a call lists it as one, of a call that refers to what no step saw.
REFERENCE_NOT_FOUND: Final = "NothingThere"
# The common part of JMESPath, JSONPath and JSONata, so that a plan can be handed to other engines.
REFERENCE_PATH_PATTERN: Final = re.compile(r"[A-Za-z_]\w*(\[\d+\])*(\.[A-Za-z_]\w*(\[\d+\])*)*")


class SecretRewrite(FrozenModel):
    """A secret's JSON with some keys put anew, none of them a secret."""

    secret: str
    keys: dict[str, str | int]


class Call(FrozenModel):
    """One AWS API call, in boto3's spelling.

    `refs` are parameters from what earlier steps saw (`A.B`: one inside another; as text in place
    of a text), `secrets` parameters fetched from Secrets Manager (`arn#key`) right before the call.
    `expected_errors` are codes that are answers, like not found or already exists. `repeatable`
    says that twice equals once: the name is our own, a token is given, or the value is absolute.
    `rewrites` are parameters that are a secret's JSON (its ARN) with some keys put anew, the others
    unseen. `files` are parameters read from a local file (`${FILES}/...`) when the call is made:
    too large for a journal. `json_fields` are keys of the answer whose text is JSON, like a policy.
    """

    kind: Literal["call"] = "call"
    api: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+\.[a-z0-9_]+$")]
    params: JsonObject = {}
    refs: dict[str, str] = {}
    secrets: dict[str, str] = {}
    rewrites: dict[str, SecretRewrite] = {}
    files: dict[str, str] = {}
    expected_errors: tuple[str, ...] = ()
    json_fields: tuple[str, ...] = ()
    repeatable: bool = True
    region: str | None = None

    @property
    def service(self) -> str:
        """The service's name in boto3."""
        return self.api.split(".")[0]

    @property
    def operation(self) -> str:
        """The client's method in boto3."""
        return self.api.split(".")[1]


class Http(FrozenModel):
    """One request; status and a digest of the body are what is seen."""

    kind: Literal["http"] = "http"
    url: str
    method: Literal["GET", "HEAD"] = "GET"
    timeout: float = 10
    repeatable: bool = True


class Handshake(FrozenModel):
    """One TLS handshake; the fingerprint of the certificate that is served is what is seen.

    `server_name` is the name of SNI, None for a client without it. `timeout` is in seconds.
    """

    kind: Literal["handshake"] = "handshake"
    host: str
    port: int = 443
    server_name: str | None = None
    timeout: float = 10
    repeatable: Literal[True] = True


class SentRecord(FrozenModel):
    """Whether a step's call was answered, by the journal: AWS has no read of what it did."""

    kind: Literal["sent"] = "sent"
    step: StepName
    repeatable: Literal[True] = True


Action: TypeAlias = Annotated[
    Call
    | Sql
    | Http
    | Handshake
    | OpsCommand
    | ProgramCommand
    | SentRecord
    | AccessKeys
    | ContainerTask,
    Field(discriminator="kind"),
]


class FailureReports(FrozenModel):
    """Where AWS reports, in its own words, what becomes of a call that it had accepted.

    Paths of texts that say that it gave up, which fails the wait, and that say why it takes long.
    """

    read: Call
    messages: str = "`[]`"
    warnings: str = "`[]`"


class Wait(FrozenModel):
    """Reads until a goal is met, and stays so for `holds_for` seconds. Keys are paths.

    All of `met` hold then, and `same_as` and `differs_from`: an earlier step read the same there,
    or another value. One of `begun` holds once AWS has taken this call, one of `failed` if it will
    never be met, one of `failed_on_timeout` if it has failed when the time is over. `every`,
    `within`, `typical` are seconds; `source` is of the latter. A new one of `reports` fails it.
    """

    read: Action
    met: JsonObject
    same_as: dict[str, str] = {}
    differs_from: dict[str, str] = {}
    begun: JsonObject = {}
    failed: dict[str, list[JsonValue]] = {}
    failed_on_timeout: dict[str, list[JsonValue]] = {}
    holds_for: float = 0
    every: float = 15
    within: float = 3600
    typical: float | None = None
    source: str | None = None
    reports: FailureReports | None = None


class Step(FrozenModel):
    """One change: what is called, the condition that says both "done already" and "done now".

    `ready` must be met before the call. `undo` are steps that take it back; `downtime` is in
    seconds without service, None if it is unknown beforehand.
    """

    name: StepName
    description: str
    action: Action
    goal: Wait
    ready: Wait | None = None
    undo: "tuple[Step, ...]" = ()
    downtime: float | None = 0

    @property
    def is_look(self) -> bool:
        """True if it changes nothing: its action is the read that its goal waits with."""
        return self.action == self.goal.read and not self.undo


def sum_downtimes(steps: Iterable[Step]) -> float | None:
    """Seconds without service of all steps; None if one's are unknown."""
    total = 0.0
    for step in steps:
        if step.downtime is None:
            return None
        total += step.downtime
    return total


class PlanData(FrozenModel):
    """What a kind of plan carries for those who read its journal later. Subclasses are typed."""


Data = TypeVar("Data", bound=PlanData)


class Plan(FrozenModel):
    """A whole operation. `run` identifies it; names that it creates carry `run`.

    `kind` is the command that plans it, without `ops`; `arguments` is what is typed behind it to
    the same effect, for a person. `data` holds what is read from the journal later, typed by the
    kind's own model (`read_data`): nothing is read out of the texts.

    `times` are texts that depend on the start, by name: the steps have `${NAME}` instead, and so
    does the digest, so that "for an hour" is agreed to, whenever it starts. `started` is when it
    did; until then, when it was planned (seconds since the epoch); `started_by` is who did, like
    `user@host`. `destructive` plans need the stack's name typed if the stack is protected.
    `captured` are texts of the time of planning that are not part of what is agreed to. In words:
    `changes` are what is different afterwards, `losses` what is gone for good, `notes` what else
    must be known; `cost` is what a month costs more or less, and is not agreed to. One that
    `only_records` writes what no other run reads or writes: it needs no lock.
    """

    version: Literal[1] = 1
    run: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{2,62}$")]
    kind: PlanKind
    arguments: str = ""
    data: JsonObject = {}
    stack: str
    account: str
    region: str
    reason: str = ""
    steps: tuple[Step, ...]
    changes: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cost: str = ""
    times: dict[str, StartTime] = {}
    captured: dict[str, str] = {}
    started: float = 0
    started_by: str = ""
    destructive: bool = False
    only_records: bool = False

    @model_validator(mode="after")
    def _validate_steps(self) -> "Plan":
        step_names: set[str] = set()
        for step in self.steps:
            earlier_names = frozenset(step_names)
            for current_step in step_and_undos(step):
                if current_step.name in step_names:
                    raise ValueError(f"two steps are called {current_step.name}")
                # What undoes a step may refer to it, and to what undid a part of it before.
                _require_valid_step(
                    current_step,
                    earlier_names
                    | {
                        earlier_step.name for earlier_step in _list_steps_before(step, current_step)
                    },
                )
                step_names.add(current_step.name)
        return self

    @property
    def command(self) -> str:
        """The line that plans the same, for a person."""
        return f"ops {self.kind} {self.arguments}".rstrip()

    def read_data(self, model: type[Data]) -> Data:
        """The data of the plan. Raises ValidationError if it is not of that model."""
        return model.model_validate(self.data)

    @property
    def digest(self) -> str:
        """A hash of what would be done, the same for the same plan whatever the run is called."""
        excluded_fields = {"run", "reason", "cost", "captured", "started", "started_by"}
        # Plans from before these fields keep their digest.
        new_fields = ("changes", "losses", "only_records")
        excluded_fields |= {name for name in new_fields if not getattr(self, name)}
        body = json.dumps(self.model_dump(mode="json", exclude=excluded_fields), sort_keys=True)
        body = body.replace(self.run, "${RUN}")  # names that it creates carry the run
        return hashlib.sha256(body.encode()).hexdigest()[:16]

    def with_times(self, now: datetime, **times: StartTime) -> "Plan":
        """The same plan with more texts that depend on its start; planned now."""
        return self.model_copy(
            update={"times": {**self.times, **times}, "started": now.timestamp()}
        )

    def fill(self) -> "Plan":
        """The plan as it is carried out: every placeholder filled for its start."""
        start = datetime.fromtimestamp(self.started, UTC)
        texts = {name: time.fill(start) for name, time in self.times.items()} | self.captured
        if not texts:
            return self
        body = self.model_dump(mode="json", exclude={"times", "captured"})
        return Plan.model_validate(fill_texts(body, texts))

    @property
    def duration(self) -> float:
        """Seconds that the waits usually take together, as far as their steps say."""
        return sum(step.goal.typical or 0 for step in self.steps)

    @property
    def downtime(self) -> float | None:
        """Seconds without service to expect, None if a step's are unknown."""
        return sum_downtimes(self.steps)

    def actions(self) -> Iterator[Action]:
        """Everything that the plan may call, undo included, each where it stands."""
        for step in self.steps:
            for current_step in step_and_undos(step):
                yield current_step.action
                yield current_step.goal.read
                if current_step.goal.reports:
                    yield current_step.goal.reports.read
                if current_step.ready:
                    yield current_step.ready.read


def _list_steps_before(step: Step, current_step: Step) -> Iterator[Step]:
    """What of a step's family is carried out before a part of it."""
    yield from takewhile(
        lambda earlier_step: earlier_step is not current_step, step_and_undos(step)
    )


def step_and_undos(step: Step) -> Iterator[Step]:
    """A step and all that undoes it."""
    yield step
    for undo_step in step.undo:
        yield from step_and_undos(undo_step)


def _require_valid_step(step: Step, earlier_names: frozenset[str] | set[str]) -> None:
    """Raises ValueError where a step could not be carried out as it is written."""
    for wait in filter(None, (step.goal, step.ready)):
        if not wait.met:
            raise ValueError(f"{step.name} waits for nothing")
        if isinstance(wait.read, Call) and wait.read.api in SECRET_READS:
            raise ValueError(f"{step.name} would journal what {wait.read.api} answers")
        outcomes = (*wait.begun, *wait.failed, *wait.failed_on_timeout)
        reports = (wait.reports.messages, wait.reports.warnings) if wait.reports else ()
        if isinstance(wait.read, AccessKeys) and wait.read.operation != "look":
            raise ValueError(f"{step.name} would change keys to look at them")
        for path in (*wait.met, *wait.same_as, *wait.differs_from, *outcomes, *reports):
            jmespath.compile(path)
        for path, reference in (*wait.same_as.items(), *wait.differs_from.items()):
            if (
                not REFERENCE_PATH_PATTERN.fullmatch(reference)
                or reference.split(".")[0] not in earlier_names
            ):
                raise ValueError(f"{step.name} compares {path} with {reference}, no earlier step")
    for action in (step.action, step.goal.read, *([step.ready.read] if step.ready else [])):
        for parameter, path in getattr(action, "refs", {}).items():
            if not REFERENCE_PATH_PATTERN.fullmatch(path):
                raise ValueError(f"{step.name}.{parameter} is {path}, must be names and indices")
            if path.split(".")[0] not in earlier_names:
                raise ValueError(f"{step.name}.{parameter} refers to {path}, no earlier step")


def lookup(path: str, document: Any) -> JsonValue:
    """What stands at a path of what was seen, or None."""
    value: JsonValue = jmespath.search(path, document)
    return value
